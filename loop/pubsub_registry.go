package loop

import (
	"bytes"
	"slices"
	"strings"

	"huntaway/loop/memory"
)

// A topicRegistry is a worker's subscriptions in one pool: who is subscribed to what, and
// which servers have been asked for it. Owner: the worker; made on first use.
type topicRegistry struct {
	pw            *poolWorker
	topics        [topicKinds]map[string]*topic
	feeds         map[int32]*feed   // by server ID
	oracles       map[int32]*oracle // by server ID
	pendingOrders []*pendingOrder   // the oldest first
	table         uint32            // of those that topics have followed
	frame         []byte            // a command to a server, while it is made
	pushes        memory.Buffer     // see copies
	pushesOf      uint64            // the event that pushes is of
	lasting       *memory.Buffer    // see copies
}

// topicRegistry returns the worker's subscriptions.
func (pw *poolWorker) topicRegistry() *topicRegistry {
	if pw.board == nil {
		x := &topicRegistry{pw: pw, feeds: make(map[int32]*feed), oracles: make(map[int32]*oracle)}
		for kind := range x.topics {
			x.topics[kind] = make(map[string]*topic)
		}
		pw.board = x
	}
	return pw.board
}

// topicOf returns a topic, by the name that the servers know it by.
func (x *topicRegistry) topicOf(kind topicKind, name []byte) *topic {
	if t := x.topics[kind][string(name)]; t != nil {
		x.follow(t)
		return t
	}
	t := &topic{x: x, kind: kind, name: string(name), table: x.table}
	shown, _ := x.pw.outwardName(kind, name)
	t.shown = string(shown)
	x.topics[kind][t.name] = t
	x.place(t)
	return t
}

// drop forgets a topic that is nobody's.
func (x *topicRegistry) drop(t *topic) {
	if x.topics[t.kind][t.name] == t {
		delete(x.topics[t.kind], t.name)
	}
	for _, st := range t.strands {
		st.cut()
	}
	t.strands = nil
}

// place makes exactly those feeds carry t that have to by the present table, and reports
// whether that is a change.
func (x *topicRegistry) place(t *topic) (moved bool) {
	was := t.orphan
	ids := x.serversOf(t)
	moved = was != t.orphan
	for _, st := range slices.Clone(t.strands) {
		if !slices.Contains(ids, st.f.server) {
			t.strands = slices.DeleteFunc(t.strands, func(o *strand) bool { return o == st })
			st.cut()
			moved = true
		}
	}
	for _, id := range ids {
		if f := x.feedOf(id); f.strands[t] == nil {
			f.carry(t)
			moved = true
		}
	}
	return moved
}

// serversOf returns the masters that have to carry t, and notes whether one is lacking.
// Messages go where their channel's name says; a pattern may fit any channel, and events of
// keys are made by the server that has the key, so these are carried by all. What a script
// publishes appears at the group of its keys: with several groups only patterns hear of it,
// unless the channel is of the same group. The servers of a cluster tell each other what is
// published, and would tell us as many times: there any one of them carries what is not an
// event of keys.
func (x *topicRegistry) serversOf(t *topic) (ids []int32) {
	table := x.pw.table
	t.orphan = len(table.Groups) == 0
	from, to := 0, len(table.Groups)
	if t.kind != patternTopic && !isKeyEvent(t) || table.Slotted() && !mayBeKeyEvent(t) {
		from = table.Locate([]byte(t.name))
		to = from + 1
	}
	for g := from; g < to; g++ {
		switch {
		case g < 0 || table.Groups[g].Master < 0:
			t.orphan = true
		case !slices.Contains(ids, table.Groups[g].Master):
			ids = append(ids, table.Groups[g].Master)
		}
	}
	return ids
}

// isKeyEvent reports whether a channel is one on which servers tell what happens to keys.
func isKeyEvent(t *topic) bool {
	return t.kind == channelTopic && isEventChannel([]byte(t.name))
}

// isEventChannel reports whether the name of a channel is of those.
func isEventChannel(name []byte) bool {
	return bytes.HasPrefix(name, []byte("__keyspace@")) || bytes.HasPrefix(name, []byte("__keyevent@"))
}

