package loop

import (
	"bytes"
	"slices"
	"strings"
)

// A switchboard is a worker's subscriptions in one pool: who is subscribed to what, and
// which servers have been asked for it. Owner: the worker; made on first use.
type switchboard struct {
	pw       *poolWorker
	topics   [topicKinds]map[string]*topic
	feeds    map[int32]*feed   // by server ID
	oracles  map[int32]*oracle // by server ID
	pledges  []*pledge         // the oldest first
	frame    []byte            // a command to a server, while it is made
	pushes   buffer            // see asPush
	pushesOf uint64            // the event that pushes is of
}

// switchboard returns the worker's subscriptions.
func (pw *poolWorker) switchboard() *switchboard {
	if pw.board == nil {
		x := &switchboard{pw: pw, feeds: make(map[int32]*feed), oracles: make(map[int32]*oracle)}
		for kind := range x.topics {
			x.topics[kind] = make(map[string]*topic)
		}
		pw.board = x
	}
	return pw.board
}

// topicOf returns a topic; for one that nobody was subscribed to the servers are asked.
func (x *switchboard) topicOf(kind topicKind, name []byte) *topic {
	if t := x.topics[kind][string(name)]; t != nil {
		return t
	}
	t := &topic{kind: kind, name: string(name)}
	x.topics[kind][t.name] = t
	x.place(t)
	return t
}

// drop forgets a topic without members. by waits for the servers' word; it may be nil.
func (x *switchboard) drop(t *topic, by *pledge) {
	delete(x.topics[t.kind], t.name)
	for _, f := range t.feeds {
		f.remove(t, by)
	}
	t.feeds = nil
}

// place makes exactly those feeds carry t that have to by the present table.
func (x *switchboard) place(t *topic) {
	ids := x.serversOf(t)
	for _, f := range slices.Clone(t.feeds) {
		if !slices.Contains(ids, f.server) {
			t.feeds = slices.DeleteFunc(t.feeds, func(o *feed) bool { return o == f })
			f.remove(t, nil)
		}
	}
	for _, id := range ids {
		if f := x.feedOf(id); !slices.Contains(t.feeds, f) {
			f.add(t)
		}
	}
}

// serversOf returns the masters that have to carry t, and notes whether one is lacking.
// Messages go where their channel's name says; a pattern may fit any channel, and events of
// keys are made by the server that has the key, so these are carried by all. What a script
// publishes appears at the group of its keys: with several groups only patterns hear of it,
// unless the channel is of the same group. The servers of a cluster tell each other what is
// published, and would tell us as many times: there any one of them carries what is not an
// event of keys.
func (x *switchboard) serversOf(t *topic) (ids []int32) {
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
// The database in its name is the servers': PoolOptions.DB is not added.
func isKeyEvent(t *topic) bool {
	name := []byte(t.name)
	return t.kind == channelTopic &&
		(bytes.HasPrefix(name, []byte("__keyspace@")) || bytes.HasPrefix(name, []byte("__keyevent@")))
}

// mayBeKeyEvent reports whether a topic, which may be a pattern, speaks of events of keys.
func mayBeKeyEvent(t *topic) bool {
	return t.kind != shardTopic && strings.HasPrefix(t.name, "__key")
}

// feedOf returns the feed of a server.
func (x *switchboard) feedOf(id int32) *feed {
	f := x.feeds[id]
	if f == nil {
		f = &feed{x: x, server: id, topics: make(map[*topic]bool)}
		x.feeds[id] = f
	}
	return f
}

// admit takes a pledge whose session has it in its window: it is answered at once when
// nothing is missing, or when what is missing cannot be had and nothing is held.
func (x *switchboard) admit(p *pledge) {
	if p.left > 0 {
		if reply := x.hopeless(p); reply != nil {
			p.broken(reply)
			return
		}
		x.pledges = append(x.pledges, p)
	}
	p.answerIfKept()
}

// hopeless returns the error for a pledge that is not worth waiting for, or nil.
func (x *switchboard) hopeless(p *pledge) []byte {
	if x.pw.opt.HoldTimeout > 0 {
		return nil
	}
	for _, t := range p.fresh {
		if t.orphan {
			return x.pw.faultReply(faultNoMaster, -1)
		}
		for _, f := range t.feeds {
			if f.l == nil {
				return x.pw.faultReply(f.fault(), f.server)
			}
		}
	}
	return nil
}

// resubscribe follows a new table: subscriptions move to the masters it names.
func (pw *poolWorker) resubscribe() {
	if pw.board == nil {
		return
	}
	for kind := range pw.board.topics {
		for _, t := range pw.board.topics[kind] {
			pw.board.place(t)
			t.settle()
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
	x.expirePledges()
}

// expirePledges fails what servers have not confirmed within the time that a request may
// be held, or that a server may take, whichever is longer.
func (x *switchboard) expirePledges() {
	if len(x.pledges) == 0 {
		return
	}
	limit := max(int64(x.pw.opt.HoldTimeout), int64(x.pw.opt.Timeout))
	late := x.pw.faultReply(faultHoldTime, -1)
	for _, p := range x.pledges {
		if limit > 0 && x.pw.w.now-p.since >= limit {
			p.broken(late)
		}
	}
	x.pledges = slices.DeleteFunc(x.pledges, func(p *pledge) bool { return p.over })
}
