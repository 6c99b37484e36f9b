package memory

import "github.com/valyala/bytebufferpool"

// slabs lends the bytes that must outlive an event.
var slabs bytebufferpool.Pool

// mostPooled is the largest slab that goes back to the pool. What is larger was for one large
// request or reply, and belongs to the garbage collector: a pool would keep it for long.
const mostPooled = 1 << 20

// A Buffer is a slab while it holds something and nothing while it is empty, so that an
// idle connection costs no memory. Owner: whoever holds it.
type Buffer struct{ slab *bytebufferpool.ByteBuffer }

// Add copies p to the end.
func (b *Buffer) Add(p []byte) {
	if b.slab == nil {
		b.slab = slabs.Get()
	}
	if cap(b.slab.B)-len(b.slab.B) < len(p) {
		b.grow(len(b.slab.B) + len(p))
	}
	b.slab.B = append(b.slab.B, p...)
}

// grow makes room for n bytes at least. It doubles, where append would add a quarter: what is
// filled by the read would be copied five times over, and leave as much garbage behind.
func (b *Buffer) grow(n int) {
	if n <= KeepSlab {
		return // append knows better
	}
	bigger := make([]byte, len(b.slab.B), max(n, 2*cap(b.slab.B)))
	copy(bigger, b.slab.B)
	b.slab.B = bigger
}

// growth returns how many bytes more of memory the buffer will be when n bytes are added, at
// most: 0 where they fit in.
func (b *Buffer) growth(n int) int64 {
	have, need := b.Holds(), int64(b.Len()+n)
	if need <= have {
		return 0
	}
	return max(need, 2*have) - have
}

// reserve makes room for n bytes in all, of which it expects to get so many, unless that is
// more than twice what is there already: nobody gets memory by announcing something.
func (b *Buffer) reserve(n int) {
	if b.slab == nil || n <= cap(b.slab.B) || n > 2*cap(b.slab.B) || n <= KeepSlab {
		return
	}
	bigger := make([]byte, len(b.slab.B), n)
	copy(bigger, b.slab.B)
	b.slab.B = bigger
}

// Bytes returns the content; it is dead after the next add or release.
func (b *Buffer) Bytes() []byte {
	if b.slab == nil {
		return nil
	}
	return b.slab.B
}

// Len returns how many bytes are in it.
func (b *Buffer) Len() int {
	if b.slab == nil {
		return 0
	}
	return len(b.slab.B)
}

// Holds returns how many bytes of memory it is.
func (b *Buffer) Holds() int64 {
	if b.slab == nil {
		return 0
	}
	return int64(cap(b.slab.B))
}

// Grown takes dst, which append made out of bytes(), as the new content.
func (b *Buffer) Grown(dst []byte) {
	b.slab.B = dst
}

// Room returns the content to append to.
func (b *Buffer) Room() []byte {
	if b.slab == nil {
		b.slab = slabs.Get()
	}
	return b.slab.B
}

// Clear empties it and keeps the slab for the next use, unless it is one for the garbage
// collector.
func (b *Buffer) Clear() {
	switch {
	case b.slab == nil:
	case cap(b.slab.B) > KeepBusy:
		b.slab = nil
	default:
		b.slab.B = b.slab.B[:0]
	}
}

// KeepSlab is the size up to which a slab is worth keeping where it is needed again soon.
// Going through the pool for every event costs more (54 µs instead of 32 for 100 GETs,
// BenchmarkTrip): it forgets what is larger than usual, so mixed traffic would allocate.
const KeepSlab = 16 << 10

// KeepBusy is likewise for what is cleared all the time under load, and given back when it is
// quiet: the log of a link.
const KeepBusy = 4 << 20

// Rest empties it; a small slab stays for the next use, a large one goes back.
func (b *Buffer) Rest() {
	if b.slab != nil && cap(b.slab.B) > KeepSlab {
		b.Release()
		return
	}
	b.Clear()
}

// Release empties it and gives the slab back.
func (b *Buffer) Release() {
	if b.slab == nil {
		return
	}
	if cap(b.slab.B) <= mostPooled {
		slabs.Put(b.slab)
	}
	b.slab = nil
}

// Cut drops the first n bytes by moving the rest to the front.
func (b *Buffer) Cut(n int) {
	rest := copy(b.slab.B, b.slab.B[n:])
	b.slab.B = b.slab.B[:rest]
}
