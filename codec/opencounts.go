package codec

// openCounts says how many elements are still to come in each open aggregate.
type openCounts struct {
	rest  int64            // in the innermost; 0: none is open
	outer int              // how many there are around it
	near  [nearDepth]int64 // the same of those, the outermost first: common replies need no memory
	far   []int64          // of those within
}

// nearDepth is deeper than replies are that Redis' own commands give. mostDepth bounds the
// memory that a server gone mad can claim at 16 MiB: Lua ends at 8000 levels.
const (
	nearDepth = 24
	mostDepth = 1 << 20
)

// begun notes that an element of the innermost aggregate begins, if there is an aggregate.
// One whose last element begins is forgotten.
func (o *openCounts) begun() {
	switch {
	case o.rest > 1:
		o.rest--
	case o.outer == 0:
		o.rest = 0
	default:
		o.pop()
	}
}

// pop makes the aggregate around the innermost the innermost.
func (o *openCounts) pop() {
	o.outer--
	if o.outer < nearDepth {
		o.rest = o.near[o.outer]
		return
	}
	last := len(o.far) - 1
	o.rest, o.far = o.far[last], o.far[:last]
}

// push opens an aggregate of n elements. False: it is too deep.
func (o *openCounts) push(n int64) (ok bool) {
	switch {
	case o.rest == 0:
	case o.outer == mostDepth:
		return false
	default:
		if o.outer < nearDepth {
			o.near[o.outer] = o.rest
		} else {
			o.far = append(o.far, o.rest)
		}
		o.outer++
	}
	o.rest = n
	return true
}

// holds returns how many bytes of memory are taken for what is remembered.
func (o *openCounts) holds() int64 { return int64(cap(o.far)) * 8 }

// clear closes everything, and gives back what an unusually deep reply has needed.
func (o *openCounts) clear() {
	const usual = 1 << 10
	o.rest, o.outer, o.far = 0, 0, o.far[:0]
	if cap(o.far) > usual {
		o.far = nil
	}
}
