package loop

import (
	"fmt"

	"huntaway/codec"
)

// This file sees to it that a node of a Redis Cluster answers for a master by its own word only.
//
// To READONLY a node answers, on that connection, reads of the slots whose replica it is; without it
// it names their master. So a connection on which that was said believes the table: a master that has
// become a replica, or has come back without its data, would go on answering. What the master
// alone may answer is therefore never sent behind READONLY, but behind READWRITE, which takes it back;
// and READONLY is said in front of the first read that was given to a replica. A server of which the
// table is right hears it once per connection.

var (
	frameReadOnly  = codec.AppendCommand(nil, "READONLY")
	frameReadWrite = codec.AppendCommand(nil, "READWRITE")
	readOnlyID     = idOf("readonly")
	readWriteID    = idOf("readwrite")
)

// anyMode are the marks of entries that a node answers alike in both modes: the link's own, and those that
// every server is told.
const anyMode = isSink | isCanary | toReplica

// suit puts what is sent next to a cluster's node in the right mode: asReplica tells whether it may answer that as a replica.
func (l *link) suit(asReplica bool) {
	if l.role.asReplica == asReplica {
		return
	}
	frame, e := frameReadWrite, entry{sent: l.w.now, cmd: readWriteID, marks: isSink}
	if asReplica {
		frame, e.cmd = frameReadOnly, readOnlyID
	}
	l.role.asReplica = asReplica
	l.send(frame, &e)
	l.role.at = l.queue.fifo.Behind() - 1
}

// isMode reports whether an entry is one of suit.
func (e *entry) isMode() bool {
	return e.marks.has(isSink) && (e.cmd == readOnlyID || e.cmd == readWriteID)
}

// modeRefused takes the error reply to a request of suit, which was just taken. A link on which READWRITE was
// refused is given up: what comes behind it could be a replica's word. Where READONLY was, reads are
// sent on to the master, and the next one asks for it again.
func (l *link) modeRefused(e *entry, reply []byte) {
	switch {
	case e.cmd == readWriteID:
		l.giveUp(fmt.Errorf("the server refused READWRITE: %s", shown(reply)), faultLost)
	case l.role.at == l.queue.fifo.First()-1:
		l.role.asReplica = false
	}
}
