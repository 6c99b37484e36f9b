package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// A swarm is clients that do all kinds of things to a cluster through a proxy, and what they
// were told.
type swarm struct {
	addr string
	stop context.Context // they end with it
	wg   sync.WaitGroup

	mu       sync.Mutex
	requests int
	failed   map[string]int // by what was done and the beginning of the error
	wrong    []string       // answers that cannot be
	lists    []*appended
}

// An appended is a list to which one client appends numbers that rise.
type appended struct {
	key   string
	acked []int
	doubt map[int]bool // what may have been appended: the answer was an error of class unknown
}

// leaks are words of a cluster that no client of a proxy may see.
var leaks = []string{"MOVED", "ASK ", "CROSSSLOT", "CLUSTERDOWN", "NOSCRIPT", "READONLY", "LOADING", "MASTERDOWN", "UNBLOCKED"}

// note counts the outcome of a request. It reports whether it was executed.
func (w *swarm) note(what string, err error) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests++
	if err == nil || errors.Is(err, redis.Nil) || errors.Is(err, redis.TxFailedErr) {
		return true
	}
	if w.stop.Err() != nil {
		return false // it was cut off by the end of the test
	}
	text := err.Error()
	for _, leak := range leaks {
		if strings.Contains(text, leak) {
			w.wrong = append(w.wrong, what+": "+text)
		}
	}
	words := strings.Fields(text)
	w.failed[what+": "+strings.Join(words[:min(6, len(words))], " ")]++
	return false
}

func (w *swarm) amiss(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
}

// run starts one client that does something again and again.
func (w *swarm) run(t *testing.T, do func(ctx context.Context, c *redis.Client, round int)) {
	c := client(t, w.addr)
	w.wg.Go(func() {
		for round := 0; w.stop.Err() == nil; round++ {
			do(w.stop, c, round)
		}
	})
}

// append appends rising numbers, several in flight at a time.
func (w *swarm) append(t *testing.T, key string) {
	l := &appended{key: key, doubt: map[int]bool{}}
	w.lists = append(w.lists, l)
	next := 0
	w.run(t, func(ctx context.Context, c *redis.Client, _ int) {
		pipe := c.Pipeline()
		var replies []*redis.IntCmd
		for range 5 {
			replies = append(replies, pipe.RPush(ctx, key, next))
			next++
		}
		_, _ = pipe.Exec(ctx) // each has its own error
		for i, r := range replies {
			n := next - len(replies) + i
			switch {
			case w.note("RPUSH", r.Err()):
				l.acked = append(l.acked, n)
			case !strings.Contains(r.Err().Error(), "not executed"):
				l.doubt[n] = true
			}
		}
	})
}

// check compares a list with what its client was told. lost are acknowledged numbers that are
// not there, which asynchronous replication allows when a master dies.
func (l *appended) check(t *testing.T, c *redis.Client) (lost int) {
	t.Helper()
	texts, err := c.LRange(t.Context(), l.key, 0, -1).Result()
	if err != nil {
		t.Fatal(err)
	}
	there := map[int]bool{}
	last := -1
	for _, text := range texts {
		n, err := strconv.Atoi(text)
		if err != nil || n <= last {
			t.Errorf("%s: got %q behind %d; want rising numbers, none twice", l.key, text, last)
			return 0
		}
		last = n
		there[n] = true
	}
	for _, n := range l.acked {
		if !there[n] {
			lost++
		}
		delete(there, n)
	}
	for n := range there {
		if !l.doubt[n] {
			t.Errorf("%s: %d is there; want only what was acknowledged or may have been executed", l.key, n)
		}
	}
	return lost
}

// strings sets and gets several keys of many slots, and one key in a pipeline.
func (w *swarm) strings(t *testing.T, id int) {
	w.run(t, func(ctx context.Context, c *redis.Client, round int) {
		pairs, keys := []any{}, []string{}
		for i := range 12 {
			k := fmt.Sprintf("s:%d:%d", id, rand.IntN(400)+i*400)
			keys = append(keys, k)
			pairs = append(pairs, k, strconv.Itoa(round))
		}
		if w.note("MSET", c.MSet(ctx, pairs...).Err()) {
			got, err := c.MGet(ctx, keys...).Result()
			if w.note("MGET", err) {
				for i := range got {
					if got[i] != strconv.Itoa(round) {
						w.amiss("MGET %s: got %v; want %d", keys[i], got[i], round)
					}
				}
			}
		}
		n, err := c.Del(ctx, keys[0], keys[1]).Result()
		if w.note("DEL", err) && n > 2 {
			w.amiss("DEL of two keys: got %d", n)
		}
		pipe := c.Pipeline()
		set := pipe.Set(ctx, keys[2], "x"+strconv.Itoa(round), 0)
		get := pipe.Get(ctx, keys[2])
		_, _ = pipe.Exec(ctx) // each has its own error
		if w.note("SET", set.Err()) && w.note("GET", get.Err()) && get.Val() != "x"+strconv.Itoa(round) {
			w.amiss("GET behind SET %s: got %q; want x%d", keys[2], get.Val(), round)
		}
	})
}

