package loop

import (
	"log/slog"
	"maps"
	"slices"
	"time"

	"huntaway/codec"
	"huntaway/loop/memory"
)

// pingFeed is how long a feed may be silent before it is asked whether it is alive: for
// what has died without a word nobody else would notice.
const pingFeed = 10 * time.Second

// A feed is a worker's subscriptions at one server: a private link of its own, on which
// nothing else is sent. It speaks RESP2, which every server knows; messages differ from
// RESP3's in their first byte only.
//
// Owner: the worker. It is dialed with the first topic, dialed again when it is lost (with
// the pauses of other links), and closed some time after the last topic is gone.
type feed struct {
	x       *topicRegistry
	server  int32
	l       *link // nil while it is not connected and not being dialed
	strands map[*topic]*strand
	nth     uint32                // of its connections, from 1: what was so on former ones is not so any more
	carried int                   // strands that are open
	asks    memory.Ring[ask]      // what the server has not answered yet
	names   int                   // of those, the last so many are gathered and have not been told
	bytes   int                   // of those names
	asked   int64                 // when asks was last empty
	pause   int64                 // how long it rests after the next failure
	retryAt int64                 // when it may be dialed again
	barred  bool                  // the server refused our credentials the last time
	astray  bool                  // the server has refused something that it may take later
	unended map[topicName]*strand // open ones whose end it has refused, see decided
	effort  effort                // of messages
	more    chore                 // f.goOn, made once
	passage
	lag
}

// An ask is something that the server has been told on a feed and has yet to answer. All that
// was published before it was executed arrives before its answer.
type ask struct {
	what   askKind
	st     *strand // nil for a mark
	names  int     // the first of a command: how many there are in it; the others: 0
	claims []claim // that its answer proves
	round  uint64  // a mark that may end that round of the feed's, see lag; 0: it is none
	probe  bool    // a mark that says how far behind the server is, see probe
}

// askKind is what the answer will be about.
type askKind uint8

const (
	askJoin askKind = iota
	askLeave
	askMark // a PING
)

// carry makes the feed carry t.
func (f *feed) carry(t *topic) {
	st := &strand{t: t, f: f}
	f.strands[t] = st
	t.strands = append(t.strands, st)
	switch {
	case f.l != nil && t.wants > 0:
		st.ask()
	case f.l == nil && f.x.pw.w.now >= f.retryAt:
		f.connect()
	}
}

// mark returns an ask that the server will execute after this moment: the last one, as long
// as it has not been written, so that all changes of one event share it.
func (f *feed) mark() *ask {
	if f.asks.Len() == 0 || f.names == 0 && f.l.queue.sent == f.l.queue.log.Len() {
		f.utter(ask{what: askMark})
	}
	return f.asks.At(f.asks.Behind() - 1)
}

// connect dials, and asks for everything that the feed is to carry.
func (f *feed) connect() {
	if f.l = f.x.pw.openTapped(f.server, f.hear, f.lost); f.l == nil {
		return // the server has just left the table: resubscribe comes
	}
	f.l.kind.wholly = true // a SUBSCRIBE that is refused is not said again
	f.askAll()
}

// askAll asks for everything that the server is to carry and does not.
func (f *feed) askAll() {
	nth := f.nth
	f.each(slices.Collect(maps.Values(f.strands)), func(st *strand) {
		if f.nth == nth && f.strands[st.t] == st && !st.isAsked() && !st.isOpen() && st.needed() {
			st.ask()
		}
	})
}

// each does something about strands, in this event or, with very many, in pieces: they may have
// changed by then.
func (f *feed) each(all []*strand, do func(*strand)) {
	w := f.x.pw.w
	piece := func() (done bool) {
		n := min(len(all), w.namesPerPiece())
		for _, st := range all[:n] {
			do(st)
		}
		all = all[n:]
		return len(all) == 0
	}
	if !piece() {
		w.turns.passing = append(w.turns.passing, piece)
		w.awaitTurn()
	}
}

// hear takes one frame of the server; see tap.
func (f *feed) hear(b []byte) (taken bool) {
	f.pause = 0
	f.l.uttered()
	if b == nil {
		return true // a message so long that every subscriber would be cut off for it
	}
	if b[0] != '*' {
		return f.answered(b, nil, nil) // an error, or +PONG while nothing is subscribed to
	}
	what, at := word(b, codec.ArrayHeader(b))
	name, _ := word(b, at)
	switch string(what) {
	case "message":
		taken = f.pass(channelTopic, name, b)
	case "pmessage":
		taken = f.pass(patternTopic, name, b)
	case "smessage":
		taken = f.pass(shardTopic, name, b)
	default:
		return f.answered(b, what, name)
	}
	if taken {
		f.probe(len(b))
	}
	return taken
}

