package repeat

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	firstGap = time.Second      // between the first line of a run and the next
	lastGap  = time.Hour        // the longest: each is twice the one before
	calmGap  = 30 * time.Second // for which it must be well before it is news again
	mostRuns = 256              // subjects that are counted one by one
	others   = "others"         // whom the lines concern that do not fit
)

// A Subject is what lines are counted together for.
type Subject struct {
	What  string // the message of the lines
	Whom  string // whom it concerns: a server, an address
	Until string // the message when it is over; "" for what passes by itself
}

// A Log writes to a logger what repeats itself; see New.
type Log struct {
	to *slog.Logger

	mu     sync.Mutex // guards the following
	runs   map[Subject]*run
	silent int // those without a timer
}

// A run is one subject that has happened lately, or that is not over.
type run struct {
	level slog.Level
	begun time.Time     // when it first happened
	gap   time.Duration // until the next line
	timer *time.Timer   // runs out when the gap is over; nil when nothing is waited for
	more  int           // how often since the last line
	total int
	args  []any // of the last line, or of the last time

	over     bool // it has not happened since Over was called
	overTold bool // the last line said that it is over
	overOnce bool // some line has
}

// New returns a Log that writes to a logger.
func New(to *slog.Logger) *Log { return &Log{to: to, runs: map[Subject]*run{}} }

// Say says that it has happened: at once if it has not lately, else when the gap is over.
func (l *Log) Say(level slog.Level, about Subject, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.runs[about]
	if r == nil && !l.room() {
		about = Subject{What: about.What, Whom: others}
		r = l.runs[about]
	}
	if r != nil {
		r.over, r.args = false, args
		r.more++
		r.total++
		l.arm(about, r)
		return
	}
	if l.runs == nil {
		return
	}
	r = &run{level: level, begun: time.Now(), gap: firstGap, total: 1, args: args}
	l.runs[about] = r
	l.silent++
	l.to.Log(context.Background(), level, about.What, args...)
	l.arm(about, r)
}

// room reports whether another run fits, after one of which nothing is heard has been
// forgotten if need be.
func (l *Log) room() bool {
	if len(l.runs) >= mostRuns && l.silent > 0 {
		for about, r := range l.runs {
			if r.timer == nil {
				l.silent--
				delete(l.runs, about)
				break
			}
		}
	}
	return len(l.runs) < mostRuns
}

// Over says that it is well again, if it has not been: at once the first time, and later when
// the gap is over, so that what comes and goes is no more talkative than what stays away.
func (l *Log) Over(about Subject, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.runs[about]
	if r == nil || r.over {
		return
	}
	r.over, r.args = true, args
	if !r.overOnce {
		l.end(about, r)
		r.gap = calmGap
		if r.timer != nil && r.timer.Stop() {
			r.timer.Reset(r.gap)
		}
	}
	l.arm(about, r)
}

// end writes that a run is over.
func (l *Log) end(about Subject, r *run) {
	r.overTold, r.overOnce, r.more = true, true, 0
	l.to.Info(about.Until, append([]any{"after", time.Since(r.begun).Round(time.Millisecond).String(), "count", r.total}, r.args...)...)
}

// again writes how often it has happened since the last line.
func (l *Log) again(about Subject, r *run) {
	l.to.Log(context.Background(), r.level, about.What, append([]any{"again", r.more}, r.args...)...)
	r.overTold, r.more = false, 0
}

// arm has the run looked at when its gap is over.
func (l *Log) arm(about Subject, r *run) {
	if r.timer == nil {
		l.silent--
		r.timer = time.AfterFunc(r.gap, func() { l.look(about, r) })
	}
}

// look writes what has come together, or forgets a run of which there is nothing new.
func (l *Log) look(about Subject, r *run) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.runs[about] != r {
		return // closed, or forgotten meanwhile
	}
	r.timer = nil
	l.silent++
	switch {
	case r.over && (r.more > 0 || !r.overTold):
		l.end(about, r)
	case r.more > 0:
		l.again(about, r)
	case r.over || about.Until == "":
		l.silent--
		delete(l.runs, about)
		return
	default:
		return // it is as it was said to be
	}
	r.gap = min(2*r.gap, lastGap)
	l.arm(about, r)
}

// Close ends all waiting. Nothing is written from then on.
func (l *Log) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.runs {
		if r.timer != nil {
			r.timer.Stop()
		}
	}
	l.runs = nil
}
