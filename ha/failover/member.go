package failover

import (
	"errors"
	"strings"
	"time"

	"huntaway/ha/vital"
)

// A past is what was last known of a server as master.
type past struct {
	RunID   string
	Lineage string
	Offset  int64
	said    int64  // the part of it that it has named itself, or the state file
	second  string // the lineage before, "" for none
	upTo    int64  // the first offset that is not of that one any more
	at      int64  // when it was asked; 0: by the state file
	guessed bool   // its replicas say what it had, and nobody has seen it: what it answers itself counts (trust)
	firm    bool   // with guessed: by one that has been linked to a master since it was started
	still   bool   // in a switchover: nothing was in flight there then, and its writes were paused or handed over with it
}

// pastOf returns what a master says of itself.
func pastOf(r *vital.Replication, at int64) past {
	p := past{RunID: r.RunID, Lineage: r.ID, Offset: r.Offset, said: r.Offset, second: r.SecondID, upTo: r.SecondOffset, at: at}
	if p.second == "" {
		p.upTo = 0
	}
	return p
}

// A member is what the machine knows of one server.
type member struct {
	Member

	repl     vital.Replication // the newest answer
	linkedAt int64             // when it was last seen linked, or as master; 0: never
	linkedAs string            // the process that was seen linked to its master, "" for none
	newAs    string            // the process that had not been linked to any master since it was started, when it last answered, "" for none
	streamAs string            // the process that was seen to have followed the master's stream, "" for none
	streamAt int64             // when it last did, as near as is known
	sent     int64             // when that was asked for; 0: there was none
	told     int64             // when the newest probe was sent, whatever it brought
	heardAt  int64             // when its newest word came, an answer or a complaint
	fault    vital.Fault       // of the newest probe
	text     string            // what it said about the fault

	// Evidence, 0 while there is none. Cleared when this process stood still.
	failSince    int64 // first probe since the last sign of life
	refusedSince int64 // first refused one since anything else
	misconfSince int64 // first MISCONF since it could save
	busySince    int64 // first BUSY since it was not
	refused      int   // refused probes in a row
	missed       int   // unanswered ones in a row

	unsaving     bool // it is not the master and cannot save its data: as a master it would take no writes
	saidUnsaving bool // whoever it is, that it cannot was the last that was said of that

	ended   bool   // it has refused a connection since it last said what it is
	metAt   int64  // when its process was first seen
	lacksAs string // the process that answers in the master's place and lacks what that had, "" for none
	lacksAt int64  // when it was first seen

	// The failover being made.
	frozen     bool              // has acknowledged Detach
	lent       bool              // was pointed at a new master that is not published yet
	spare      bool              // in a switchover without FAILOVER: a replica of the old master, beside the new one
	stand      vital.Replication // and said this then
	stoodWith  uint64            // and had this mark
	before     vital.Replication // its answer before anything was touched
	beforeOK   bool              // whether there was one
	excluded   bool              // was tried as candidate
	failure    string            // with excluded: why it was given up
	why        string            // why it cannot be promoted
	ledAt      int64             // since when another monitor is taken to have said whom it follows; 0: none is
	leftTo     string            // whom it follows then, once that was said
	detachedAt int64             // when it was told to follow nobody, if it was not seen to follow since; 0: it was not
	declined   string            // what it said when it refused to stand still

	refusal string // what it said to the last order to change that it refused; "" once it has obeyed

	// Rejoining.
	changedAt  int64 // when it was last ordered to be something else
	busy       bool  // an order is out
	again      int64 // none before
	mark       Mark  // what it held when it was identified
	looked     bool  // it was, since it last changed its process or lineage
	sealed     bool  // likewise, and its mark may not be read: of what it holds it is known how many keys that are
	moved      bool  // it has taken something from a master since, so that its mark may be a later one
	strange    bool  // its data are not ours
	lookedAt   int64 // when it was last asked what it holds, and has answered
	contendsAt int64 // since when it may have been made master beside the table's; 0: it may not
	beatEnds   int64 // when the heartbeat of a monitor there ends, if it is not renewed; 0: not asked yet
	attendedAt int64 // when that was last seen to be renewed; 0: it was not
	uncompared bool  // it has yet to answer, or to be compared with the master that a start without a state file has settled on before
	copied     past  // what it had before it was seen with other data that it had copied, until it is in line with the master
	weighed    bool  // it was there, with the data that it has, when a master was taken without all that was known

	// An alias.
	same     int32 // the member that it is under another name
	ownSince int64 // since when it has answered, as somebody else; 0: it has not
}

