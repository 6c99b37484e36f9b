package codec

// A Request is one client command as it stands in a buffer: its frame and where its
// arguments are.
//
// The frame aliases the buffer that was scanned; it is dead when that buffer is.
// A Request is meant to be reused: Scan overwrites it and keeps the capacity of its spans.
type Request struct {
	Frame []byte // the whole multi-bulk request, *N to the last CRLF
	spans []span // the arguments, name first, as offsets into Frame
}

// A span is half open: Frame[from:to].
type span struct{ from, to uint32 }

// Len returns the number of arguments, the command's name included.
func (r *Request) Len() int { return len(r.spans) }

// Arg returns argument i (0 is the name). It aliases Frame.
func (r *Request) Arg(i int) []byte {
	s := r.spans[i]
	return r.Frame[s.from:s.to]
}