// reads reads and never writes, so that replicas may serve it.
func (w *swarm) reads(t *testing.T) {
	w.run(t, func(ctx context.Context, c *redis.Client, _ int) {
		tag, k := rand.IntN(8), rand.IntN(300)
		got, err := c.Get(ctx, fmt.Sprintf("{%d}%d", tag, k)).Result()
		if w.note("GET", err) && got != strconv.Itoa(k) {
			w.amiss("GET {%d}%d: got %q, %v; want %d", tag, k, got, err, k)
		}
		one, two := rand.IntN(300), rand.IntN(300) // while the slot moves they may be on both sides
		both, err := c.MGet(ctx, fmt.Sprintf("{%d}%d", tag, one), fmt.Sprintf("{%d}%d", tag, two)).Result()
		if w.note("MGET of a slot", err) && (both[0] != strconv.Itoa(one) || both[1] != strconv.Itoa(two)) {
			w.amiss("MGET {%d}: got %v; want %d and %d", tag, both, one, two)
		}
	})
}

// transactions counts in two keys of one slot at once, watched and not, and by a script.
func (w *swarm) transactions(t *testing.T, id int) {
	script := redis.NewScript(`return {redis.call('INCR', KEYS[1]), redis.call('INCR', KEYS[2])}`)
	w.run(t, func(ctx context.Context, c *redis.Client, round int) {
		tag := fmt.Sprintf("{t:%d:%d}", id, rand.IntN(300))
		a, b := tag+"a", tag+"b"
		pipe := c.TxPipeline()
		x, y := pipe.Incr(ctx, a), pipe.Incr(ctx, b)
		_, err := pipe.Exec(ctx)
		if w.note("EXEC", err) && err == nil && x.Val() != y.Val() {
			w.amiss("EXEC on %s: got %d and %d; want equal", tag, x.Val(), y.Val())
		}
		err = c.Watch(ctx, func(tx *redis.Tx) error {
			if err := tx.Get(ctx, a).Err(); err != nil {
				return err
			}
			_, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error { p.Incr(ctx, a); p.Incr(ctx, b); return nil })
			return err
		}, a)
		w.note("WATCH", err)
		reply, err := script.Run(ctx, c, []string{a, b}).Int64Slice()
		if w.note("EVALSHA", err) && err == nil && reply[0] != reply[1] {
			w.amiss("script on %s: got %v; want equal", tag, reply)
		}
	})
}

// queue pops what it pushes, with commands that wait.
func (w *swarm) queue(t *testing.T, id int) {
	name := func(round int) string { return fmt.Sprintf("q:%d:%d", id, round%50) }
	push := make(chan int)
	w.run(t, func(ctx context.Context, c *redis.Client, round int) {
		select {
		case push <- round:
		case <-ctx.Done():
			return
		}
		reply, err := c.BLPop(ctx, 20*time.Second, name(round)).Result()
		if w.note("BLPOP", err) && len(reply) != 2 {
			w.amiss("BLPOP %s: got %v", name(round), reply)
		}
	})
	w.run(t, func(ctx context.Context, c *redis.Client, _ int) {
		select {
		case round := <-push:
			for !w.note("RPUSH q", c.RPush(ctx, name(round), round).Err()) && ctx.Err() == nil {
			}
		case <-ctx.Done():
		}
	})
}

// talk publishes and counts what comes back: once each, whatever the nodes tell each other.
func (w *swarm) talk(t *testing.T, id int) {
	channel := fmt.Sprintf("channel:%d", id)
	sub := client(t, w.addr).Subscribe(t.Context(), channel)
	t.Cleanup(func() { sub.Close() })
	w.wg.Go(func() {
		last := -1
		for w.stop.Err() == nil {
			m, err := sub.ReceiveTimeout(w.stop, time.Second)
			msg, ok := m.(*redis.Message)
			if err != nil || !ok {
				continue
			}
			if n, _ := strconv.Atoi(msg.Payload); n <= last {
				w.amiss("message %d behind %d; want each once, in order", n, last)
			} else {
				last = n
			}
		}
	})
	w.run(t, func(ctx context.Context, c *redis.Client, round int) {
		w.note("PUBLISH", c.Publish(ctx, channel, round).Err())
		w.note("SPUBLISH", c.SPublish(ctx, channel, round).Err())
		w.note("DBSIZE", c.DBSize(ctx).Err())
		<-time.After(5 * time.Millisecond) // a pace
	})
}

// lapse returns and forgets what was counted.
func (w *swarm) lapse() (requests int, failed map[string]int, wrong []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	requests, failed, wrong = w.requests, w.failed, w.wrong
	w.requests, w.failed, w.wrong = 0, map[string]int{}, nil
	return requests, failed, wrong
}

