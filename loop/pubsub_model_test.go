package loop

import (
	"bufio"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// A subscribed server is the simplest server of subscriptions there can be.
type subscribedServer struct {
	wire *memWire
	todo []string // commands it has been sent and has not looked at, e.g. "subscribe a"
	has  map[string]bool
}

// take reads what was written to it.
func (s *subscribedServer) take(t *testing.T) {
	in := bufio.NewScanner(strings.NewReader(s.wire.take()))
	var words []string
	for in.Scan() {
		if line := in.Text(); line[0] != '*' && line[0] != '$' {
			words = append(words, line)
		}
	}
	if len(words)%2 != 0 {
		t.Fatalf("the feed said %q; want pairs of a command and a name", words)
	}
	for pair := range slices.Chunk(words, 2) {
		s.todo = append(s.todo, pair[0]+" "+pair[1])
	}
}

// work answers the oldest n commands.
func (s *subscribedServer) work(n int) {
	for _, line := range s.todo[:n] {
		how, name, _ := strings.Cut(line, " ")
		kind := strings.TrimSuffix(strings.Replace(how, "un", "", 1), "subscribe")
		if strings.Contains(how, "un") {
			delete(s.has, kind+name)
		} else {
			s.has[kind+name] = true
		}
		s.wire.arrive(confirmation("*", how, name, len(s.has)))
	}
	s.todo = s.todo[n:]
}

// Whatever sessions do, and however late the server answers, in the end it has what they
// have together, once; and nothing is left when they are gone.
func TestSubscriptionsMatchServer(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, seed))
			st := newTestWorker(t, PoolOptions{})
			x := st.e.workers[0].pools[0].switchboard()
			clients := make([]*memClient, 3)
			for i := range clients {
				clients[i] = st.client(0, 0)
			}
			server := &subscribedServer{has: make(map[string]bool)}
			for range 200 {
				c := clients[rnd.IntN(len(clients))]
				v := verbs[rnd.IntN(int(topicKinds))]
				names := []string{"a", "b", "c", "d"}
				rnd.Shuffle(len(names), func(i, k int) { names[i], names[k] = names[k], names[i] })
				names = names[:1+rnd.IntN(3)]
				switch rnd.IntN(8) {
				case 0, 1, 2:
					c.say(append([]string{v.join}, names...)...)
				case 3, 4:
					c.say(append([]string{v.leave}, names...)...)
				case 5:
					c.say(v.leave)
				case 6:
					if server.wire != nil {
						server.take(t)
						server.work(rnd.IntN(len(server.todo) + 1))
					}
				case 7:
					if rnd.IntN(10) == 0 {
						c.close()
						st.run()
						*c = *st.client(0, 0)
					}
				}
				if server.wire == nil && len(x.feeds) > 0 {
					server.wire = st.feedOf(0)
				}
			}
			server.finish(t)
			wantSame(t, server, clients)
			for _, c := range clients {
				if c.s.window.len() != 0 {
					t.Errorf("%d requests are unanswered; want 0", c.s.window.len())
				}
				c.close()
			}
			st.run()
			server.finish(t)
			wantSame(t, server, nil)
			wantNothingLeft(t, x)
		})
	}
}

// finish answers everything.
func (s *subscribedServer) finish(t *testing.T) {
	for s.take(t); len(s.todo) > 0; s.take(t) {
		s.work(len(s.todo))
	}
}

// wantSame compares what the server has with what the clients have together.
func wantSame(t *testing.T, server *subscribedServer, clients []*memClient) {
	t.Helper()
	want := map[string]bool{}
	for _, c := range clients {
		if c.s.sub == nil {
			continue
		}
		for topic, at := range c.s.sub.places {
			if topic.members[at] != c.s {
				t.Errorf("%s: the session is not where it believes to be", topic.name)
			}
			want[strings.TrimSuffix(verbs[topic.kind].join, "subscribe")+topic.name] = true
		}
	}
	if !maps.Equal(server.has, want) {
		t.Fatalf("the server has %v; want %v", server.has, want)
	}
}
