package loop

import "github.com/valyala/bytebufferpool"

// slabs lends the bytes that must outlive an event.
var slabs bytebufferpool.Pool

// mostPooled is the largest slab that goes back to the pool. What is larger was for one large
// request or reply, and belongs to the garbage collector: a pool would keep it for long.
const mostPooled = 1 << 20

// A buffer is a slab while it holds something and nothing while it is empty, so that an
// idle connection costs no memory. Owner: whoever holds it.
type buffer struct{ slab *bytebufferpool.ByteBuffer }

// add copies p to the end.
func (b *buffer) add(p []byte) {
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
func (b *buffer) grow(n int) {
	if n <= keepSlab {
		return // append knows better
	}
	bigger := make([]byte, len(b.slab.B), max(n, 2*cap(b.slab.B)))
	copy(bigger, b.slab.B)
	b.slab.B = bigger
}

// growth returns how many bytes more of memory the buffer will be when n bytes are added, at
// most: 0 where they fit in.
func (b *buffer) growth(n int) int64 {
	have, need := b.holds(), int64(b.len()+n)
	if need <= have {
		return 0
	}
	return max(need, 2*have) - have
}

// reserve makes room for n bytes in all, of which it expects to get so many, unless that is
// more than twice what is there already: nobody gets memory by announcing something.
func (b *buffer) reserve(n int) {
	if b.slab == nil || n <= cap(b.slab.B) || n > 2*cap(b.slab.B) || n <= keepSlab {
		return
	}
	bigger := make([]byte, len(b.slab.B), n)
	copy(bigger, b.slab.B)
	b.slab.B = bigger
}

// bytes returns the content; it is dead after the next add or release.
func (b *buffer) bytes() []byte {
	if b.slab == nil {
		return nil
	}
	return b.slab.B
}

// len returns how many bytes are in it.
func (b *buffer) len() int {
	if b.slab == nil {
		return 0
	}
	return len(b.slab.B)
}

// holds returns how many bytes of memory it is.
func (b *buffer) holds() int64 {
	if b.slab == nil {
		return 0
	}
	return int64(cap(b.slab.B))
}

// grown takes dst, which append made out of bytes(), as the new content.
func (b *buffer) grown(dst []byte) {
	b.slab.B = dst
}

// room returns the content to append to.
func (b *buffer) room() []byte {
	if b.slab == nil {
		b.slab = slabs.Get()
	}
	return b.slab.B
}

// clear empties it and keeps the slab for the next use, unless it is one for the garbage
// collector.
func (b *buffer) clear() {
	switch {
	case b.slab == nil:
	case cap(b.slab.B) > keepBusy:
		b.slab = nil
	default:
		b.slab.B = b.slab.B[:0]
	}
}

// keepSlab is the size up to which a slab is worth keeping where it is needed again soon.
// Going through the pool for every event costs more (54 µs instead of 32 for 100 GETs,
// BenchmarkTrip): it forgets what is larger than usual, so mixed traffic would allocate.
const keepSlab = 16 << 10

// keepBusy is likewise for what is cleared all the time under load, and given back when it is
// quiet: the log of a link.
const keepBusy = 4 << 20

// rest empties it; a small slab stays for the next use, a large one goes back.
func (b *buffer) rest() {
	if b.slab != nil && cap(b.slab.B) > keepSlab {
		b.release()
		return
	}
	b.clear()
}

// release empties it and gives the slab back.
func (b *buffer) release() {
	if b.slab == nil {
		return
	}
	if cap(b.slab.B) <= mostPooled {
		slabs.Put(b.slab)
	}
	b.slab = nil
}

// cut drops the first n bytes by moving the rest to the front.
func (b *buffer) cut(n int) {
	rest := copy(b.slab.B, b.slab.B[n:])
	b.slab.B = b.slab.B[:rest]
}