// answered takes the answer to the oldest ask. what and name are the words of one that is no
// error. It reports whether it has: what is more than an event's work is put off.
func (f *feed) answered(b, what, name []byte) (taken bool) {
	if f.effort.spend(f.x.pw.w, 0) {
		f.standInLine()
		return false
	}
	f.effort.spend(f.x.pw.w, workTold)
	if f.asks.Len() == f.names || !f.asks.Front().fits(b, what, name) {
		if !f.takenAway(string(what), name) {
			f.l.breakUp(faultReply)
		}
		return true
	}
	switch n := f.asks.Front().names; {
	case b[0] != '-' || n <= 1:
		f.answeredOne(b)
	case f.isBusy(b) || f.isMoved(b):
		for range n {
			f.answeredOne(b)
		}
	default:
		f.askSingly(n, b)
	}
	return true
}

// answeredOne takes the answer to the oldest ask.
func (f *feed) answeredOne(b []byte) {
	a := f.took()
	switch {
	case a.what == askMark: // a server that is busy says so, which proves as much
	case b[0] == '-':
		a.st.denied(a.what, b)
	case a.what == askLeave:
		f.decided(a.st.named(), a.st)
		a.st.shut()
	default:
		a.st.asked = 0
		f.decided(a.st.named(), a.st)
		a.st.opened()
		f.proven(a.st.waiting)
		a.st.waiting = nil
	}
	f.proven(a.claims)
	if a.probe {
		f.probedAt, f.heard = 0, 0
	}
	if f.lags && a.round == f.round {
		f.caughtUp()
	}
}

// took takes the oldest ask off.
func (f *feed) took() ask {
	a := *f.asks.Front()
	*f.asks.Front() = ask{}
	f.asks.Pop()
	f.asked = f.x.pw.w.now
	return a
}

// isBusy reports whether an error says that the server takes nothing for now.
func (f *feed) isBusy(b []byte) bool { return codeIs(b, "BUSY") || codeIs(b, "LOADING") }

// isMoved reports whether an error says that another server of a cluster carries the topic.
func (f *feed) isMoved(b []byte) bool {
	return f.x.pw.table.Slotted() && (codeIs(b, "MOVED") || codeIs(b, "CLUSTERDOWN"))
}

// denied takes an error for an answer. The next table may say who carries the topic; a server
// that is busy, or does not know yet that it is the one, is asked again.
func (st *strand) denied(what askKind, b []byte) {
	f := st.f
	moved := f.isMoved(b)
	f.astray = f.astray || moved || f.isBusy(b)
	if what == askLeave {
		if st.isOpen() {
			f.unended[st.named()] = st
		}
		return
	}
	st.asked = 0
	if moved {
		f.x.pw.w.engine.report.Moved(f.x.pw.opt.Name)
		return
	}
	f.refused(st, b)
}

// fits reports whether a frame can be the answer to the ask.
func (a *ask) fits(b, what, name []byte) bool {
	switch {
	case what == nil:
		return a.what == askMark || b[0] == '-' && a.names > 0 // one error is the answer to all of a command
	case a.what == askMark:
		return string(what) == "pong"
	case a.what == askJoin:
		return string(what) == verbs[a.st.t.kind].join && string(name) == a.st.t.name
	}
	return string(what) == verbs[a.st.t.kind].leave && string(name) == a.st.t.name
}

// proven counts an answer for those who wait for it. A mark proves nothing to who joins a
// topic that the server does not carry: he waits on, until the server has been asked.
func (f *feed) proven(claims []claim) {
	for _, k := range claims {
		if !k.stands() {
			continue
		}
		st := f.strands[k.c.t]
		if k.c.p.joins && !st.isOpen() {
			st.waiting = append(st.waiting, k)
			if !st.isAsked() && !f.astray {
				st.ask()
			}
			continue
		}
		k.c.heard()
		if at := k.c.at; !k.c.p.joins && at.place > 0 {
			at.deaf = append(at.deaf, st) // what comes now was published after what is not heard
		}
	}
}

// refused hands the server's error on to those who wait for the topic.
func (f *feed) refused(st *strand, b []byte) {
	f.l.complain(slog.LevelWarn, "server refused a subscription", "reply", wordsOf(b))
	st.refused = true
	reply := append([]byte(nil), b...)
	for _, c := range st.t.pending.waiting() {
		if c.p.joins {
			c.p.fail(reply)
		}
	}
}

