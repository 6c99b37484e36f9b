package main

import (
	"slices"
	"strings"
	"sync"
	"time"

	"huntaway/config"
)

// diaryMost is how many events of the process are kept.
const diaryMost = 20

// A diary is what has become of reloads, for status and events. The zero value is ready.
type diary struct {
	mu      sync.Mutex  // guards the following
	lines   []eventLine // oldest first
	refused string      // why the last reload was refused, "" when it was not
	restart []string    // keys of the file that have changed and need a restart
}

// refuse notes why a reload was refused.
func (d *diary) refuse(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refused = causeOf(err)
	d.note("a reload was refused, the old configuration stays in force", d.refused)
}

// accept notes that a reload was not.
func (d *diary) accept() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refused = ""
	d.note("the configuration was reloaded", "")
}

// await notes which keys need a restart.
func (d *diary) await(keys []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.restart = keys; len(keys) > 0 {
		d.note("some changes need a restart", strings.Join(keys, " "))
	}
}

// note keeps an event. The caller holds mu.
func (d *diary) note(what, why string) {
	if len(d.lines) == diaryMost {
		d.lines = slices.Delete(d.lines, 0, 1)
	}
	d.lines = append(d.lines, eventLine{Time: time.Now().UTC(), What: what, Why: why})
}

// all returns the events, oldest first. A copy.
func (d *diary) all() []eventLine {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.lines)
}

func (d *diary) refusal() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.refused
}

func (d *diary) pending() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.restart)
}

// causeOf words an error in one line: of a file that is wrong its first errors, without the source.
func causeOf(err error) string {
	problems, is := err.(config.Problems)
	if !is {
		return err.Error()
	}
	var all []string
	for _, p := range problems {
		if p.Severity == config.Error {
			all = append(all, p.String())
		}
	}
	if n := len(all) - 3; n > 0 {
		all = append(all[:3], plural(n, "more error"))
	}
	return strings.Join(all, "; ")
}
