package loop

import (
	"strings"
	"sync"
	"sync/atomic"

	"huntaway/codec"
)

// A crowd is what makes the number that PUBLISH returns true of a proxy: to a server all
// members of a topic on one worker are one subscriber, and the crowd knows by how much the
// members of all workers are more than that. What the server says is right but for it.
//
// At rest, when no order is under way, the count is exact for the sessions of this proxy and
// for clients that are connected to the server itself. Another proxy counts as one subscriber
// per worker. Meanwhile no session is left out whose subscription was confirmed before the
// PUBLISH was sent and that has not asked to leave before the reply has come; each worker may
// be counted as one more where nobody of its sessions is subscribed yet, or any more.
//
// It is the one thing about subscriptions that workers share. Only PUBLISH and orders take the
// lock, and PUBLISH only while some topic has a surplus. The zero value is ready.
type crowd struct {
	uneven  atomic.Int64  // topics that have a surplus
	version atomic.Uint64 // changes whenever globs has
	mu      sync.RWMutex  // guards the following
	seats   [topicKinds]map[seat]int
	globs   map[int32]map[string]int // the surpluses of patterns, by server
}

// A seat is a topic at a server.
type seat struct {
	server int32
	name   string
}

// add adds to the surplus of a topic at a server.
func (c *crowd) add(server int32, t *topic, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.globs == nil {
		c.globs = make(map[int32]map[string]int)
		for kind := range c.seats {
			c.seats[kind] = make(map[seat]int)
		}
	}
	at := seat{server, t.name}
	was := c.seats[t.kind][at]
	now := was + n
	switch {
	case now == 0:
		delete(c.seats[t.kind], at)
		c.uneven.Add(-1)
	case was == 0:
		c.uneven.Add(1)
		fallthrough
	default:
		c.seats[t.kind][at] = now
	}
	if t.kind == patternTopic {
		c.addGlob(at, now)
	}
}

// addGlob keeps the patterns of a server where PUBLISH looks through them. The lock is held.
func (c *crowd) addGlob(at seat, now int) {
	defer c.version.Add(1)
	if now == 0 {
		delete(c.globs[at.server], at.name)
		return
	}
	if c.globs[at.server] == nil {
		c.globs[at.server] = make(map[string]int)
	}
	c.globs[at.server][at.name] = now
}

// mostGlobbing bounds what the counts of all PUBLISHes that one event sees answered may cost, in
// steps of comparing a channel with patterns: a server compares with all of them, but harms
// nobody but its own clients. What is over it is counted as the server counts it.
const mostGlobbing = 1 << 20

// What a worker remembers of the channels that were published on lately.
const (
	mostChannels = 256
	mostChannel  = 256 // bytes of a name
)

// A matcher is how many hear of channels through patterns, as far as a worker has found out.
// Owner: the worker.
type matcher struct {
	version uint64       // of the crowd's patterns
	known   map[seat]int // nil until there was one
	in      uint64       // the event that steps is of
	steps   int          // that were taken in it
}

// seated returns by how many a server counts the sessions too few that have subscribed to a
// channel by its name, and whether it has patterns that may fit it.
func (c *crowd) seated(server int32, kind topicKind, channel []byte) (n int, patterns bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.seats[kind][seat{server, string(channel)}], kind == channelTopic && len(c.globs[server]) > 0
}

// surplus returns by how many a server counts the sessions too few that hear of a message
// on a channel.
func (pw *poolWorker) surplus(server int32, kind topicKind, channel []byte) int {
	n, patterns := pw.pool.crowd.seated(server, kind, channel)
	if !patterns {
		return n
	}
	m := &pw.matcher
	if v := pw.pool.crowd.version.Load(); v != m.version {
		m.version = v
		clear(m.known)
	}
	if more, known := m.known[seat{server, string(channel)}]; known {
		return n + more
	}
	if m.in != pw.w.events {
		m.in, m.steps = pw.w.events, 0
	}
	more := pw.pool.crowd.matched(server, channel, &m.steps)
	if m.steps <= mostGlobbing && len(channel) <= mostChannel {
		m.keep(seat{server, string(channel)}, more)
	}
	return n + more
}

// keep remembers how many hear of a channel.
func (m *matcher) keep(at seat, n int) {
	if m.known == nil || len(m.known) >= mostChannels {
		m.known = make(map[seat]int)
	}
	m.known[at] = n
}

