package codec

import (
	"slices"
	"unsafe"
)

// A Request is one client command as it stands in a buffer: its frame and where its
// arguments are.
//
// The frame aliases the buffer that was scanned; it is dead when that buffer is.
// A Request is meant to be reused: a Scanner overwrites it and keeps its capacity.
type Request struct {
	Frame []byte // the whole multi-bulk request, *N to the last CRLF
	spans []span // the arguments, name first, as offsets into Frame
	own   []byte // an inline request's words and, behind them, its frame
}

// Raw returns n arguments from i on, i > 0, as they stand in the frame: their bulks with
// length lines and CRLF. It aliases Frame.
func (r *Request) Raw(i, n int) []byte {
	return r.Frame[r.spans[i-1].to+2 : r.spans[i+n-1].to+2]
}

// Move says where the frame lies now: at the beginning of buf.
func (r *Request) Move(buf []byte) { r.Frame = buf[:len(r.Frame):len(r.Frame)] }

// Trim gives back memory that an unusual request made the Request keep.
func (r *Request) Trim() {
	if cap(r.spans) > keepSpans {
		r.spans = nil
	}
	if cap(r.own) > keepOwn {
		r.own = nil
	}
	r.Frame = nil
}

// What a Request may keep between two uses: enough for an MGET of 1000 keys and for an
// inline line of a few kilobytes.
const (
	keepSpans = 1024
	keepOwn   = 16 << 10
)

// grow makes room for as many arguments again. append would add a quarter where there are many,
// and copy a million four times over; what is announced is not believed.
func (r *Request) grow() {
	r.spans = slices.Grow(r.spans, max(8, len(r.spans)))
}

// Holds returns how many bytes of memory the Request keeps besides the frame.
func (r *Request) Holds() int64 {
	return int64(cap(r.spans))*int64(unsafe.Sizeof(span{})) + int64(cap(r.own))
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
