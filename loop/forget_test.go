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
		l.queue.log.Add(frame)
		l.queue.sent = l.queue.log.Len()
	}
	add()
	for i := range 10_000 {
		add()
		frame[0]++ // the next one can be told from this one
		l.queue.base += len(frame)
		l.forget()
		if got, most := l.queue.log.Len(), 3*keepAnswered; got > most {
			t.Fatalf("after %d requests: got %d bytes; want at most %d", i, got, most)
		}
		if l.queue.log.Len()-l.queue.base != len(frame) || l.queue.sent != l.queue.log.Len() {
			t.Fatalf("after %d requests: got log %d, base %d, sent %d; want the last frame kept", i, l.queue.log.Len(), l.queue.base, l.queue.sent)
		}
		if got, want := l.queue.log.Small()[l.queue.base], frame[0]-1; got != want {
			t.Fatalf("after %d requests: got frame %q; want %q", i, got, want)
		}
	}
	l.queue.base = l.queue.log.Len()
	if l.forget(); l.queue.log.Len() != 0 || l.queue.base != 0 || l.queue.sent != 0 {
		t.Errorf("all answered: got log %d, base %d, sent %d; want 0", l.queue.log.Len(), l.queue.base, l.queue.sent)
	}
}
