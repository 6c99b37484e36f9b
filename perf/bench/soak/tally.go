package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// A tally is what all clients counted. Clients add to it once per pipeline.
type tally struct {
	errors atomic.Int64 // excused errors so far; the nemesis reads it often

	mu        sync.Mutex // guards what follows
	classes   [classCount]int
	excuses   map[string]int // excused errors by their text
	broken    map[string]int // connections that failed, by reason: must stay empty but where allowed
	abandoned int            // pipelines that the client left half read
	halves    int            // pipelines that ended with a half-close
	samples   []string       // the first few replies and connections that must not be
	bad       int            // how many those were
}

// samplesKept bounds what a broken proxy can make the soak print.
const samplesKept = 10

// A batch is one pipeline's outcome.
type batch struct {
	classes [classCount]int
	excuses map[string]int
	bad     []string
}

// count adds the outcome of one request to the batch.
func (b *batch) count(c class, r request, v reply) {
	b.classes[c]++
	switch c {
	case served:
	case excused:
		if b.excuses == nil {
			b.excuses = map[string]int{}
		}
		b.excuses[errorClass(v)]++
	default:
		b.bad = append(b.bad, verdict{c, r, v}.String())
	}
}

func (t *tally) add(b batch) {
	t.errors.Add(int64(b.classes[excused]))
	t.mu.Lock()
	defer t.mu.Unlock()
	for c, n := range b.classes {
		t.classes[c] += n
	}
	for text, n := range b.excuses {
		increment(&t.excuses, text, n)
	}
	for _, text := range b.bad {
		t.note(text)
	}
}

// broke counts a connection that ended against the rules.
func (t *tally) broke(reason, detail string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	increment(&t.broken, reason, 1)
	t.note(reason + ": " + detail)
}

// excuse counts a connection that ended as the proxy is allowed to end it.
func (t *tally) excuse(reason string) {
	t.errors.Add(1)
	t.mu.Lock()
	defer t.mu.Unlock()
	increment(&t.excuses, reason, 1)
}

// left and halved count pipelines that ended otherwise than by reading everything.
func (t *tally) left()   { t.mu.Lock(); t.abandoned++; t.mu.Unlock() }
func (t *tally) halved() { t.mu.Lock(); t.halves++; t.mu.Unlock() }

// note keeps a sample. The caller holds mu.
func (t *tally) note(text string) {
	if t.bad++; len(t.samples) < samplesKept {
		t.samples = append(t.samples, text)
	}
}

func increment(m *map[string]int, key string, n int) {
	if *m == nil {
		*m = map[string]int{}
	}
	(*m)[key] += n
}

// replies is the number of replies checked.
func (t *tally) replies() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, c := range t.classes {
		n += c
	}
	return n
}

// report renders the counts.
func (t *tally) report() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	for c, n := range t.classes {
		fmt.Fprintf(&b, "%-20s %d\n", class(c), n)
	}
	fmt.Fprintf(&b, "%-20s %d\n%-20s %d\n", "left half read", t.abandoned, "half-closed", t.halves)
	for _, m := range []map[string]int{t.excuses, t.broken} {
		for _, text := range slices.Sorted(maps.Keys(m)) {
			fmt.Fprintf(&b, "  %9d  %s\n", m[text], text)
		}
	}
	for _, s := range t.samples {
		fmt.Fprintf(&b, "BAD %s\n", s)
	}
	return b.String()
}

// failures returns why the run failed as far as replies tell.
func (t *tally) failures() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var why []string
	if t.bad > 0 {
		why = append(why, fmt.Sprintf("%d replies or connections must not be", t.bad))
	}
	if t.classes[served] == 0 {
		why = append(why, "no request was served")
	}
	return why
}
