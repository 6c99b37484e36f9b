package loop

import (
	"bytes"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"huntaway/codec"
	"huntaway/loop/memory"
	"huntaway/loop/netio"
)

// A greetStep is one request of the handshake of a link.
type greetStep uint8

const (
	stepAuth  greetStep = iota // AUTH, or HELLO with credentials
	stepHello                  // HELLO without
	stepSelect
	stepIdentity // INFO server: which process this is
	stepPing     // because a connection that was accepted proves nothing
)

// busyPause is how long a server that is too busy for the handshake is left alone.
const busyPause = 100 * time.Millisecond

// A welcome is what an error reply to a step means.
type welcome uint8

const (
	isThere   welcome = iota // the server is there; what it lets us do it says to each request
	later                    // it is there, and the step must be done again
	turnsAway                // it does not want us
)

// greeting is what a link says before it carries requests: credentials first (a failing
// AUTH behind another command gets no reply from some servers), in RESP3 as part of HELLO;
// then the database, a question which process this is, if that matters, then a PING.
func greeting(o *PoolOptions, c dialect, identify bool) (frames []byte, steps []greetStep) {
	say := func(s greetStep, args ...string) {
		frames, steps = codec.AppendCommand(frames, args...), append(steps, s)
	}
	user := o.ServerUser
	switch {
	case c.resp == 3 && o.ServerPassword != "":
		if user == "" {
			user = defaultUser
		}
		say(stepAuth, "HELLO", "3", "AUTH", user, o.ServerPassword)
	case c.resp == 3:
		say(stepHello, "HELLO", "3")
	case o.ServerPassword != "" && user != "":
		say(stepAuth, "AUTH", user, o.ServerPassword)
	case o.ServerPassword != "":
		say(stepAuth, "AUTH", o.ServerPassword)
	}
	if db := o.DB + int(c.db); db != 0 && !c.urgent() {
		say(stepSelect, "SELECT", decimal(db))
	}
	if identify && !c.urgent() { // a busy server says only what is urgent
		say(stepIdentity, "INFO", "server")
	}
	say(stepPing, "PING")
	return frames, steps
}

// judge says what an error reply to a step means, and with which fault requests fail that
// wait for a server that turns us away. A server that is busy, loads, cannot save or does not
// let us PING is there all the same: it has its own words for every request.
func (at greetStep) judge(reply []byte) (welcome, *fault) {
	switch code := string(codec.ErrorCode(reply)); {
	case code == "NOAUTH", code == "WRONGPASS":
		return turnsAway, faultAuth
	case bytes.HasPrefix(reply, []byte("-ERR max number of clients")):
		return turnsAway, faultFull // it says so instead of a welcome, and hangs up
	case code == "DENIED": // likewise
	case at == stepPing, at == stepAuth && wantsNoPassword(reply):
		return isThere, nil
	case at == stepIdentity && code != "BUSY": // one that does not tell us does not tell the monitor either
		return isThere, nil
	case code == "BUSY", code == "LOADING", code == "MASTERDOWN":
		return later, nil
	case at == stepAuth:
		return turnsAway, faultAuth
	case at == stepSelect && code == "NOPERM":
		return turnsAway, faultNoSelect
	}
	return turnsAway, faultRefused
}

// wantsNoPassword reports whether a server says to AUTH that it has no password: it serves everybody, and what
// gives it one more than it wants worked with twemproxy.
func wantsNoPassword(reply []byte) bool {
	return bytes.HasPrefix(reply, []byte("-ERR AUTH <password> called without any password configured")) ||
		bytes.HasPrefix(reply, []byte("-ERR Client sent AUTH, but no password is set")) // before Redis 6
}

// open takes the connection over from the dialer and greets the server.
func (l *link) open(c netio.Conn) {
	if l.state != linkDialing { // retired while it was being dialed
		c.Close()
		return
	}
	l.conn = c
	l.shake.noEcho = false
	l.on(evDialed)
	l.count.Connects++
	l.count.Links++
	l.greet()
}

