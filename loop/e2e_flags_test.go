package loop_test

import (
	"strings"
	"testing"

	"huntaway/loop"
)

// TestPauseOfWritesAndScripts: a script that declares that it writes nothing runs while writes
// are paused, by its text and by its digest; every other waits.
func TestPauseOfWritesAndScripts(t *testing.T) {
	servers := startServers(t, 1)
	st := play(t, scene{groups: alone(servers...), options: loop.PoolOptions{}})
	admin, c := st.dial(), st.dial()
	reads := "#!lua flags=allow-stale,no-writes\nreturn redis.call('GET', 'k')"
	c.want(t, "OK", "SET", "k", "v")
	c.want(t, "v", "EVAL", reads, "0")
	admin.want(t, "OK", "CLIENT", "PAUSE", "600000", "WRITE")
	for range 3 {
		c.want(t, "v", "EVAL", reads, "0")
		c.want(t, "v", "EVALSHA", sha(reads), "0")
		c.want(t, "v", "EVAL_RO", "return redis.call('GET', 'k')", "0")
	}
	if got := c.must(t, "EVAL", "#!lua flags=no-writes\nreturn redis.call('SET', 'k', 'w')", "0"); !strings.HasPrefix(got, "-ERR Write commands are not allowed") {
		t.Errorf("got %q; want the server to refuse the write", got)
	}
	var waiting []chan error
	for _, body := range []string{"return 1", "#!lua\nreturn 1", "#!lua flags=allow-oom\nreturn 1", "#!lua \"flags=no-writes\"\nreturn 1", "#!lua flags=no-writes,\nreturn 1"} {
		w, done := st.dial(), make(chan error, 1)
		waiting = append(waiting, done)
		go func() {
			_, err := w.do("EVAL", body, "0")
			done <- err
		}()
	}
	c.want(t, "v", "GET", "k")
	for i, done := range waiting {
		if len(done) > 0 {
			t.Errorf("script %d has run; want it to wait", i)
		}
	}
	admin.want(t, "OK", "CLIENT", "UNPAUSE")
	for _, done := range waiting {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
