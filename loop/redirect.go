package loop

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"huntaway/codec"
)

// This file follows a Redis Cluster. Its servers refuse what is not theirs, without having
// executed it, and say where it belongs; no client ever sees that:
//
//	MOVED slot host:port   sent again to that server; the pool's table is made anew
//	ASK slot host:port     sent again to that server, behind ASKING, this once
//	TRYAGAIN               put off: the keys of one command are on both sides of a move
//	CLUSTERDOWN            put off, until the cluster serves the slot again
//
// What names a server that the table does not know, or has been sent about too often, is put
// off as well, see redirectQueue.
//
// Order: a session of which something is redirected stands alone, so nothing that it says
// later can overtake. What it had said before is refused by the same server in the same
// order, and goes to the same link. One exception is left: of requests that are in flight
// together, one that was refused with TRYAGAIN or CLUSTERDOWN is overtaken by later ones that
// were not.

// A redirectKind is which of these a server has said.
type redirectKind uint8

const (
	redirectMoved redirectKind = iota
	redirectAsk
	redirectLater
	redirectDown
)

// A redirection is what a server said instead of executing a request.
type redirection struct {
	kind redirectKind
	addr string // redirectMoved, redirectAsk: of the server to ask
}

// The marks that count how often an entry has been redirected without a pause.
const (
	oneHop   = hopLow
	mostHops = hopLow | hopHigh
)

var (
	frameAsking = codec.AppendCommand(nil, "ASKING")
	askingID    = idOf("asking")
)

// redirectionIn finds a redirection in an error reply, or in those that came before it to a
// transaction's requests. False: there is none.
func redirectionIn(e *entry, b []byte, l *link) (r redirection, ok bool) {
	text := b[1 : len(b)-len(codec.CRLF)]
	if e.marks.has(isMany) && codeIs(b, "EXECABORT") {
		text = []byte(l.led.text)
	}
	word, rest, _ := strings.Cut(string(text), " ")
	switch word {
	case "MOVED":
		r.kind = redirectMoved
	case "ASK":
		r.kind = redirectAsk
	case "TRYAGAIN":
		r.kind = redirectLater
	case "CLUSTERDOWN":
		r.kind = redirectDown
	default:
		return r, false
	}
	_, r.addr, _ = strings.Cut(rest, " ")
	if host, port, found := cutPort(r.addr); found && (host == "" || host == "?") {
		own, _, _ := cutPort(l.server.Addr) // a server that does not know its own host means the one it is asked at
		r.addr = own + ":" + port
	}
	return r, true
}

// cutPort cuts "host:port" at its last colon.
func cutPort(addr string) (host, port string, found bool) {
	i := strings.LastIndexByte(addr, ':')
	if i < 0 {
		return addr, "", false
	}
	return addr[:i], addr[i+1:], true
}

// fault is what to say when the time to follow it is over.
func (r redirection) fault() *fault {
	switch r.kind {
	case redirectLater:
		return faultMoving
	case redirectDown:
		return faultClusterDown
	}
	return faultRedirect
}

// redirected looks at the error reply of a server of a Redis Cluster. It returns true when
// that was a redirection, and the request has been sent elsewhere, put off or answered.
func (pw *poolWorker) redirected(e *entry, frame, b []byte, l *link) bool {
	r, ok := redirectionIn(e, b, l)
	if !ok {
		return false
	}
	if r.kind == redirectMoved || r.kind == redirectDown {
		pw.w.engine.report.Moved(pw.opt.Name)
	}
	s := pw.w.sessionOf(e)
	if s == nil || e.marks.has(toReplica) {
		return false
	}
	if e.marks.has(isPrivate) {
		pw.redirectPrivately(s, e, frame, b, l)
		return true
	}
	pw.landed(e)
	s.standAlone()
	pw.chase(s, e, frame, r, l)
	return true
}

// chase sends a request where a redirection says.
func (pw *poolWorker) chase(s *session, e *entry, frame []byte, r redirection, from *link) {
	id := pw.directed(r, from)
	if id < 0 || e.marks&mostHops == mostHops || pw.isRedirected(s) || !pw.linkOf(s, id).takes(e) {
		pw.putOff(s, e, frame, r.fault())
		return
	}
	to := pw.linkOf(s, id)
	e.marks += oneHop
	e.marks &^= asReplica // who is named is to say himself that he is the slot's master
	e.group = pw.refTo(pw.table.GroupOf(id))
	if e.marks.has(isScript) {
		frame = pw.withScript(to, e, frame)
	}
	if r.kind == redirectAsk {
		frame = to.askAhead(e, frame)
	}
	pw.counters.Retried++
	to.send(frame, e)
	to.crowded(s)
}

// directed returns the ID of the server that a redirection names, or -1 when it names none,
// none that the table has, or the server it comes from.
func (pw *poolWorker) directed(r redirection, from *link) int32 {
	if r.kind > redirectAsk {
		return -1
	}
	id := pw.table.Find(r.addr)
	if id == from.server.ID {
		return -1
	}
	return id
}

