package history

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// A model is a group of Redis servers in a few maps: it produces histories that are correct.
// What was executed is kept as a list of operations, so that a failover can forget its end.
type model struct {
	random  *rand.Rand
	now     int64
	done    []*Op // executed, in this order
	state   Final
	server  string
	run     Run
	clients []*person
}

// A person is one client: it sends one operation after another.
type person struct {
	number, conn, seq int
	free              int64 // when its last operation has ended
	sent, received    int
}

const (
	ms     = int64(1e6)
	window = 100 * ms
	banked = 1000
)

// generate returns a correct history of that many operations, with failovers in between, of which
// half lose something that is declared.
func generate(random *rand.Rand, clients, ops, failovers int) *Run {
	m := &model{random: random, server: "s0"}
	m.run = Run{Banked: banked, Promise: Promise{OwnWrites: true, Monotonic: true},
		Reigns: []Reign{{Group: "g", Server: "s0"}}}
	m.replay()
	for c := range clients {
		m.clients = append(m.clients, &person{number: c, conn: 1})
	}
	all := make([]*Op, 0, ops)
	for i := range ops {
		if failovers > 0 && i > 0 && i%(ops/(failovers+1)) == 0 {
			m.failover()
		}
		all = append(all, m.step())
	}
	for _, op := range all {
		m.run.Ops = append(m.run.Ops, *op)
	}
	for _, c := range m.clients {
		m.run.Conns = append(m.run.Conns, Conn{Client: c.number, Number: c.conn, Sent: c.sent, Received: c.received})
	}
	m.run.Final = m.state
	return &m.run
}

// step has one client do something.
func (m *model) step() *Op {
	m.now += m.random.Int64N(3 * ms)
	c := m.clients[m.random.IntN(len(m.clients))]
	m.now = max(m.now, c.free+1)
	c.seq++
	c.sent++
	c.received++
	op := &Op{Client: c.number, Conn: c.conn, Seq: c.seq, Group: "g", Invoked: max(c.free+1, m.now-m.random.Int64N(ms))}
	m.draw(op)
	if m.random.IntN(10) == 0 && op.Kind != Echo {
		op.Class = []Class{Fail, Unknown}[m.random.IntN(2)]
		op.Error = "as the test wants it"
	}
	if op.Class == OK && op.Kind.Writes() && op.Group != "" && m.random.IntN(2) == 0 {
		op.Server = m.server
	}
	if op.Class == OK || op.Class == Unknown && m.random.IntN(2) == 0 {
		m.execute(op)
	}
	op.Completed = m.now + m.random.Int64N(ms)
	c.free = op.Completed
	return op
}

// draw decides what the operation is.
func (m *model) draw(op *Op) {
	op.Kind = Kind(m.random.IntN(len(kindNames)))
	id := fmt.Sprintf("%d.%d", op.Client, op.Seq)
	own := fmt.Sprintf("own:%d", op.Client)
	switch op.Kind {
	case Echo, Read:
		op.Value, op.Group = id, ""
		op.Got = id
	case Append:
		op.Key, op.Value = []string{"l:shared", "l:" + own}[m.random.IntN(2)], id
	case Incr:
		op.Key = "c"
	case Set:
		op.Key, op.Version = "r:"+own, int64(op.Seq)
	case Get:
		op.Key = "r:" + own
	case Transfer, Audit:
		op.Key = "b"
	case Spread, Clear:
		op.Keys, op.Group = []string{"x:" + own, "y:" + own, "z:" + own}, ""
		op.Version = int64(op.Seq)
	case Push, Pop:
		op.Key = "q"
		if op.Kind == Push {
			op.Value = id
		}
	}
}

// execute has the operation take effect, and fills in what it answers.
func (m *model) execute(op *Op) {
	if op.Kind.Writes() {
		m.done = append(m.done, op)
	}
	m.apply(op)
}

func (m *model) apply(op *Op) {
	s := &m.state
	switch op.Kind {
	case Append, Push:
		s.Lists[op.Key] = append(s.Lists[op.Key], op.Value)
	case Incr:
		s.Counters[op.Key]++
		op.Version = s.Counters[op.Key]
	case Set:
		s.Registers[op.Key] = op.Version
	case Get:
		op.Got, op.Version = op.Key, s.Registers[op.Key]
	case Audit:
		op.Version = s.Banks[op.Key]
	case Spread:
		for _, k := range op.Keys {
			s.Registers[k] = op.Version
		}
	case Clear:
		op.Version = 0
		for _, k := range op.Keys {
			if s.Registers[k] != 0 {
				op.Version++
			}
			delete(s.Registers, k)
		}
	case Pop:
		if l := s.Lists[op.Key]; len(l) > 0 {
			op.Got, s.Lists[op.Key] = l[0], l[1:]
		}
	}
}

// replay builds the state from what was executed.
func (m *model) replay() {
	m.state = Final{Lists: map[string][]string{}, Counters: map[string]int64{}, Registers: map[string]int64{},
		Banks: map[string]int64{"b": banked}}
	for _, op := range m.done {
		again := *op
		m.apply(&again)
	}
}

// failover makes another server master; half of the time it lacks the newest writes. What
// was popped and is there again, or was counted once more, is the same loss.
func (m *model) failover() {
	r := Reign{Group: "g", Server: fmt.Sprintf("s%d", len(m.run.Reigns))}
	m.run.Windows = append(m.run.Windows, Window{"g", m.now - window, m.now + 2*ms})
	if m.random.IntN(2) == 0 {
		cut := m.now - m.random.Int64N(window-2*ms)
		i := slices.IndexFunc(m.done, func(op *Op) bool { return op.Invoked > cut })
		if i >= 0 {
			r.Loss = int64(len(m.done)-i) * 30
			m.done = m.done[:i]
		}
		m.replay()
	}
	m.run.Reigns = append(m.run.Reigns, r)
	m.server = r.Server
	m.now += 10 * ms
	for _, c := range m.clients {
		c.free = max(c.free, m.now)
	}
}
