package loop

// A pledge is an order that waits for servers: what it asks for has been told to the feeds,
// and it is confirmed when their servers have answered, in the order of its session's orders.
// Owner: the session, until it is over.
type pledge struct {
	s        *session
	seq      uint32 // its slot
	since    int64
	kind     topicKind
	joins    bool // it subscribes; false: it unsubscribes
	silent   bool // it is not confirmed: what it does is part of another command
	over     bool // nobody waits for it any more, or nothing is left to wait for
	left     int  // changes that some server has not answered
	mentions []mention
	changes  []*change
	broken   []byte // the error to answer with, and to take back what it did
}

// A mention is one name in an order.
type mention struct {
	t    *topic // nil: nobody is subscribed to what is to be left
	name string // then: what it is called
}

// A change is a session's way into a topic or out of it. Owner: the pledge.
type change struct {
	p    *pledge
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

// pledge begins an order. Its slot is said even under CLIENT REPLY OFF.
func (s *session) pledge(kind topicKind) *pledge {
	if s.sub == nil {
		s.sub = &subscriber{topics: make(map[*topic]*stake)}
		s.mode |= modeSubscribed
	}
	p := &pledge{s: s, kind: kind, since: s.w.now, seq: s.window.push(slot{join: noJoin})}
	s.sub.pledges.push(p)
	return p
}

// name adds a name to the order: t, or what nobody is subscribed to. What is named twice is
// changed once.
func (p *pledge) name(t *topic, name string) {
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

// begin makes an order that is complete wait for what its changes wait for. It is answered
// at once when nothing is missing, or when what is missing cannot be had and nothing is held.
func (p *pledge) begin(x *switchboard) {
	p.left = 1 // until all have begun
	for _, c := range p.changes {
		c.t.namedBy = nil
		p.left++
		c.t.pending.add(c)
		x.begin(c)
	}
	if reply := x.hopeless(p); reply != nil {
		p.fail(reply)
		return
	}
	x.pledges = append(x.pledges, p)
	p.kept()
}

// begin makes a change wait for every feed of its topic, from now on.
func (x *switchboard) begin(c *change) {
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
func (p *pledge) kept() {
	if p.left--; p.left > 0 || p.over {
		return
	}
	p.over = true
	p.s.answerPledges()
}

// fail makes an error the answer of an order; without one it is kept as far as it can be.
func (p *pledge) fail(reply []byte) {
	if p.over {
		return
	}
	p.over, p.broken = true, reply
	for _, c := range p.changes {
		c.forget()
	}
	p.s.answerPledges()
}

// drop forgets an order whose session is gone.
func (p *pledge) drop() {
	p.over = true
	for _, c := range p.changes {
		c.forget()
	}
}

// forget takes a change that is not complete out of its topic's books.
func (c *change) forget() {
	if c.left > 0 {
		c.left = 0
		c.t.pending.done()
	}
}

// answerPledges answers the session's oldest orders as far as nothing is missing. Only now
// they take effect: to its member a topic begins and ends with the confirmation.
func (s *session) answerPledges() {
	for s.sub.pledges.len() > 0 && (*s.sub.pledges.front()).over {
		p := *s.sub.pledges.front()
		*s.sub.pledges.front() = nil
		s.sub.pledges.pop()
		s.sub.named -= len(p.mentions)
		for _, c := range p.changes {
			c.at.changes--
		}
		p.answer()
		for _, c := range p.changes {
			s.settle(c.at)
		}
	}
	s.endSubscribed()
}

// answer says how the order has ended, and makes it so.
func (p *pledge) answer() {
	s := p.s
	switch {
	case p.broken != nil:
		p.takeBack()
		s.pw.counters.ErrorReplies++
		s.answer(p.seq, append(s.w.scratch[:0], p.broken...))
	case p.silent:
		for _, c := range p.changes {
			s.leaveTopic(c.at)
		}
		s.reply(p.seq, nil)
	default:
		s.pw.counters.Local++
		s.answer(p.seq, p.confirm(s.w.scratch[:0]))
	}
}

// confirm makes the order's changes and appends their confirmations.
func (p *pledge) confirm(dst []byte) []byte {
	s, how := p.s, verbs[p.kind].leave
	if p.joins {
		how = verbs[p.kind].join
	}
	for i := range p.mentions {
		t, name := p.mentions[i].t, p.mentions[i].name
		if t != nil {
			name = t.shown
			p.effect(s.sub.topics[t])
		}
		dst = appendConfirmation(dst, s, how, []byte(name), s.sub.confirmed(p.kind))
	}
	if len(p.mentions) == 0 {
		dst = appendConfirmation(dst, s, how, nil, s.sub.confirmed(p.kind))
	}
	return dst
}

// effect makes the session a member of what it joins, and no member of what it leaves; at is
// nil for what it has nothing to do with.
func (p *pledge) effect(at *stake) {
	switch {
	case at == nil:
	case p.joins:
		p.s.enrol(at, p.seq)
	default:
		p.s.leaveTopic(at)
	}
}

// takeBack undoes what an order that has failed asked for, where no other asks for it.
func (p *pledge) takeBack() {
	for _, c := range p.changes {
		if c.at.place == 0 && c.at.changes == 0 {
			p.s.unwant(c.at)
		}
	}
}
