package loop

import "huntaway/codec"

// admit takes one complete request: it gets its slot, and is answered here, refused, or
// sent on. r is dead when admit returns.
func (s *session) admit(r *codec.Request) {
	switch n := r.Len(); {
	case n == 0:
		s.spend(workFrame)
		return // a blank line or "*0": Redis ignores them too
	case n > freeWords:
		s.spend(n * workWord)
	}
	s.account.requests++
	s.pw.counters.Requests++
	s.pw.counters.RequestBytes += uint64(len(r.Frame))
	if len(r.Frame) > int(s.pace.bulkiest) {
		s.bulk(len(r.Frame))
	}

	cmd := s.pw.opt.Commands.Find(r)
	if r.Len() >= leastSurvey && s.surveys(cmd, r) {
		s.workOn(&survey{cmd: cmd}, r)
	} else {
		s.judge(cmd, r)
	}
	s.mayGoOn()
}

// judge answers, refuses or sends on the request that is being admitted.
func (s *session) judge(cmd *codec.Command, r *codec.Request) {
	switch {
	case s.mode != 0 && s.odd(cmd, r):
	case !s.auth.passed && !openTo(cmd):
		s.refuseWith(codec.AppendError(s.w.pad.scratch[:0], textNoAuth))
	case !s.auth.passed && s.awaitsTurn(cmd, r):
	case cmd == nil:
		s.refuseWith(codec.AppendUnknown(s.w.pad.scratch[:0], r))
	case !cmd.CheckArity(r.Len()) && !s.judgedThere(cmd, r):
		s.lacking(cmd, r)
	default:
		s.account.lastCmd = cmd.ID
		s.serve(cmd, r)
	}
}

// mayGoOn stops the session when it has as many requests in flight as it may.
func (s *session) mayGoOn() {
	if s.window.Len() >= s.inFlight() && s.stops&stopAlone == 0 {
		s.stop(stopWindow)
	}
}

// judgedThere reports whether a wrong number of arguments is left to the server to judge, whose
// version may know more: that of a command whose keys can be found even so.
func (s *session) judgedThere(cmd *codec.Command, r *codec.Request) bool {
	if cmd.Policy != codec.Forward || cmd.IsContainer() {
		return false
	}
	keys, err := cmd.Keys(r, s.w.pad.keys[:0])
	s.w.pad.keys = keys
	return err == nil && len(keys) > 0
}

// openTo reports whether a client that has not authenticated may use cmd.
func openTo(cmd *codec.Command) bool {
	return cmd != nil && cmd.Flags&codec.FlagNoAuth != 0
}

// serve does what the command's policy says.
func (s *session) serve(cmd *codec.Command, r *codec.Request) {
	switch {
	case cmd.IsContainer():
		s.refuseWith(codec.AppendUnknownSub(s.w.pad.scratch[:0], r))
	case s.w.now < s.pw.pool.strained.Load() && s.waitsForFeeds(cmd, r):
	case cmd.Policy == codec.Forward && lone(cmd, r):
		s.forward(cmd, r, s.pw.table.Locate(r.Arg(int(cmd.First))))
	case needsQuiet(cmd) && s.stepAside(r):
	case s.pw.opt.AdminCommands && s.administer(cmd, r):
	case cmd.Blocks(r):
		s.block(cmd, r)
	case cmd.Policy == codec.Forward:
		s.together(cmd, r)
	case cmd.Policy == codec.Split:
		s.split(cmd, r)
	case cmd.Policy == codec.Local:
		s.local(cmd, r)
	case cmd.Policy == codec.Keyless && (cmd.Reason == "" || s.pw.table.Alone()):
		s.keyless(cmd, r)
	case cmd.Policy == codec.Transaction:
		s.transact(cmd, r)
	case cmd.Policy == codec.PubSub:
		s.pubSub(cmd, r)
	case cmd.Policy == codec.ScriptAdmin:
		s.scriptAdmin(cmd, r)
	case cmd.Policy == codec.Scan:
		s.scan(cmd, r)
	case cmd.Policy == codec.FanOut:
		s.fanOut(cmd, r)
	case cmd.Reason != "" && s.passable(cmd):
		s.forward(cmd, r, 0)
	case cmd.Reason != "":
		s.refuse(cmd.Reason)
	case cmd.Policy == codec.Refused:
		s.refuse(refusedText(cmd))
	default:
		s.refuse(notServed(cmd.Policy))
	}
}

// lone reports whether the command has exactly one key, at cmd.First: most of the traffic.
func lone(cmd *codec.Command, r *codec.Request) bool {
	return cmd.First > 0 && cmd.First == cmd.Last && int(cmd.First) < r.Len() &&
		cmd.Flags&codec.FlagMovableKeys == 0
}

// notServed is the error for commands of a kind that cannot be served, here or at all.
func notServed(p codec.Policy) string {
	if p == codec.Keyless {
		return "ERR huntaway: a command without a key can only be sent to a pool with one group"
	}
	return "ERR huntaway: commands that concern every server are not supported by this proxy"
}

// refusedText is the error for operators' commands.
func refusedText(cmd *codec.Command) string {
	return "NOPERM huntaway: '" + cmd.Name + "' is not allowed through the proxy; send it to the server itself"
}

// refuse answers the command that was noted last with an error whose text begins with its
// code.
func (s *session) refuse(text string) {
	s.pw.commands[s.account.lastCmd].Rejected++
	s.refuseWith(codec.AppendError(s.w.pad.scratch[:0], text))
}

// refuseWith answers with a complete error reply, made in the worker's scratch memory.
func (s *session) refuseWith(reply []byte) {
	s.pw.counters.Refused++
	s.pw.counters.ErrorReplies++
	s.answer(s.expect(slot{join: noJoin}), reply)
}

// noJoin is the join of a slot that waits for one reply.
const noJoin = -1

// expect gives the request that is being admitted its slot.
func (s *session) expect(sl slot) (seq uint32) {
	sl.mute = s.proto.silence != talking
	return s.window.Push(sl)
}

// keepScratch makes a reply's memory that of the next one, unless it is unusually much.
func (w *worker) keepScratch(reply []byte) {
	w.pad.scratch = reply[:0]
	if cap(reply) > mostScratch {
		w.pad.scratch = nil
	}
}

// mostScratch is enough for nearly every reply that is made here, joined ones included.
const mostScratch = 64 << 10

// answer settles a slot with a reply that was made here, in memory that will be used
// again in this event.
func (s *session) answer(seq uint32, reply []byte) {
	s.w.keepScratch(reply)
	s.spend(workAnswer + len(reply))
	s.pw.counters.Replies++
	if len(reply) > 0 && reply[0] == '-' {
		s.pw.pace.errors.count(reply)
	}
	if seq != s.window.First() {
		s.park(seq, reply)
		return
	}
	if s.mode.has(modeMuted | modeMedley) {
		if s.medley.has(seq) {
			s.park(seq, reply)
			return
		}
		reply = s.heard(seq, reply)
	}
	if cap(reply) > mostScratch {
		s.say(reply) // its memory is not used again
	} else {
		s.sayOwn(reply)
	}
	s.window.Pop()
	s.unpark()
}
