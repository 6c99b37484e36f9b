package loop

import "huntaway/codec"

// A pendingOrder is an order that waits for servers: what it asks for has been told to the feeds,
// and it is confirmed when their servers have answered, in the order of its session's orders.
// Owner: the session, until it is over.
type pendingOrder struct {
	s        *session
	seq      uint32 // its slot
	since    int64  // when the last of its names were read
	kind     topicKind
	joins    bool // it subscribes; false: it unsubscribes
	silent   bool // it is not confirmed: what it does is part of another command
	over     bool // nobody waits for it any more, or nothing is left to wait for
	left     int  // changes that some server has not answered, and one until all names have been read
	mentions []mention
	changes  []*change
	rest     []byte   // names that have not been read, as bulk strings
	leaving  []*topic // topics that have not been read
	begun    int      // changes that have begun
	known    int      // of those, the first so many, of which nothing is missing
	reading  bool     // its next piece is among the chores
	broken   []byte   // the error to answer with, and to take back what it did
	told     int      // once it is over: mentions that are confirmed
	said     []byte   // of that, what has not been said
	done     int      // changes that are in no book any more
}

// A mention is one name in an order.
type mention struct {
	t    *topic // nil: nobody is subscribed to what is to be left
	name string // then: what it is called
}

// A change is a session's way into a topic or out of it. Owner: the pendingOrder.
type change struct {
	p    *pendingOrder
	t    *topic
	at   *stake
	left int    // feeds that have not answered, and one for a group without a master
	turn uint32 // how often it has begun: an answer to what was asked before does not count
}

// A claim is what a change waits for at a feed.
type claim struct {
	c    *change
	turn uint32
}

// stands reports whether anybody still waits for the claim.
func (k *claim) stands() bool { return k.turn == k.c.turn && !k.c.p.over && k.c.left > 0 }

// pendingOrder begins an order. Its slot is said even under CLIENT REPLY OFF.
func (s *session) pendingOrder(kind topicKind) *pendingOrder {
	if s.sub == nil {
		s.sub = &subscriber{topics: make(map[*topic]*stake)}
		s.mode |= modeSubscribed
	}
	p := &pendingOrder{s: s, kind: kind, seq: s.window.Push(slot{join: noJoin})}
	s.sub.pendingOrders.Push(p)
	return p
}

// name adds a name to the order: t, or what nobody is subscribed to. What is named twice is
// changed once.
func (p *pendingOrder) name(t *topic, name string) {
	p.mentions = append(p.mentions, mention{t, name})
	p.s.sub.named++
	if t == nil || t.namedBy == p || !p.joins && p.s.sub.topics[t] == nil {
		return
	}
	at := p.s.stakeIn(t)
	t.namedBy = p
	p.changes = append(p.changes, &change{p: p, t: t, at: at})
	at.changes++
	if p.joins {
		p.s.want(at)
	} else {
		p.s.unwant(at)
	}
}

// namesPerPiece is how many names of an order are read in one event. Several events with a piece
// for each of several clients are between a request of another client and its reply, so it is a
// part of what an event may do for one.
func (w *worker) namesPerPiece() int { return max(1, w.mostWork/clientShare/workName/2) }

// mostAsked is how many names of an order servers may have to answer for it to be read on: enough
// for what is read in the time that the answer to a piece takes.
const mostAsked = 64

// read takes the names of an order, and makes it wait for what its changes wait for. Of very many
// the others are read in later turns, and the session takes no more requests before.
func (p *pendingOrder) read(r *codec.Request) {
	most := p.s.w.namesPerPiece()
	for i := 1; i < r.Len(); i++ {
		if i > most {
			p.rest = codec.AppendBulk(p.rest, r.Arg(i))
			continue
		}
		p.nameOne(r.Arg(i))
	}
	p.readFirst()
}

// leave is read for an order to leave topics.
func (p *pendingOrder) leave(all []*topic) {
	p.leaving = all
	p.readFirst()
}

// readFirst reads the first piece of the order, of which names have been taken.
func (p *pendingOrder) readFirst() {
	s, x := p.s, p.s.pw.topicRegistry()
	x.pendingOrders = append(x.pendingOrders, p)
	p.left = 1 // until all have been read
	p.readSome(s.w.namesPerPiece() - len(p.mentions))
	s.spend(workName*len(p.mentions) + workAnswer)
	if p.isUnread() {
		s.stop(stopOrder)
	}
}

