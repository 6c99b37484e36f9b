package ha

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"huntaway/shard"
)

// A signpost is where addresses lead, for who dials by them.
type signpost struct {
	mu     sync.Mutex // guards the following
	places map[string]string
}

func (s *signpost) turn(from, to *instance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.places = map[string]string{from.addr(): to.addr()}
}

func (s *signpost) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	s.mu.Lock()
	if to := s.places[addr]; to != "" {
		addr = to
	}
	s.mu.Unlock()
	return new(net.Dialer).DialContext(ctx, network, addr)
}

// An archive is a Publisher that keeps all tables.
type archive struct {
	*relay
	mu  sync.Mutex // guards all
	all []*shard.Table
}

func (a *archive) Publish(t *shard.Table) {
	a.mu.Lock()
	a.all = append(a.all, t)
	a.mu.Unlock()
	a.relay.Publish(t)
}

func (a *archive) tables() []*shard.Table {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.all)
}

// TestExchangedServer: the table names the process that answers at a server's address, and one that has come to
// answer there instead, while the old one lives on, not before it is known for what it is: no table that names it
// sends it writes or reads.
func TestExchangedServer(t *testing.T) {
	for _, c := range []struct {
		name   string
		server int
		of     int // instances of the stranger's own group
	}{{"the master", 0, 1}, {"a replica, by a master", 2, 1}, {"a replica, by another's replica", 2, 2}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var post signpost
			kept := &archive{}
			tr := cast(t, 2, func(o *PoolOptions) {
				kept.relay = o.Publisher.(*relay)
				o.Publisher, o.Access.Dial = kept, post.dial
			})
			tr.settled(0, "[1 2]")
			tr.all[0].must("SET", "ours", "1")
			run := func(i *instance) string {
				c := Access{Timeout: time.Second}.open("tcp", i.addr())
				defer c.Close()
				r, err := inquire(context.Background(), c)
				if err != nil {
					t.Fatal(err)
				}
				return r.RunID
			}
			for id, each := range tr.all {
				tr.await(fmt.Sprintf("the process of server %d", id), func() bool { return tr.Table().Process(int32(id)) == run(each) })
			}
			stranger := launch(t)
			stranger.must("SET", "theirs", "1")
			if c.of == 2 {
				stranger = launch(t).follows(stranger)
			}
			id, is := int32(c.server), run(stranger)
			post.turn(tr.all[c.server], stranger)
			tr.m.Exchanged("p", id)
			tr.await("the stranger's process", func() bool { return tr.Table().Process(id) == is })
			for _, table := range kept.tables() {
				g := &table.Groups[0]
				if table.Process(id) == is && (g.Master == id && !g.Held || slices.Contains(g.Readers, id)) {
					t.Fatalf("a table sends a stranger requests: %+v%s", g, tr.describe())
				}
			}
			if c.server == 0 {
				tr.await("another master", func() bool { return tr.Table().Groups[0].Master > 0 && !tr.Table().Groups[0].Held })
			}
		})
	}
}

// TestNobodyIsExchanged: a server that has nobody to stand in for it may be whoever answers there.
func TestNobodyIsExchanged(t *testing.T) {
	tr := watching(t, PoolOptions{}, groupOf("g", launch(t)), groupOf("h", launch(t), launch(t)))
	eventually(t, "the processes of the second group", func() bool { return tr.Table().Process(1) != "" && tr.Table().Process(2) != "" })
	tr.m.Exchanged("p", 0)
	within(t, 10*time.Second, "it to be in", func() bool { return tr.m.Status()[0].State == In })
	if got := tr.Table().Process(0); got != "" {
		t.Errorf("the process of a single server is %q; want none named", got)
	}
}
