package history

import (
	"cmp"
	"slices"
)

// checkWriters is I8, group by group, from writes whose server has told its name. While a group
// is split two may take writes, and nobody may go on with it behind that.
func checkWriters(j *judge) {
	groups := map[string][]*Op{}
	for _, op := range j.ops {
		if op.Kind.Writes() && op.Class == OK && op.Server != "" && !j.split(op) {
			groups[op.Group] = append(groups[op.Group], op)
		}
	}
	for group, ops := range groups {
		j.checkWriter(group, ops)
	}
}

// split tells whether the operation ended while two halves of its group might take writes.
func (j *judge) split(op *Op) bool {
	return slices.ContainsFunc(j.run.Splits, func(s Split) bool { return s.Group == op.Group && s.holds(op) })
}

// checkWriter gives every write the earliest reign it can belong to. A write that begins
// after another has ended belongs to no earlier reign; when its server has no reign from
// there on, two masters took writes at the same time.
func (j *judge) checkWriter(group string, ops []*Op) {
	reigns := j.reigns(group)
	ended := slices.Clone(ops)
	slices.SortFunc(ops, func(a, b *Op) int { return cmp.Compare(a.Invoked, b.Invoked) })
	slices.SortFunc(ended, func(a, b *Op) int { return cmp.Compare(a.Completed, b.Completed) })
	assigned := map[*Op]int{}
	floor, next := 0, 0
	var cause *Op
	for _, op := range ops {
		// What has ended before op began was invoked before it as well, so it is assigned.
		for ; next < len(ended) && ended[next].Completed < op.Invoked; next++ {
			if at := assigned[ended[next]]; at > floor {
				floor, cause = at, ended[next]
			}
		}
		at := slices.Index(reigns[floor:], op.Server)
		if at >= 0 {
			assigned[op] = floor + at
			continue
		}
		if cause == nil {
			j.breaks("I8", "%s was taken by %s, which was never published as master of %s", op.name(), op.Server, group)
			continue
		}
		j.breaks("I8", "%s was taken by %s after %s had taken %s", op.name(), op.Server, cause.Server, cause.name())
	}
}

// reigns returns the group's masters in their order. Without publications every server is
// given one reign, in the order of the first acknowledged writes.
func (j *judge) reigns(group string) (servers []string) {
	for _, r := range j.run.Reigns {
		if r.Group == group {
			servers = append(servers, r.Server)
		}
	}
	if servers != nil {
		return servers
	}
	first := map[string]int64{}
	for _, op := range j.ops {
		if op.Group != group || op.Server == "" || op.Class != OK || !op.Kind.Writes() {
			continue
		}
		if at, known := first[op.Server]; !known || op.Completed < at {
			first[op.Server] = op.Completed
		}
	}
	for s := range first {
		servers = append(servers, s)
	}
	slices.SortFunc(servers, func(a, b string) int { return cmp.Compare(first[a], first[b]) })
	return servers
}

// checkLoss is I9: the figure of the promotion against the appends that are gone.
func checkLoss(j *judge) {
	discarded, known := map[string]int64{}, map[string]bool{}
	for _, r := range j.run.Reigns {
		if _, seen := known[r.Group]; !seen {
			known[r.Group] = true
		}
		known[r.Group] = known[r.Group] && r.Loss >= 0
		discarded[r.Group] += max(0, r.Loss)
	}
	for group, sure := range known {
		lost := j.lost[group]
		if sure && lost > 0 && discarded[group] == 0 {
			j.breaks("I9", "%d appends of %s are lost, and its promotions say that no byte is", lost, group)
		}
	}
}
