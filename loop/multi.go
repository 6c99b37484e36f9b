package loop

import (
	"huntaway/codec"
	"huntaway/loop/memory"
	"huntaway/loop/scripts"
)

// A transaction is what a session has said since MULTI, or since the WATCH before it.
//
// It is queued here and leaves as one frame, MULTI to EXEC, so nobody's requests come
// between, although the link belongs to many. Only a WATCH needs a link of its own.
//
// Owner: the session. It is nil in the others, which are most.
type transaction struct {
	group     groupRef // where it will run; none until a key or a WATCH says
	slot      int      // of a cluster: the slot of all its keys, plus one; 0 likewise
	w         *worker
	frames    memory.Intake    // MULTI, and behind it what was queued; empty once spoilt
	queued    int              // requests in frames, without MULTI
	medley    *medley          // what is answered here; nil while nothing is
	named     []scripts.Digest // the scripts that requests name, each once
	brings    bool             // some request has a script in it, or flushes them
	flushes   bool             // some request flushes all scripts
	guard     marks            // guarded and isPublish, when some request is
	publishes bool             // some request may publish, see mayPublish
	spoilt    bool             // a request was refused: EXEC will be too
	watched   bool             // a WATCH was answered
	lost      bool             // what was watched may have changed: EXEC answers null
}

// noGroup is the index of the group of a request or a transaction that has named no key.
const noGroup = -1

// mostLeads in the entry of a transaction means that so many replies come before that to EXEC,
// or more: an entry counts with 16 bits.
const mostLeads = 1<<16 - 1

// The commands that are told apart here, by ID.
var (
	multiID    = idOf("multi")
	execID     = idOf("exec")
	discardID  = idOf("discard")
	watchID    = idOf("watch")
	unwatchID  = idOf("unwatch")
	publishID  = idOf("publish")
	spublishID = idOf("spublish")
	quitID     = idOf("quit")
	resetID    = idOf("reset")
)

// Redis' words about transactions, and ours where it has none.
const (
	textNestedMulti   = "ERR MULTI calls can not be nested"
	textExecAlone     = "ERR EXEC without MULTI"
	textDiscardAlone  = "ERR DISCARD without MULTI"
	textWatchInside   = "ERR WATCH inside MULTI is not allowed"
	textNoMulti       = "ERR Command not allowed inside a transaction"
	textNoTransaction = "ERR huntaway: the server executed the requests, if at all, one by one and not as a transaction: "
	textAborted       = "EXECABORT Transaction discarded because of previous errors."
	textAbortedFor    = "EXECABORT Transaction discarded because of: "
	textBigQueue      = "ERR huntaway: a transaction may hold at most %d bytes, see %s"
	textOutside       = "ERR huntaway: '%s' is not supported in a transaction by this proxy; call it outside of MULTI"
	textNoShardInside = "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client"
	textMuteInside    = "ERR huntaway: CLIENT REPLY would cut the reply to EXEC in two; call it outside of MULTI"
	textNoPrivate     = "ERR huntaway: max number of private links reached, see limits.private_links and links_per_address; WATCH needs one until EXEC, DISCARD or UNWATCH"
)

// transact serves MULTI, EXEC, DISCARD, WATCH and UNWATCH outside of a transaction.
func (s *session) transact(cmd *codec.Command, r *codec.Request) {
	switch cmd.ID {
	case multiID:
		s.multi(cmd)
	case execID:
		s.tellError(cmd, textExecAlone)
	case discardID:
		s.tellError(cmd, textDiscardAlone)
	case watchID:
		s.watch(cmd, r)
	case unwatchID:
		s.endTransaction()
		s.tell(cmd, codec.AppendSimple(s.w.pad.scratch[:0], "OK"))
	}
}

// multi begins a transaction. One that a WATCH has made keeps what it knows.
func (s *session) multi(cmd *codec.Command) {
	if s.tx == nil {
		s.tx = &transaction{w: s.w}
	}
	s.mode |= modeMulti
	s.tx.add(frameMulti)
	s.tell(cmd, codec.AppendSimple(s.w.pad.scratch[:0], "OK"))
}

