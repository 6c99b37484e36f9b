package memory

// A Ring is a FIFO of values in a circle whose size is a power of two. The zero value is
// empty and holds no memory. Owner: whoever holds it.
type Ring[T any] struct {
	items []T
	head  uint32 // position of the oldest; positions only grow, wrapping at 2³²
	tail  uint32 // position behind the newest
}

// smallestRing is what a ring that holds anything begins with.
const smallestRing = 4

// Len returns how many values are in it.
func (r *Ring[T]) Len() int { return int(r.tail - r.head) }

// First returns the position of the oldest value.
func (r *Ring[T]) First() uint32 { return r.head }

// Behind returns the position behind the newest value.
func (r *Ring[T]) Behind() uint32 { return r.tail }

// Drop forgets all values. Positions go on.
func (r *Ring[T]) Drop() { r.head = r.tail }

// TakeBack drops the newest n values; there must be as many. Their positions are given again.
func (r *Ring[T]) TakeBack(n int) { r.tail -= uint32(n) }

// Empty returns the ring's values and leaves it without any. Positions go on in both.
func (r *Ring[T]) Empty() Ring[T] {
	was := *r
	*r = Ring[T]{head: was.tail, tail: was.tail}
	return was
}

// Push puts v behind the newest and returns its position.
func (r *Ring[T]) Push(v T) uint32 {
	*r.Next() = v
	return r.tail - 1
}

// Next puts a value behind the newest that is to be filled in: it is what has stood there before.
// A value that is large is so copied once, and not again as an argument (BenchmarkTrip).
func (r *Ring[T]) Next() *T {
	if r.Len() == len(r.items) {
		r.grow()
	}
	r.tail++
	return r.At(r.tail - 1)
}

// At returns the value at a position between head and tail.
func (r *Ring[T]) At(pos uint32) *T { return &r.items[pos&uint32(len(r.items)-1)] }

// Front returns the oldest value; there must be one.
func (r *Ring[T]) Front() *T { return r.At(r.head) }

// Pop drops the oldest value; there must be one.
func (r *Ring[T]) Pop() { r.head++ }

// grow doubles the circle; positions stay what they are.
func (r *Ring[T]) grow() {
	bigger := make([]T, max(smallestRing, 2*len(r.items)))
	for p := r.head; p != r.tail; p++ {
		bigger[p&uint32(len(bigger)-1)] = *r.At(p)
	}
	r.items = bigger
}

// Release gives the memory back when the ring is empty. Positions go on.
func (r *Ring[T]) Release() {
	if r.Len() == 0 {
		r.items = nil
	}
}
