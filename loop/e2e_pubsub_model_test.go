package loop_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"huntaway/codec"
	"huntaway/loop"
	"huntaway/perf/bench/rig"
)

// modelMessages is how many messages TestPubSubModel publishes: enough to see a fault of the
// common kind. make pubsub publishes a million.
var modelMessages = flag.Int("messages", 20_000, "messages that TestPubSubModel publishes")

// A clock orders what happens on all connections: it is read before something is sent and
// after something has been received.
type clock struct{ now atomic.Int64 }

func (c *clock) tick() int64 { return c.now.Add(1) }

// A publication is what one publisher has published on its channel, by number.
type publication struct {
	id       int
	channel  string
	how      string
	group    int
	sent     []atomic.Int64 // when it was about to be sent; 0: not yet
	answered []atomic.Int64 // when its reply had been read
}

// A modelStage is two proxies in front of the same servers.
type modelStage struct {
	clock
	t            *testing.T
	proxies      []*stage
	publications []*publication
	over         atomic.Bool
	heard        atomic.Int64
	spans        atomic.Int64
}

// Messages that are published around subscriptions and their ends, through two proxies, are
// heard exactly by those who have to: all that are sent after a confirmation of SUBSCRIBE and
// answered before UNSUBSCRIBE is sent, none that is answered before SUBSCRIBE is sent or sent
// after the confirmation of UNSUBSCRIBE; each once, in order, and between the confirmations.
func TestPubSubModel(t *testing.T) {
	const publishers, subscribers = 6, 10
	servers := startServers(t, 2)
	m := &modelStage{t: t}
	for range 2 {
		m.proxies = append(m.proxies, play(t, scene{groups: alone(servers...), options: loop.PoolOptions{HoldTimeout: patience}}))
	}
	each := *modelMessages / publishers
	for id := range publishers {
		group := id % 2
		m.publications = append(m.publications, &publication{id: id, group: group, how: []string{"PUBLISH", "SPUBLISH"}[id/2%2],
			channel: m.proxies[0].keyOf(group, fmt.Sprintf("news%d:", id/4)), sent: make([]atomic.Int64, each), answered: make([]atomic.Int64, each)})
	}
	var listeners sync.WaitGroup
	for n := range subscribers {
		listeners.Go(func() { m.listen(n) })
	}
	err := together(publishers, func(n int) error { return m.publish(m.publications[n], m.proxies[n/2%2]) })
	m.over.Store(true)
	listeners.Wait()
	if err != nil {
		t.Error(err)
	}
	t.Logf("%d messages published, %d heard in %d subscriptions", each*publishers, m.heard.Load(), m.spans.Load())
	for _, st := range m.proxies {
		for _, server := range servers {
			if c := st.server(server.Addr); c.Desyncs+c.Stalls+c.Errs > 0 {
				t.Errorf("connections to %s were lost: %d out of step, %d silent, %d failed; want none",
					server.Addr, c.Desyncs, c.Stalls, c.Errs)
			}
		}
	}
	if m.spans.Load() < subscribers {
		t.Errorf("%d subscriptions; want at least one per subscriber", m.spans.Load())
	}
}

// publish publishes everything there is on a channel, a few at a time.
func (m *modelStage) publish(p *publication, through *stage) error {
	c, err := through.connect()
	if err != nil {
		return err
	}
	defer c.conn.Close()
	rnd := rand.New(rand.NewPCG(1, uint64(p.id)))
	for at := 0; at < len(p.sent); {
		n := min(1+rnd.IntN(8), len(p.sent)-at)
		frames, replies := p.frames(rnd.IntN(4), at, n)
		for i := range n {
			p.sent[at+i].Store(m.tick())
		}
		if err := c.sendInTime(frames); err != nil {
			return err
		}
		for range replies {
			if f, err := frameOf(c.in); err != nil || f[0] == '-' || strings.Contains(f, "\r\n-") {
				return fmt.Errorf("%s %s: got %q, %v; want a count", p.how, p.channel, f, err)
			}
		}
		for i := range n {
			p.answered[at+i].Store(m.tick())
		}
		at += n
	}
	return nil
}

// sendInTime is send for a connection that is used for long: what follows has its time anew.
func (c *client) sendInTime(frames []byte) error {
	if err := c.conn.SetDeadline(time.Now().Add(3 * patience)); err != nil {
		return err
	}
	return c.send(frames)
}

// frames makes the commands that publish n messages in one of several ways.
func (p *publication) frames(way, at, n int) (frames []byte, replies int) {
	for i := at; i < at+n; i++ {
		text := fmt.Sprintf("%d/%d", p.id, i)
		switch way {
		case 0:
			frames = rig.AppendCommand(frames, "MULTI")
			frames = rig.AppendCommand(frames, "EVAL", "return 1", "1", p.channel) // names the group
			frames = rig.AppendCommand(frames, "EVAL", "return redis.call(ARGV[1], KEYS[1], ARGV[2])", "1", p.channel, p.how, text)
			frames = rig.AppendCommand(frames, "EXEC")
			replies += 4
		case 1:
			frames = rig.AppendCommand(frames, "EVAL", "return redis.call(ARGV[1], KEYS[1], ARGV[2])", "1", p.channel, p.how, text)
			replies++
		default:
			frames = rig.AppendCommand(frames, p.how, p.channel, text)
			replies++
		}
	}
	return frames, replies
}

