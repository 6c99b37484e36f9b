package loop

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"huntaway/codec"
)

// A subscribedServer is the simplest server of subscriptions there can be. What it does comes
// to those who listen later, in the order in which it did it.
type subscribedServer struct {
	conn *memConn
	todo []string // commands it has been sent and has not looked at, e.g. "subscribe a b"
	out  []string // frames that have not been sent yet
	has  map[string]bool
}

// take reads what was written to it.
func (s *subscribedServer) take(t *testing.T) {
	t.Helper()
	for in := s.conn.take(); in != ""; {
		words, n := wordsIn(in)
		if n == 0 {
			t.Fatalf("the feed said %q; want whole commands", in)
		}
		s.todo = append(s.todo, strings.Join(words, " "))
		in = in[n:]
	}
}

// wordsIn returns the elements of the frame at the beginning of in, and its length.
func wordsIn(in string) (words []string, size int) {
	size = codec.Size([]byte(in))
	lines := strings.Split(in[:size], "\r\n")
	for i := 1; i < len(lines)-1; i++ {
		if lines[i] != "" && lines[i][0] == '$' {
			i++
		}
		words = append(words, lines[i])
	}
	return words, size
}

// work executes the oldest n commands.
func (s *subscribedServer) work(n int) {
	for _, line := range s.todo[:n] {
		words := strings.Split(line, " ")
		how := words[0]
		kind := strings.TrimSuffix(strings.Replace(how, "un", "", 1), "subscribe")
		switch {
		case how == "ping" && len(s.has) == 0:
			s.out = append(s.out, "+PONG\r\n")
			continue
		case how == "ping":
			s.out = append(s.out, frame("*", "pong", ""))
			continue
		}
		for _, name := range words[1:] {
			if strings.Contains(how, "un") {
				delete(s.has, kind+name)
			} else {
				s.has[kind+name] = true
			}
			s.out = append(s.out, confirmation("*", how, name, len(s.has)))
		}
	}
	s.todo = s.todo[n:]
}

// publish executes a PUBLISH of the text on a channel, and reports whether it was heard.
func (s *subscribedServer) publish(name, text string) {
	if s.has[name] {
		s.out = append(s.out, frame("*", "message", name, text))
	}
	if s.has["p"+name] {
		s.out = append(s.out, frame("*", "pmessage", name, name, text))
	}
	if s.has["s"+name] {
		s.out = append(s.out, frame("*", "smessage", name, text))
	}
}

// send sends the oldest n frames, in one piece.
func (s *subscribedServer) send(n int) {
	all := strings.Join(s.out[:n], "")
	s.out = s.out[n:]
	if all != "" {
		s.conn.arrive(all)
	}
}

// finish answers everything.
func (s *subscribedServer) finish(t *testing.T) {
	for s.take(t); len(s.todo)+len(s.out) > 0; s.take(t) {
		s.work(len(s.todo))
		s.send(len(s.out))
	}
}

// settle lets everything happen.
func (s *subscribedServer) settle(t *testing.T, st *stage) {
	t.Helper()
	for st.run(); ; st.run() {
		s.finish(t)
		if s.take(t); len(st.tasks)+len(s.todo) == 0 {
			return
		}
	}
}

// A listener is a client, and what it may have heard of each topic. Time is the number of
// messages that have been published.
type listener struct {
	*memClient
	spans map[string][]span // by kind and name
	open  []string          // orders that are not confirmed, e.g. "subscribe a"
	asked []int             // when they were said
	heard map[string][]int  // messages, by kind and name
	in    string            // what was said to it and is not a frame yet
	goOn  func()            // lets things happen
}

// A span is one membership: messages after it was said to have begun and before it was asked
// to end must be heard, those before it was asked to begin and after it was said to have ended
// must not.
type span struct{ asked, begun, leaving, ended int }

const forEver = 1 << 30

// order says an order with its names at a time.
func (l *listener) order(now int, how string, names ...string) {
	for _, name := range names {
		l.open, l.asked = append(l.open, how+" "+name), append(l.asked, now)
		kind, leaves := kindOf(how)
		if spans := l.spans[kind+name]; leaves && len(spans) > 0 {
			last := &spans[len(spans)-1]
			last.leaving = min(last.leaving, now)
		}
	}
	l.arrive(string(codec.AppendCommand(nil, append([]string{how}, names...)...)))
	l.goOn()
}

