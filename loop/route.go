package loop

import (
	"math/rand/v2"
	"strings"

	"huntaway/codec"
	"huntaway/shard"
)

// forward sends a request whose keys are all of one group; -1 means that there is none.
func (s *session) forward(cmd *codec.Command, r *codec.Request, group int) {
	e := entry{sent: s.w.now, session: s.index, gen: s.gen, cmd: cmd.ID, group: s.pw.refTo(group)}
	e.marks = s.pw.marksOf(cmd)
	e.seq = s.expect(slot{join: noJoin})
	if e.marks.has(isWrite) {
		s.writes.inFlight++
	}
	if group < 0 {
		s.pw.unplaced(s, &e, r.Frame)
		return
	}
	s.pw.dispatch(s, &e, r.Frame)
}

// marksOf says how a command is routed, and whether its reply is to be guarded.
func (pw *poolWorker) marksOf(cmd *codec.Command) marks {
	m := guardOf(cmd)
	switch {
	case cmd.IsRead():
		return m | viaRead
	case cmd.Flags&codec.FlagReadOnly != 0:
		return m // reads, but only the master's answer will do
	}
	return m | isWrite
}

// together sends a command whose keys must all be of one group.
func (s *session) together(cmd *codec.Command, r *codec.Request) {
	keys, err := s.keysOf(cmd, r)
	if err != nil && !s.pw.table.Alone() {
		s.refuse(err.Error())
		return
	}
	if len(keys) == 0 { // or they cannot be found, and the only group says what is wrong
		s.keyless(cmd, r)
		return
	}
	group := s.pw.table.Locate(r.Arg(int(keys[0])))
	if s.apart(r, keys) {
		s.pw.counters.CrossSlot++
		s.refuse(textCrossSlot)
		return
	}
	if text := s.strayPattern(cmd, r, group); text != "" {
		s.refuse(text)
		return
	}
	if inSet(runsScript, cmd) {
		s.runScript(cmd, r, group)
		return
	}
	s.forwardAll(cmd, r, group, len(keys))
}

// keyless serves a command that has no key, or could have keys and has none, such as EVAL
// with 0 keys.
func (s *session) keyless(cmd *codec.Command, r *codec.Request) {
	if inSet(runsScript, cmd) {
		s.runScript(cmd, r, s.pw.firstGroup())
		return
	}
	if s.pw.table.Alone() || anyServers(cmd) {
		s.forward(cmd, r, s.pw.firstGroup())
		return
	}
	s.refuse(notServed(codec.Keyless))
}

// anyServers reports whether a command is one that any server may answer: a HELP, or what is
// asked of COMMAND that only a server can tell.
func anyServers(cmd *codec.Command) bool {
	return cmd.Policy == codec.Keyless && (strings.HasSuffix(cmd.Name, "|help") || strings.HasPrefix(cmd.Name, "command|"))
}

// dispatch finds the server for a request that has its slot, and gives it to a link. What
// cannot be sent now is held or fails.
func (pw *poolWorker) dispatch(s *session, e *entry, frame []byte) {
	g := pw.groupAt(e.group)
	if (g == nil || e.marks.has(detours)) && pw.detour(s, e, frame) {
		return
	}
	h := pw.holdAt(e.group)
	if h != nil && h.waits(s, e) {
		pw.join(s, e, frame, h)
		return
	}
	id := pw.pick(s, e)
	switch {
	case id < 0:
		pw.postpone(s, e, frame, nil)
		return
	case h != nil && id == g.Master && h.bars(s, e):
		pw.join(s, e, frame, h)
		return
	}
	l := pw.linkOf(s, id)
	if !l.usable() {
		pw.postpone(s, e, frame, l)
		return
	}
	if l.trips.entry < s.pace.width {
		s.enterSlowly(l)
	}
	if e.marks.has(guarded|isScript) || s.mode.has(modeApart) {
		if l.cannotGuard(e) {
			pw.w.fail(e, faultNoEcho, l)
			return
		}
		if s.mode.has(modeApart) {
			l = pw.ownLink(s, e, l)
		}
		if e.marks.has(isScript) {
			frame = pw.withScript(l, e, frame)
		}
	}
	l.send(frame, e)
	l.crowded(s)
}