// greet says the handshake, for the first time on a connection or once more.
func (l *link) greet() {
	var hello []byte
	hello, l.shake.steps = greeting(&l.pw.opt.PoolOptions, l.kind.dialect, l.pw.table.Process(l.server.ID) != "")
	l.shake.greets, l.shake.again, l.shake.process = len(l.shake.steps), false, ""
	l.health.heard = l.w.now
	l.conn.Write(hello)
}

// greeted takes one reply of the handshake.
func (l *link) greeted(reply []byte) {
	at := l.shake.steps[len(l.shake.steps)-l.shake.greets]
	l.shake.greets--
	switch {
	case reply[0] == '-' && !l.bears(at, reply), at == stepIdentity && !l.recognises(reply):
		return
	case l.shake.greets > 0:
		return
	}
	if l.shake.again {
		l.greetLater()
		return
	}
	l.on(evGreeted)
	l.ready()
}

// bears looks at an error reply to a step of the handshake, and reports whether the link can
// live with it.
func (l *link) bears(at greetStep, reply []byte) bool {
	w, f := at.judge(reply)
	switch {
	case w == turnsAway:
		l.complain(slog.LevelWarn, "server refused the handshake", "reply", wordsOf(reply))
		l.giveUp(fmt.Errorf("%w: %s", errRefused, shown(reply)), f)
		return false
	case w == later, l.kind.wholly && codeIs(reply, "BUSY"):
		l.shake.again = true
		l.shake.words = bytes.Clone(reply)
	case codeIs(reply, "LOADING"), codeIs(reply, "MASTERDOWN"):
		l.health.avoided = l.w.now + int64(avoidTime)
	}
	return true
}

// wordsOf returns the words of an error reply for a log, cut short: it may be very long.
func wordsOf(reply []byte) string {
	const most = 200
	return string(reply[1:min(len(reply)-len(codec.CRLF), most)])
}

// shown is wordsOf where others stand around them.
func shown(reply []byte) string { return strconv.Quote(wordsOf(reply)) }

// greetLater has the handshake repeated on the same connection, and gives the server's own
// words to those who wait for it.
func (l *link) greetLater() {
	if l.health.downAt == 0 {
		l.health.downAt = l.w.now
	}
	l.redial.at = l.w.now + int64(busyPause)
	l.rate()
	if l.lease.tap == nil {
		l.fendOff()
	}
}

// tickGreeting looks at what the handshake waits for.
func (l *link) tickGreeting() {
	switch {
	case l.shake.greets == 0:
		if l.w.now >= l.redial.at {
			l.greet()
		}
	case l.w.now-l.health.heard > int64(l.pw.opt.ConnectTimeout):
		l.breakUp(faultTimeout)
	}
}

// fendOff answers everything that waits for the link with the server's words.
func (l *link) fendOff() {
	fifo, log, at := l.queue.fifo.Empty(), l.queue.log, l.queue.base // gates compare positions
	l.queue.log, l.queue.base, l.queue.expired = memory.FrameLog{}, 0, 0
	l.loaded, l.role.asReplica = nil, false
	l.canary.forgetCanaries()
	for ; fifo.Len() > 0; fifo.Pop() {
		e := *fifo.Front()
		at += int(e.size)
		l.pw.turnAway(&e, l.shake.words)
	}
	l.relieveAll()
	log.Release()
}

// turnAway answers a request with the words with which its server lets nobody in now.
func (pw *poolWorker) turnAway(e *entry, words []byte) {
	pw.landed(e)
	pw.commands[e.cmd].Errors++
	if e.marks.has(isScript) {
		pw.pool.scripts.ForgetUnsure() // it may be one of those
	}
	if e.cmd == execID {
		words = codec.AppendError(nil, textAbortedFor+string(words[1:len(words)-len(codec.CRLF)]))
	}
	pw.w.settle(e, words)
}
