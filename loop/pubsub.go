package loop

import (
	"slices"
	"strings"

	"huntaway/codec"
)

// A topicKind says what kind of thing is subscribed to. Each has names of its own.
type topicKind uint8

const (
	channelTopic topicKind = iota // SUBSCRIBE
	patternTopic                  // PSUBSCRIBE
	shardTopic                    // SSUBSCRIBE
	topicKinds                    // their number
)

// A verb is how a kind is subscribed to and left: a command's name, which is also the first
// word of its confirmations.
type verb struct{ join, leave string }

var verbs = [topicKinds]verb{
	channelTopic: {"subscribe", "unsubscribe"},
	patternTopic: {"psubscribe", "punsubscribe"},
	shardTopic:   {"ssubscribe", "sunsubscribe"},
}

// A subscriber is what a session is subscribed to, or about to be. Owner: the session; it
// has none while it has no subscription.
type subscriber struct {
	places  map[*topic]int  // where it stands among the members of each topic
	counts  [topicKinds]int // topics, by kind
	barrier uint32          // messages come behind this slot: of a confirmation, or of messages
	asked   uint32          // the slot of the last command that subscribes
	behind  uint32          // the slot behind the last messages that took one
}

// confirmed is the count in confirmations of a kind: channels and patterns are counted
// together, channels of shards apart.
func (sub *subscriber) confirmed(kind topicKind) int64 {
	switch {
	case sub == nil:
		return 0
	case kind == shardTopic:
		return int64(sub.counts[shardTopic])
	}
	return int64(sub.counts[channelTopic] + sub.counts[patternTopic])
}

// subscriptions returns how many channels, patterns and channels of shards the session is
// subscribed to.
func (s *session) subscriptions() (channels, patterns, shards int) {
	if s.sub == nil {
		return 0, 0, 0
	}
	c := &s.sub.counts
	return c[channelTopic], c[patternTopic], c[shardTopic]
}

// pubSub serves the commands of publish and subscribe.
func (s *session) pubSub(cmd *codec.Command, r *codec.Request) {
	switch cmd.Name {
	case "publish", "spublish":
		if s.mode.has(modeSubscribed) && s.stepAside(r) {
			return // a subscription that is not confirmed yet would miss it
		}
		// The server's answer is passed on. It counts a worker of a proxy as one subscriber,
		// however many sessions are behind it: what is behind other proxies nobody here knows.
		s.forward(cmd, r, s.pw.table.Locate(r.Arg(1)))
		return
	case "pubsub|channels", "pubsub|shardchannels", "pubsub|numsub", "pubsub|shardnumsub", "pubsub|numpat":
		s.takeCensus(cmd, r)
		return
	}
	s.pw.commands[cmd.ID].Calls++
	if cmd.Name == "pubsub|help" {
		s.settleLocal(s.expect(slot{join: noJoin}), answerPubSubHelp(s, s.w.scratch[:0], r))
		return
	}
	for kind := range topicKinds {
		switch cmd.Name {
		case verbs[kind].join:
			s.subscribe(kind, r)
			return
		case verbs[kind].leave:
			s.unsubscribe(kind, r)
			return
		}
	}
	s.refuse(refusedText(cmd)) // learnt from a server that is newer than this table
}

// subscribe serves SUBSCRIBE and its sisters. The session is a member of its topics at
// once; the confirmations wait in their slot until the servers have confirmed.
func (s *session) subscribe(kind topicKind, r *codec.Request) {
	x := s.pw.switchboard()
	if s.subscribesTooMuch(x, kind, r) {
		s.refuse("ERR huntaway: too many subscriptions; one connection may have " +
			decimal(s.pw.opt.Limits.Subscriptions) + ", see limits.subscriptions")
		return
	}
	if s.sub == nil {
		s.sub = &subscriber{places: make(map[*topic]int)}
		s.mode |= modeSubscribed
	}
	p := &pledge{s: s, since: s.w.now}
	for i := 1; i < r.Len(); i++ {
		t := x.topicOf(kind, r.Arg(i))
		if s.enrol(t) {
			p.fresh = append(p.fresh, t)
		}
		p.await(t)
		p.reply = appendConfirmation(p.reply, s, verbs[kind].join, r.Arg(i), s.sub.confirmed(kind))
	}
	p.seq = s.window.push(slot{join: noJoin}) // said even under CLIENT REPLY OFF
	s.sub.barrier, s.sub.asked = p.seq, p.seq
	x.admit(p)
}

// subscribesTooMuch reports whether a command would bring the session over its limit.
func (s *session) subscribesTooMuch(x *switchboard, kind topicKind, r *codec.Request) bool {
	have, most := 0, s.pw.opt.Limits.Subscriptions
	if s.sub != nil {
		have = len(s.sub.places)
	}
	if have+r.Len()-1 <= most {
		return false
	}
	for i := 1; i < r.Len(); i++ {
		if !s.subscribed(x.topics[kind][string(r.Arg(i))]) {
			have++
		}
	}
	return have > most
}