// report writes what a phase came to; wrong answers fail the test.
func (w *swarm) report(t *testing.T, phase string) (failed int) {
	t.Helper()
	requests, by, wrong := w.lapse()
	for _, n := range by {
		failed += n
	}
	t.Logf("%s: %d requests, %d failed, %d wrong", phase, requests, failed, len(wrong))
	for _, what := range slices.Sorted(maps.Keys(by)) {
		t.Logf("%s: %6d × %s", phase, by[what], what)
	}
	for _, text := range wrong[:min(10, len(wrong))] {
		t.Errorf("%s: %s", phase, text)
	}
	if requests == 0 {
		t.Errorf("%s: no requests; want some, or nothing is shown", phase)
	}
	return failed
}

// TestRedisCluster: clients of all kinds work through a proxy while slots with thousands of
// keys move between the masters, and while a master is killed. They see no MOVED and no ASK,
// what they append stays in order, and only what was in flight to the master that died fails.
func TestRedisCluster(t *testing.T) {
	for _, more := range []string{"", "read_policy = \"prefer-replica\"\nread_your_writes = true\n"} {
		name := "master"
		if more != "" {
			name = "prefer-replica"
		}
		t.Run(name, func(t *testing.T) { playCluster(t, more) })
	}
}

func playCluster(t *testing.T, more string) {
	h := newHive(t)
	_, addr := h.serve(more)
	stop, cancel := context.WithCancel(t.Context())
	w := &swarm{addr: addr, stop: stop, failed: map[string]int{}}
	defer w.wg.Wait()
	defer cancel()
	c := client(t, addr)
	slots := h.fill(c, 8, 300)
	for i := range 6 {
		w.append(t, fmt.Sprintf("l:%d", i))
	}
	for i, key := range []string{"{%d}moved", "{%d}too"} {
		w.append(t, fmt.Sprintf(key, slots[i].tag))
	}
	w.reads(t)
	for i := range 2 {
		w.strings(t, i)
		w.transactions(t, i)
		w.queue(t, i)
		w.talk(t, i)
	}

	keys, rounds := 0, 0
	for end := time.Now().Add(12 * time.Second); time.Now().Before(end); rounds++ {
		for i, s := range slots {
			keys += h.move(s.slot, h.nodes[(rounds+i)%3])
		}
	}
	t.Logf("moved %d slots with %d keys", rounds*len(slots), keys)
	for _, code := range []string{"MOVED", "ASK", "TRYAGAIN"} {
		n := h.sum("errorstats", "errorstat_"+code+":count=", h.nodes)
		t.Logf("nodes answered %s %d times", code, n)
		if n == 0 && code != "TRYAGAIN" {
			t.Errorf("no node answered %s; want some, or nothing is shown", code)
		}
	}
	byReplicas := h.sum("commandstats", "cmdstat_get:calls=", h.nodes[3:])
	t.Logf("replicas served %d GETs", byReplicas)
	if (byReplicas > 0) != (more != "") {
		t.Errorf("got %d GETs served by replicas with %q", byReplicas, more)
	}
	if failed := w.report(t, "slots move"); failed > 0 {
		t.Errorf("got %d failed requests while slots moved; want 0", failed)
	}

	eventually(t, "nodes that agree", h.agree) // or voters refuse a replica whose slots are out of date
	h.nodes[1].Kill()
	eventually(t, "a replica in its place", func() bool { return h.all("cluster_state:ok") && h.promoted(h.nodes[4]) })
	<-time.After(4 * time.Second) // the load goes on
	w.report(t, "a master dies")
	cancel()
	w.wg.Wait()
	lost, acked := 0, 0
	for _, l := range w.lists {
		lost += l.check(t, c)
		acked += len(l.acked)
	}
	t.Logf("%d of %d acknowledged appends were lost with the master", lost, acked)
	if acked == 0 || lost > 200 {
		t.Errorf("got %d lost of %d acknowledged; want only what was not replicated yet", lost, acked)
	}
}

// sum adds up what stands behind words in a section of the nodes' INFO.
func (h *hive) sum(section, words string, nodes []*node) (total int) {
	h.t.Helper()
	for _, n := range nodes {
		text, err := n.c.Info(h.t.Context(), section).Result()
		if err != nil {
			h.t.Fatal(err)
		}
		if _, rest, found := strings.Cut(text, words); found {
			digits := rest[:strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })]
			count, _ := strconv.Atoi(digits) // digits by the cut
			total += count
		}
	}
	return total
}

// promoted tells whether a node is master now.
func (h *hive) promoted(n *node) bool {
	text, err := n.c.Info(h.t.Context(), "replication").Result()
	return err == nil && strings.Contains(text, "role:master")
}

// A heap is a slot with many keys.
type heap struct{ slot, tag int }

// fill writes n slots full of keys, which are to be moved.
func (h *hive) fill(c *redis.Client, n, keys int) (heaps []heap) {
	h.t.Helper()
	for tag := range n {
		pipe := c.Pipeline()
		for k := range keys {
			pipe.Set(h.t.Context(), fmt.Sprintf("{%d}%d", tag, k), k, 0)
		}
		if _, err := pipe.Exec(h.t.Context()); err != nil {
			h.t.Fatal(err)
		}
		slot := h.must(h.nodes[0], "CLUSTER", "KEYSLOT", fmt.Sprintf("{%d}", tag)).(int64)
		heaps = append(heaps, heap{int(slot), tag})
	}
	return heaps
}