// A span is one subscription: when it was asked for, confirmed, and the same of its end, and
// what was heard, by publisher.
type span struct {
	kind                         string // the first letter of its commands, S for channels
	name                         string
	asked, begun, leaving, ended int64
	heard                        map[int][]int
}

// listen subscribes and unsubscribes until everything has been published.
func (m *modelStage) listen(n int) {
	c, err := m.proxies[n%2].connect()
	if err != nil {
		m.t.Error(err)
		return
	}
	defer c.conn.Close()
	rnd := rand.New(rand.NewPCG(2, uint64(n)))
	for !m.over.Load() {
		p := m.publications[rnd.IntN(len(m.publications))]
		sp := &span{kind: "S", name: p.channel, heard: make(map[int][]int)}
		switch {
		case p.how == "SPUBLISH":
			sp.kind = "SS"
		case rnd.IntN(3) == 0:
			sp.kind, sp.name = "PS", p.channel[:len(p.channel)-1]+"?"
		}
		if err := m.run(c, sp, rnd.IntN(6)); err != nil {
			m.t.Errorf("subscriber %d, %s: %v", n, sp.name, err)
			return
		}
	}
}

// run does one span: it lasts some PINGs.
func (m *modelStage) run(c *client, sp *span, pings int) error {
	join := strings.TrimSuffix(sp.kind, "S") + "SUBSCRIBE"
	leave := strings.Replace(join, "SUBSCRIBE", "UNSUBSCRIBE", 1)
	sp.asked = m.tick()
	if err := m.do(c, sp, join, sp.name); err != nil {
		return err
	}
	if len(sp.heard) > 0 {
		return fmt.Errorf("heard %v before the confirmation", sp.heard)
	}
	sp.begun = m.tick()
	for range pings {
		if err := m.do(c, sp, "PING", "mark"); err != nil {
			return err
		}
	}
	sp.leaving = m.tick()
	if err := m.do(c, sp, leave, sp.name); err != nil {
		return err
	}
	sp.ended = m.tick()
	m.spans.Add(1)
	return m.judge(sp)
}

// do says a command and reads up to its answer; what comes before are messages.
func (m *modelStage) do(c *client, sp *span, how, name string) error {
	if err := c.sendInTime(codec.AppendCommand(nil, how, name)); err != nil {
		return err
	}
	want := strings.ToLower(how)
	if how == "PING" {
		want = "pong"
	}
	for {
		f, err := frameOf(c.in)
		if err != nil {
			return err
		}
		words := strings.Split(f, "\r\n")
		if words[2] == want {
			return nil
		}
		id, number, ok := strings.Cut(words[len(words)-2], "/")
		if !ok || !strings.HasSuffix(words[2], "message") {
			return fmt.Errorf("%s: got %q; want its answer, or a message", how, f)
		}
		from, _ := strconv.Atoi(id)
		at, _ := strconv.Atoi(number)
		sp.heard[from] = append(sp.heard[from], at)
		m.heard.Add(1)
	}
}

// judge compares what was heard with what had to be and with what could be.
func (m *modelStage) judge(sp *span) error {
	for _, p := range m.publications {
		if (p.how == "SPUBLISH") != (sp.kind == "SS") || sp.kind != "PS" && p.channel != sp.name ||
			sp.kind == "PS" && p.channel[:len(p.channel)-1]+"?" != sp.name {
			continue
		}
		got := sp.heard[p.id]
		for i, at := range got {
			sent, answered := p.sent[at].Load(), p.answered[at].Load()
			switch {
			case i > 0 && at != got[i-1]+1:
				return fmt.Errorf("heard %d behind %d; want each once and in order", at, got[i-1])
			case answered != 0 && answered < sp.asked:
				return fmt.Errorf("heard %d, which was published before: answered at %d, asked at %d", at, answered, sp.asked)
			case sent > sp.ended:
				return fmt.Errorf("heard %d, which was published afterwards", at)
			}
		}
		if err := sp.lacks(p, got); err != nil {
			return err
		}
	}
	return nil
}

// lacks looks for messages that had to be heard in front of those that were, and behind.
func (sp *span) lacks(p *publication, got []int) error {
	first, last := 0, -1
	if len(got) > 0 {
		first, last = got[0], got[len(got)-1]
	}
	from := sort.Search(len(p.sent), func(at int) bool { sent := p.sent[at].Load(); return sent == 0 || sent > sp.begun })
	for at := from; at < len(p.sent); at++ {
		sent, answered := p.sent[at].Load(), p.answered[at].Load()
		if sent == 0 || answered == 0 || answered > sp.leaving {
			return nil
		}
		if at < first || at > last {
			return fmt.Errorf("did not hear %d of %d..%d: sent at %d, answered at %d; confirmed at %d, left at %d",
				at, first, last, sent, answered, sp.begun, sp.leaving)
		}
	}
	return nil
}
