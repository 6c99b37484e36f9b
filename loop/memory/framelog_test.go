package memory

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestFrameLogIsItsFrames: whatever is added, forgotten and cut, the frames of a log are what was
// added, wherever they lie, it is written in their order, and ends every region that it used.
func TestFrameLogIsItsFrames(t *testing.T) {
	a := NewArena(&SystemMapping, func(why string, cause error, _ int) { t.Errorf("%s: %v", why, cause) })
	rng := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		var f FrameLog
		var frames [][]byte // from the log's beginning
		first, from := uint32(0), 0
		for range 40 {
			switch n := rng.IntN(8); {
			case n < 3:
				b := bytes.Repeat([]byte{byte(rng.Uint32())}, 1+rng.IntN(50))
				f.Add(b)
				frames = append(frames, b)
			case n < 5:
				r := a.newRegion(0)
				r.add([]byte("before"))
				b := bytes.Repeat([]byte{byte(rng.Uint32())}, LeastStretch+rng.IntN(1000))
				r.add(b)
				where, ok := a.StretchOf(r.bytes()[6:])
				if !ok {
					t.Fatal("got no place of a frame that lies in a region")
				}
				f.Refer(where, first+uint32(len(frames)))
				r.release() // the log is the only user now
				frames = append(frames, b)
			case n < 6 && from < len(frames):
				from += 1 + rng.IntN(len(frames)-from)
				f.Forget(positionOf(frames, from))
			case n < 7:
				f.Cut(positionOf(frames, from))
				frames, first, from = frames[from:], first+uint32(from), 0
			case from == len(frames):
				f.Clear()
				frames, first, from = nil, first+uint32(len(frames)), 0
			}
			checkLog(t, &f, frames, from, first)
		}
		f.Release()
		if got := f.Holds() + int64(len(a.regions)); got != 0 {
			t.Fatalf("got %d bytes and regions of a log that was released; want none", got)
		}
		a.End()
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
func checkLog(t *testing.T, f *FrameLog, frames [][]byte, from int, first uint32) {
	t.Helper()
	at := positionOf(frames, from)
	begin := at
	for _, want := range frames[from:] {
		if got := f.Frame(at, len(want)); !bytes.Equal(got, want) {
			t.Fatalf("got %d bytes %.8q at %d; want %d bytes %.8q", len(got), got, at, len(want), want)
		}
		at += len(want)
	}
	if f.Len() != at {
		t.Fatalf("got %d bytes in all; want %d", f.Len(), at)
	}
	var written []byte
	for at := begin; at < f.Len(); {
		b, large, upTo := f.Next(at, f.Len(), first+uint32(len(frames)))
		if large.Is() {
			b = large.Bytes()
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
