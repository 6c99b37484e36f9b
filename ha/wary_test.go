package ha

import (
	"context"
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// mouth is a server that answers every question with the beginning and then the rest again and
// again, and counts what it could say.
func mouth(first, rest string, said *atomic.Int64) func(context.Context, string, string) (net.Conn, error) {
	rest = strings.Repeat(rest, max(1, 4096/len(rest)))
	return func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			if _, err := theirs.Read(make([]byte, 4096)); err != nil {
				return
			}
			if _, err := io.WriteString(theirs, "-ERR unknown command 'HELLO'\r\n"); err != nil {
				return
			}
			if _, err := theirs.Read(make([]byte, 4096)); err != nil {
				return
			}
			go io.Copy(io.Discard, theirs)
			for next := first; ; next = rest {
				n, err := io.WriteString(theirs, next)
				said.Add(int64(n))
				if err != nil {
					return
				}
			}
		}()
		return ours, nil
	}
}

func TestNobodySaysTooMuchToProbes(t *testing.T) {
	for name, tc := range map[string]struct {
		first, rest string
		most        int64 // that it may say
	}{
		"line":           {"+", "a", mostLine + 16<<10},
		"error":          {"-ERR ", "a", mostLine + 16<<10},
		"elements":       {"*1000000\r\n", "$96\r\n" + strings.Repeat("a", 96) + "\r\n", mostSaid + 16<<10},
		"array":          {"*1000000000\r\n", "$1\r\na\r\n", 16 << 10},
		"largest array":  {"*999999999999999999\r\n", "$1\r\na\r\n", 16 << 10},
		"bulk":           {"$9000000000\r\n", "a", 16 << 10},
		"largest bulk":   {"$9223372036854775800\r\n", "a", 16 << 10},
		"arrays in each": {"", "*65536\r\n", 16 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			var said atomic.Int64
			c := Access{Dial: mouth(tc.first, tc.rest, &said), Timeout: time.Minute}.open("tcp", "server")
			defer c.Close()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			reply, err := c.Do(t.Context(), "INFO").Result()
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Fatalf("got the answer %.40v", reply)
			}
			if n := said.Load(); n > tc.most {
				t.Errorf("it could say %d bytes, want %d at most: %v", n, tc.most, err)
			}
			if made := after.TotalAlloc - before.TotalAlloc; made > 8*mostSaid {
				t.Errorf("%d bytes were allocated for it, want %d at most", made, 8*mostSaid)
			}
			if len(err.Error()) > 200 {
				t.Errorf("the error has %d bytes: %.40s", len(err.Error()), err)
			}
		})
	}
}

func TestProbesTakeWhatIsHonest(t *testing.T) {
	for name, answer := range map[string]string{
		"a bulk":         "$1000000\r\n" + strings.Repeat("a", 1000000) + "\r\n",
		"many elements":  "*100000\r\n" + strings.Repeat("$1\r\na\r\n", 100000),
		"an error":       "-ERR " + strings.Repeat("a", 10000) + "\r\n",
		"nothing at all": "$-1\r\n",
	} {
		var said atomic.Int64
		c := Access{Dial: mouth(answer, answer, &said), Timeout: time.Minute}.open("tcp", "server")
		_, err := c.Do(t.Context(), "INFO").Result()
		if err != nil && !strings.HasPrefix(err.Error(), "ERR aaa") && err.Error() != "redis: nil" {
			t.Errorf("%s: got %v", name, err)
		}
		c.Close()
	}
}
