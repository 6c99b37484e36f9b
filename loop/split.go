package loop

import (
	"huntaway/codec"
	"huntaway/shard"
)

// A splitter is the memory in which one command becomes one part per group, or per slot of a
// cluster, whose servers refuse two slots in one command even if both are theirs. Owner: the
// worker; it is used within one call of session.split.
type splitter struct {
	partOf []int32 // by home: its part in the current command, plus one; 0: none yet
	homes  []int32 // by part: its home, which is its group, or in a cluster its slot
	groups []int32 // by part: its group; in a cluster -1 when nobody is known to own the slot
	counts []int32 // by part: its keys
	frames []buffer
	owners []uint16 // by key, in the order of the request: its part
}

// maxParts bounds how many groups one command may be split over; a part's number has 16 bits.
const maxParts = 1 << 16

// split sends a command over several groups as one part per group. A command whose keys
// are all of one group goes as it is.
func (s *session) split(cmd *codec.Command, r *codec.Request) {
	keys, err := cmd.Keys(r, s.w.keys[:0])
	if err != nil {
		s.refuse(err.Error())
		return
	}
	s.w.keys = keys
	sp := &s.w.split
	if !sp.assign(s.pw, r, keys) {
		sp.reset()
		s.forward(cmd, r, -1)
		return
	}
	if len(sp.groups) == 1 {
		group, n := sp.groups[0], sp.counts[0]
		sp.reset()
		s.forwardAll(cmd, r, int(group), int(n))
		return
	}
	sp.build(r, keys, int(cmd.Step))
	s.scatter(cmd, sp)
	sp.reset()
}

// assign finds the part of every key; false when a key has no group.
func (sp *splitter) assign(pw *poolWorker, r *codec.Request, keys []int32) bool {
	most, slotted := len(pw.table.Groups), pw.table.Slotted()
	if slotted {
		most = shard.Slots
	}
	for len(sp.partOf) < most {
		sp.partOf = append(sp.partOf, 0)
	}
	for _, k := range keys {
		home := pw.homeOf(r.Arg(int(k)))
		if home < 0 {
			return false
		}
		if sp.partOf[home] == 0 {
			group := home
			if slotted {
				group = pw.table.Owner(home)
			}
			sp.homes = append(sp.homes, int32(home))
			sp.groups = append(sp.groups, int32(group))
			sp.counts = append(sp.counts, 0)
			sp.partOf[home] = int32(len(sp.groups))
		}
		part := sp.partOf[home] - 1
		sp.counts[part]++
		sp.owners = append(sp.owners, uint16(part))
	}
	return true
}

// build writes the parts' frames. width is how many arguments belong to a key: 1, or 2 where
// its value follows it (MSET).
func (sp *splitter) build(r *codec.Request, keys []int32, width int) {
	for len(sp.frames) < len(sp.groups) {
		sp.frames = append(sp.frames, buffer{})
	}
	for part, n := range sp.counts {
		f := &sp.frames[part]
		f.grown(codec.AppendBulk(codec.AppendArray(f.room(), 1+width*int(n)), r.Arg(0)))
	}
	for i, k := range keys {
		sp.frames[sp.owners[i]].add(r.Raw(int(k), width))
	}
}

// reset makes the splitter ready for the next command.
func (sp *splitter) reset() {
	for i, home := range sp.homes {
		sp.partOf[home] = 0
		if i < len(sp.frames) {
			sp.frames[i].rest()
		}
	}
	sp.homes, sp.groups, sp.counts, sp.owners = sp.homes[:0], sp.groups[:0], sp.counts[:0], sp.owners[:0]
}

// scatter sends the parts. The join is complete before the first is sent, because a part
// can fail at once.
func (s *session) scatter(cmd *codec.Command, sp *splitter) {
	e := entry{sent: s.w.now, session: s.index, gen: s.gen, cmd: cmd.ID}
	e.marks = s.pw.marksOf(cmd) | isPart
	e.seq = s.expect(slot{join: s.w.newJoin(cmd, sp)})
	s.pw.counters.Split++
	s.pw.counters.Fragments += uint64(len(sp.groups))
	s.spend(workPart * len(sp.groups))
	for part, group := range sp.groups {
		if s.state == sessionGone {
			return
		}
		e.part, e.group = uint16(part), s.pw.refTo(int(group))
		if e.marks.has(isWrite) {
			s.writes++
		}
		one := e
		if s.pw.table.Slotted() && masksMissing(cmd, int(sp.counts[part])) {
			one.marks &^= viaRead
		}
		if group < 0 {
			s.pw.unplaced(s, &one, sp.frames[part].bytes())
			continue
		}
		s.pw.dispatch(s, &one, sp.frames[part].bytes())
	}
}
