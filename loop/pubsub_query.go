package loop

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"huntaway/codec"
	"huntaway/loop/memory"
)

// A topicQuery answers PUBSUB's questions about who is subscribed: every master is asked, and
// then every worker of this process, whose sessions a server sees as one.
//
// What it says is exact for sessions of this proxy and for clients that are connected to
// the servers themselves. Another proxy counts as one subscriber per worker. NUMPAT is the
// most that one master knows: through a proxy every master knows every pattern.
type topicQuery struct {
	who     entry // the session's slot
	what    string
	names   []string // what NUMSUB asks about
	kind    topicKind
	left    int // masters that have not answered
	replies [][]byte
	bad     []byte // the first error
}

// takeTopicQuery begins to answer one of PUBSUB's questions.
func (s *session) takeTopicQuery(cmd *codec.Command, r *codec.Request) {
	x := s.pw.topicRegistry()
	c := &topicQuery{what: strings.TrimPrefix(strings.TrimPrefix(cmd.Name, "pubsub|"), "shard")}
	if strings.HasPrefix(cmd.Name, "pubsub|shard") {
		c.kind = shardTopic
	}
	frame := s.pw.inwardQuery(c.kind, r)
	for i := 2; i < r.Len() && c.what == "numsub"; i++ {
		c.names = append(c.names, string(s.pw.inward(c.kind, r.Arg(i))))
	}
	s.pw.commands[cmd.ID].Calls++
	c.who = entry{session: s.index, gen: s.gen, seq: s.expect(slot{join: noJoin})}
	everywhere := &topic{kind: patternTopic}
	ids := x.serversOf(everywhere)
	if everywhere.orphan {
		s.answer(c.who.seq, s.pw.faultReply(faultNoMaster, -1))
		return
	}
	c.left = len(ids)
	s.stop(stopGather)
	for _, id := range ids {
		x.ask(id, frame, func(reply []byte) { x.counted(c, id, reply) })
	}
}

// counted takes a master's answer; nil: there is none. With the last the workers are asked.
func (x *topicRegistry) counted(c *topicQuery, id int32, reply []byte) {
	switch {
	case reply == nil && c.bad == nil:
		c.bad = x.pw.faultReply(faultConnect, id)
	case reply != nil && reply[0] == '-' && c.bad == nil:
		c.bad = append([]byte(nil), reply...)
	case reply != nil && reply[0] != '-':
		c.replies = append(c.replies, append([]byte(nil), reply...))
	}
	if c.left--; c.left > 0 {
		return
	}
	s := x.pw.w.sessionOf(&c.who)
	switch {
	case s == nil:
	case c.bad != nil:
		s.pw.counters.ErrorReplies++
		s.answer(c.who.seq, c.bad)
		s.release(stopGather)
	default:
		p, kind, names := s.pw.pool, c.kind, c.names
		gatherAt(s, c.who.seq, func(w *worker) []own { return w.pools[p.index].owns(kind, names) }, c.finish)
	}
}

// own is what a worker has of one topic.
type own struct {
	members int64 // its sessions
	feeds   int64 // servers that count it as one subscriber
}

// owns counts what the worker has of each topic. It runs on the worker.
func (pw *poolWorker) owns(kind topicKind, names []string) []own {
	all := make([]own, len(names))
	for i, name := range names {
		if pw.board == nil {
			break
		}
		if t := pw.board.topics[kind][name]; t != nil {
			all[i] = own{members: int64(len(t.members))}
			for _, st := range t.strands {
				if st.isOpen() {
					all[i].feeds++
				}
			}
		}
	}
	return all
}

// finish makes the reply.
func (c *topicQuery) finish(s *session, dst []byte, workers [][]own) []byte {
	switch c.what {
	case "numpat":
		most := int64(0)
		for _, reply := range c.replies {
			n, _ := codec.Integer(reply)
			most = max(most, n)
		}
		return codec.AppendInt(dst, most)
	case "numsub":
		return c.appendCounts(s.pw, dst, workers)
	}
	var all []string
	for _, reply := range c.replies {
		for at := codec.ArrayHeader(reply); at < len(reply); {
			name, next := word(reply, at)
			if next == 0 {
				break
			}
			if shown, visible := s.pw.outwardName(c.kind, name); visible {
				all = append(all, string(shown))
			}
			at = next
		}
	}
	slices.Sort(all)
	return appendBulks(dst, slices.Compact(all)...)
}

