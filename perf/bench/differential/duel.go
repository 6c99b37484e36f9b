package differential

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// A Duel compares what two sides say to the same sequences.
type Duel struct {
	Want, Got *Side
	Family    *Family
	Seed      uint64
	RESP      int  // 2 or 3
	Sharded   bool // Got has several groups
}

// An Outcome is what came of a sequence.
type Outcome struct {
	Compared int         // replies that were compared
	Crossed  bool        // it ended early, at a spoiled command of which no group could be found
	Diff     *Difference // nil: none
}

// A Difference is two replies that should have been the same.
type Difference struct {
	Sequence  []Request // up to the request that it is about
	Want, Got []byte
	Err       error // why there are no replies
}

// Run sends one sequence of n requests to both sides. A difference is returned with as few
// requests as still make one.
func (d *Duel) Run(n int) (Outcome, error) {
	sequence := d.Family.Sequence(d.Seed, n, d.Sharded)
	o, err := d.compare(sequence, rand.New(rand.NewPCG(d.Seed, 1)))
	if err != nil || o.Diff == nil {
		return o, err
	}
	shorter, err := d.shorten(o.Diff.Sequence)
	if shorter != nil {
		o.Diff = shorter
	}
	return o, err
}

// shorten leaves out requests as long as there is a difference; nil when there is none if
// they are sent one by one.
func (d *Duel) shorten(sequence []Request) (found *Difference, err error) {
	try := func(s []Request) bool {
		if err != nil {
			return false
		}
		var o Outcome
		if o, err = d.compare(s, nil); o.Diff != nil {
			found = o.Diff
			return true
		}
		return false
	}
	if !try(sequence) {
		return nil, err
	}
	for chunk := max(len(found.Sequence)/2, 1); ; chunk /= 2 {
		for at := 0; at < len(found.Sequence)-1; {
			end := min(at+chunk, len(found.Sequence)-1)
			if !try(slices.Delete(slices.Clone(found.Sequence), at, end)) {
				at = end
			}
		}
		if chunk <= 1 {
			return found, err
		}
	}
}

// compare empties both sides and sends the sequence to them: in random pipelines, or without
// rnd one by one. The error is that of the test itself.
func (d *Duel) compare(sequence []Request, rnd *rand.Rand) (o Outcome, err error) {
	var talks [2]*talk
	for i, side := range []*Side{d.Want, d.Got} {
		if err := side.empty(); err != nil {
			return o, err
		}
		if talks[i], err = side.dial(d.RESP); err != nil {
			return o, err
		}
		defer talks[i].conn.Close()
	}
	loose := loosenessesOf(sequence)
	for at := 0; at < len(sequence) && o.Diff == nil && !o.Crossed; {
		n := 1
		if rnd != nil {
			n = min(1+rnd.IntN(20), len(sequence)-at)
		}
		p := pipeline{before: sequence[:at], requests: sequence[at : at+n], loose: loose[at:]}
		p.exchange(talks, rnd)
		d.judge(&o, &p)
		at += n
	}
	return o, nil
}

// A pipeline is some requests of a sequence, and what the two sides said to them.
type pipeline struct {
	before, requests []Request
	loose            []looseness
	replies          [2][][]byte
	errs             [2]error
}

// exchange sends the requests to both sides.
func (p *pipeline) exchange(talks [2]*talk, rnd *rand.Rand) {
	var out []byte
	for i := range p.requests {
		out = p.requests[i].Frame(out)
	}
	for i, t := range talks {
		p.replies[i], p.errs[i] = t.exchange(out, len(p.requests), rnd)
	}
}

// upTo is the sequence up to a request of the pipeline.
func (p *pipeline) upTo(i int) []Request { return slices.Concat(p.before, p.requests[:i+1]) }

// judge compares the replies to a pipeline.
func (d *Duel) judge(o *Outcome, p *pipeline) {
	want, got := p.replies[0], p.replies[1]
	for i := range min(len(want), len(got)) {
		o.Compared++
		if same(want[i], got[i], p.loose[i]) {
			continue
		}
		if d.Sharded && d.spoiled(p, i) && got[i][0] == '-' {
			if crosses(got[i]) || string(want[i]) == "+QUEUED\r\n" {
				o.Crossed = true // its keys are of two groups, or cannot be found
				return
			}
			if want[i][0] == '-' {
				continue // where several things are wrong, Huntaway may name another one
			}
		}
		o.Diff = &Difference{Sequence: p.upTo(i), Want: want[i], Got: got[i]}
		return
	}
	if p.errs[0] != nil || p.errs[1] != nil {
		o.Diff = &Difference{Sequence: p.upTo(len(p.requests) - 1),
			Err: fmt.Errorf("of %d replies %s gave %d, %v; %s gave %d, %v", len(p.requests),
				d.Want.Name, len(want), p.errs[0], d.Got.Name, len(got), p.errs[1])}
	}
}

// crosses reports whether an error says that a command is about several groups.
func crosses(reply []byte) bool {
	return bytes.HasPrefix(reply, []byte("-CROSSSLOT ")) || bytes.HasSuffix(reply, []byte("denied in cluster mode.\r\n"))
}

// spoiled reports whether a request is, or stands in a transaction that may have been begun
// for another group by one that is.
func (d *Duel) spoiled(p *pipeline, i int) bool {
	isSpoiled := func(r Request) bool { return r.Spoiled }
	return p.requests[i].Spoiled || d.Family.wrap != nil && slices.ContainsFunc(p.upTo(i), isSpoiled)
}

// String is what somebody needs who wants to see the difference again.
func (f *Difference) String() string {
	var b strings.Builder
	for _, r := range f.Sequence {
		fmt.Fprintf(&b, "    %.300s\n", r)
	}
	if f.Err != nil {
		return b.String() + "  " + f.Err.Error()
	}
	return b.String() + fmt.Sprintf("  redis:    %.600q\n  huntaway: %.600q", f.Want, f.Got)
}
