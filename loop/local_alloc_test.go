//go:build !race

package loop

import "testing"

// TestLocalAllocs: what load balancers and pools ask all day makes no garbage, in either
// form of request.
func TestLocalAllocs(t *testing.T) {
	for _, request := range []string{
		"PING\r\n",
		"*1\r\n$4\r\nPING\r\n",
		"*2\r\n$4\r\nping\r\n$2\r\nhi\r\n",
		"*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\n",
		"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n",
		"*1\r\n$8\r\nREADONLY\r\n",
	} {
		st := newTestWorker(t, PoolOptions{})
		c := st.client(0, 0)
		in := []byte(request)
		event := func() {
			c.owner.Arrived(in)
			c.said = c.said[:0]
		}
		event()
		if n := testing.AllocsPerRun(200, event); n != 0 {
			t.Errorf("%q: got %v allocations per request; want 0", request, n)
		}
	}
}
