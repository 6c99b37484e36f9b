package loop

import "testing"

// TestCrowd shows when a link is written at the end of an event and when by the posted
// flush: alone in its turn an event does not wait, with company it does, and one in 64 lone
// events looks whether company has come.
func TestCrowd(t *testing.T) {
	w := &worker{}
	event := func() (alone bool) {
		w.events++
		w.feeding()
		return w.alone()
	}
	turn := func(company int) {
		w.flushes.armed, w.flushes.armedAt = true, w.flushes.feeders
		for range company {
			event()
		}
		w.judge()
	}
	for i := 1; i < 64; i++ {
		if !event() {
			t.Fatalf("event %d of a lone client waits", i)
		}
	}
	if event() {
		t.Fatal("the 64th event does not look for company")
	}
	turn(0)
	if !event() {
		t.Fatal("without company, the event after the look waits")
	}
	for range 63 {
		event()
	}
	turn(1)
	if event() {
		t.Fatal("with company, an event does not wait")
	}
	turn(1)
	if event() {
		t.Fatal("the second turn with company does not wait")
	}
	turn(0)
	if !event() {
		t.Fatal("when company is gone, an event waits")
	}
}

// TestFeedingOnce shows that an event counts once however many links it feeds.
func TestFeedingOnce(t *testing.T) {
	w := &worker{events: 7}
	for range 5 {
		w.feeding()
	}
	if w.flushes.feeders != 1 {
		t.Fatalf("one event counts as %d", w.flushes.feeders)
	}
}