// pick chooses the server: the master, or for a read whoever the policy and the costs say.
// -1 means that nobody may serve it.
func (pw *poolWorker) pick(s *session, e *entry) int32 {
	g := pw.groupAt(e.group)
	e.marks &^= asReplica
	if !e.marks.has(viaRead) || pw.opt.ReadPolicy == shard.ReadMaster || s.mode.has(modePinned) {
		return pw.steady(g, e)
	}
	if pw.opt.ReadYourWrites && s.writes.inFlight > 0 {
		return g.Master
	}
	id := g.Reader(pw.opt.ReadPolicy, pw.cost, rand.Uint64())
	if id < 0 {
		id = pw.returning(g)
	}
	if pw.w.now < pw.easing {
		id = pw.ease(g, id)
	}
	if id < 0 || id == g.Master {
		pw.counters.ReadsMaster++
		return id
	}
	if pw.opt.ReadYourWrites && s.writes.answered > 0 && pw.table.Vitals(id).CoveredAt.Load() <= s.writes.answered {
		pw.counters.ReadsMaster++
		return g.Master // the replica may not have this client's last write yet
	}
	pw.counters.ReadsReplica++
	e.marks |= asReplica
	return id
}

// returning is the server for a read that nobody can serve now: one whose link is about to be
// there again. -1 means that there is none.
func (pw *poolWorker) returning(g *shard.Group) int32 {
	for _, id := range g.Readers {
		if pw.returns(id) {
			return id
		}
	}
	if pw.opt.ReadPolicy == shard.ReplicaOnly || g.Master < 0 || g.Held || !pw.returns(g.Master) {
		return -1
	}
	return g.Master
}

// returns reports whether a link by which reads are sent to a server is about to be there again.
func (pw *poolWorker) returns(id int32) bool {
	found := false
	pw.sharedLinks(func(l *link) {
		found = found || l.server.ID == id && !l.kind.aside && !l.kind.unlisted && l.returns()
	})
	return found
}

// steady is the server for writes, and for reads that must stay where they began: a cursor
// is only understood by the server that issued it, so cursor commands stay with the master.
func (pw *poolWorker) steady(g *shard.Group, e *entry) int32 {
	if !e.marks.has(isWrite) {
		pw.counters.ReadsMaster++
	}
	return g.Master
}

// again routes a request that provably was not executed.
func (pw *poolWorker) again(e *entry, frame []byte) {
	pw.landed(e)
	if s := pw.w.sessionOf(e); s != nil {
		pw.counters.Retried++
		e.marks |= retried
		pw.dispatch(s, e, frame)
	}
}

// lostInFlight settles a request that was sent and will not be answered: a read is sent
// once more, elsewhere; of a write nobody can say whether it ran.
func (pw *poolWorker) lostInFlight(e *entry, frame []byte, l *link, f *fault) {
	if e.marks.has(isWrite | retried | isSink | isCanary) {
		pw.w.fail(e, f, l)
		return
	}
	pw.again(e, frame)
}

// refused looks at an error reply. It returns true when the reply says that the command
// did not run and the request has been routed again or held. What a replica says to a read is
// no word about the group's master, so nobody's writes wait for the read to be taken.
func (pw *poolWorker) refused(e *entry, frame, b []byte, l *link) bool {
	s := pw.w.sessionOf(e)
	if s == nil || e.marks.has(isPrivate|toReplica) {
		return e.marks.has(isPrivate) && pw.refusedPrivately(e, frame, b, l)
	}
	code := notNow
	switch string(codec.ErrorCode(b)) {
	case "READONLY":
		if e.marks.has(viaRead) && pw.groupAt(e.group) != nil {
			return false // no server says so to a read
		}
		code = demoted
		pw.w.engine.report.Demoted(pw.opt.Name, l.server.ID)
	case "LOADING", "MASTERDOWN":
		l.health.avoided = pw.w.now + int64(avoidTime)
		l.rate()
		switch {
		case !e.marks.has(viaRead):
		case !e.marks.has(retried):
			pw.again(e, frame)
			return true
		case pw.groupAt(e.group) != nil && pw.masterAt(e.group) != l.server.ID:
			pw.postpone(s, e, frame, nil)
			return true
		}
	case "NOREPLICAS", "CLUSTERDOWN", "TRYAGAIN":
	case "EXECABORT":
		if code = l.abortCode(e); code == 0 {
			return false
		}
	default:
		return e.marks.has(isScript) && pw.scriptRefused(e, frame, b, l)
	}
	return pw.holdRefused(s, e, frame, code)
}