// matched returns by how many a server counts the sessions too few that hear of a channel
// through patterns. It adds to steps what that took, and stops when that is too much.
func (c *crowd) matched(server int32, channel []byte, steps *int) (n int) {
	if *steps > mostGlobbing {
		return 0
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	for pattern, more := range c.globs[server] {
		if *steps += (len(pattern) + 1) * (len(channel) + 1); *steps > mostGlobbing {
			break
		}
		if globs(pattern, channel) {
			n += more
		}
	}
	return n
}

// publish sends PUBLISH and SPUBLISH to the group of their channel.
func (s *session) publish(cmd *codec.Command, r *codec.Request) {
	s.launch(cmd, r.Frame, s.pw.table.Locate(r.Arg(1)), isWrite|countOf(cmd))
}

// countOf returns the mark of a command whose reply counts subscribers.
func countOf(cmd *codec.Command) marks {
	if cmd.ID == publishID || cmd.ID == spublishID {
		return isPublish
	}
	return 0
}

// attended gives a session the reply to its PUBLISH, or to the EXEC of a transaction with one,
// with the true counts in it, and reports whether it has: false when the server's are true.
func (l *link) attended(e *entry, b []byte) bool {
	s := l.w.sessionOf(e)
	if s == nil || b[0] == '-' || l.pw.pool.crowd.uneven.Load() == 0 {
		return false
	}
	if e.cmd == execID {
		c := &counting{reading: reading{frame: l.frameOf(e), reply: b}, l: l, e: *e}
		if !c.count() {
			l.w.addChore(c.count)
		}
		return true
	}
	reply := l.counted(l.w.pad.scratch[:0], l.frameOf(e), b)
	s.done(e)
	s.pw.settled(e)
	s.answer(e.seq, reply)
	return true
}

// counted appends the reply to a request, with the true count when it is a PUBLISH.
func (l *link) counted(dst, frame, b []byte) []byte {
	n, ok := codec.Integer(b)
	if more := l.surplusFor(frame); ok && more != 0 {
		return codec.AppendInt(dst, n+int64(more))
	}
	return append(dst, b...)
}

// surplusFor returns what is to be added to the count in the reply to a request; 0 when it is
// no PUBLISH.
func (l *link) surplusFor(frame []byte) int {
	var scan codec.Scanner
	r := &l.w.pad.again
	if _, err := scan.Next(frame, r, &l.pw.opt.limits); err != nil || r.Len() != 3 {
		return 0
	}
	switch cmd := l.pw.opt.Commands.Find(r); {
	case cmd == nil:
		return 0
	case cmd.ID == publishID:
		return l.pw.surplus(l.server.ID, channelTopic, r.Arg(1))
	case cmd.ID == spublishID:
		return l.pw.surplus(l.server.ID, shardTopic, r.Arg(1))
	}
	return 0
}

// globs reports whether a channel fits a pattern, as a server means it.
func globs(pattern string, text []byte) bool {
	star, resume := -1, 0 // behind the last *, and the text it must swallow up to
	p, t := 0, 0
	for t < len(text) {
		if p < len(pattern) && pattern[p] == '*' {
			p++
			star, resume = p, t
			continue
		}
		if width := globOne(pattern[p:], text[t]); width > 0 {
			p += width
			t++
			continue
		}
		if star < 0 {
			return false
		}
		resume++
		p, t = star, resume
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// globOne compares the beginning of a pattern, which is no star, with one byte, and returns
// how much of the pattern that takes; 0 when the byte does not fit.
func globOne(pattern string, c byte) (width int) {
	switch {
	case pattern == "":
		return 0
	case pattern[0] == '?':
		return 1
	case pattern[0] == '[':
		return globSet(pattern, c)
	case pattern[0] == '\\' && len(pattern) > 1:
		if pattern[1] == c {
			return 2
		}
		return 0
	case pattern[0] == c:
		return 1
	}
	return 0
}

// globSet is globOne for [abc], [a-z] and [^a]. One without an end reaches to the end of the
// pattern.
func globSet(pattern string, c byte) (width int) {
	p := 1
	not := p < len(pattern) && pattern[p] == '^'
	if not {
		p++
	}
	in := false
	for ; p < len(pattern) && pattern[p] != ']'; p++ {
		switch {
		case pattern[p] == '\\' && p+1 < len(pattern):
			p++
			in = in || pattern[p] == c
		case p+2 < len(pattern) && pattern[p+1] == '-':
			from, to := pattern[p], pattern[p+2]
			p += 2
			in = in || min(from, to) <= c && c <= max(from, to)
		default:
			in = in || pattern[p] == c
		}
	}
	if in == not {
		return 0
	}
	return min(p+1, len(pattern))
}
