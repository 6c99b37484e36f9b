package loop

import (
	"bytes"
	"log/slog"

	"huntaway/codec"
)

// # Who chooses the bytes of a reply
//
// Replies are told apart on a shared link by their framing alone. So nobody may choose bytes
// that a server writes outside of a length that it has announced itself, or its neighbours on
// the link are answered what he likes, or he what is theirs. These are the ways there are, as
// tried on Redis 7.0.15 and read of others, with the answer for each:
//
//	EVAL, EVAL_RO, SCRIPT LOAD       a first line "#!lua" whose quotes hold escapes is put raw,
//	                                 CR and LF included, into an error line (Redis 7.0): guarded
//	FUNCTION LOAD, FUNCTION RESTORE  engine names, options and syntax errors likewise: guarded
//	EVALSHA, FCALL and their _RO     Redis 7.0.15 blanks CR and LF in what a script says while it
//	                                 runs; Valkey's fault with NUL in errors did not: guarded
//	SCRIPT LOAD put in front         its body was sent by a client before: guarded with the
//	                                 EVALSHA behind it, as one
//	commands of modules              RM_ReplyWithError and its like write what they are given,
//	                                 and some echo paths and queries: guarded
//	commands for operators           DEBUG PROTOCOL, DEBUG ERROR, ACL LOG …: guarded
//	MULTI to EXEC with any of these  guarded as one
//	private links                    nobody else reads there; one that has carried any of these
//	                                 is closed when its loan ends, see giveBack
//	RESTORE                          the values of a crafted payload come out as bulks: harmless
//	error texts with arguments       every error of Redis' and Valkey's own commands that quotes
//	                                 its client goes through one function, which blanks CR and
//	                                 LF: harmless. A server that does not is found by the canary
//	push frames                      are never a reply, see pushed
//	MONITOR, SYNC, PSYNC, REPLCONF   never passed on, see barred
//	CLIENT, HELLO, AUTH, SELECT,     answered here, in MULTI as well, so that nobody changes
//	RESET, QUIT, SUBSCRIBE …         what a shared connection is
//
// # The guard
//
// Behind what is guarded, in the same write, a canary asks for a word that nobody can know.
// Whatever comes before that word belongs to the session that was guarded; whatever comes
// behind it does not. So nobody else gets a wrong reply, not one, and the link goes on:
//
//   - What is left over when the guarded requests are answered is thrown away.
//   - What claims to be longer than what the server has said ends at the word, and so do the
//     requests before it that have no reply: their client hears that the reply makes no sense.
//
// It costs an ECHO per guarded request, or one for several that a session sends in a row
// (an EVALSHA is some ten times as dear to the server). It cannot be left out for scripts
// that a server is known to have compiled: some servers let them break lines when they run.
//
// Of everything else, as of a server gone mad that adds a reply of its own, the longest run of
// wrong replies is what one link carries in one canaryPeriod, and at most canaryEvery requests.

// isGuarded says, by ID, which commands let their client choose the bytes of the reply.
// Modules' commands do as well, known and learnt ones.
var isGuarded = exactSet("eval", "eval_ro", "evalsha", "evalsha_ro", "fcall", "fcall_ro", "script|load", "function|load", "function|restore")

// guardOf returns the mark of a command whose reply is to be guarded.
func guardOf(cmd *codec.Command) marks {
	if inSet(isGuarded, cmd) || cmd.Flags&codec.FlagModule != 0 || forOperators(cmd) {
		return guarded
	}
	return 0
}

// beforeGuarded is called before e is put behind something guarded, or is guarded itself. A canary
// comes between them unless both are guarded and of one session.
func (l *link) beforeGuarded(e *entry) {
	if l.canary.owed {
		last := l.queue.fifo.At(l.queue.fifo.Behind() - 1)
		if !e.marks.has(guarded) || last.session != e.session || last.gen != e.gen {
			l.guard()
		}
	}
	switch {
	case !e.marks.has(guarded):
	case l.kind.private:
		l.lease.tainted = true
	default:
		if !l.canary.probed {
			l.probe()
		}
		l.canary.owed = true
	}
}

// guard puts a canary behind what is guarded.
func (l *link) guard() {
	l.canary.owed = false
	l.putCanary(guardPart)
}

// probe asks, once per connection, whether the server answers canaries at all. What is to be
// guarded is not sent before it has.
func (l *link) probe() {
	c := &l.canary
	c.probed, c.probing = true, true
	l.putCanary(probePart)
	c.bar, c.barAt = l.queue.log.Len(), l.queue.fifo.Behind()
}

// mayWrite returns how much of the log may be given to the connection, and the position in the
// FIFO of what may not.
func (l *link) mayWrite() (end int, upTo uint32) {
	if l.canary.probing {
		return l.canary.bar, l.canary.barAt
	}
	return l.queue.log.Len(), l.queue.fifo.Behind()
}