// queue serves a request between MULTI and EXEC and reports whether it has: QUIT and RESET
// act at once, as outside. Everything is judged in the order in which Redis does it, so
// that of several errors the client gets the same one.
func (s *session) queue(cmd *codec.Command, r *codec.Request) (served bool) {
	switch {
	case cmd == nil:
		s.spoil(codec.AppendUnknown(s.w.pad.scratch[:0], r))
	case cmd.ID == quitID:
		return false
	case cmd.ID != execID && !cmd.CheckArity(r.Len()):
		s.spoil(codec.AppendArity(s.w.pad.scratch[:0], cmd.Name))
	case cmd.IsContainer():
		s.spoil(codec.AppendUnknownSub(s.w.pad.scratch[:0], r))
	case cmd.ID == resetID:
		return false
	case cmd.Policy == codec.Transaction && cmd.ID != unwatchID:
		s.account.lastCmd = cmd.ID
		s.conclude(cmd, r)
	default:
		s.account.lastCmd = cmd.ID
		s.enqueue(cmd, r)
	}
	return true
}

// conclude serves what belongs to transactions inside of one. MULTI and WATCH are refused
// and spoil nothing.
func (s *session) conclude(cmd *codec.Command, r *codec.Request) {
	switch {
	case cmd.ID == multiID:
		s.tellError(cmd, textNestedMulti)
	case cmd.ID == watchID:
		s.tellError(cmd, textWatchInside)
	case (s.pin != nil || s.tx.changesLinks()) && s.stepAside(r): // what was sent on the one before is to be answered
	case cmd.ID == discardID:
		s.endTransaction()
		s.tell(cmd, codec.AppendSimple(s.w.pad.scratch[:0], "OK"))
	case !cmd.CheckArity(r.Len()):
		s.endTransaction()
		s.tell(cmd, appendLacking(s.w.pad.scratch[:0], cmd))
	case s.w.now < s.pw.pool.strained.Load() && s.waitsForFeeds(cmd, r):
	default:
		s.exec(cmd)
	}
}

// lacking answers a request with a wrong number of arguments, outside of a transaction. An
// EXEC forgets what was watched even so.
func (s *session) lacking(cmd *codec.Command, r *codec.Request) {
	if cmd.ID == execID {
		if s.pin != nil && s.stepAside(r) {
			return
		}
		s.endTransaction()
	}
	s.pw.commands[cmd.ID].Rejected++
	s.refuseWith(appendLacking(s.w.pad.scratch[:0], cmd))
}

// appendLacking appends the error for a wrong number of arguments; that of EXEC is another
// one, because it ends a transaction.
func appendLacking(dst []byte, cmd *codec.Command) []byte {
	if cmd.ID != execID {
		return codec.AppendArity(dst, cmd.Name)
	}
	return codec.AppendError(dst, textAbortedFor+"wrong number of arguments for 'exec' command")
}

// spoil answers with an error, after which EXEC will not run anything.
func (s *session) spoil(reply []byte) {
	s.tx.spoilt = true
	s.tx.frames.Release(s.w.arena)
	s.refuseWith(reply)
}

// endTransaction leaves MULTI, and what was watched is watched no more. The pin, if there
// is one, is idle.
func (s *session) endTransaction() {
	s.dropTransaction()
	s.unpin()
}

// dropTransaction forgets what was queued.
func (s *session) dropTransaction() {
	if t := s.tx; t != nil {
		t.frames.Release(s.w.arena)
		if t.medley != nil && t.medley != s.medley {
			t.medley.frames.Release(s.w.arena)
		}
		s.tx = nil
	}
	s.mode &^= modeMulti
}

// inTransaction returns how many requests are queued, -1 outside of MULTI.
func (s *session) inTransaction() int {
	if !s.mode.has(modeMulti) {
		return -1
	}
	return s.tx.len()
}

// tell answers a command here and counts it as its own.
func (s *session) tell(cmd *codec.Command, reply []byte) {
	count := &s.pw.commands[cmd.ID]
	count.Calls++
	if reply[0] == '-' {
		count.Errors++
	}
	s.settleLocal(s.expect(slot{join: noJoin}), reply)
}

// tellError is tell with an error whose text begins with its code.
func (s *session) tellError(cmd *codec.Command, text string) {
	s.tell(cmd, codec.AppendError(s.w.pad.scratch[:0], text))
}
