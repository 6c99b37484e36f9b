package loop

// A ring is a FIFO of values in a circle whose size is a power of two. The zero value is
// empty and holds no memory. Owner: whoever holds it.
type ring[T any] struct {
	items []T
	head  uint32 // position of the oldest; positions only grow, wrapping at 2³²
	tail  uint32 // position behind the newest
}

// smallestRing is what a ring that holds anything begins with.
const smallestRing = 4

// len returns how many values are in it.
func (r *ring[T]) len() int { return int(r.tail - r.head) }

// push puts v behind the newest and returns its position.
func (r *ring[T]) push(v T) uint32 {
	*r.next() = v
	return r.tail - 1
}

// next puts a value behind the newest that is to be filled in: it is what has stood there before.
// A value that is large is so copied once, and not again as an argument (BenchmarkTrip).
func (r *ring[T]) next() *T {
	if r.len() == len(r.items) {
		r.grow()
	}
	r.tail++
	return r.at(r.tail - 1)
}

// at returns the value at a position between head and tail.
func (r *ring[T]) at(pos uint32) *T { return &r.items[pos&uint32(len(r.items)-1)] }

// front returns the oldest value; there must be one.
func (r *ring[T]) front() *T { return r.at(r.head) }

// pop drops the oldest value; there must be one.
func (r *ring[T]) pop() { r.head++ }

// grow doubles the circle; positions stay what they are.
func (r *ring[T]) grow() {
	bigger := make([]T, max(smallestRing, 2*len(r.items)))
	for p := r.head; p != r.tail; p++ {
		bigger[p&uint32(len(bigger)-1)] = *r.at(p)
	}
	r.items = bigger
}

// release gives the memory back when the ring is empty. Positions go on.
func (r *ring[T]) release() {
	if r.len() == 0 {
		r.items = nil
	}
}
