package loop

import (
	"bytes"
	"time"

	"huntaway/codec"
	"huntaway/loop/netio"
)

// Who causes more messages than can be passed on is slowed to what can be. A server pays for all of
// its subscribers within the command that publishes, and so its clients wait for each other; here
// the server has one subscriber, and would be done with the next command before the messages of the
// last have been passed on. So while feeds of a pool lag, whatever may publish waits in line.
//
// That goes by rounds. A feed's round begins when more waits in its connection than it hears in one
// event, or when the server takes long to answer a mark while it says much: it writes 64 KiB between
// two requests of others, whatever those publish, so what waits is with itself. It ends when the
// server has answered a mark that was made then, for all that had been published before has been
// heard, or says nothing for mostSilence. When all feeds that are in their round have ended it, some
// of those who wait go on: of those who publish one message as many as are a read's worth, and of
// those that may publish any number one per worker. While somebody waits round follows round,
// whether feeds lag or not; no feed has two before all have ended one. So a round ends however much
// is published meanwhile, and by whomever, and nobody waits for more than those before him.

// What waits for a feed in its round, by what its messages are caused by; each includes those before.
const (
	byOrder = iota // PUBLISH, scripts, what modules make, EXEC with any of these
	byWrite        // events of keys are heard: whatever writes
	byRead         // and that keys are missing: whatever reads
	causes
)

// calmTime is for how long after a round what may publish any number of messages is sent one at a
// time by each session: it is too late for what is in flight when a lag is noticed.
const calmTime = 10 * time.Second

// mostSilence is for how long a round waits for a server that says nothing.
const mostSilence = 250 * time.Millisecond

// A lag is what a feed knows of its rounds. Owner: the feed.
type lag struct {
	lags  bool   // it is in its round
	round uint64 // its last one, from 1
	marks int    // that have to be answered yet
	waits int    // so many of Pool.lagging count it
	hears int    // what it has passed on in this round or since is caused by those before this

	probedAt int64 // when the mark went out that says how far behind the server is; 0: none is out
	heard    int   // bytes of messages since that mark went out or, while none is out, since the last was answered
}

// publishers are a worker's sessions that wait to publish, the oldest first.
type publishers struct {
	singly []publisher // each of one message
	pours  []publisher // of any number
	bytes  int         // of requests of the former that may go on in this round
	some   int         // so many of the latter
	goesOn bool        // publishOn is among the chores
}

// A publisher is a session with a request that waits.
type publisher struct {
	waiter
	size int // of the request
}

// strain has requests be asked for some time whether they may publish.
func (p *Pool) strain(now int64) { p.strained.Store(now + int64(calmTime)) }

// judge begins a round when the server has more to say than the feed hears. It would give the feed
// up if that went on (client-output-buffer-limit pubsub), and nobody would hear anything.
func (f *feed) judge() {
	next := f.x.pw.pool.rounds.Load() + 1
	if !f.lags && f.round != next && f.l != nil && f.l.conn != nil && (f.isLate() || f.l.conn.Waiting() >= netio.ReadBuffer) {
		f.beginRound(next, 1)
	}
}

// isLate reports whether the server has had more to say before the answer to a mark than anybody
// should have to wait for.
func (f *feed) isLate() bool {
	return f.probedAt != 0 && f.heard >= netio.ReadBuffer && f.x.pw.w.now-f.probedAt-f.l.trips.distance > int64(shortTrip)
}

// isSilent reports whether the server, which owes an answer, has said nothing for so long that it
// says nothing to anybody: it hangs, or runs a script. Waiting for it would help nobody, and would
// keep those who have to do with other servers.
func (f *feed) isSilent() bool {
	return f.asks.Len() > 0 && !f.on && f.x.pw.w.now-max(f.l.health.heard, f.asked) > int64(mostSilence)
}

// probe counts a message, and after every readBuffer of them asks the server for a mark.
func (f *feed) probe(size int) {
	if f.heard += size; f.heard < netio.ReadBuffer {
		return
	}
	if f.probedAt != 0 {
		f.judge()
		return
	}
	f.probedAt, f.heard = f.x.pw.w.now, 0
	f.utter(ask{what: askMark, probe: true})
}

// beginRound has those wait who may cause what this feed hears, until marks have been answered that
// are made one after the other.
func (f *feed) beginRound(round uint64, marks int) {
	p := f.x.pw.pool
	f.lags, f.round, f.marks = true, round, marks
	p.strain(f.x.pw.w.now)
	for f.waits = 0; f.waits < max(f.hears, 1); f.waits++ {
		p.lagging[f.waits].Add(1)
	}
	f.hears = 0
	f.utter(ask{what: askMark, round: f.round})
}

// noteEvent notes what a message is caused by that is passed on late.
func (f *feed) noteEvent(kind topicKind, name, b []byte) {
	channel := name
	if kind == patternTopic {
		_, at := word(b, codec.ArrayHeader(b))
		_, at = word(b, at)
		channel, _ = word(b, at)
	}
	switch {
	case !isEventChannel(channel):
		return
	case bytes.HasSuffix(channel, []byte(":keymiss")) || bytes.HasSuffix(b, []byte("\r\nkeymiss\r\n")):
		f.hears = byRead + 1
	default:
		f.hears = max(f.hears, byWrite+1)
	}
	for ; f.lags && f.waits < f.hears; f.waits++ {
		f.x.pw.pool.lagging[f.waits].Add(1)
	}
}

