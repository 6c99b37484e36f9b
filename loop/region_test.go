package loop

import (
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"huntaway/codec"
	"huntaway/loop/memory"
	"huntaway/loop/netio"
)

// A slowConn takes a piece of what it is offered.
type slowConn struct {
	*memConn
	took int // bytes
	rest memory.Stretch
}

func (m *slowConn) Backlog() int { return m.rest.Len() }

func (m *slowConn) WriteStretch(b memory.Stretch) bool {
	m.rest = b.Part(0)
	left, _ := m.Push()
	return left
}

func (m *slowConn) Push() (left, took bool) {
	if !m.rest.Is() {
		return false, false
	}
	n := min(netio.MostPushed, m.rest.Len())
	m.took += n
	if m.rest.Skip(n); m.rest.Len() > 0 {
		return true, true
	}
	m.rest.Release()
	m.rest = memory.Stretch{}
	return false, true
}

// slowLink is linkTo for the first server of the first pool, whose link has a slowWire.
func (st *stage) slowLink() *slowConn {
	link := st.linkTo(0, 0, 0)
	slow := &slowConn{memConn: link}
	st.e.workers[0].pools[0].link(0, 0).conn, link.owner.(*call).conn = slow, slow
	return slow
}

// largeSet is the bytes of a SET of so many bytes, in what reads bring of it.
func largeSet(size int) [][]byte {
	return slices.Collect(slices.Chunk(codec.AppendCommand(nil, "SET", "k", string(make([]byte, size))), netio.ReadBuffer))
}

// TestLargeRequestIsNotCopied: no event takes memory, or does work, for all of a large request,
// from its arrival to the server's having it; nor is anything of it left afterwards.
func TestLargeRequestIsNotCopied(t *testing.T) {
	const size = 24 << 20
	st := newTestWorker(t, PoolOptions{})
	slow := st.slowLink()
	link := slow.memConn
	link.echo = nil
	w := st.e.workers[0]
	shared := w.pools[0].link(0, 0)
	c := st.client(0, 0)
	reads := largeSet(size)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	most := 0
	for _, in := range reads {
		c.owner.Arrived(in)
		most = max(most, slow.took)
	}
	for took := slow.took; shared.unsent() > 0; took = slow.took {
		if len(st.tasks) == 0 {
			t.Fatalf("got %d bytes given to the server and nothing that gives more; want %d", slow.took, size)
		}
		st.step()
		most = max(most, slow.took-took)
	}
	runtime.ReadMemStats(&after)
	if most > netio.MostPushed {
		t.Errorf("got %d bytes given to the server in one event; want at most %d", most, netio.MostPushed)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > size/8 {
		t.Errorf("got %d bytes allocated for a request of %d; want next to none", got, size)
	}
	w.balance()
	if got := st.e.OutsideHeap(); got < size {
		t.Errorf("got %d bytes outside of the heap while the request is not answered; want %d", got, size)
	}
	link.arrive("+OK\r\n")
	st.run()
	if got := c.take(); got != "+OK\r\n" {
		t.Errorf("got %q; want the reply", got)
	}
	if regionsOf(w) != 0 || shared.queue.log.Holds() > memory.KeepBusy {
		t.Errorf("got %d regions and a log of %d bytes when all is answered; want none", regionsOf(w), shared.queue.log.Holds())
	}
	w.tick()
	w.arena.Tick(w.now + int64(2*memory.SpareTime))
	w.balance()
	if got := st.e.OutsideHeap(); got != 0 {
		t.Errorf("got %d bytes outside of the heap when nothing has come for a while; want none", got)
	}
}

// TestTurnsUnload: a large request goes to the kernel in turns, which are events among those of the
// connections. A task that posts another one would be followed by that, and by the next, before any
// connection is looked at, as long as the kernel takes all it is offered.
func TestTurnsUnload(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	slow := st.slowLink()
	w := st.e.workers[0]
	inTask, nested := false, 0
	post := w.post
	w.post = func(task func()) {
		if inTask {
			nested++
		}
		post(func() {
			inTask = true
			task()
			inTask = false
		})
	}
	c := st.client(0, 0)
	for _, in := range largeSet(8 << 20) {
		c.owner.Arrived(in)
	}
	st.run()
	if slow.took < 8<<20 || nested > 0 {
		t.Errorf("got %d bytes given, %d tasks posted by tasks; want all of them, and none", slow.took, nested)
	}
}

// BenchmarkLargeRequest sends SETs, and says how long the longest event of one keeps others
// waiting: the median of all.
func BenchmarkLargeRequest(b *testing.B) {
	for _, size := range []int{2e6, 10e6, 100e6} {
		b.Run(strconv.Itoa(size/1e6)+"MB", func(b *testing.B) { benchmarkLargeRequest(b, size) })
	}
}

func benchmarkLargeRequest(b *testing.B, size int) {
	st := newTestWorker(b, PoolOptions{})
	slow := st.slowLink()
	link := slow.memConn
	link.echo = nil
	shared := st.e.workers[0].pools[0].link(0, 0)
	c := st.client(0, 0)
	reads := largeSet(size)
	b.SetBytes(int64(size))
	var longest []time.Duration
	for b.Loop() {
		var worst time.Duration
		event := func(f func()) {
			began := time.Now()
			f()
			worst = max(worst, time.Since(began))
		}
		for _, in := range reads {
			event(func() { c.owner.Arrived(in) })
		}
		for shared.unsent() > 0 {
			event(st.step)
		}
		event(func() { link.arrive("+OK\r\n") })
		if song := songOf(link.said); song != nil {
			link.owner.Arrived(song)
		}
		link.said = link.said[:0]
		if got := c.take(); got != "+OK\r\n" {
			b.Fatalf("got %q; want the reply", got)
		}
		longest = append(longest, worst)
	}
	slices.Sort(longest)
	b.ReportMetric(float64(longest[len(longest)/2].Microseconds()), "us-longest-event/op")
}
