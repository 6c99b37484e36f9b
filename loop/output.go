package loop

import (
	"log/slog"

	"huntaway/perf"
	"huntaway/perf/repeat"
)

// handOver is how much the kernel may leave behind before output is kept here instead:
// gnet keeps a node per write, and a hundred thousand small ones cost megabytes per event.
const handOver = 256 << 10

// pauseOutput is how many unread bytes of replies make a session take no more requests.
const pauseOutput = 1 << 20

// mostMessages is how many unread bytes close a session that is subscribed to something,
// where the pool's limit is not lower: messages cannot be made to wait, as requests can.
const mostMessages = 32 << 20

// touch puts s on the list of sessions with something to write.
func (w *worker) touch(s *session) {
	if !s.output.touched {
		s.output.touched = true
		w.ready.touched = append(w.ready.touched, s)
	}
}

// mostSaved is how many bytes of output may wait for more: copying them must stay cheaper
// than a system call.
const mostSaved = 4 << 10

// maySave reports whether s is written by the posted flush instead of at the end of this
// event: one has been posted already, so that only the events which are there by now come in
// between, and the client is owed more, of which they may bring some. A client whose pipeline
// is spread over many servers gets fewer and larger pieces (CPU per GET with pipeline 16:
// 0.85 x behind 64 groups, 0.95 x behind 2; bench -mode groups -loads get-p16).
func (s *session) maySave() bool {
	return s.w.flushes.armed && s.window.Len() > 0 && s.state == sessionOpen && s.conn != nil &&
		s.output.first.Len()+len(s.output.run) < mostSaved
}

// save leaves what is next in order to the posted flush.
func (s *session) save() {
	s.output.touched = false
	s.output.first.Add(s.output.run)
	s.output.run = nil
	if s.output.saving {
		return
	}
	s.output.saving = true
	if len(s.w.flushes.saving) == 0 {
		s.w.flushes.savedAt = s.w.now
	}
	s.w.flushes.saving = append(s.w.flushes.saving, s)
}

// flushSaving writes the sessions that have been saving. It is part of the posted flush.
func (w *worker) flushSaving() {
	if len(w.flushes.saving) == 0 {
		return
	}
	for i, s := range w.flushes.saving {
		w.flushes.saving[i] = nil
		s.output.saving = false
		s.flush()
	}
	w.flushes.saving = w.flushes.saving[:0]
	w.turn = perf.Now() - w.flushes.savedAt
}

// flush writes what is next in order, with one system call.
func (s *session) flush() {
	s.output.touched = false
	if s.conn == nil || s.state == sessionGone {
		return
	}
	s.write()
	s.drainRemainder()
	if s.conn == nil {
		return
	}
	s.compact()
	s.overLimit()
	if s.stops&stopOutput != 0 {
		s.fallBehind()
	}
	s.widen()
	if s.window.Len() == 0 {
		s.release(stopAlone)
	}
	s.finish()
}

// write hands the output to the connection, or keeps it while the connection has too much already.
func (s *session) write() {
	run := s.output.run
	s.output.run = nil
	n := s.output.first.Len() + len(run)
	if n == 0 {
		return
	}
	if s.conn.Backlog() > handOver && s.output.first.Len() < handOver {
		s.output.first.Add(run)
		s.w.budget.uncounted += int64(len(run))
		s.lag()
		return
	}
	s.handed(n)
	switch {
	case s.output.first.Len() == 0:
		s.conn.Write(run)
	case len(run) == 0:
		s.conn.Write(s.output.first.Bytes())
	case len(run) < 4<<10:
		s.output.first.Add(run)
		s.conn.Write(s.output.first.Bytes())
	default:
		s.conn.Writev(s.output.first.Bytes(), run)
	}
	s.output.first.Rest()
	if s.conn != nil && s.conn.Backlog() > 0 {
		s.w.budget.uncounted += int64(n)
		s.lag()
	}
}

// handed counts bytes that the connection is given.
func (s *session) handed(n int) {
	s.account.active = s.w.now
	s.account.bytesOut += uint64(n)
	s.pw.counters.ReplyBytes += uint64(n)
}

