package loop

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"huntaway/codec"
)

// TestFrameLogIsItsFrames: whatever is added, forgotten and cut, the frames of a log are what was
// added, wherever they lie, it is written in their order, and ends every region that it used.
func TestFrameLogIsItsFrames(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	w := st.e.workers[0]
	rng := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		var f frameLog
		var frames [][]byte // from the log's beginning
		first, from := uint32(0), 0
		for range 40 {
			switch n := rng.IntN(8); {
			case n < 3:
				b := bytes.Repeat([]byte{byte(rng.Uint32())}, 1+rng.IntN(50))
				f.add(b)
				frames = append(frames, b)
			case n < 5:
				r := w.newRegion(0)
				r.add([]byte("before"))
				b := bytes.Repeat([]byte{byte(rng.Uint32())}, leastStretch+rng.IntN(1000))
				r.add(b)
				where, ok := w.stretchOf(r.bytes()[6:])
				if !ok {
					t.Fatal("got no place of a frame that lies in a region")
				}
				f.refer(where, first+uint32(len(frames)))
				r.release() // the log is the only user now
				frames = append(frames, b)
			case n < 6 && from < len(frames):
				from += 1 + rng.IntN(len(frames)-from)
				f.forget(positionOf(frames, from))
			case n < 7:
				f.cut(positionOf(frames, from))
				frames, first, from = frames[from:], first+uint32(from), 0
			case from == len(frames):
				f.clear()
				frames, first, from = nil, first+uint32(len(frames)), 0
			}
			checkLog(t, &f, frames, from, first)
		}
		f.release()
		if got := f.holds() + int64(len(w.regions)); got != 0 {
			t.Fatalf("got %d bytes and regions of a log that was released; want none", got)
		}
		w.unmapEnded()
	}
}

// positionOf returns where frame n begins.
func positionOf(frames [][]byte, n int) (at int) {
	for _, b := range frames[:n] {
		at += len(b)
	}
	return at
}

// checkLog compares a log with the frames that are in it and not forgotten.
func checkLog(t *testing.T, f *frameLog, frames [][]byte, from int, first uint32) {
	t.Helper()
	at := positionOf(frames, from)
	begin := at
	for _, want := range frames[from:] {
		if got := f.frame(at, len(want)); !bytes.Equal(got, want) {
			t.Fatalf("got %d bytes %.8q at %d; want %d bytes %.8q", len(got), got, at, len(want), want)
		}
		at += len(want)
	}
	if f.len() != at {
		t.Fatalf("got %d bytes in all; want %d", f.len(), at)
	}
	var written []byte
	for at := begin; at < f.len(); {
		b, large, upTo := f.next(at, f.len(), first+uint32(len(frames)))
		if large.of != nil {
			b = large.bytes()
		}
		written, at = append(written, b...), at+len(b)
		if got := positionOf(frames, int(upTo-first)); got != at {
			t.Fatalf("got entry %d behind byte %d; it is behind %d", upTo, at, got)
		}
	}
	if !bytes.Equal(written, slices.Concat(frames[from:]...)) {
		t.Fatal("what is to be written is not the frames in their order")
	}
}

// A slowWire takes a piece of what it is offered.
type slowWire struct {
	*memWire
	took int // bytes
	rest stretch
}

func (m *slowWire) backlog() int { return m.rest.len() }

func (m *slowWire) writeStretch(b stretch) bool {
	b.of.retain()
	m.rest = b
	left, _ := m.push()
	return left
}

func (m *slowWire) push() (left, took bool) {
	if m.rest.of == nil {
		return false, false
	}
	n := min(mostPushed, m.rest.len())
	m.took += n
	if m.rest.from += n; m.rest.len() > 0 {
		return true, true
	}
	m.rest.of.release()
	m.rest = stretch{}
	return false, true
}

// slowLink is linkTo for the first server of the first pool, whose link has a slowWire.
func (st *stage) slowLink() *slowWire {
	link := st.linkTo(0, 0, 0)
	slow := &slowWire{memWire: link}
	st.e.workers[0].pools[0].link(0, 0).wire, link.owner.(*call).wire = slow, slow
	return slow
}

// largeSet is the bytes of a SET of so many bytes, in what reads bring of it.
func largeSet(size int) [][]byte {
	return slices.Collect(slices.Chunk(codec.AppendCommand(nil, "SET", "k", string(make([]byte, size))), readBuffer))
}

// TestLargeRequestIsNotCopied: no event takes memory, or does work, for all of a large request,
// from its arrival to the server's having it; nor is anything of it left afterwards.
func TestLargeRequestIsNotCopied(t *testing.T) {
	const size = 24 << 20
	st := newTestWorker(t, PoolOptions{})
	slow := st.slowLink()
	link := slow.memWire
	link.echo = nil
	w := st.e.workers[0]
	shared := w.pools[0].link(0, 0)
	c := st.client(0, 0)
	reads := largeSet(size)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	most := 0
	for _, in := range reads {
		c.owner.arrived(in)
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
	if most > mostPushed {
		t.Errorf("got %d bytes given to the server in one event; want at most %d", most, mostPushed)
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
	if len(w.regions)+len(w.ended) != 0 || shared.log.holds() > keepBusy {
		t.Errorf("got %d regions, %d of them ended, and a log of %d bytes when all is answered; want none", len(w.regions), len(w.ended), shared.log.holds())
	}
	w.sparedAt = w.now - 2*int64(quietTime)
	w.tick()
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
		c.owner.arrived(in)
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
	link := slow.memWire
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
			event(func() { c.owner.arrived(in) })
		}
		for shared.unsent() > 0 {
			event(st.step)
		}
		event(func() { link.arrive("+OK\r\n") })
		if song := songOf(link.said); song != nil {
			link.owner.arrived(song)
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