// subscribed reports whether the session is a member of t, which may be nil.
func (s *session) subscribed(t *topic) bool {
	if s.sub == nil || t == nil {
		return false
	}
	_, is := s.sub.places[t]
	return is
}

// unsubscribe serves UNSUBSCRIBE and its sisters: from the topics that are named, or from
// all of the kind. No message comes behind it. The confirmations wait until servers that
// lose their last subscriber have heard of it: PUBLISH does not count it any more then.
func (s *session) unsubscribe(kind topicKind, r *codec.Request) {
	x := s.pw.switchboard()
	how := verbs[kind].leave
	p := &pledge{s: s}
	for i := 1; i < r.Len(); i++ {
		s.leaveTopic(x.topics[kind][string(r.Arg(i))], p)
		p.reply = appendConfirmation(p.reply, s, how, r.Arg(i), s.sub.confirmed(kind))
	}
	if r.Len() == 1 {
		for _, t := range s.topicsOf(kind) {
			s.leaveTopic(t, p)
			p.reply = appendConfirmation(p.reply, s, how, []byte(t.name), s.sub.confirmed(kind))
		}
		if len(p.reply) == 0 {
			p.reply = appendConfirmation(p.reply, s, how, nil, s.sub.confirmed(kind))
		}
	}
	s.endSubscribed()
	p.seq = s.window.push(slot{join: noJoin})
	p.answerIfKept()
}

// topicsOf returns the session's topics of a kind, by name.
func (s *session) topicsOf(kind topicKind) (some []*topic) {
	if s.sub == nil || s.sub.counts[kind] == 0 {
		return nil
	}
	for t := range s.sub.places {
		if t.kind == kind {
			some = append(some, t)
		}
	}
	slices.SortFunc(some, func(a, b *topic) int { return strings.Compare(a.name, b.name) })
	return some
}

// appendConfirmation appends the frame by which a change of a subscription is confirmed;
// name is nil when there was nothing to leave.
func appendConfirmation(dst []byte, s *session, how string, name []byte, count int64) []byte {
	dst = codec.AppendPush(dst, s.resp, 3)
	dst = codec.AppendBulk(dst, how)
	if name == nil {
		dst = codec.AppendNil(dst, s.resp)
	} else {
		dst = codec.AppendBulk(dst, name)
	}
	return codec.AppendInt(dst, count)
}

// endSubscribed leaves the mode with the last subscription.
func (s *session) endSubscribed() {
	if s.sub != nil && len(s.sub.places) == 0 {
		s.sub = nil
		s.mode &^= modeSubscribed
	}
}

// confined serves what a RESP2 session says while it is subscribed, where that differs: its
// replies could not be told from messages. It reports whether it has.
func (s *session) confined(cmd *codec.Command, r *codec.Request) (served bool) {
	if s.resp == 3 || cmd == nil || cmd.IsContainer() || !cmd.CheckArity(r.Len()) {
		return false
	}
	switch cmd.Name {
	case "subscribe", "unsubscribe", "psubscribe", "punsubscribe", "ssubscribe", "sunsubscribe",
		"quit", "reset":
		return false
	case "ping":
		return s.pong(cmd, r)
	}
	text := "Can't execute '" + cmd.Name + "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / " +
		"PING / QUIT / RESET are allowed in this context"
	switch {
	case cmd.ID != execID:
		s.refuse("ERR " + text)
	case s.pin == nil || !s.stepAside(r):
		s.endTransaction() // as for every EXEC that Redis refuses
		s.refuse(textAbortedFor + text)
	}
	return true
}

// awaitsFeed makes a request that may change something wait until the session's subscriptions
// are confirmed, and reports whether it has: the request goes to its server over another
// connection than they do, and the session could miss what it causes, an event of a key or
// a message that a script publishes. Only RESP3 lets a subscribed session ask for changes.
func (s *session) awaitsFeed(cmd *codec.Command, r *codec.Request) bool {
	unsaid := s.sub.asked-s.window.head < uint32(s.window.len())
	return unsaid && mayChange(cmd) && s.stepAside(r)
}

// pong answers PING in the form of a message.
func (s *session) pong(cmd *codec.Command, r *codec.Request) (served bool) {
	if r.Len() > 2 {
		return false
	}
	s.lastCmd = cmd.ID
	s.pw.commands[cmd.ID].Calls++
	reply := codec.AppendBulk(codec.AppendArray(s.w.scratch[:0], 2), "pong")
	if r.Len() == 2 {
		reply = codec.AppendBulk(reply, r.Arg(1))
	} else {
		reply = codec.AppendBulk(reply, "")
	}
	s.settleLocal(s.expect(slot{join: noJoin}), reply)
	return true
}

// dropSubscriptions ends the session's subscriptions without a word to it.
func (s *session) dropSubscriptions() {
	if s.sub == nil {
		return
	}
	for t := range s.sub.places {
		s.leaveTopic(t, nil)
	}
	s.endSubscribed()
}
