package loop

import (
	"huntaway/codec"
	"huntaway/loop/memory"
	"huntaway/shard"
)

// An errand is a link on which a worker asks a server questions of its own. It is private
// so that they wait for nobody's large values, and not lent, so that they can be asked when
// all that may be lent are. Owner: the worker.
type errand struct {
	pw      *poolWorker
	link    *link
	waiting memory.Ring[func(reply []byte)] // who asked, oldest first
}

// errandDialect is that of every errand: what is asked concerns no database.
var errandDialect = dialect{2, noDatabase}

// ask asks a server something. heard gets the reply, which is dead when it returns, or nil
// when none will come; it runs on the worker, in a later event.
func (pw *poolWorker) ask(server *shard.Server, heard func(reply []byte), args ...string) {
	er := pw.errands[server.ID]
	if o := pw.backoffs[backoffID{server.ID, errandDialect}]; er == nil && o != nil && !o.mayDial(pw.w.now) {
		pw.w.postEvent(func() { heard(nil) })
		return
	}
	if er == nil {
		er = pw.newErrand(server)
	}
	er.waiting.Push(heard)
	er.link.send(codec.AppendCommand(nil, args...), &entry{sent: pw.w.now, marks: isSink | isPrivate})
}

// newErrand makes the link on which a server is asked.
func (pw *poolWorker) newErrand(server *shard.Server) *errand {
	if pw.errands == nil {
		pw.errands = make(map[int32]*errand)
	}
	l := newLink(pw, server, errandDialect)
	l.kind.private = true
	er := &errand{pw: pw, link: l}
	l.lease.tap, l.lease.tapLost = er.hear, er.lost
	pw.tryOut(l)
	pw.private.links = append(pw.private.links, l)
	pw.errands[server.ID] = er
	return er
}

// hear gives a reply to who asked.
func (er *errand) hear(reply []byte) (taken bool) {
	if er.waiting.Len() == 0 {
		er.link.stray(reply)
		return true
	}
	er.link.take()
	heard := *er.waiting.Front()
	er.waiting.Pop()
	heard(reply)
	return true
}

// tickErrands closes links on which nothing has been asked for long.
func (pw *poolWorker) tickErrands() {
	for id, er := range pw.errands {
		if l := er.link; er.waiting.Len() == 0 && l.w.now-l.health.heard > int64(keepPrivate) {
			delete(pw.errands, id)
			l.discard()
		}
	}
}

// lost tells everybody who asked that no reply will come.
func (er *errand) lost() {
	delete(er.pw.errands, er.link.server.ID)
	for er.waiting.Len() > 0 {
		heard := *er.waiting.Front()
		er.waiting.Pop()
		heard(nil)
	}
}
