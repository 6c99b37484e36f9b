package loop

import (
	"bytes"
	"errors"

	"huntaway/codec"
	"huntaway/shard"
)

// Who answers at a server's address may be somebody else than before: the address stands for another
// machine now, or the server has been started anew, without its data or with older ones. So a new link
// asks which process it has got, and where that is not the one that the table names it carries nothing
// before the monitor has looked at it, and has taken it out of use or named it in a table
// (shard.Table.Process). That costs a word of the handshake, and requests nothing.

// errStranger is the cause when another process answers than the one that the table names.
var errStranger = errors.New("another process answers there than the one that was looked at")

// recognises takes the answer to which process the server is, and reports whether it may get requests.
// What is not told is not known to the monitor either.
func (l *link) recognises(reply []byte) bool {
	if reply[0] == '-' {
		return true
	}
	l.shake.process = runIDIn(reply)
	if want := l.pw.table.Process(l.server.ID); want == "" || l.shake.process == "" || l.shake.process == want {
		return true
	}
	l.giveUp(errStranger, faultStranger)
	return false
}

// runIDIn returns the run_id in an answer to INFO server, "" when there is none.
func runIDIn(reply []byte) string {
	for line := range bytes.SplitSeq(reply, []byte(codec.CRLF)) {
		if id, is := bytes.CutPrefix(line, []byte("run_id:")); is {
			return string(id)
		}
	}
	return ""
}

// processesChanged has links follow the table that names other processes than the one before: a link to
// one that it does not name any more goes over to a new connection, and those that wait for the one that
// it names now are dialed.
func (pw *poolWorker) processesChanged(was *shard.Table) {
	if was == nil {
		return
	}
	changed := func(id int32) bool { return was.Process(id) != pw.table.Process(id) }
	pw.renewLinks(func(l *link) bool {
		id := l.server.ID
		return changed(id) && was.Process(id) != "" && pw.table.Process(id) != "" && l.shake.process != pw.table.Process(id)
	})
	pw.sharedLinks(func(l *link) {
		if l.state == linkCooling && l.shake.why == faultStranger && changed(l.server.ID) {
			l.on(evRested)
			l.warm()
		}
	})
	for id, o := range pw.backoffs {
		if o.why == faultStranger && changed(id.server) {
			o.retryAt, o.pause = pw.w.now, 0
		}
	}
}
