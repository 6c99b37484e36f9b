package loop

import (
	"slices"
	"strconv"

	"huntaway/codec"
	"huntaway/shard"
)

// A target is where one part of a command goes that does not follow keys.
type target struct {
	group  groupRef
	server int32 // ID of a replica of the group; theMaster
}

// theMaster is the server of a target that is whoever takes the group's writes.
const theMaster = -1

// fanOut sends a command to every group and joins the replies. Those of this policy that
// write empty or exchange whole databases: they are for operators.
func (s *session) fanOut(cmd *codec.Command, r *codec.Request) {
	frame := r.Frame
	switch {
	case cmd.Flags&codec.FlagWrite != 0 && !s.pw.opt.AdminCommands:
		s.refuse(refusedText(cmd))
		return
	case cmd.Name == "swapdb" && s.pw.opt.DB > 0:
		frame = s.shiftSwap(r)
	}
	switch {
	case frame == nil: // refused
	case s.pw.table.Alone():
		s.launch(cmd, frame, 0, s.pw.marksOf(cmd))
	case cmd.Join == codec.Draw:
		s.draw(cmd)
	default:
		s.w.pad.targets = s.pw.masters(s.w.pad.targets[:0])
		s.spread(cmd, frame, wholeMarks(cmd))
	}
}

// wholeMarks are the marks of a command that concerns the whole of each group: of those
// that read only the master's word counts.
func wholeMarks(cmd *codec.Command) marks {
	if cmd.Flags&codec.FlagWrite != 0 {
		return guardOf(cmd) | isWrite
	}
	return guardOf(cmd)
}

// shiftSwap returns the frame of a SWAPDB with the databases' numbers as the servers count
// them, or nil when it has refused.
func (s *session) shiftSwap(r *codec.Request) []byte {
	var at [2]int
	for i, text := range []string{"ERR invalid first DB index", "ERR invalid second DB index"} {
		n, err := strconv.Atoi(string(r.Arg(1 + i)))
		switch {
		case err != nil:
			s.refuse(text)
			return nil
		case n < 0 || n >= s.pw.opt.databases(len(s.pw.table.Groups)):
			s.refuse(textDBRange)
			return nil
		}
		at[i] = n + s.pw.opt.DB
	}
	return codec.AppendCommand(nil, string(r.Arg(0)), decimal(at[0]), decimal(at[1]))
}

// masters appends every group that is on the ring.
func (pw *poolWorker) masters(dst []target) []target {
	for g := range pw.table.Groups {
		if !pw.ejected(g) {
			dst = append(dst, target{pw.refTo(g), theMaster})
		}
	}
	return dst
}

// everyServer appends the master of every group and the replicas that serve reads.
func (pw *poolWorker) everyServer(dst []target) []target {
	dst = pw.masters(dst)
	if pw.opt.ReadPolicy == shard.ReadMaster {
		return dst
	}
	for _, t := range dst {
		g := pw.groupAt(t.group)
		for _, id := range g.Readers {
			if id != g.Master {
				dst = append(dst, target{t.group, id})
			}
		}
	}
	return dst
}

// ejected reports whether a group is off the ring.
func (pw *poolWorker) ejected(group int) bool {
	return slices.Contains(pw.table.Ejected(), group)
}

// firstGroup is where a command goes that has no key and that one group can answer: always
// the same one, so that what a client stores there by a script is found again. -1: no group
// is on the ring.
func (pw *poolWorker) firstGroup() int {
	for g := range pw.table.Groups {
		if !pw.ejected(g) {
			return g
		}
	}
	return -1
}

// launch gives a request its slot and sends it to one group; -1 means that there is none.
func (s *session) launch(cmd *codec.Command, frame []byte, group int, m marks) {
	e := entry{sent: s.w.now, session: s.index, gen: s.gen, cmd: cmd.ID, group: s.pw.refTo(group), marks: m}
	e.seq = s.expect(slot{join: noJoin})
	if m.has(isWrite) {
		s.writes.inFlight++
	}
	if group < 0 {
		s.pw.unplaced(s, &e, frame)
		return
	}
	s.pw.dispatch(s, &e, frame)
}

// spread sends the same frame to all of the worker's targets. The join that waits for their
// replies is complete before the first is sent, because a part can fail at once.
func (s *session) spread(cmd *codec.Command, frame []byte, m marks) {
	if len(s.w.pad.targets) == 0 {
		s.launch(cmd, frame, -1, m)
		return
	}
	at := s.w.joinOf(cmd, len(s.w.pad.targets))
	s.w.joins.all[at].targets = append(s.w.joins.all[at].targets, s.w.pad.targets...)
	s.pw.counters.Split++
	s.pw.counters.Fragments += uint64(len(s.w.pad.targets))
	s.spend(workPart * len(s.w.pad.targets))
	s.sendParts(cmd, frame, entry{seq: s.expect(slot{join: at}), marks: m})
}

// sendParts sends frame to the worker's targets, as the parts of the request in first.seq.
func (s *session) sendParts(cmd *codec.Command, frame []byte, first entry) {
	first.sent, first.session, first.gen, first.cmd = s.w.now, s.index, s.gen, cmd.ID
	first.marks |= isPart
	for part, t := range s.w.pad.targets {
		if s.state == sessionGone {
			return
		}
		e := first
		e.part, e.group = uint16(part), t.group
		if t.server != theMaster {
			e.marks = e.marks&^isWrite | toReplica
		}
		if e.marks.has(isWrite) {
			s.writes.inFlight++
		}
		s.pw.dispatch(s, &e, frame)
	}
}

// detours are the marks of entries that dispatch has to look at more closely.
const detours = toReplica | urgent | isPrivate

// detour looks after an entry that does not go the usual way, and reports whether it has
// been sent or has failed.
func (pw *poolWorker) detour(s *session, e *entry, frame []byte) (served bool) {
	switch {
	case e.marks.has(toReplica):
		pw.besides(s, e, frame)
		return true
	case pw.groupAt(e.group) == nil:
		pw.reroute(s, e, frame)
		return true
	case e.marks.has(urgent):
		pw.urgently(s, e, frame)
		return true
	}
	return e.marks.has(isPrivate) && pw.pinDown(s, e, frame)
}

// besides sends a part to a replica. It is for good measure: a replica that is down is left
// out, and what goes wrong at one does not count.
func (pw *poolWorker) besides(s *session, e *entry, frame []byte) {
	j := &pw.w.joins.all[s.window.At(e.seq).join]
	id := j.targets[e.part].server
	if pw.table.Server(id) != nil {
		if l := pw.linkFor(s, e, id); l.takes(e) {
			l.send(frame, e)
			l.crowded(s)
			return
		}
	}
	s.joined(e, j)
}

// urgently sends what must not stand behind a script that runs. It never waits in a hold.
func (pw *poolWorker) urgently(s *session, e *entry, frame []byte) {
	id := pw.masterAt(e.group)
	if id < 0 {
		pw.w.fail(e, faultNoMaster, nil)
		return
	}
	l := pw.linkFor(s, e, id)
	if !l.usable() {
		pw.w.fail(e, faultConnect, l)
		return
	}
	l.send(frame, e)
	l.crowded(s)
}

// linkFor is linkOf for an entry that may be urgent: a server reads nothing from a
// connection while it runs a script that came from there, SCRIPT KILL least of all.
func (pw *poolWorker) linkFor(s *session, e *entry, id int32) *link {
	if e.marks.has(urgent) {
		return pw.linkSetOf(dialect{s.proto.resp, noDatabase}).link(id, 0)
	}
	return pw.linkOf(s, id)
}