// appendCounts appends every name and its subscribers: what the masters count, with our
// sessions in the place of our workers.
func (c *topicQuery) appendCounts(pw *poolWorker, dst []byte, workers [][]own) []byte {
	counts := make([]int64, len(c.names))
	for _, reply := range c.replies {
		at := codec.ArrayHeader(reply)
		for i := range counts {
			_, at = word(reply, at)
			size := codec.Size(reply[min(at, len(reply)):])
			n, _ := codec.Integer(reply[at : at+size])
			counts[i] += n
			at += size
		}
	}
	dst = codec.AppendArray(dst, 2*len(c.names))
	for i, name := range c.names {
		members := int64(0)
		for _, o := range workers {
			members += o[i].members
			counts[i] -= o[i].feeds
		}
		shown, _ := pw.outwardName(c.kind, []byte(name))
		dst = codec.AppendBulk(dst, shown)
		dst = codec.AppendInt(dst, max(counts[i], 0)+members)
	}
	return dst
}

// keepOracle is how long a link for questions stays open without any.
const keepOracle = 10e9

// An oracle is a tapped link on which a master is asked about its subscriptions: a feed can
// not ask, its server takes nothing but subscriptions there. Owner: the worker. It is made
// by a question, and closed when there has been none for keepOracle nanoseconds.
type oracle struct {
	x      *topicRegistry
	l      *link // nil once it is lost
	answer memory.Ring[func([]byte)]
	asked  int64 // when the last question came
}

// ask asks a server; answer gets its reply, which is dead when it returns, or nil.
func (x *topicRegistry) ask(id int32, frame []byte, answer func([]byte)) {
	o := x.oracles[id]
	if o == nil || o.l == nil {
		o = &oracle{x: x}
		if o.l = x.pw.openTapped(id, o.hear, o.lost); o.l == nil {
			answer(nil)
			return
		}
		x.oracles[id] = o
	}
	o.asked = x.pw.w.now
	o.answer.Push(answer)
	o.l.utter(frame)
}

// hear takes the reply to the oldest question.
func (o *oracle) hear(reply []byte) (taken bool) {
	o.l.uttered()
	if o.answer.Len() == 0 {
		o.l.breakUp(faultReply)
		return true
	}
	answer := *o.answer.Front()
	o.answer.Pop()
	answer(reply)
	return true
}

// lost answers nothing to every question.
func (o *oracle) lost() {
	o.l = nil
	for o.answer.Len() > 0 {
		answer := *o.answer.Front()
		o.answer.Pop()
		answer(nil)
	}
}

// tick gives up what takes too long, and reports whether the oracle is still of use.
func (o *oracle) tick() (needed bool) {
	age := o.x.pw.w.now - o.asked
	limit := int64(cmp.Or(o.x.pw.opt.Timeout, lastPause))
	switch {
	case o.l == nil:
		return false
	case o.answer.Len() > 0 && age > limit:
		o.l.discard()
		o.lost()
		return false
	case o.answer.Len() == 0 && age > keepOracle:
		o.l.discard()
		return false
	}
	return true
}

// A roll is what a worker's sessions are subscribed to, for INFO.
type roll struct {
	clients int                  // sessions that are subscribed to anything
	names   [topicKinds][]string // of the topics
}

// rollOf lists the worker's subscriptions. It runs on the worker.
func (pw *poolWorker) rollOf() (all roll) {
	if pw.board == nil {
		return all
	}
	for kind := range pw.board.topics {
		for name := range pw.board.topics[kind] {
			all.names[kind] = append(all.names[kind], name)
		}
	}
	pw.w.sessionsOf(pw.pool, func(s *session) {
		if s.sub != nil {
			all.clients++
		}
	})
	return all
}

// add adds another worker's roll.
func (l *roll) add(o *roll) {
	l.clients += o.clients
	for kind := range l.names {
		l.names[kind] = append(l.names[kind], o.names[kind]...)
	}
}

// count returns how many topics of a kind are on the roll: one on two workers counts once.
func (l *roll) count(kind topicKind) int64 {
	slices.Sort(l.names[kind])
	return int64(len(slices.Compact(l.names[kind])))
}

// answerPubSubHelp answers PUBSUB HELP.
var answerPubSubHelp = alwaysLines(
	"PUBSUB <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
	"CHANNELS [<pattern>]",
	"    Return the currently active channels matching a <pattern> (default: '*').",
	"NUMPAT",
	"    Return number of subscriptions to patterns.",
	"NUMSUB [<channel> ...]",
	"    Return the number of subscribers for the specified channels, excluding",
	"    pattern subscriptions(default: no channels).",
	"SHARDCHANNELS [<pattern>]",
	"    Return the currently active shard level channels matching a <pattern> (default: '*').",
	"SHARDNUMSUB [<shardchannel> ...]",
	"    Return the number of subscribers for the specified shard level channel(s)",
	"HELP",
	"    Prints this help.",
)

// lines are INFO's figures of subscriptions.
func (l *roll) lines(i *lines) {
	for kind, name := range []string{"pubsub_channels:", "pubsub_patterns:", "pubsubshard_channels:"} {
		i.text(name, strconv.FormatInt(l.count(topicKind(kind)), 10))
	}
}