// lag puts the session on the list of those whose backlog the tick looks at: gnet does not
// tell when one has drained.
func (s *session) lag() {
	s.w.burden(s, 0)
	if !s.output.isSlow {
		s.output.isSlow = true
		s.w.ready.slow = append(s.w.ready.slow, s)
	}
}

// unread returns the bytes of replies that the client has not taken.
func (s *session) unread() int64 {
	n := s.output.first.Len() + s.output.parkedLive + s.output.earlyLive + s.output.rest.bytes
	if s.conn != nil {
		n += s.conn.Backlog()
	}
	return int64(n)
}

// overLimit stops a session that does not read, and closes it over the hard limit.
func (s *session) overLimit() {
	if s.output.first.Len()+s.output.parkedLive+s.output.earlyLive < handOver && !s.output.isSlow && s.stops&stopOutput == 0 && (s.pace.lease == nil || !s.pace.lease.lease.dammed) {
		return // the ordinary case costs a few loads
	}
	l, n := &s.pw.opt.Limits, s.unread()
	switch {
	case n > l.OutputBytes || s.sub != nil && n > mostMessages:
		s.cutOff(endOutput)
	case n > pauseOutput || s.conn != nil && s.conn.Backlog() > 0:
		s.stop(stopOutput)
		s.lag()
	default:
		s.release(stopOutput)
	}
	s.regulate(n)
	s.softLimit(n)
}

// softLimit closes a session that is over the soft limit and has read nothing for too long. While
// we were asleep ourselves nothing was given to the client that it could have read.
func (s *session) softLimit(n int64) {
	l := &s.pw.opt.Limits
	if n <= l.OutputSoftBytes || s.conn == nil {
		s.output.softSince = 0
		return
	}
	taken := s.account.bytesOut - uint64(s.conn.Backlog()+s.conn.Untaken())
	switch {
	case s.output.softSince == 0 || taken != s.output.taken || s.w.woke():
		s.output.softSince, s.output.taken = s.w.now, taken
	case s.w.now-s.output.softSince > int64(l.OutputSoftTime):
		s.cutOff(endOutput)
	}
}

// cutOff closes a session that breaks a limit.
func (s *session) cutOff(why ending) {
	if s.state == sessionGone || s.conn == nil {
		return
	}
	s.ending = why
	s.w.engine.often.Say(slog.LevelWarn, repeat.Subject{What: "session cut off", Whom: endingNames[why]},
		"why", endingNames[why], "session", s.client.id, "peer", s.client.peer, "pool", s.pw.opt.Name, "unread", s.unread())
	s.hangUp()
}

// says reports whether something is to be written.
func (s *session) says() bool {
	return s.output.first.Len() > 0 || len(s.output.run) > 0 || len(s.output.rest.lots) > 0
}

// finish closes a session that has said its last word and has been heard. When the process
// goes down that is any session to which nothing is owed.
func (s *session) finish() {
	if s.state == sessionOpen && s.w.drains.on {
		s.depart()
		return // flush comes again
	}
	if s.state != sessionClosing || s.window.Len() > 0 || s.says() {
		return
	}
	if s.conn.Backlog() > 0 {
		s.lag() // closing now would cut the backlog off
		return
	}
	if s.ending == endDrain {
		s.part()
		return
	}
	s.hangUp()
}

// drainSlow looks again at the sessions whose client was slow. The tick calls it.
func (w *worker) drainSlow() {
	list := w.ready.slow
	w.ready.slow = w.ready.slowSpare[:0]
	for i, s := range list {
		list[i] = nil
		s.output.isSlow = false
		s.lookAgain()
	}
	w.ready.slowSpare = list
}

// lookAgain writes on, and puts the session back on the list while its client is behind.
func (s *session) lookAgain() {
	if s.conn == nil || s.state == sessionGone {
		return
	}
	if s.output.first.Len() > 0 && s.conn.Backlog() < handOver {
		s.write()
	}
	s.drainRemainder()
	if s.conn == nil {
		return
	}
	s.overLimit()
	if s.conn == nil || s.output.isSlow {
		return
	}
	if s.conn.Backlog() > 0 || s.says() {
		s.lag()
		return
	}
	s.account.active = s.w.now // it has taken the last of it just now
	s.finish()
}