// isUnread reports whether names of the order have not been read.
func (p *pendingOrder) isUnread() bool { return len(p.rest)+len(p.leaving) > 0 }

// readMore is the order's chore: one more piece of its names.
func (p *pendingOrder) readMore() (done bool) {
	if p.reading = false; !p.over {
		p.readSome(p.s.w.namesPerPiece())
	}
	return true
}

// readSome reads at most n names, and has their changes begin. Who subscribes waits for servers
// where they have much to answer: what they have not of one order is bounded, and of one whose
// client goes away what has not been read costs nothing.
func (p *pendingOrder) readSome(n int) {
	x := p.s.pw.topicRegistry()
	defer p.s.chargeOrders(p.s.sub.holds())
	p.left++ // until this piece has been read
	p.since = p.s.w.now
	for ; n > 0 && len(p.rest) > 0; n-- {
		name, size := word(p.rest, 0)
		p.nameOne(name)
		p.rest = p.rest[size:]
	}
	for ; n > 0 && len(p.leaving) > 0; n-- {
		p.name(p.leaving[0], "")
		p.leaving = p.leaving[1:]
	}
	for p.known < p.begun && p.changes[p.known].left == 0 {
		p.known++
	}
	first := p.begun
	for ; p.begun < len(p.changes); p.begun++ {
		c := p.changes[p.begun]
		c.t.namedBy = nil
		p.left++
		c.t.pending.add(c)
		x.begin(c)
	}
	for _, c := range p.changes[first:] {
		if reply := x.hopeless(c); reply != nil {
			p.fail(reply)
			return
		}
	}
	if !p.isUnread() {
		p.left--
		p.s.release(stopOrder)
	}
	p.kept()
}

// chargeOrders has what the session's subscriptions take counted, where that is worth it; before
// is what it was.
func (s *session) chargeOrders(before int64) {
	if after := s.sub.holds(); after > worthCharging {
		s.w.burden(s, max(after-before, 0))
	}
}

// nameOne adds a name to the order, as a client says it.
func (p *pendingOrder) nameOne(said []byte) {
	x := p.s.pw.topicRegistry()
	name := x.pw.inward(p.kind, said)
	if p.joins {
		p.name(x.topicOf(p.kind, name), "")
		return
	}
	if t := x.topics[p.kind][string(name)]; t != nil {
		p.name(t, "")
	} else {
		p.name(nil, string(said))
	}
}

// begin makes a change wait for every feed of its topic, from now on.
func (x *topicRegistry) begin(c *change) {
	c.turn++
	c.left = 1 // until all feeds have been asked
	for _, st := range c.t.strands {
		if st.owes(c) {
			c.left++
		}
	}
	if c.p.joins && c.t.orphan {
		c.left++ // until the next table
	}
	c.heard()
}

// heard counts the answer of one feed.
func (c *change) heard() {
	if c.left--; c.left > 0 {
		return
	}
	c.t.pending.done()
	c.p.kept()
}

// kept counts a change of which everything is known.
func (p *pendingOrder) kept() {
	p.left--
	switch {
	case p.over:
	case p.left == 0:
		p.over = true
		p.s.answerOrders()
	case p.isUnread() && !p.reading && (!p.joins || p.left <= mostAsked):
		p.reading = true
		p.s.w.addChore(p.readMore)
	}
}

// fail makes an error the answer of an order; without one it is kept as far as it can be.
func (p *pendingOrder) fail(reply []byte) {
	if p.over {
		return
	}
	p.over, p.broken = true, reply
	if p.isUnread() {
		p.rest, p.leaving = nil, nil
		p.s.release(stopOrder)
	}
	for ; p.known < len(p.changes); p.known++ {
		p.changes[p.known].forget()
	}
	p.s.answerOrders()
}

// forgetSome takes changes of an order whose session is gone out of their topics' books, at most
// n. It reports whether those were the last, and how many more it could have taken.
func (p *pendingOrder) forgetSome(n int) (all bool, left int) {
	for ; p.known < len(p.changes); p.known++ {
		if n == 0 {
			return false, 0
		}
		p.changes[p.known].forget()
		n--
	}
	return true, n
}