// mayBeKeyEvent reports whether a topic, which may be a pattern, speaks of events of keys.
func mayBeKeyEvent(t *topic) bool {
	return t.kind != shardTopic && strings.HasPrefix(t.name, "__key")
}

// feedOf returns the feed of a server.
func (x *topicRegistry) feedOf(id int32) *feed {
	f := x.feeds[id]
	if f == nil {
		f = &feed{x: x, server: id, strands: make(map[*topic]*strand), unended: make(map[topicName]*strand), nth: 1}
		f.more = f.goOn
		x.feeds[id] = f
	}
	return f
}

// hopeless returns the error for an order with a change that is not worth waiting for, or nil.
func (x *topicRegistry) hopeless(c *change) []byte {
	if x.pw.opt.HoldTimeout > 0 || !c.p.joins {
		return nil
	}
	if c.t.orphan {
		return x.pw.faultReply(faultNoMaster, -1)
	}
	for _, st := range c.t.strands {
		if st.f.l == nil {
			return x.pw.faultReply(st.f.fault(), st.f.server)
		}
	}
	return nil
}

// resubscribe follows a new table: subscriptions move to the masters it names. A message of
// the former one that is still on the way is not heard, or those that the next one got by
// replication would come twice; what waits for the servers' word waits for that of the new
// ones.
//
// With very many topics that takes several turns. A topic that somebody joins or leaves is moved
// at once: what is confirmed to him must be true of the master that messages go to now.
func (pw *poolWorker) resubscribe() {
	x := pw.board
	if x == nil {
		return
	}
	x.table++
	var all []*topic
	for kind := range x.topics {
		for _, t := range x.topics[kind] {
			if t.pending.n > 0 {
				x.follow(t)
			} else {
				all = append(all, t)
			}
		}
	}
	piece := func() (done bool) {
		n := min(len(all), pw.w.namesPerPiece())
		for _, t := range all[:n] {
			if x.topics[t.kind][t.name] == t {
				x.follow(t)
			}
		}
		all = all[n:]
		return len(all) == 0
	}
	if !piece() {
		pw.w.turns.passing = append(pw.w.turns.passing, piece)
		pw.w.awaitTurn()
	}
}

// follow moves a topic to the masters of the present table, if it has not been.
func (x *topicRegistry) follow(t *topic) {
	if t.table == x.table {
		return
	}
	t.table = x.table
	if x.place(t) {
		x.beginAnew(t)
	}
}

// beginAnew makes the changes of a topic wait for the feeds that carry it now.
func (x *topicRegistry) beginAnew(t *topic) {
	for _, c := range t.pending.waiting() {
		if c.left == 0 {
			continue
		}
		if reply := x.hopeless(c); reply != nil {
			c.p.fail(reply)
		} else {
			x.begin(c)
		}
	}
}

// tickSubscriptions looks at everything about subscriptions that can run out of time.
func (pw *poolWorker) tickSubscriptions() {
	x := pw.board
	if x == nil {
		return
	}
	for id, f := range x.feeds {
		if !f.tick() {
			delete(x.feeds, id)
		}
	}
	for id, o := range x.oracles {
		if !o.tick() {
			delete(x.oracles, id)
		}
	}
	x.expireOrders()
}

// expireOrders ends the wait for what servers have not answered within the time that a
// request may be held, or that a server may take, whichever is longer: who joins has failed,
// who leaves has left.
func (x *topicRegistry) expireOrders() {
	if len(x.pendingOrders) == 0 {
		return
	}
	limit := max(int64(x.pw.opt.HoldTimeout), int64(x.pw.opt.Timeout))
	late := x.pw.faultReply(faultHoldTime, -1)
	for _, p := range x.pendingOrders {
		switch {
		case p.over || limit == 0 || x.pw.w.now-p.since < limit:
		case p.isUnread() && !p.joins: // it waits for nothing but its turn
		case p.joins:
			p.fail(late)
		default:
			p.fail(nil)
		}
	}
	x.pendingOrders = slices.DeleteFunc(x.pendingOrders, func(p *pendingOrder) bool { return p.over })
}
