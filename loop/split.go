package loop

import (
	"huntaway/codec"
	"huntaway/loop/memory"
	"huntaway/shard"
)

// A splitter is the memory in which one command becomes one part per group, or per slot of a
// cluster, whose servers refuse two slots in one command even if both are theirs. Owner: the
// worker, which uses it within one call of session.split, or the division of a large command.
type splitter struct {
	partOf []int32 // by home: its part in the current command, plus one; 0: none yet
	homes  []int32 // by part: its home, which is its group, or in a cluster its slot
	groups []int32 // by part: its group; in a cluster -1 when nobody is known to own the slot
	counts []int32 // by part: its keys
	frames []memory.Intake
	owners []uint16 // by key, in the order of the request: its part
}

// maxParts bounds how many groups one command may be split over; a part's number has 16 bits.
const maxParts = 1 << 16

// split sends a command over several groups as one part per group. A command whose keys
// are all of one group goes as it is.
func (s *session) split(cmd *codec.Command, r *codec.Request) {
	if s.mayWait(r) {
		s.workOn(&division{cmd: cmd}, r)
		return
	}
	keys, err := cmd.Keys(r, s.w.pad.keys[:0])
	if err != nil {
		s.refuse(err.Error())
		return
	}
	s.w.pad.keys = keys
	sp := &s.w.pad.split
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
	sp.begin(cmd, r)
	for i, k := range keys {
		sp.frames[sp.owners[i]].Add(s.w.arena, r.Raw(int(k), int(cmd.Step)), 0)
	}
	s.spend(workPart * len(sp.groups))
	e := s.scatter(cmd, sp)
	for part := range sp.groups {
		s.sendPart(cmd, sp, e, part, s.pw.refTo(int(sp.groups[part])))
	}
	sp.reset()
}

// assign finds the parts of keys, which are those behind the ones that have theirs already; false
// when a key has no group.
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

// begin writes the beginnings of the parts' frames, of a command with so many arguments for each key
// as cmd.Step says: 1, or 2 where its value follows it (MSET).
func (sp *splitter) begin(cmd *codec.Command, r *codec.Request) {
	for len(sp.frames) < len(sp.groups) {
		sp.frames = append(sp.frames, memory.Intake{})
	}
	for part, n := range sp.counts {
		f := &sp.frames[part]
		f.Grown(codec.AppendBulk(codec.AppendArray(f.Room(), 1+int(cmd.Step)*int(n)), r.Arg(0)))
	}
}

// reset makes the splitter ready for the next command.
func (sp *splitter) reset() {
	for i, home := range sp.homes {
		sp.partOf[home] = 0
		if i < len(sp.frames) {
			sp.frames[i].Rest()
		}
	}
	sp.homes, sp.groups, sp.counts, sp.owners = sp.homes[:0], sp.groups[:0], sp.counts[:0], sp.owners[:0]
}

// scatter gives a command that is split its slot, and returns the entry of a part. The join is
// complete before the first is sent, because a part can fail at once.
func (s *session) scatter(cmd *codec.Command, sp *splitter) entry {
	e := entry{sent: s.w.now, session: s.index, gen: s.gen, cmd: cmd.ID}
	e.marks = s.pw.marksOf(cmd) | isPart
	e.seq = s.expect(slot{join: s.w.newJoin(cmd, sp)})
	s.pw.counters.Split++
	s.pw.counters.Fragments += uint64(len(sp.groups))
	return e
}

// sendPart sends a part, of which e is as scatter returned it, to a group.
func (s *session) sendPart(cmd *codec.Command, sp *splitter, e entry, part int, to groupRef) {
	if s.state == sessionGone {
		return
	}
	e.part, e.group = uint16(part), to
	if e.marks.has(isWrite) {
		s.writes.inFlight++
	}
	if s.pw.table.Slotted() && masksMissing(cmd, int(sp.counts[part])) {
		e.marks &^= viaRead
	}
	if sp.groups[part] < 0 {
		s.pw.unplaced(s, &e, sp.frames[part].Bytes())
		return
	}
	s.pw.dispatch(s, &e, sp.frames[part].Bytes())
}