// span writes nanoseconds for people.
func span(ns int64) string { return time.Duration(ns).Round(time.Millisecond).String() }

// heard takes an answer.
func (b *member) heard(ev Event) {
	sent := ev.Sent
	if sent == 0 {
		sent = ev.At
	}
	if sent < b.sent {
		return
	}
	if ev.Repl.ID != b.repl.ID || ev.Repl.RunID != b.repl.RunID {
		b.looked, b.sealed, b.strange, b.weighed, b.beatEnds, b.attendedAt = false, false, false, false, 0, 0
	}
	if ev.Repl.RunID != b.repl.RunID {
		b.refusal, b.metAt = "", ev.At
	}
	if !ev.Repl.Replica || ev.Repl.LinkUp {
		b.linkedAt = ev.At
	}
	if ev.Repl.Replica && ev.Repl.LinkUp {
		b.linkedAs = ev.Repl.RunID
	}
	switch { // what it says itself of that may change with the order to follow nobody
	case ev.Repl.Replica && ev.Repl.LinkUp:
		b.newAs = ""
	case ev.Repl.RunID != b.repl.RunID && ev.Repl.Unsynced():
		b.newAs = ev.Repl.RunID
	}
	b.moved = b.moved || ev.Repl.Replica && ev.Repl.Offset != b.repl.Offset
	b.repl, b.sent, b.heardAt, b.fault, b.text, b.ended = ev.Repl, sent, ev.At, vital.FaultNone, "", false
	b.unsaving = ev.Fault == vital.FaultMisconf
	b.clearEvidence()
}

// heard takes what a server says of itself.
func (m *Machine) heard(b *member, ev Event) {
	before, asked := b.repl, b.sent
	b.heard(ev)
	m.trace(&b.repl)
	if b.repl.Replica && before.ID != "" && b.repl.RunID == before.RunID && m.share(&b.repl, before.ID) < before.Offset {
		b.copied = past{Lineage: before.ID, Offset: before.Offset}
	}
	if asked == 0 {
		b.uncompared = b.uncompared && m.doubt.unread && m.known.at != 0 && b.repl.Replica && b.ID != m.master
	}
	if fresh := b.streamAs != b.repl.RunID; fresh || b.sent-asked <= freshFor { // else it may have stood still
		m.streamed(b, &before)
	}
	if m.known.Lineage != "" { // whatever anybody has of the master's stream the master has had
		m.known.Offset = max(m.known.Offset, m.share(&b.repl, m.known.Lineage))
	}
	switch lacks := b.ID == m.master && !b.repl.Replica && m.lacks(b); {
	case !lacks:
		b.lacksAs = ""
	case b.lacksAs != b.repl.RunID:
		b.lacksAs, b.lacksAt = b.repl.RunID, m.now
	}
}

// examined tells whether it is known what a server holds: it was looked into, and has taken nothing from a master since.
func (b *member) examined() bool { return b.looked && !b.moved }

// clearEvidence forgets everything that speaks against the server.
func (b *member) clearEvidence() {
	b.failSince, b.refusedSince, b.misconfSince, b.busySince = 0, 0, 0, 0
	b.refused, b.missed = 0, 0
}

