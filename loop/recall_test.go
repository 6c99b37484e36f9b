package loop

import (
	"strings"
	"testing"

	"huntaway/codec"
	"huntaway/loop/netio"
)

// TestRecallCopiesLittle: of large requests in flight few are taken back, and none in front of much
// input that is kept: so no event copies all of them.
func TestRecallCopiesLittle(t *testing.T) {
	const each = 100 << 10
	for _, tc := range []struct {
		name       string
		kept, want int // bytes of input, requests recalled
	}{{"little input", 100, mostRecalled / (each + 100)}, {"much input", 8 << 20, 0}} {
		t.Run(tc.name, func(t *testing.T) {
			st := newTestWorker(t, PoolOptions{})
			st.linkTo(0, 0, 0)
			c := st.client(0, 0).known()
			get := string(codec.AppendCommand(nil, "GET", strings.Repeat("k", each)))
			c.s.pace.bulkiest = askedBytes // as if the bound of request bytes did not hold
			for range 20 {
				c.arrive(get)
			}
			c.arrive("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$20000000\r\n")
			for n := 0; n < tc.kept; n += netio.ReadBuffer {
				c.arrive(strings.Repeat("x", min(netio.ReadBuffer, tc.kept)))
			}
			w, s := st.e.workers[0], c.s
			before := s.input.tail.buf.Len() - s.input.tail.used
			s.pace.allowed = 1
			w.begin()
			s.recall()
			w.end()
			if got := int(s.pw.counters.Recalled); got != tc.want {
				t.Errorf("got %d requests recalled; want %d", got, tc.want)
			}
			if got := s.input.tail.buf.Len() - s.input.tail.used - before; got != tc.want*len(get) {
				t.Errorf("got %d bytes more in front of the input; want those of the requests, %d", got, tc.want*len(get))
			}
		})
	}
}