// probeRefused is called when the server has refused the probe with that error. For good: what
// is to be guarded cannot be sent here. It and what is behind it is routed again when the
// event is over, and has not been sent. Otherwise the next request asks again.
func (l *link) probeRefused(forGood bool) {
	c := &l.canary
	if !forGood {
		c.probed, c.probing = false, false
		return
	}
	l.shake.noEcho = true
	l.w.ready.buried = append(l.w.ready.buried, func() {
		if l.shake.noEcho && l.conn != nil {
			l.settleAll(faultConnect)
		}
	})
}

// takes reports whether e may be given to the link.
func (l *link) takes(e *entry) bool { return l.usable() && !l.cannotGuard(e) }

// cannotGuard reports whether e is to be guarded, and the server does not let us.
func (l *link) cannotGuard(e *entry) bool {
	return l.shake.noEcho && e.marks.has(guarded) && !l.kind.private
}

// inGuard reports whether the bytes that come next belong to guarded requests or to the
// canary behind them. There is an entry.
func (l *link) inGuard() bool {
	e := l.queue.fifo.Front()
	return e.marks.has(guarded) && !l.kind.private || e.isGuard()
}

// inRun is inGuard where nothing may be in flight.
func (l *link) inRun() bool { return l.canary.watch != 0 && l.owes() && l.inGuard() }

// guardedBytes takes what has come while inGuard, and returns what is left for others.
func (l *link) guardedBytes(in []byte) (rest []byte) {
	run, rest, over := l.cut(in)
	early := l.run(run, over)
	switch {
	case l.conn == nil:
		return nil
	case over:
		l.runEnds()
	case l.canary.doubting:
		l.holdDoubted(early)
	}
	return rest
}

// cut divides in at the canary's answer. The beginning of an answer at the end of in is kept
// back, until it is known whether it is one.
func (l *link) cut(in []byte) (run, rest []byte, over bool) {
	c := &l.canary
	var room [answerSize]byte
	want := appendAnswer(room[:0], l.queue.fifo.At(*c.due.Front()).nonce())
	if was := c.matched; was > 0 {
		n := commonPrefix(want[was:], in)
		if was+n < len(want) && n == len(in) {
			c.matched += n
			return nil, nil, false
		}
		c.matched = 0
		if was+n == len(want) {
			return nil, in[n:], true
		}
		l.run(append([]byte(nil), want[:was]...), true) // so it was none
		if l.conn == nil {
			return nil, nil, false
		}
	}
	if at := bytes.Index(in, want); at >= 0 {
		return in[:at], in[at+len(want):], true
	}
	from := max(0, len(in)-len(want)+1)
	if i := bytes.LastIndexByte(in[from:], want[0]); i >= 0 && bytes.HasPrefix(want, in[from+i:]) {
		c.matched = len(in) - from - i
	}
	return in[:len(in)-c.matched], nil, false
}

// commonPrefix returns with how many bytes both a and b begin.
func commonPrefix(a, b []byte) (n int) {
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// run takes bytes that come before the canary's answer; answered says that it has come. It
// returns what is behind an error that may be the server's refusal to answer.
func (l *link) run(b []byte, answered bool) (rest []byte) {
	for len(b) > 0 && l.conn != nil {
		atGuard := l.queue.fifo.Front().isGuard()
		if l.canary.surplus > 0 || atGuard && (answered || l.coming.scan.Fresh() && b[0] != '-') {
			l.canary.surplus += len(b)
			return nil
		}
		if !atGuard && (b[0] == '>' || l.coming.pushing) {
			rest, is, err := l.pushed(b)
			if err != nil {
				l.canary.surplus += len(b)
				return nil
			}
			if b = rest; is {
				continue
			}
		}
		n, done, err := l.coming.scan.Next(b)
		switch {
		case err != nil || atGuard && l.coming.partial.Len()+n > mostRefusal:
			l.canary.surplus += len(b)
			return nil
		case atGuard:
			l.coming.partial.Add(l.w.arena, b[:n], 0)
			if done {
				l.doubt()
				return b[n:]
			}
			return nil
		case !done:
			l.piece(b)
			return nil
		}
		l.whole(b[:n])
		b = b[n:]
	}
	return nil
}

// runEnds is called when the canary's answer has come. Everything guarded before it should
// have been answered, and nothing left over.
func (l *link) runEnds() {
	if l.canary.surplus > 0 || !l.coming.scan.Fresh() || !l.queue.fifo.Front().isGuard() {
		l.mend()
	}
	l.canary.surplus = 0
	l.heardOut()
}

// mend puts the link in step again when guarded replies did not end where they should have.
func (l *link) mend() {
	l.tellMended()
	l.coming.pushing = false
	l.coming.scan.Reset()
	l.coming.partial.Release(l.w.arena)
	l.led.n, l.led.all = 0, 0
	for l.conn != nil && !l.queue.fifo.Front().isGuard() {
		e := l.take()
		l.pw.landed(&e)
		if l.coming.flows { // half of it has been passed on
			l.coming.flows = false
			l.w.truncated(&e)
			continue
		}
		l.w.fail(&e, faultReply, l)
	}
}

// tellMended counts and logs that a link was mended.
func (l *link) tellMended() {
	l.count.Mended++
	l.complain(slog.LevelWarn, "a reply did not end where it should, and was cut out", "surplus", l.canary.surplus)
}