// failed takes a probe that brought no answer.
func (b *member) failed(ev Event) {
	if ev.Sent < b.sent {
		return
	}
	b.fault, b.text, b.told, b.heardAt = ev.Fault, ev.Text, ev.Sent, ev.At
	was := *b
	b.clearEvidence()
	switch ev.Fault {
	case vital.FaultMisconf:
		b.misconfSince = first(was.misconfSince, ev.Sent)
	case vital.FaultBusy:
		b.busySince = first(was.busySince, ev.Sent)
	case vital.FaultRefused:
		b.ended = true
		b.failSince, b.missed = first(was.failSince, ev.Sent), was.missed
		b.refusedSince, b.refused = first(was.refusedSince, ev.Sent), was.refused+1
	case vital.FaultTimeout, vital.FaultName:
		b.failSince, b.missed = first(was.failSince, ev.Sent), was.missed+1
		b.refusedSince, b.refused = was.refusedSince, was.refused
	case vital.FaultLoading:
		b.failSince = first(was.failSince, ev.Sent)
	}
}

// first returns since, or at when nothing is since yet.
func first(since, at int64) int64 {
	if since != 0 {
		return since
	}
	return max(at, 1)
}

// froze takes the end of a Detach.
func (b *member) froze(ev Event) {
	b.frozen, b.declined = ev.Err == nil, refusalIn(ev.Err)
	if b.frozen {
		b.stand, b.stoodWith = ev.Repl, ev.Mark.Epoch
	}
}

// stands tells whether the server stands still, and is the process that has said how.
func (b *member) stands() bool { return b.frozen && b.stoodAsIs() }

// stoodAsIs tells whether it is the process that was looked at when the servers stood still.
func (b *member) stoodAsIs() bool { return b.stand.RunID == b.repl.RunID }

// snapshot keeps what the server was before anything was touched.
func (b *member) snapshot() {
	b.before, b.beforeOK = b.repl, b.sent != 0
	b.frozen, b.spare, b.lent, b.excluded, b.why, b.declined = false, false, false, false, "", ""
}

// refusalIn returns the words of a server that has refused an order, without the arguments that
// it repeats; "" when err is no server's answer.
func refusalIn(err error) string {
	if !errors.As(err, new(interface{ RedisError() })) {
		return ""
	}
	words, _, _ := strings.Cut(err.Error(), ", with args beginning with")
	return words
}

// isBarred tells whether a server has refused something for want of a right. That says nothing of the server: what the user may not do
// at one it mostly may not do at any.
func isBarred(err error) bool { return strings.HasPrefix(refusalIn(err), "NOPERM") }

// obeyed takes whether a server has refused to be changed, and says so once: it has answered,
// and neither time nor another attempt will help.
func (m *Machine) obeyed(b *member, a await, err error) {
	if a.kind != Order || b == nil || !a.op.changes() || a.op == Handover {
		return
	}
	words := refusalIn(err)
	switch {
	case words != "" && words != b.refusal:
		b.refusal = words
		m.warn(b.Addr+" refuses an order ("+a.op.String()+")", words)
	case err == nil:
		b.refusal = ""
	}
}

// unruly tells whether a server has refused an order that it should have obeyed: it is not what
// it should be, or there is somebody to be replaced.
func (m *Machine) unruly(b *member) bool {
	inPlace := b.ID == m.master || b.repl.Replica && b.repl.LinkUp && m.inLine(b)
	return b.refusal != "" && (m.state != Healthy || !inPlace)
}

// Process returns which process the server was by its newest answer, "" when it has none.
func (m *Machine) Process(id int32) string {
	if b := m.member(id); b != nil {
		return b.repl.RunID
	}
	return ""
}

// current tells whether the server has answered a probe that was sent after all that it
// was ordered.
func (m *Machine) current(b *member) bool { return m.fresh(b) && b.sent > b.changedAt }

// fresh tells whether the server's newest probe was answered, not long ago.
func (m *Machine) fresh(b *member) bool {
	return b != nil && b.sent != 0 && b.fault == vital.FaultNone && m.now-b.sent <= freshFor
}

// isMaster tells whether the server says that it is a master, and said so just now.
func (m *Machine) isMaster(b *member) bool { return m.fresh(b) && !b.repl.Replica }
