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
		l.log.Add(frame)
		l.sent = l.log.Len()
	}
	add()
	for i := range 10_000 {
		add()
		frame[0]++ // the next one can be told from this one
		l.base += len(frame)
		l.forget()
		if got, most := l.log.Len(), 3*keepAnswered; got > most {
			t.Fatalf("after %d requests: got %d bytes; want at most %d", i, got, most)
		}
		if l.log.Len()-l.base != len(frame) || l.sent != l.log.Len() {
			t.Fatalf("after %d requests: got log %d, base %d, sent %d; want the last frame kept", i, l.log.Len(), l.base, l.sent)
		}
		if got, want := l.log.Small()[l.base], frame[0]-1; got != want {
			t.Fatalf("after %d requests: got frame %q; want %q", i, got, want)
		}
	}
	l.base = l.log.Len()
	if l.forget(); l.log.Len() != 0 || l.base != 0 || l.sent != 0 {
		t.Errorf("all answered: got log %d, base %d, sent %d; want 0", l.log.Len(), l.base, l.sent)
	}
}
