package loop

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"huntaway/codec"
)

// TestLocalRefusesExcess: whatever the proxy answers itself is asked for in few words.
func TestLocalRefusesExcess(t *testing.T) {
	st := newTestWorker(t, PoolOptions{Limits: Limits{Args: 1 << 20}})
	many, long := strings.Fields(strings.Repeat("get ", 2000)), []string{strings.Repeat("[b", mostWordBytes)}
	for _, cmd := range codec.Default().All() {
		if cmd.Policy != codec.Local || cmd.IsContainer() || cmd.Name == "echo" || cmd.Name == "ping" {
			continue
		}
		for _, excess := range [][]string{many, long} {
			got := st.client(0, 0).say(append(leastArgs(cmd), excess...)...)
			if len(got) > 512 || got[0] != '-' {
				t.Errorf("%s with %d words of %d bytes: got %d bytes, %.100q; want a short error", cmd.Name, len(excess), len(excess[0]), len(got), got)
			}
		}
	}
	c, most := st.client(0, 0), strings.Repeat("x", mostWordBytes-100)
	if got := c.say("ECHO", most); len(got) < len(most) {
		t.Errorf("ECHO of %d bytes: got %.100q; want them back", len(most), got)
	}
}

// TestLocalVictimWaitsLittle: the most that a request which is answered here may make the
// worker do is of the order of what a large request costs, two copies of it.
func TestLocalVictimWaitsLittle(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	for range 200 {
		st.client(0, 0).say("CLIENT", "SETNAME", "crowd")
	}
	c := st.client(0, 0)
	wait := func(args ...string) time.Duration {
		frame := string(codec.AppendCommand(nil, args...))
		least := time.Hour
		for range 5 {
			start := time.Now()
			c.ask(frame)
			least = min(least, time.Since(start))
		}
		return least
	}
	fill := func(word string, head ...string) []string {
		n := min(mostWords-len(head), (mostWordBytes-200)/(len(word)+len("$00\r\n\r\n")))
		return append(head, strings.Fields(strings.Repeat(word+" ", n))...)
	}
	large, harmless := make([]byte, 16<<20), time.Hour
	for range 5 {
		start := time.Now()
		_ = bytes.Clone(bytes.Clone(large))
		harmless = min(harmless, time.Since(start))
	}
	for _, attack := range [][]string{
		fill("*a*b*c*d*e*f*g*[^h]*[a-z]*?*?*?*?*?*?*?*?*?*?*?", "CONFIG", "GET"),
		fill("*[bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "CONFIG", "GET"),
		fill("get", "COMMAND", "INFO"), fill("memory|usage", "COMMAND", "INFO"), fill("config", "COMMAND", "DOCS"),
		{"COMMAND", "LIST", "FILTERBY", "PATTERN", "*[" + strings.Repeat("b", mostWordBytes-200)},
		{"COMMAND", "LIST", "FILTERBY", "PATTERN", strings.Repeat("*?", mostWordBytes/2-200)},
		fill("99999999", "CLIENT", "LIST", "ID"), fill("everything", "INFO"),
		fill("k", "COMMAND", "GETKEYS", "MGET"), {"AUTH", strings.Repeat("x", mostWordBytes-200)},
	} {
		if got := wait(attack...); got > 20*harmless {
			t.Errorf("%.60q: others wait %v; two copies of 16 MiB take %v", attack, got, harmless)
		}
	}
}
