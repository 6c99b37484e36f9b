package failover

import (
	"fmt"
	"slices"
)

// A tally is what this process knows of the group's epoch, and has made of the mark on the master that says it. Clients
// can write that mark.
type tally struct {
	sure    bool   // the epoch is the group's: no mark that a server has can be of a later one
	left    uint64 // the mark that this process has left, 0: none
	at      int32  // where
	process string // likewise
	asking  bool   // leaveMark's Verify is out
	askAt   int64  // when it may be sent again
	refused string // who refused it the last time, and how; "": nobody has since it was left
	barred  bool   // that was for want of a right
}

// askMarkEvery is the time between two attempts at leaving a mark.
const askMarkEvery = 2 * second

// remindEvery is the same where a master has said that it has no memory for it; the guard leaves it there sooner.
const remindEvery = 60 * second

// leaveMark writes the group's marker key to a master that this process has not seen take it, so that what was master is
// known again when it returns with its data and under another lineage; and asks which mark is there: another process
// may have made that one master. What is found once that is known, no monitor has written.
func (m *Machine) leaveMark() {
	t := &m.marks.tally
	if t.sure && m.isLeft() || t.asking || m.now < t.askAt || m.o.Mode != Local || m.o.DryRun || m.stoodDown() || len(m.members) < 2 {
		return
	}
	t.asking = true
	m.launch(ofNobody, Action{Kind: Order, Op: Verify, Server: m.master, Target: -1, Epoch: m.epoch, Certain: t.sure,
		RunID: m.known.RunID, Within: lookTime})
}

// marked takes the end of a Verify.
func (m *Machine) marked(a await, ev Event) {
	t := &m.marks.tally
	if a.job == ofNobody {
		if t.asking, t.askAt = false, m.now+askMarkEvery; a.certain && ev.Err == nil {
			t.askAt = m.now + remindEvery
		}
		m.noteRefused(a, ev)
		m.disprove(ev)
	}
	if a.job == ofState {
		m.round.number = max(m.round.number, ev.Mark.Epoch)
	} else {
		m.catchUp(a, ev)
	}
	if ev.Err != nil || ev.Repl.Replica || a.job == ofNobody && a.server != m.master {
		return
	}
	t.sure, t.left, t.at, t.process = true, ev.Mark.Epoch, a.server, ev.Repl.RunID
	if a.certain && ev.Found > ev.Mark.Epoch {
		m.forge(ev.Found)
	}
	if a.job == ofNobody && m.settleMark() {
		m.record()
	}
}

// forgedMost is how many forged marks are remembered.
const forgedMost = 16

// forge keeps in mind that a mark was not left by anybody who makes masters: it stood where this process knew the epoch.
// Servers that have copied it may return with it, also when another process looks after the group.
func (m *Machine) forge(mark uint64) {
	if !slices.Contains(m.marks.forged, mark) {
		m.marks.forged = append(m.marks.forged, mark)
		m.marks.forged = m.marks.forged[max(0, len(m.marks.forged)-forgedMost):]
		m.disk.intent.Forged = spellNumbers(m.marks.forged)
		m.save()
	}
}

// settleMark takes it that the master has the mark of the group's epoch, if it has been left there, and tells whether that
// is news.
func (m *Machine) settleMark() bool {
	news := m.marks.bare != 0 && m.isLeft()
	if news {
		m.marks.bare, m.marks.unproven, m.marks.tooFew, m.marks.untried = 0, false, 0, ""
	}
	return news
}

// noteRefused says once that a server does not take the mark.
func (m *Machine) noteRefused(a await, ev Event) {
	words := refusalIn(ev.Err)
	by := ""
	if words != "" {
		by = m.name(a.server) + ": " + words
	}
	if by != "" && by != m.marks.tally.refused {
		m.warn(fmt.Sprintf("%s does not take the mark of epoch %d, and is asked again until it does", m.name(a.server), m.epoch), words)
	}
	if by != "" || ev.Err == nil {
		m.marks.tally.refused, m.marks.tally.barred = by, isBarred(ev.Err)
	}
}

// unmarked forgets what is known of the mark, of a master that somebody else may have made one.
func (m *Machine) unmarked() { m.marks.tally.sure, m.marks.tally.left = false, 0 }

// isLeft tells whether the mark of the group's epoch was left at the process that is its master.
func (m *Machine) isLeft() bool {
	b := m.member(m.master)
	return b != nil && m.marks.tally.left == m.epoch && m.marks.tally.at == b.ID && m.marks.tally.process == b.repl.RunID
}

// catchUp takes the mark on the master for the epoch when it is a later one: without a state file this process does not
// know how often the group's master has changed, and the mark does. Once this process has written one it knows.
func (m *Machine) catchUp(a await, ev Event) {
	if mark := ev.Mark.Epoch; !a.certain && ev.Err == nil && !ev.Repl.Replica && m.isLater(mark) {
		m.adopt(mark)
		m.note(fmt.Sprintf("the epoch is %d", m.epoch), m.name(a.server)+" has that mark, and the state file does not know of it")
	}
}

// EpochMost is above every epoch that can have been reached: what is higher is no mark of ours.
const EpochMost = 1 << 48

// epochJump is more than a process can have missed: a failover every minute for two years. Clients can
// write marks too, and none shall use the epochs up.
const epochJump = 1 << 20

// Credible tells whether a mark can be of this group's by an epoch of it that is known.
func Credible(mark, epoch uint64) bool { return mark < EpochMost && mark <= epoch+epochJump }
