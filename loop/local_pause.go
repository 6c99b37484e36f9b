package loop

import (
	"math"
	"time"

	"huntaway/codec"
)

// A pause is a CLIENT PAUSE of a pool: on every worker the sessions of the pool are in
// modePaused until it is over, and requests of its kind stay unread where they are.
type pause struct {
	until int64 // perf.Now
	kind  pauseKind
}

// pauseKind is which requests wait.
type pauseKind uint8

const (
	pauseWrites pauseKind = iota + 1
	pauseAll
)

// faultPaused is for what still waits when the process must end.
var faultPaused = &fault{notExecuted, "shutting down while clients are paused", false}

// unpause is the command that no pause holds back.
const unpause = "client|unpause"

// stops reports whether a request must wait. EXEC waits like a write. cmd is nil for an
// unknown command.
func (p *pause) stops(cmd *codec.Command) bool {
	switch {
	case cmd != nil && cmd.Name == unpause:
		return false
	case p.kind == pauseAll:
		return true
	}
	return mayChange(cmd)
}

// mayChange reports whether a command may change something. What EXEC runs is not looked at.
func mayChange(cmd *codec.Command) bool {
	return cmd != nil && (cmd.Flags&(codec.FlagWrite|codec.FlagMayReplicate) != 0 || cmd.ID == execID)
}

// answerPause answers CLIENT PAUSE milliseconds [WRITE|ALL]. What the client sends behind it
// waits until every worker has heard of it.
func answerPause(s *session, dst []byte, r *codec.Request) []byte {
	if r.Len() > 4 {
		return codec.AppendError(dst, textPauseArgs)
	}
	kind := pauseAll
	switch {
	case r.Len() == 3 || is(r.Arg(3), "all"):
	case is(r.Arg(3), "write"):
		kind = pauseWrites
	default:
		return codec.AppendError(dst, textPauseMode)
	}
	ms, ok := decimalOf(r.Arg(2))
	switch {
	case !ok:
		return codec.AppendError(dst, textPauseTime)
	case ms < 0:
		return codec.AppendError(dst, textPausePast)
	}
	ms = min(ms, (math.MaxInt64-s.w.now)/int64(time.Millisecond))
	s.pauseAs(pause{s.w.now + ms*int64(time.Millisecond), kind})
	return nil
}

// answerUnpause answers CLIENT UNPAUSE.
func answerUnpause(s *session, _ []byte, _ *codec.Request) []byte {
	s.pauseAs(pause{})
	return nil
}

// pauseAs puts a pause in force on every worker and answers OK.
func (s *session) pauseAs(to pause) {
	p := s.pw.pool
	gather(s, func(w *worker) struct{} {
		w.pools[p.index].pauseAs(to)
		return struct{}{}
	}, func(_ *session, dst []byte, _ []struct{}) []byte { return codec.AppendSimple(dst, "OK") })
	s.standAlone()
}

// pauseAs puts a pause in force on this worker; one that is over ends what was.
func (pw *poolWorker) pauseAs(to pause) {
	pw.pause = to
	on := to.until > pw.w.now
	pw.w.sessionsOf(pw.pool, func(s *session) {
		if on {
			s.mode |= modePaused
		} else {
			s.mode &^= modePaused
		}
		s.release(stopPause) // what waits is judged anew
	})
}

// paused reports whether a pause is in force.
func (pw *poolWorker) paused() bool { return pw.pause.until > pw.w.now }

// tickPause ends a pause whose time is over.
func (pw *poolWorker) tickPause() {
	if pw.pause.kind != 0 && !pw.paused() {
		pw.pauseAs(pause{})
	}
}

// pauses makes the request that is being admitted wait when a pause is for its kind, and
// reports whether it has.
func (s *session) pauses(cmd *codec.Command, r *codec.Request) bool {
	switch {
	case !s.pw.paused() || !s.pw.pause.stops(cmd) || s.pw.pause.kind == pauseWrites && s.pw.saysNoWrites(cmd, r):
		return false
	case s.w.drains.overdue:
		s.refuseWith(appendFault(s.w.pad.scratch[:0], faultPaused, place{pool: s.pw.opt.Name}))
		return true
	}
	s.putBack(r)
	s.stop(stopPause)
	return true
}