// forget takes a change that is not complete out of its topic's books.
func (c *change) forget() {
	if c.left > 0 {
		c.left = 0
		c.t.pending.done()
	}
}

// answerOrders answers the session's oldest orders as far as nothing is missing. Only now
// they take effect: to its member a topic begins and ends with the confirmation. What is too
// much for one event, with what others are confirmed in it, is answered in later turns.
func (s *session) answerOrders() {
	if s.sub.answering || s.answerSome() {
		return
	}
	s.w.addChore(func() bool { return s.state == sessionGone || s.answerSome() })
}

// answerSome answers orders, and reports whether no other can be answered.
func (s *session) answerSome() (all bool) {
	s.sub.answering = true
	for s.sub.pendingOrders.Len() > 0 && (*s.sub.pendingOrders.Front()).over {
		p := *s.sub.pendingOrders.Front()
		if !p.conclude() {
			return false
		}
		*s.sub.pendingOrders.Front() = nil
		s.sub.pendingOrders.Pop()
		s.sub.named -= len(p.mentions)
		p.answer()
	}
	s.sub.answering = false
	s.endSubscribed()
	return true
}

// conclude makes the order so, as far as this event has time for it, and says so for each of its
// names; the last of that is left in p.said. It reports whether it is done.
func (p *pendingOrder) conclude() (done bool) {
	s, orders := p.s, &p.s.w.turns.orders
	w := s.w
	for ; p.told < len(p.mentions) && p.broken == nil && !p.silent; p.told++ {
		if orders.spend(w, 0) {
			p.sayPart()
			return false
		}
		orders.spend(w, workName)
		p.confirm(&p.mentions[p.told])
	}
	for ; p.done < len(p.changes); p.done++ {
		if orders.spend(w, 0) {
			p.sayPart()
			return false
		}
		orders.spend(w, workName)
		p.changes[p.done].conclude()
	}
	orders.spend(w, workWrite)
	return true
}

// sayPart says what has been confirmed: messages may follow. Within a transaction none can, and
// it is part of one reply.
func (p *pendingOrder) sayPart() {
	if !p.s.mode.has(modeMedley) {
		p.s.sayOwn(p.said)
		p.said = p.said[:0]
	}
}

// conclude takes a change from its session's books. One that has failed is undone, where no other
// order asks for the same.
func (c *change) conclude() {
	p, s := c.p, c.p.s
	c.at.changes--
	switch {
	case p.silent:
		s.leaveTopic(c.at)
	case p.broken != nil && c.at.place == 0 && c.at.changes == 0:
		s.unwant(c.at)
	}
	s.settle(c.at)
}

// answer says how the order has ended.
func (p *pendingOrder) answer() {
	s := p.s
	switch {
	case p.broken != nil:
		s.pw.counters.ErrorReplies++
		s.answer(p.seq, append(s.w.pad.scratch[:0], p.broken...))
	case p.silent:
		s.reply(p.seq, nil)
	default:
		if len(p.mentions) == 0 {
			p.confirm(&mention{})
		}
		s.pw.counters.Local++
		s.answer(p.seq, append(s.w.pad.scratch[:0], p.said...))
	}
}

// confirm makes the order's change of one topic and appends its confirmation.
func (p *pendingOrder) confirm(m *mention) {
	s, how := p.s, verbs[p.kind].leave
	if p.joins {
		how = verbs[p.kind].join
	}
	name := []byte(m.name)
	switch {
	case m.t != nil:
		name = []byte(m.t.shown)
		p.effect(s.sub.topics[m.t])
	case len(p.mentions) == 0:
		name = nil // there was nothing to leave
	}
	p.said = appendConfirmation(p.said, s, how, name, s.sub.confirmed(p.kind))
}

// effect makes the session a member of what it joins, and no member of what it leaves; at is
// nil for what it has nothing to do with.
func (p *pendingOrder) effect(at *stake) {
	switch {
	case at == nil:
	case p.joins:
		p.s.enrol(at, p.seq)
	default:
		p.s.leaveTopic(at)
	}
}
