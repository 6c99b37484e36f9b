package loop

import (
	"bytes"
	"testing"
)

// TestLogOfABusyLinkStaysSmall: a link that always has one request in flight never finds
// its log answered altogether.
func TestLogOfABusyLinkStaysSmall(t *testing.T) {
	var l link
	frame := bytes.Repeat([]byte{'x'}, 1000)
	add := func() {
		l.log.add(frame)
		l.sent = l.log.len()
	}
	add()
	for i := range 10_000 {
		add()
		frame[0]++ // the next one can be told from this one
		l.base += len(frame)
		l.forget()
		if got, most := l.log.len(), 3*keepAnswered; got > most {
			t.Fatalf("after %d requests: got %d bytes; want at most %d", i, got, most)
		}
		if l.log.len()-l.base != len(frame) || l.sent != l.log.len() {
			t.Fatalf("after %d requests: got log %d, base %d, sent %d; want the last frame kept", i, l.log.len(), l.base, l.sent)
		}
		if got, want := l.log.slab.bytes()[l.base], frame[0]-1; got != want {
			t.Fatalf("after %d requests: got frame %q; want %q", i, got, want)
		}
	}
	l.base = l.log.len()
	if l.forget(); l.log.len() != 0 || l.base != 0 || l.sent != 0 {
		t.Errorf("all answered: got log %d, base %d, sent %d; want 0", l.log.len(), l.base, l.sent)
	}
}
