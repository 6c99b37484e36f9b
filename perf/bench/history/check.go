package history

import (
	"cmp"
	"fmt"
	"slices"
)

// A Violation is one broken promise.
type Violation struct {
	Rule string `json:"rule"` // such as I6a
	What string `json:"what"`
}

// String returns the violation as one line.
func (v Violation) String() string { return v.Rule + ": " + v.What }

// A Verdict is what the rules say of a run.
type Verdict struct {
	Violations []Violation
	Lost       int                    // acknowledged appends that a window forgives
	Count      map[Kind]map[Class]int // operations
	First      map[Class]map[Kind]*Op // the first of each, for reports
}

// mostOfOne bounds how many violations of one rule are told.
const mostOfOne = 5

// A judge collects violations while the rules run.
type judge struct {
	run   *Run
	ops   []*Op          // by client, then in the order of sending
	lost  map[string]int // group -> acknowledged appends that are gone, forgiven or not
	v     Verdict
	count map[string]int // of violations by rule
}

// Check applies all rules.
func Check(r *Run) Verdict {
	j := &judge{run: r, lost: map[string]int{}, count: map[string]int{}}
	for i := range r.Ops {
		j.ops = append(j.ops, &r.Ops[i])
	}
	slices.SortFunc(j.ops, func(a, b *Op) int {
		return cmp.Or(cmp.Compare(a.Client, b.Client), cmp.Compare(a.Seq, b.Seq))
	})
	j.tally()
	for _, rule := range []func(*judge){
		checkTokens, checkConns, checkAppends, checkCounters, checkWriters, checkLoss, checkRegisters,
		checkBanks, checkQueues,
	} {
		rule(j)
	}
	return j.v
}

// tally counts the classes, and takes every Wrong for a violation.
func (j *judge) tally() {
	j.v.Count, j.v.First = map[Kind]map[Class]int{}, map[Class]map[Kind]*Op{}
	for _, op := range j.ops {
		if j.v.Count[op.Kind] == nil {
			j.v.Count[op.Kind] = map[Class]int{}
		}
		if j.v.First[op.Class] == nil {
			j.v.First[op.Class] = map[Kind]*Op{}
		}
		j.v.Count[op.Kind][op.Class]++
		if j.v.First[op.Class][op.Kind] == nil {
			j.v.First[op.Class][op.Kind] = op
		}
		if op.Class == Wrong {
			j.breaks("B1", "%s ended with %q", op.name(), op.Error)
		}
	}
}

// breaks notes a violation; of one rule no more than a few.
func (j *judge) breaks(rule, format string, args ...any) {
	j.count[rule]++
	switch n := j.count[rule]; {
	case n <= mostOfOne:
		j.v.Violations = append(j.v.Violations, Violation{rule, fmt.Sprintf(format, args...)})
	case n == mostOfOne+1:
		j.v.Violations = append(j.v.Violations, Violation{rule, "and more of the same"})
	}
}

// forgiven tells whether the loss of what op wrote was declared. What is about several groups
// is forgiven with any of them.
func (j *judge) forgiven(op *Op) bool {
	return slices.ContainsFunc(j.run.Windows, func(w Window) bool {
		return (w.Group == "" || op.Group == "" || w.Group == op.Group) && w.From <= op.Completed && op.Completed <= w.To
	}) || slices.ContainsFunc(j.run.Splits, func(s Split) bool {
		return (op.Group == "" || s.Group == op.Group) && s.holds(op) && slices.Contains(s.Clients, op.Client)
	})
}

// holds tells whether op ended while the group was split.
func (s *Split) holds(op *Op) bool { return s.From <= op.Completed && op.Completed <= s.To }

// name tells which operation it is.
func (o *Op) name() string {
	return fmt.Sprintf("%s %s%v %q (client %d.%d, operation %d, %.4f s to %.4f s, %s)", o.Kind, o.Key, o.Keys, o.Value,
		o.Client, o.Conn, o.Seq, float64(o.Invoked)/1e9, float64(o.Completed)/1e9, o.Class)
}

// All returns how many operations there are of a class.
func (v *Verdict) All(c Class) (n int) {
	for _, by := range v.Count {
		n += by[c]
	}
	return n
}

// Of returns how many operations of a class there are that write, or that do not.
func (v *Verdict) Of(c Class, writes func(Kind) bool) (n int) {
	for k, by := range v.Count {
		if writes(k) {
			n += by[c]
		}
	}
	return n
}
