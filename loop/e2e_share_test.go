package loop_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"huntaway/perf/bench/rig"
)

// TestSlowSubscribersShareMessages: a large message that no subscriber reads is in memory once,
// not once for each, and all of them get it when they do.
func TestSlowSubscribersShareMessages(t *testing.T) {
	const subscribers, size = 40, 16 << 20
	st := play(t, scene{groups: alone(startServers(t, 1)...)})
	all := make([]*client, subscribers)
	for i := range all {
		all[i] = st.dial()
		if err := all[i].send(rig.AppendCommand(nil, "SUBSCRIBE", "c")); err != nil {
			t.Fatal(err)
		}
		if _, err := all[i].reply(); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.Repeat("x", size)
	frame := rig.AppendCommand(nil, "PUBLISH", "c", text)
	publisher := st.dial()
	before := heap()
	if err := publisher.send(frame); err != nil {
		t.Fatal(err)
	}
	if got, err := publisher.text(); got != fmt.Sprint(subscribers) || err != nil {
		t.Fatalf("PUBLISH: got %q, %v; want %d", got, err, subscribers)
	}
	want := fmt.Sprintf("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$%d\r\n%s\r\n", size, text)
	for _, c := range all { // each has been handed it when it has its beginning
		if _, err := c.in.Peek(16); err != nil {
			t.Fatal(err)
		}
	}
	if got := heap() - before; got > subscribers*size/4 {
		t.Errorf("got a heap of %d MiB for a message of %d that %d wait for; want about one of it", got>>20, size>>20, subscribers)
	}
	heard := make([]byte, len(want))
	for i, c := range all {
		if _, err := io.ReadFull(c.in, heard); err != nil || string(heard) != want {
			t.Fatalf("subscriber %d: got another message, or %v", i, err)
		}
	}
	if n := st.counters(); n.ClosedMemory+n.ClosedOutput != 0 {
		t.Errorf("got %d subscribers closed; want none", n.ClosedMemory+n.ClosedOutput)
	}
}
