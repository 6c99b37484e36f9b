package loop

import (
	"log/slog"
	"testing"
)

// BenchmarkPost posts a task to an event loop and waits for it, as every flush of a busy
// link does (without the wait).
func BenchmarkPost(b *testing.B) {
	r, err := newReactor(1, gnetLog{slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = r.stop() })
	ran := make(chan struct{})
	task := func() { ran <- struct{}{} }
	for name, post := range map[string]func(){"poster": r.poster(0, task), "execute": func() { r.post(0, task) }} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				post()
				<-ran
			}
		})
	}
}

// TestPollerOf fails when gnet keeps its poller elsewhere: posting works on, but makes
// garbage again.
func TestPollerOf(t *testing.T) {
	r, err := newReactor(1, gnetLog{slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.stop() })
	if pollerOf(r.loops[0]) == nil {
		t.Fatal("got no poller in gnet's event loop; want one in its field poller")
	}
	ran := make(chan struct{})
	r.poster(0, func() { close(ran) })()
	<-ran
}
