package loop_test

import (
	"bytes"
	"strings"
	"testing"

	"huntaway/loop"
	"huntaway/perf/bench/rig"
)

// TestOthersAreServedMeanwhile: a client fills one packet with requests that are answered by
// the proxy and cost it much. Before it has its last answer another one has been answered many
// times over, on the same event loop: what is counted are answers, not time.
func TestOthersAreServedMeanwhile(t *testing.T) {
	const least = 5 // of those that are served in turn there are dozens on an idle machine
	for _, tc := range []struct {
		args []string
		n    int
	}{
		{[]string{"COMMAND", "LIST", "FILTERBY", "ACLCAT", "nothing"}, 1000},
		{[]string{"COMMAND", "DOCS"}, 300},
		{[]string{"ACL", "CAT", "stream"}, 1000},
		{[]string{"CLIENT", "LIST"}, 300},
		{[]string{"CLIENT", "KILL", "ADDR", "1.2.3.4:5"}, 500},
		{[]string{"INFO"}, 200},
	} {
		t.Run(strings.Join(tc.args, " "), func(t *testing.T) {
			st := play(t, scene{groups: one(group("g", "127.0.0.1:1")), engine: loop.Options{Workers: 1}})
			for range 300 {
				st.dial()
			}
			attacker, victim := st.dial(), st.dial()
			if err := attacker.send(bytes.Repeat(rig.AppendCommand(nil, tc.args...), tc.n)); err != nil {
				t.Fatal(err)
			}
			last := make(chan error, 1)
			go func() {
				for range tc.n {
					if _, err := attacker.reply(); err != nil {
						last <- err
						return
					}
				}
				last <- nil
			}()
			pongs := 0
			for over := false; !over; pongs++ {
				victim.want(t, "PONG", "PING")
				select {
				case err := <-last:
					over = true
					if err != nil {
						t.Fatal(err)
					}
				default:
				}
			}
			if pongs < least {
				t.Errorf("got %d answers to another client before the last of %d; want at least %d", pongs, tc.n, least)
			}
		})
	}
}

// TestUnreadAnswersAreNotMade: a client fills packets with requests whose answers are large and
// reads none. What is made is what fits the kernel's buffers and the limits, not what is asked.
func TestUnreadAnswersAreNotMade(t *testing.T) {
	st := play(t, scene{groups: one(group("g", "127.0.0.1:1")), engine: loop.Options{Workers: 1}})
	c, other := st.dial(), st.dial()
	frame := rig.AppendCommand(nil, "COMMAND")
	if err := c.send(bytes.Repeat(frame, 4000)); err != nil {
		t.Fatal(err)
	}
	size := len(other.must(t, "COMMAND"))
	var seen uint64
	eventually(t, "the client is paused", func() bool {
		other.want(t, "PONG", "PING")
		n := st.counters().Local
		still := n == seen+1
		seen = n
		return still
	})
	const most = 64 << 20 // the kernel takes a few MB, the limits allow about 2
	if made := int(seen) * size; made > most {
		t.Errorf("got %d bytes of answers made for a client that reads none; want at most %d", made, most)
	}
}
