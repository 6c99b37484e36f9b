package loop

import (
	"time"

	"huntaway/codec"
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
	x       *switchboard
	server  int32
	l       *link           // nil while it is not connected and not being dialed
	topics  map[*topic]bool // what it is to carry; true: the server has confirmed
	asks    ring[ask]       // what the server has not answered yet
	asked   int64           // when asks was last empty
	pause   int64           // how long it rests after the next failure
	retryAt int64           // when it may be dialed again
	barred  bool            // the server refused our credentials the last time
	astray  bool            // a server of a cluster says that it is not the one to carry a topic
}

// An ask is something that the server has been told on a feed and has yet to answer.
type ask struct {
	what askKind
	t    *topic  // nil for a ping
	by   *pledge // of askLeave: what waits for the answer; may be nil
}

// askKind is what the answer will be about.
type askKind uint8

const (
	askJoin askKind = iota
	askLeave
	askPing
)

// add makes the feed carry t.
func (f *feed) add(t *topic) {
	f.topics[t] = false
	t.feeds = append(t.feeds, f)
	t.missing++
	switch {
	case f.l != nil:
		f.tell(ask{askJoin, t, nil})
	case f.x.pw.w.now >= f.retryAt:
		f.connect()
	}
}

// remove makes the feed carry t no longer. by waits for the server's word, where there is
// a connection on which it could come soon.
func (f *feed) remove(t *topic, by *pledge) {
	f.unconfirm(t)
	t.missing--
	delete(f.topics, t)
	switch {
	case f.l == nil:
	case f.l.state == linkReady && by != nil:
		by.left++
		f.tell(ask{askLeave, t, by})
	default:
		f.tell(ask{askLeave, t, nil})
	}
}

// connect dials, and asks for everything that the feed is to carry.
func (f *feed) connect() {
	if f.l = f.x.pw.openTapped(f.server, f.hear, f.lost); f.l == nil {
		return // the server has just left the table: resubscribe comes
	}
	f.l.wholly = true // a SUBSCRIBE that is refused is not said again
	for t := range f.topics {
		f.tell(ask{askJoin, t, nil})
	}
}

// tell sends one command. It waits in the link until that is ready.
func (f *feed) tell(a ask) {
	if f.asks.len() == 0 {
		f.asked = f.x.pw.w.now
	}
	f.asks.push(a)
	frame := f.x.frame[:0]
	switch a.what {
	case askJoin:
		frame = codec.AppendCommand(frame, verbs[a.t.kind].join, a.t.name)
	case askLeave:
		frame = codec.AppendCommand(frame, verbs[a.t.kind].leave, a.t.name)
	default:
		frame = codec.AppendCommand(frame, "ping")
	}
	f.x.frame = frame
	f.l.utter(frame)
}

// hear takes one frame of the server.
func (f *feed) hear(b []byte) {
	f.pause = 0
	f.l.uttered()
	if b == nil {
		return // a message so long that every subscriber would be cut off for it
	}
	if b[0] != '*' {
		f.answered(b) // an error, or +PONG while nothing is subscribed to
		return
	}
	what, at := word(b, codec.ArrayHeader(b))
	name, _ := word(b, at)
	switch string(what) {
	case "message":
		f.pass(channelTopic, name, b)
	case "pmessage":
		f.pass(patternTopic, name, b)
	case "smessage":
		f.pass(shardTopic, name, b)
	case "unsubscribe", "punsubscribe", "sunsubscribe":
		if f.asks.len() == 0 || f.asks.front().what != askLeave {
			f.takenAway(string(what), name)
			return
		}
		f.answered(b)
	default:
		f.answered(b)
	}
}

// pass gives a message to the members of its topic, if this feed carries it.
func (f *feed) pass(kind topicKind, name, b []byte) {
	t := f.x.topics[kind][string(name)]
	if t != nil && f.topics[t] {
		t.deliver(f.x, b)
	}
}

// answered takes the answer to the oldest ask.
func (f *feed) answered(b []byte) {
	if f.asks.len() == 0 {
		f.l.breakUp(faultReply)
		return
	}
	a := *f.asks.front()
	f.asks.pop()
	f.asked = f.x.pw.w.now
	confirmed, carries := f.topics[a.t]
	switch {
	case a.by != nil:
		a.by.kept()
	case a.what != askJoin || !carries || confirmed:
	case b[0] == '-' && f.x.pw.table.Slotted() && (codeIs(b, "MOVED") || codeIs(b, "CLUSTERDOWN")):
		f.astray = true // the next table says who is, or this one is, and does not know it yet
		f.x.pw.w.engine.report.Moved(f.x.pw.opt.Name)
	case b[0] == '-':
		f.refused(a.t, b)
	default:
		f.topics[a.t] = true
		f.x.pw.counters.Upstream++
		a.t.confirmed()
	}
}