// askAhead sends ASKING to a server that is importing the slot of a request, which must
// follow at once: what it returns. ASKING holds for one command, or one transaction, so what
// is sent in front of that has to come before it. The replies are for nobody.
func (l *link) askAhead(e *entry, frame []byte) []byte {
	l.suit(e.marks.has(asReplica)) // in a cluster; what would stand behind ASKING would use it up
	ahead := entry{sent: l.w.now, cmd: askingID, group: e.group, marks: isSink}
	load := ahead
	load.marks |= e.marks & guarded
	for e.marks.has(isMany) && !bytes.HasPrefix(frame, frameMulti) {
		n := codec.Size(frame)
		l.send(frame[:n], &load)
		frame = frame[n:]
		if e.part--; e.part == 0 {
			e.marks &^= isMany
		}
	}
	l.send(frameAsking, &ahead)
	return frame
}

// redirectPrivately looks after a request that was redirected on a private link. Who waits
// waits elsewhere. What was watched is treated as changed, and the client tries again.
func (pw *poolWorker) redirectPrivately(s *session, e *entry, frame, reply []byte, l *link) {
	r, _ := redirectionIn(e, reply, l)
	if b := pw.blockedOn(e, l); b != nil {
		pw.redirectBlocked(b, append([]byte(nil), asked(e, frame)...), r, l)
		return
	}
	switch {
	case e.cmd == watchID && s.tx != nil:
		s.tx.lost = true
		pw.w.settle(e, codec.AppendSimple(nil, "OK"))
	case e.cmd == execID:
		pw.w.settle(e, appendNoArray(nil, s.proto.resp))
	default:
		pw.w.fail(e, r.fault(), l)
	}
}

// redirectBlocked has a session wait where a redirection says. frame is the caller's own.
func (pw *poolWorker) redirectBlocked(b *blocked, frame []byte, r redirection, l *link) {
	id := pw.directed(r, l)
	b.link, b.deadline = nil, 0
	l.giveBack()
	if id < 0 || b.hops >= blockedHops {
		pw.putOffBlocked(b, frame, r.fault())
		return
	}
	b.hops++
	b.e.group = pw.refTo(pw.table.GroupOf(id))
	e := b.e
	if r.kind == redirectAsk {
		e.part = 1
		frame = append(append([]byte(nil), frameAsking...), frame...)
	}
	pw.attendAt(b, id, e, frame)
}

// blockedHops is how often a session that waits is sent elsewhere without a pause.
const blockedHops = 3

// putOffBlocked lets a session that wants to wait look again later for a server to wait at.
func (pw *poolWorker) putOffBlocked(b *blocked, frame []byte, f *fault) {
	f = cmp.Or(b.doubt, f)
	if len(frame) > mostSeek || pw.opt.HoldTimeout == 0 {
		pw.w.fail(&b.e, f, nil)
		return
	}
	if b.lostAt == 0 || pw.w.now-b.since > int64(probeTime) {
		b.lostAt, b.pause = pw.w.now, 0
	}
	b.held, b.why, b.hops = frame, f, 0
	b.pause = min(max(2*b.pause, int64(firstSeek)), int64(lastSeek))
	b.retryAt = pw.w.now + b.pause
}

// doubted asks the master once more when a server of a Redis Cluster that was asked as a replica says
// that there is nothing. While a slot is moved its replica answers for keys that are gone already,
// where its master would name who has them; and until the cluster has been surveyed nobody
// here knows that it is moved. So a miss costs a second request where replicas serve reads.
//
// It looks at replies to one key, and to several where a missing one shows (MGET). Commands of
// which a part of the keys could be missing unnoticed, and scripts, never go to replicas.
func (pw *poolWorker) doubted(e *entry, frame, b []byte) bool {
	s := pw.w.sessionOf(e)
	if s == nil || !denies(b) {
		return false
	}
	e.marks &^= viaRead
	pw.counters.Retried++
	pw.dispatch(s, e, frame)
	return true
}

// masksMissing reports whether a command with so many keys may answer without a sign that one
// of them is not there.
func masksMissing(cmd *codec.Command, keys int) bool {
	return keys > 1 && cmd.Join != codec.ArrayByKey
}

// forwardAll is forward for a command with several keys, which in a cluster are of one slot.
func (s *session) forwardAll(cmd *codec.Command, r *codec.Request, group, keys int) {
	if s.pw.table.Slotted() && masksMissing(cmd, keys) {
		s.launch(cmd, r.Frame, group, s.pw.marksOf(cmd)&^viaRead)
		return
	}
	s.forward(cmd, r, group)
}

// missing is what stands in replies where something is not there.
var missing = [][]byte{[]byte("$-1\r\n"), []byte("*-1\r\n"), []byte("_\r\n"), []byte(":0\r\n"), []byte("*0\r\n")}

// denies reports whether a reply may say that a key is not there. It is wrong on one side only:
// a value may look like that.
func denies(b []byte) bool {
	switch b[0] {
	case '-', '_': // XINFO and its like answer "no such key"
		return true
	case ':', '$':
		return b[1] == '-' || b[1] == '0'
	case '+':
		return string(b) == "+none\r\n"
	case '*', '~', '%':
		return b[1] == '0' || b[1] == '-' || slices.ContainsFunc(missing, func(m []byte) bool { return bytes.Contains(b, m) })
	}
	return false
}