// caughtUp is called when a mark of the feed's round has been answered.
func (f *feed) caughtUp() {
	if f.marks--; f.marks > 0 {
		f.utter(ask{what: askMark, round: f.round})
		return
	}
	f.endRound()
}

// endRound ends the feed's round, if it is in one. With the last of all some publishers go on. What
// those cause has not been executed when the next mark is made, but when the one behind that is.
func (f *feed) endRound() {
	if !f.lags {
		return
	}
	p, last := f.x.pw.pool, false
	f.lags = false
	for ; f.waits > 0; f.waits-- {
		last = p.lagging[f.waits-1].Add(-1) == 0
	}
	p.strain(f.x.pw.w.now)
	if !last {
		return
	}
	next := p.rounds.Add(1) + 1
	if p.publishers.Load() == 0 {
		return
	}
	if f.l != nil && !f.isSilent() {
		f.beginRound(next, 2)
	}
	for _, w := range f.x.pw.w.engine.workers {
		w.postEvent(w.pools[p.index].letPublish)
	}
}

// waitsForFeeds has the request that is being admitted wait, if it may publish, while feeds of the
// pool lag. It reports whether it does.
func (s *session) waitsForFeeds(cmd *codec.Command, r *codec.Request) bool {
	by, pours := s.causeOf(cmd)
	if by == causes || s.mode.has(modeMedley) {
		return false
	}
	p := s.pw.pool
	lags := p.lagging[by].Load() > 0
	switch {
	case s.excused:
		s.excused = false
		return false
	case pours && (lags || by == byOrder) && s.stepAside(r):
		return true
	case !lags:
		return false
	}
	s.putBack(r)
	s.stop(stopFeeds)
	line := &s.pw.publishers.singly
	if pours {
		line = &s.pw.publishers.pours
	}
	*line = append(*line, publisher{waiter{s.index, s.gen}, len(r.Frame)})
	if p.publishers.Add(1); p.lagging[byOrder].Load() == 0 {
		s.pw.letPublish() // the last feed may have ended its round before it was counted
	}
	return true
}

// causeOf says whether a request may publish, and by what; causes: it may not. pours: any number
// of messages. A script that only reads may not, and what is answered here does not.
func (s *session) causeOf(cmd *codec.Command) (by int, pours bool) {
	switch {
	case cmd.ID == execID && s.tx != nil && s.tx.queued > 0 && !s.tx.spoilt:
		if s.tx.publishes {
			return byOrder, true
		}
		return byWrite, true
	case mayPublish(cmd):
		return byOrder, !inSet(channelled, cmd)
	case cmd.Policy == codec.Local || cmd.Policy == codec.PubSub || cmd.Policy == codec.Transaction:
		return causes, false
	case cmd.Flags&codec.FlagReadOnly != 0:
		return byRead, false
	case cmd.Flags&codec.FlagWrite != 0:
		return byWrite, false
	}
	return causes, false
}

// mayPublish reports whether a command is one with which its client can publish what he likes.
func mayPublish(cmd *codec.Command) bool {
	return inSet(channelled, cmd) || cmd.Flags&codec.FlagReadOnly == 0 &&
		(inSet(runsScript, cmd) && !cmd.IsRead() || cmd.Flags&codec.FlagModule != 0)
}

// letPublish lets some of the worker's sessions go on that wait.
func (pw *poolWorker) letPublish() {
	q := &pw.publishers
	q.bytes, q.some = netio.ReadBuffer, 1
	if !q.goesOn && len(q.singly)+len(q.pours) > 0 {
		q.goesOn = true
		pw.w.addChore(pw.publishOn)
	}
}

// publishOn is the chore of letPublish: a few per turn. Where no feed is in its round any more, as
// when it was lost, nobody else says that the next may go on.
func (pw *poolWorker) publishOn() (done bool) {
	q := &pw.publishers
	for range tiredPerTurn {
		switch {
		case len(q.singly) > 0 && q.bytes > 0:
			q.bytes -= q.singly[0].size
			pw.excuse(&q.singly)
		case len(q.pours) > 0 && q.some > 0:
			if pw.excuse(&q.pours) {
				q.some--
			}
		case len(q.singly)+len(q.pours) == 0 || pw.pool.lagging[byOrder].Load() > 0:
			q.goesOn = false
			return true
		default:
			q.bytes, q.some = netio.ReadBuffer, 1
			return false
		}
	}
	return false
}

// excuse lets the first of a line go on, and reports whether it is still there.
func (pw *poolWorker) excuse(line *[]publisher) bool {
	one := (*line)[0]
	*line = (*line)[1:]
	if len(*line) == 0 {
		*line = nil
	}
	pw.pool.publishers.Add(-1)
	s := pw.w.registry.sessions[one.session]
	if s == nil || s.gen != one.gen {
		return false
	}
	s.excused = true
	s.release(stopFeeds)
	return true
}
