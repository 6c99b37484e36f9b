package loop

import (
	"maps"
	"slices"
	"strings"

	"huntaway/codec"
	"huntaway/loop/memory"
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

// orders are the commands that subscribe and unsubscribe.
var orders = commandSet("subscribe", "unsubscribe", "psubscribe", "punsubscribe", "ssubscribe", "sunsubscribe")

// A subscriber is what a session is subscribed to, or about to be. Owner: the session; it
// has none while it has no subscription and no order is unanswered.
type subscriber struct {
	topics        map[*topic]*stake
	counts        [topicKinds]int            // topics that it is a member of, by kind
	wants         int                        // topics that its orders so far ask for
	pendingOrders memory.Ring[*pendingOrder] // its unanswered orders, oldest first
	named         int                        // names in them
	bytes         int                        // of the names of topics
	answering     bool                       // they are being answered, now or by a chore
	behind        uint32                     // the slot behind the last messages that took one
}

// A stake is what a session has to do with a topic. Owner: the session.
type stake struct {
	t       *topic
	place   int       // among the topic's members, plus one; 0: it is not a member
	joined  uint32    // of a member: the slot in which that was confirmed
	deaf    []*strand // of a member that leaves: from where it hears no more
	changes int       // unanswered orders that name the topic
	wants   bool      // its orders so far ask for the topic
}

// What a subscription takes of memory, besides its name: as a topic that the session has alone,
// with its strand and what all of them are found by; and a name in an order.
const (
	bytesPerStake   = 512
	bytesPerMention = 128
)

// holds returns about how many bytes the session's subscriptions and orders take.
func (sub *subscriber) holds() int64 {
	if sub == nil {
		return 0
	}
	n := sub.bytes + bytesPerStake*len(sub.topics) + bytesPerMention*sub.named
	if sub.pendingOrders.Len() > 0 { // others have been read, and have nothing to say
		n += cap(sub.newest().rest) + cap((*sub.pendingOrders.Front()).said)
	}
	return int64(n)
}

// newest returns the last of the unanswered orders; there is one.
func (sub *subscriber) newest() *pendingOrder {
	return *sub.pendingOrders.At(sub.pendingOrders.Behind() - 1)
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
		s.publish(cmd, r)
		return
	}
	if hasLongWord(r) {
		s.refuse(textLongWord)
		return
	}
	switch cmd.Name {
	case "pubsub|channels", "pubsub|shardchannels", "pubsub|numsub", "pubsub|shardnumsub", "pubsub|numpat":
		s.takeTopicQuery(cmd, r)
		return
	}
	if inSet(orders, cmd) && s.awaitsQuiet(r) {
		return
	}
	s.pw.commands[cmd.ID].Calls++
	if cmd.Name == "pubsub|help" {
		s.settleLocal(s.expect(slot{join: noJoin}), answerPubSubHelp(s, s.w.pad.scratch[:0], r))
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

// mostNamed is how many names may be in a session's unanswered orders before the next order
// waits for them: a server has no more of a session to do at once, however slow it is.
const mostNamed = 128

// awaitsQuiet makes an order wait until everything before it has been answered, unless that
// is nothing but orders, and not too many; it reports whether the order waits. What a session
// has published before it subscribes must have been executed first, as at a server. Of a
// transaction everything else has been.
func (s *session) awaitsQuiet(r *codec.Request) bool {
	if s.mode.has(modeMedley) || s.sub != nil && s.sub.pendingOrders.Len() > 0 && s.sub.named < mostNamed {
		return false
	}
	return s.stepAside(r)
}

// subscribe serves SUBSCRIBE and its sisters.
func (s *session) subscribe(kind topicKind, r *codec.Request) {
	x := s.pw.topicRegistry()
	if s.input.parted && r.Len()-1 > s.w.namesPerPiece() {
		s.lastWord(endPeer) // a client that is gone is not waited for
		return
	}
	if s.subscribesTooMuch(x, kind, r) {
		s.refuse("ERR huntaway: too many subscriptions; one connection may have " +
			decimal(s.pw.opt.Limits.Subscriptions) + ", see limits.subscriptions")
		return
	}
	p := s.pendingOrder(kind)
	p.joins = true
	p.read(r)
}

// subscribesTooMuch reports whether an order would bring the session over its limit.
func (s *session) subscribesTooMuch(x *topicRegistry, kind topicKind, r *codec.Request) bool {
	have, most := 0, s.pw.opt.Limits.Subscriptions
	if s.sub != nil {
		have = s.sub.wants
	}
	if have+r.Len()-1 <= most {
		return false
	}
	fresh := make(map[string]bool) // a name that is said twice counts once
	for i := 1; i < r.Len() && have+len(fresh) <= most; i++ {
		name := x.pw.inward(kind, r.Arg(i))
		if !s.asksFor(x.topics[kind][string(name)]) {
			fresh[string(name)] = true
		}
	}
	return have+len(fresh) > most
}

// isJoining reports whether an order to subscribe is being read, which takes several turns. A
// client that goes away meanwhile is not waited for.
func (s *session) isJoining() bool {
	return s.stops&stopOrder != 0 && s.sub != nil && s.sub.pendingOrders.Len() > 0 && s.sub.newest().joins
}

// asksFor reports whether the session's orders so far ask for t, which may be nil.
func (s *session) asksFor(t *topic) bool {
	if t == nil || s.sub == nil {
		return false
	}
	at := s.sub.topics[t]
	return at != nil && at.wants
}

// unsubscribe serves UNSUBSCRIBE and its sisters: from the topics that are named, or from
// all of the kind.
func (s *session) unsubscribe(kind topicKind, r *codec.Request) {
	p := s.pendingOrder(kind)
	if r.Len() == 1 {
		p.leave(s.topicsOf(kind))
		return
	}
	p.read(r)
}

// mostSorted is how many topics a session leaves in the order of their names.
const mostSorted = 256

// topicsOf returns the topics of a kind that the session's orders so far ask for: by name, unless
// there are so many that this would take long.
func (s *session) topicsOf(kind topicKind) (some []*topic) {
	for t, at := range s.sub.topics {
		if t.kind == kind && at.wants {
			some = append(some, t)
		}
	}
	s.spend(workHand * len(s.sub.topics))
	if len(some) <= mostSorted {
		slices.SortFunc(some, func(a, b *topic) int { return strings.Compare(a.shown, b.shown) })
	}
	return some
}

// appendConfirmation appends the frame by which a change of a subscription is confirmed;
// name is nil when there was nothing to leave.
func appendConfirmation(dst []byte, s *session, how string, name []byte, count int64) []byte {
	dst = codec.AppendPush(dst, s.proto.resp, 3)
	dst = codec.AppendBulk(dst, how)
	if name == nil {
		dst = codec.AppendNil(dst, s.proto.resp)
	} else {
		dst = codec.AppendBulk(dst, name)
	}
	return codec.AppendInt(dst, count)
}

// endSubscribed leaves the mode with the last subscription and the last order.
func (s *session) endSubscribed() {
	if s.sub != nil && len(s.sub.topics) == 0 && s.sub.pendingOrders.Len() == 0 {
		s.sub = nil
		s.mode &^= modeSubscribed
	}
}

// attends serves what a session says while it is subscribed, or about to be, where that
// differs from what others are served. It reports whether it has.
func (s *session) attends(cmd *codec.Command, r *codec.Request) (served bool) {
	proper := cmd != nil && !cmd.IsContainer() && cmd.CheckArity(r.Len())
	switch {
	case proper && inSet(orders, cmd):
		return false
	case s.sub.pendingOrders.Len() > 0:
		return s.stepAside(r) // it may cause messages, and means something else while subscribed
	case proper && (cmd.ID == quitID || cmd.ID == resetID):
		return s.stepAside(r) || s.takeLeave(r)
	}
	return s.proto.resp == 2 && proper && s.confined(cmd, r)
}

// takeLeave ends all subscriptions before a QUIT or a RESET, which is admitted again when the
// messages have come that were published before it.
func (s *session) takeLeave(r *codec.Request) bool {
	s.putBack(r)
	s.stop(stopAlone)
	p := s.pendingOrder(channelTopic)
	p.silent = true
	if s.proto.silence == skipping {
		s.proto.skipped = uint16(s.window.Behind()) // see skip: the slot was taken for the same request
	}
	p.leave(slices.Collect(maps.Keys(s.sub.topics)))
	return true
}

// confined serves what a RESP2 session says while it is subscribed, where that differs: its
// replies could not be told from messages. It reports whether it has.
func (s *session) confined(cmd *codec.Command, r *codec.Request) (served bool) {
	switch cmd.Name {
	case "quit", "reset":
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

// pong answers PING in the form of a message.
func (s *session) pong(cmd *codec.Command, r *codec.Request) (served bool) {
	if r.Len() > 2 {
		return false
	}
	s.account.lastCmd = cmd.ID
	if len(r.Frame) > mostWordBytes {
		s.refuse(textExcessive)
		return true
	}
	s.pw.commands[cmd.ID].Calls++
	reply := codec.AppendBulk(codec.AppendArray(s.w.pad.scratch[:0], 2), "pong")
	if r.Len() == 2 {
		reply = codec.AppendBulk(reply, r.Arg(1))
	} else {
		reply = codec.AppendBulk(reply, "")
	}
	s.settleLocal(s.expect(slot{join: noJoin}), reply)
	return true
}

// dropSubscriptions ends the session's subscriptions without a word to it: it is gone. Very many
// end in later turns.
func (s *session) dropSubscriptions() {
	if s.sub == nil {
		return
	}
	for at := s.sub.pendingOrders.First(); at != s.sub.pendingOrders.Behind(); at++ {
		(*s.sub.pendingOrders.At(at)).over = true
	}
	if !s.dropSome() {
		s.w.addChore(s.dropSome)
	}
}

// dropSome ends some subscriptions, and reports whether those were the last.
func (s *session) dropSome() (all bool) {
	n := s.w.namesPerPiece()
	for ; s.sub.pendingOrders.Len() > 0; s.sub.pendingOrders.Pop() {
		if all, n = (*s.sub.pendingOrders.Front()).forgetSome(n); !all {
			return false
		}
	}
	for _, at := range s.sub.topics {
		if n--; n < 0 {
			return false
		}
		at.changes = 0
		s.unwant(at)
		s.leaveTopic(at)
		s.settle(at)
	}
	s.endSubscribed()
	return true
}
