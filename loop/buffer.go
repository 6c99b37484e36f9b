package loop

import "github.com/valyala/bytebufferpool"

// slabs lends the bytes that must outlive an event. Slabs grow by doubling, and the pool
// forgets those far over the usual size, so that one burst is not remembered for ever.
var slabs bytebufferpool.Pool

// A buffer is a slab while it holds something and nothing while it is empty, so that an
// idle connection costs no memory. Owner: whoever holds it.
type buffer struct{ slab *bytebufferpool.ByteBuffer }

// add copies p to the end.
func (b *buffer) add(p []byte) {
	if b.slab == nil {
		b.slab = slabs.Get()
	}
	b.slab.B = append(b.slab.B, p...)
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

// clear empties it and keeps the slab for the next use.
func (b *buffer) clear() {
	if b.slab != nil {
		b.slab.B = b.slab.B[:0]
	}
}

// keepSlab is the size up to which a slab is worth keeping where it is needed again soon.
// Going through the pool for every event costs more (54 µs instead of 32 for 100 GETs,
// BenchmarkTrip): it forgets what is larger than usual, so mixed traffic would allocate.
const keepSlab = 16 << 10

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
	if b.slab != nil {
		slabs.Put(b.slab)
		b.slab = nil
	}
}

// cut drops the first n bytes by moving the rest to the front.
func (b *buffer) cut(n int) {
	rest := copy(b.slab.B, b.slab.B[n:])
	b.slab.B = b.slab.B[:rest]
}
