package loop

import (
	"bytes"
	"math"
	"time"

	"huntaway/codec"
	"huntaway/shard"
)

// textNoWaitAOF says why WAITAOF is not served.
const textNoWaitAOF = "ERR huntaway: WAITAOF is not supported by this proxy, because servers tell what they have " +
	"fsynced only to the connection that wrote; WAIT is supported"

// Texts of Redis for WAIT.
const (
	textWaitNotInt   = "ERR timeout is not an integer or out of range"
	textWaitNegative = "ERR timeout is negative"
	textStateChanged = "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"
)

// lookEvery is how often it is looked at whether replicas have acknowledged.
const lookEvery = 10 * time.Millisecond

// A quorum is what WAIT waits for: that in each group so many replicas have acknowledged
// everything that the master had in its replication stream when WAIT was said. By then every
// write of the client had been answered, so it was in there. The servers' own WAIT would
// speak of the connection that it is said on, and would keep all who share it waiting.
type quorum struct {
	want    int64 // replicas
	until   int64 // when the time is over; 0: never
	groups  []standing
	looks   int   // how often the masters were asked
	missing int   // answers that are still to come
	nextAt  int64 // when to ask again
}

// A standing is how far a group's replicas have come.
type standing struct {
	group  groupRef
	master shard.Server
	upTo   int64 // the offset to be acknowledged; -1: not known yet
	acked  int64 // replicas that have
}

// counting reports whether somebody waits for replicas.
func (pw *poolWorker) counting() bool {
	for _, b := range pw.blocked {
		if b.quorum != nil {
			return true
		}
	}
	return false
}

// wait serves WAIT replicas milliseconds. With several groups its answer is the least of any
// group, as Redis' documentation of clusters has it.
func (s *session) wait(cmd *codec.Command, r *codec.Request) {
	q, text := s.newQuorum(r)
	if text != "" {
		s.refuse(text)
		return
	}
	b := s.blockOn(cmd, 0)
	b.quorum = q
	b.count()
	for g := range s.pw.table.Groups {
		master := s.pw.table.Server(s.pw.table.Groups[g].Master)
		if master == nil {
			b.e.group = s.pw.refTo(g)
			s.w.fail(&b.e, faultNoMaster, nil)
			return
		}
		q.groups = append(q.groups, standing{group: s.pw.refTo(g), master: *master, upTo: -1})
	}
	q.look(b)
}

// newQuorum reads the arguments of WAIT. text is the error, "" when there is none.
func (s *session) newQuorum(r *codec.Request) (q *quorum, text string) {
	want, ok := decimalOf(r.Arg(1))
	if !ok {
		return nil, textNotInt
	}
	ms, ok := decimalOf(r.Arg(2))
	switch {
	case !ok || ms > math.MaxInt64/2/int64(time.Millisecond):
		return nil, textWaitNotInt
	case ms < 0:
		return nil, textWaitNegative
	}
	q = &quorum{want: want}
	if ms > 0 {
		q.until = s.w.now + ms*int64(time.Millisecond)
	}
	return q, ""
}

// look has the masters asked how far their replicas are.
func (q *quorum) look(b *blocked) {
	q.looks++
	q.missing = len(q.groups)
	for i := range q.groups {
		b.s.pw.poll(voter{b, &q.groups[i]})
	}
}

// hear takes a master's answer; nil when there is none.
func (q *quorum) hear(b *blocked, g *standing, reply []byte) {
	if !b.waits() {
		return
	}
	switch {
	case reply == nil:
		b.e.group = g.group
		b.s.w.fail(&b.e, faultLostRead, nil)
		return
	case reply[0] == '-':
		b.tell(append(b.s.w.pad.scratch[:0], reply...))
		return
	case !g.read(reply):
		b.tell(codec.AppendError(b.s.w.pad.scratch[:0], textStateChanged))
		return
	}
	if q.missing--; q.missing > 0 {
		return
	}
	q.nextAt = b.s.w.now + int64(lookEvery)
	n := q.reached()
	switch {
	case n >= q.want || q.over(b.s.w.now):
		b.tell(codec.AppendInt(b.s.w.pad.scratch[:0], n))
	case q.looks == 1:
		q.look(b)
	}
}

// over reports whether the time is over, and the replicas have been asked at least once.
func (q *quorum) over(now int64) bool {
	asked := q.looks > 2 || q.looks == 2 && q.missing == 0
	return asked && q.until > 0 && now >= q.until
}

// tick asks again, or answers when the time is over.
func (q *quorum) tick(b *blocked) {
	now := b.s.w.now
	switch {
	case q.over(now):
		b.tell(codec.AppendInt(b.s.w.pad.scratch[:0], q.reached()))
	case q.missing == 0 && now >= q.nextAt:
		q.look(b)
	}
}

// reached returns how many replicas of any group have acknowledged.
func (q *quorum) reached() int64 {
	least := int64(math.MaxInt64)
	for i := range q.groups {
		least = min(least, q.groups[i].acked)
	}
	return least
}

// read reads what INFO says of replication; false when the server is no master.
func (g *standing) read(reply []byte) bool {
	offset, known := numberBehind(reply, "\nmaster_repl_offset:")
	if !known || !bytes.Contains(reply, []byte("\nrole:master\r")) {
		return false
	}
	if g.upTo < 0 {
		g.upTo = offset
	}
	g.acked = 0
	for line := range bytes.Lines(reply) {
		if !bytes.HasPrefix(line, []byte("slave")) || !bytes.Contains(line, []byte(",state=online,")) {
			continue
		}
		if at, ok := numberBehind(line, ",offset="); ok && at >= g.upTo {
			g.acked++
		}
	}
	return true
}

// numberBehind returns the number that stands behind the first occurrence of name.
func numberBehind(text []byte, name string) (n int64, ok bool) {
	_, rest, found := bytes.Cut(text, []byte(name))
	end := bytes.IndexAny(rest, ",\r\n")
	if !found || end < 0 {
		return 0, false
	}
	return decimalOf(rest[:end])
}
