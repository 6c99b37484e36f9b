package codec

import "testing"

// TestCommandInfoUnknown: a name that does not exist is a null bulk in RESP2, as redis-server
// 7.0.15 sends it.
func TestCommandInfoUnknown(t *testing.T) {
	var r Request
	var s Scanner
	frame := AppendCommand(nil, "COMMAND", "INFO", "nope")
	lim := Limits{Args: 10, Bulk: 100, Request: 1000}
	if _, err := s.Next(frame, &r, &lim); err != nil {
		t.Fatal(err)
	}
	if got, want := string(Default().AppendReply(nil, &r, 2)), "*1\r\n$-1\r\n"; got != want {
		t.Errorf("got %q; want %q", got, want)
	}
}