// takenAway asks again for what the server has ended by itself, and reports whether a frame
// says that it has.
func (f *feed) takenAway(how string, name []byte) bool {
	for kind := range topicKinds {
		if verbs[kind].leave != how {
			continue
		}
		t := f.x.topics[kind][string(name)]
		st := f.strands[t]
		f.decided(topicName{kind, string(name)}, st)
		if st != nil && st.isOpen() && !st.isAsked() && t.wants > 0 {
			st.shut()
			st.ask()
		}
		return true
	}
	return false
}

// lost hears that the link is gone. Messages that are published until it is back are lost
// for its members, as they are to any subscriber of a server whose connection breaks.
func (f *feed) lost() {
	f.barred = f.l != nil && f.l.shake.why == faultAuth
	f.holdLater()
	f.newBatch() // who has been written to may be handed what the next connection brings
	f.walk.stop()
	asks := f.asks
	f.l, f.asks, f.names, f.bytes, f.astray = nil, memory.Ring[ask]{}, 0, 0, false
	f.probedAt, f.heard = 0, 0
	f.pause = min(max(2*f.pause, int64(firstPause)), int64(lastPause))
	f.retryAt = f.x.pw.w.now + f.pause
	f.nth++
	f.x.pw.counters.Upstream -= int64(f.carried)
	f.carried = 0
	told := slices.Collect(maps.Values(f.unended)) // of those that are cut nobody else knows
	clear(f.unended)
	for _, st := range f.strands {
		if st.told != 0 {
			told = append(told, st)
		}
	}
	var left []claim
	for ; asks.Len() > 0; asks.Pop() {
		a := asks.Front()
		if a.st != nil && a.st.told != 0 {
			told = append(told, a.st)
		}
		left = append(left, a.claims...)
	}
	f.each(told, (*strand).tell)
	f.proven(left) // what is lost is left; who joins waits on
	f.endRound()
	if f.x.pw.opt.HoldTimeout > 0 {
		return // who waits may wait for the next attempts
	}
	reply := f.x.pw.faultReply(f.fault(), f.server)
	var all []claim
	for _, st := range f.strands {
		all = append(all, st.waiting...)
		st.waiting = nil
	}
	for _, k := range all {
		if k.stands() {
			k.c.p.fail(reply) // may end subscriptions, and so change strands
		}
	}
}

// fault is why the feed is not connected.
func (f *feed) fault() *fault {
	if f.barred {
		return faultAuth
	}
	return faultConnect
}

// tick looks at what the feed waits for. It reports whether the feed is still of use.
func (f *feed) tick() (needed bool) {
	now := f.x.pw.w.now
	if f.lags {
		f.x.pw.pool.strain(now)
	}
	if f.lags && f.isSilent() {
		f.endRound()
	}
	switch {
	case f.l == nil && len(f.strands) == 0:
		return false
	case f.l == nil && now >= f.retryAt:
		f.connect()
	case f.l == nil || f.l.state != linkReady || f.l.conn == nil:
	case f.asks.Len() > 0 && now-max(f.l.health.heard, f.asked) > f.x.pw.silence():
		f.l.breakUp(faultTimeout)
	case len(f.strands) == 0 && f.asks.Len() == 0 && !f.on && now-f.l.health.heard > int64(quietTime):
		f.l.discard()
		return false
	case f.astray && f.asks.Len() == 0 && now-f.asked > mostWait:
		f.askAgain()
	case f.asks.Len() == 0 && now-f.l.health.heard > int64(pingFeed):
		f.mark()
	}
	return true
}

// askAgain asks once more for what the server has refused.
func (f *feed) askAgain() {
	f.astray = false
	f.each(slices.Collect(maps.Values(f.unended)), func(st *strand) {
		k := st.named()
		if f.unended[k] == st && !f.needs(k) {
			delete(f.unended, k)
			st.end()
		}
	})
	f.askAll()
}

// needs reports whether the feed is to carry a topic of that name.
func (f *feed) needs(k topicName) bool {
	st := f.strands[f.x.topics[k.kind][k.name]]
	return st != nil && st.needed()
}

// decided takes the server's word on a name, which is about st if it is not nil. The server knows
// no strands, so its word goes for an earlier one of that name as well: one that it had not
// ended is open no longer, since the name is carried for st from now on, or for none.
func (f *feed) decided(k topicName, st *strand) {
	if old := f.unended[k]; old != nil {
		delete(f.unended, k)
		if old != st {
			old.shut()
		}
	}
}

// silence is how long a server that owes answers may say nothing.
func (pw *poolWorker) silence() int64 {
	return max(int64(leastSilence), silences*int64(pw.opt.Timeout))
}