// refused hands the server's error on to those who wait for the topic.
func (f *feed) refused(t *topic, b []byte) {
	f.x.pw.w.log.Warn("server refused a subscription", "pool", f.x.pw.opt.Name, "reply", string(b[1:len(b)-2]))
	reply := append([]byte(nil), b...)
	waiting := t.waiting
	t.waiting = nil
	for _, p := range waiting {
		p.broken(reply)
	}
}

// takenAway asks again for what the server has ended by itself.
func (f *feed) takenAway(how string, name []byte) {
	for kind := range topicKinds {
		if verbs[kind].leave != how {
			continue
		}
		if t := f.x.topics[kind][string(name)]; t != nil && f.topics[t] {
			f.unconfirm(t)
			f.tell(ask{askJoin, t, nil})
		}
	}
}

// unconfirm notes that the server does not carry t, or does not any more.
func (f *feed) unconfirm(t *topic) {
	if f.topics[t] {
		f.topics[t] = false
		f.x.pw.counters.Upstream--
		t.missing++
	}
}

// lost hears that the link is gone. Messages that are published until it is back are lost
// for its members, as they are to any subscriber of a server whose connection breaks.
func (f *feed) lost() {
	f.barred = f.l != nil && f.l.why == faultAuth
	asks := f.asks
	f.l, f.asks = nil, ring[ask]{}
	f.pause = min(max(2*f.pause, int64(firstPause)), int64(lastPause))
	f.retryAt = f.x.pw.w.now + f.pause
	for t := range f.topics {
		f.unconfirm(t)
	}
	for ; asks.len() > 0; asks.pop() {
		if by := asks.front().by; by != nil {
			by.kept() // what is lost is left, too
		}
	}
	if f.x.pw.opt.HoldTimeout > 0 {
		return // who waits may wait for the next attempts
	}
	reply := f.x.pw.faultReply(f.fault(), f.server)
	var all []*pledge
	for t := range f.topics {
		all = append(all, t.waiting...)
	}
	for _, p := range all {
		p.broken(reply) // may end subscriptions, and so change topics
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
	switch {
	case f.l == nil && len(f.topics) == 0:
		return false
	case f.l == nil && now >= f.retryAt:
		f.connect()
	case f.l == nil || f.l.state != linkReady || f.l.wire == nil:
	case f.asks.len() > 0 && now-max(f.l.heard, f.asked) > f.x.pw.silence():
		f.l.breakUp(faultTimeout)
	case len(f.topics) == 0 && f.asks.len() == 0 && now-f.l.heard > int64(quietTime):
		f.l.discard()
		return false
	case f.astray && f.asks.len() == 0 && now-f.asked > mostWait:
		f.askAgain()
	case f.asks.len() == 0 && now-f.l.heard > int64(pingFeed):
		f.tell(ask{what: askPing})
	}
	return true
}

// askAgain asks once more for what the server has refused to carry.
func (f *feed) askAgain() {
	f.astray = false
	for t, confirmed := range f.topics {
		if !confirmed {
			f.tell(ask{askJoin, t, nil})
		}
	}
}

// silence is how long a server that owes answers may say nothing.
func (pw *poolWorker) silence() int64 {
	return max(int64(leastSilence), silences*int64(pw.opt.Timeout))
}

// openTapped makes a private link of the worker's own, not lent to anybody, and dials it.
// tap gets every reply behind the handshake, lost is called once when the link is gone. nil
// when the server is not in the table.
func (pw *poolWorker) openTapped(id int32, tap func([]byte), lost func()) *link {
	server := pw.table.Server(id)
	if server == nil {
		return nil
	}
	l := newLink(pw, server, dialect{resp: 2})
	l.private, l.tap, l.tapLost = true, tap, lost
	pw.private.links = append(pw.private.links, l)
	l.warm()
	return l
}

// utter sends a frame on a tapped link, in order and with the writes of this event.
func (l *link) utter(frame []byte) {
	if l.state == linkReady {
		l.press()
	}
	l.log.add(frame)
	l.count.Requests++
	l.count.RequestBytes += uint64(len(frame))
}

// uttered lets the log forget what has been given to the wire: nothing of it is ever sent
// again, and no entry of the FIFO stands for it.
func (l *link) uttered() {
	if l.base != l.sent {
		l.base, l.written = l.sent, ring[stamp]{}
	}
}
