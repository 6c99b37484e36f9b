package history

import (
	"sync"
	"time"
)

// A Log takes down operations. It may be used from many goroutines.
type Log struct {
	began time.Time // the zero of Op's times
	most  int       // operations that it takes

	mu    sync.Mutex // guards what follows
	ops   []Op
	conns []Conn
	full  bool
}

// NewLog returns an empty log for at most that many operations, whose clock begins now.
func NewLog(most int) *Log { return &Log{began: time.Now(), most: most} }

// Now returns nanoseconds since the log began, on the monotonic clock.
func (l *Log) Now() int64 { return int64(time.Since(l.began)) }

// At returns when t was, as Now would have.
func (l *Log) At(t time.Time) int64 { return int64(t.Sub(l.began)) }

// Add takes down operations that have ended. What does not fit any more is dropped, and Full
// says so from then on.
func (l *Log) Add(ops ...Op) {
	l.mu.Lock()
	defer l.mu.Unlock()
	room := min(len(ops), l.most-len(l.ops))
	l.ops = append(l.ops, ops[:room]...)
	l.full = l.full || room < len(ops)
}

// Closed takes down a connection that has ended.
func (l *Log) Closed(c Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns = append(l.conns, c)
}

// Full tells whether an operation was dropped: the history then proves nothing.
func (l *Log) Full() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.full
}

// Snapshot returns copies of what was taken down so far.
func (l *Log) Snapshot() ([]Op, []Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Op(nil), l.ops...), append([]Conn(nil), l.conns...)
}

// Since returns the operations that were added behind the first n, and how many there are now.
func (l *Log) Since(n int) ([]Op, int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Op(nil), l.ops[n:]...), len(l.ops)
}