// kindOf returns the first letter of a verb's kind, "" for channels.
func kindOf(how string) (kind string, leaves bool) {
	leaves = strings.Contains(how, "un")
	return strings.TrimSuffix(strings.Replace(how, "un", "", 1), "subscribe"), leaves
}

// listen takes what has been said to the client at a time.
func (l *listener) listen(t *testing.T, now int) {
	t.Helper()
	for l.in += l.take(); l.in != ""; {
		words, n := wordsIn(l.in)
		if n == 0 || len(words) == 0 {
			t.Fatalf("got %.200q; want a message or a confirmation", l.in)
		}
		l.in = l.in[n:]
		if what, message := strings.CutSuffix(words[0], "message"); message {
			at, _ := strconv.Atoi(words[len(words)-1])
			key := what + words[1]
			if spans := l.spans[key]; len(spans) == 0 || spans[len(spans)-1].ended < forEver {
				t.Fatalf("message %d of %q came while the client was not subscribed", at, key)
			}
			l.heard[key] = append(l.heard[key], at)
			continue
		}
		if len(l.open) == 0 || l.open[0] != words[0]+" "+words[1] {
			t.Fatalf("got the confirmation %q; want that of the oldest of %q", words, l.open)
		}
		l.confirmed(now)
	}
}

// confirmed notes the confirmation of the oldest name.
func (l *listener) confirmed(now int) {
	how, name, _ := strings.Cut(l.open[0], " ")
	asked := l.asked[0]
	l.open, l.asked = l.open[1:], l.asked[1:]
	kind, leaves := kindOf(how)
	spans := l.spans[kind+name]
	isIn := len(spans) > 0 && spans[len(spans)-1].ended == forEver
	switch {
	case leaves && isIn:
		spans[len(spans)-1].ended = now
	case !leaves && !isIn:
		one := span{asked: asked, begun: now, leaving: forEver, ended: forEver}
		for i, line := range l.open { // that it leaves may have been said before
			if line == verbLeaving(how)+" "+name {
				one.leaving = min(one.leaving, l.asked[i])
			}
		}
		l.spans[kind+name] = append(spans, one)
	}
}

// verbLeaving returns the verb that undoes one.
func verbLeaving(how string) string { return strings.Replace(how, "subscribe", "unsubscribe", 1) }

// judge compares what was heard with what had to be and could be; published says what was
// published on each name. Where messages may be lost only those are judged that came.
func (l *listener) judge(t *testing.T, published map[string][]int, lossy bool) {
	t.Helper()
	for key, spans := range l.spans {
		name := key[len(key)-1:]
		got := l.heard[key]
		if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Errorf("%q: heard %v; want each once and in order", key, got)
		}
		for _, at := range published[name] {
			must, may := false, false
			for _, sp := range spans {
				must = must || sp.begun < at && at <= sp.leaving
				may = may || sp.asked < at && at <= sp.ended
			}
			if has := slices.Contains(got, at); has && !may || must && !has && !lossy {
				t.Errorf("%q: message %d was heard: %v; want it to be so: %v, %v (spans %v)", key, at, has, must, may, spans)
			}
		}
	}
}

// Whatever sessions do, and however late the server executes and what it says arrives, each
// hears exactly what it has to, also where an event does so little for messages that they stand
// still between any two members. In the end the server has what they have together, once; and
// nothing is left when they are gone.
func TestSubscriptionsMatchServer(t *testing.T) {
	for seed := range uint64(300) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			m := newModel(t, seed)
			for range 300 {
				m.step()
			}
			m.finish()
		})
	}
}

// A model is a worker, its clients and a server that are driven at random.
type model struct {
	t         *testing.T
	rnd       *rand.Rand
	st        *stage
	x         *topicRegistry
	clients   []*listener
	server    *subscribedServer
	now       int
	published map[string][]int
	lossy     bool
	put       bool // messages are put off
}

func newModel(t *testing.T, seed uint64) *model {
	m := &model{t: t, rnd: rand.New(rand.NewPCG(seed, seed)), st: newTestWorker(t, PoolOptions{HoldTimeout: 1e12}),
		server: &subscribedServer{has: make(map[string]bool)}, published: make(map[string][]int), lossy: seed%3 == 0, put: seed%2 == 1}
	m.x = m.st.e.workers[0].pools[0].topicRegistry()
	clients := 3
	if m.put {
		m.st.e.workers[0].mostWork = 1
		clients = 5
	}
	for range clients {
		m.clients = append(m.clients, m.client())
	}
	return m
}

func (m *model) client() *listener {
	c := &listener{memClient: m.st.client(0, 0), spans: make(map[string][]span), heard: make(map[string][]int), goOn: m.goOn}
	if m.put && m.rnd.IntN(2) == 0 {
		c.s.proto.resp = 3
	}
	return c
}

// goOn lets everything happen that is due, or not all of it.
func (m *model) goOn() {
	if !m.put {
		m.st.run()
		return
	}
	for range m.rnd.IntN(4) {
		m.st.step()
	}
}

// step does one thing.
func (m *model) step() {
	c := m.clients[m.rnd.IntN(len(m.clients))]
	v := verbs[m.rnd.IntN(int(topicKinds))]
	names := []string{"a", "b", "c", "d"}
	m.rnd.Shuffle(len(names), func(i, k int) { names[i], names[k] = names[k], names[i] })
	switch m.rnd.IntN(12) {
	case 0, 1, 2:
		c.order(m.now, v.join, names[:1+m.rnd.IntN(3)]...)
	case 3, 4:
		c.order(m.now, v.leave, names[:1+m.rnd.IntN(3)]...)
	case 5, 6, 7:
		m.now++
		m.published[names[0]] = append(m.published[names[0]], m.now)
		m.server.publish(names[0], decimal(m.now))
	case 8, 9:
		if m.server.conn != nil {
			m.server.take(m.t)
			m.server.work(m.rnd.IntN(len(m.server.todo) + 1))
		}
	case 10:
		if m.server.conn != nil {
			m.server.send(m.rnd.IntN(len(m.server.out) + 1))
			m.goOn()
		}
	case 11:
		m.end(m.rnd.IntN(len(m.clients)))
	}
	if m.server.conn == nil && len(m.x.feeds) > 0 {
		m.server.conn = m.st.feedOf(0)
	}
	for _, c := range m.clients {
		c.listen(m.t, m.now)
	}
}

// end lets a client go, or the feed be lost, now and then.
func (m *model) end(which int) {
	switch {
	case m.rnd.IntN(6) > 0:
	case m.lossy && m.server.conn != nil && m.rnd.IntN(2) == 0:
		m.server.conn.Close()
		m.goOn()
		m.server = &subscribedServer{has: make(map[string]bool)}
		f := m.x.feeds[0]
		f.retryAt = 0
		m.st.e.workers[0].tick()
		if f.l != nil {
			m.server.conn = m.st.feedOf(0)
		}
	default:
		c := m.clients[which]
		c.judge(m.t, m.published, true) // what is on the way is lost to it
		c.Close()
		m.goOn()
		m.clients[which] = m.client()
	}
}

// finish lets everything arrive, and judges.
func (m *model) finish() {
	t := m.t
	if m.server.conn == nil {
		t.Skip("nobody has subscribed")
	}
	m.server.settle(t, m.st)
	wantSame(t, m.server, m.clients)
	for _, c := range m.clients {
		c.listen(t, m.now)
		c.judge(t, m.published, m.lossy)
		if c.s.window.Len() != 0 || len(c.open) != 0 {
			t.Errorf("%d requests are unanswered, %q; want 0", c.s.window.Len(), c.open)
		}
		c.Close()
	}
	m.server.settle(t, m.st)
	wantSame(t, m.server, nil)
	wantNothingLeft(t, m.x)
}

// wantSame compares what the server has with what the clients have together.
func wantSame(t *testing.T, server *subscribedServer, clients []*listener) {
	t.Helper()
	want := map[string]bool{}
	for _, c := range clients {
		if c.s.sub == nil {
			continue
		}
		for topic, at := range c.s.sub.topics {
			if at.place == 0 || topic.members[at.place-1].s != c.s {
				t.Errorf("%s: the session is not where it believes to be: %+v", topic.name, at)
				continue
			}
			want[strings.TrimSuffix(verbs[topic.kind].join, "subscribe")+topic.name] = true
		}
	}
	if !maps.Equal(server.has, want) {
		t.Fatalf("the server has %v; want %v", server.has, want)
	}
}
