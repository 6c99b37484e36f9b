package loop

import (
	"math"
	"strconv"

	"huntaway/shard"
)

// A poll is how a worker asks a master how far its replicas are, for everybody who is in a
// WAIT: one question is on its way at a time, however many wait, and it is asked again only
// for those who came behind it or whose answer was not enough. So a client that waits for
// what never comes costs the others nothing, and who has gone is not asked for any more.
// Owner: the worker. It is there while somebody waits for an answer.
type poll struct {
	pw     *poolWorker
	master shard.Server
	asked  []voter // who gets the answer that is on its way
	next   []voter // who came since it was asked for
	nextAt int64   // when the others are asked for again
}

// A voter waits for what a master says.
type voter struct {
	b *blocked
	g *standing
}

// poll has a master asked for one who waits: at once for the first time, and then with all
// others.
func (pw *poolWorker) poll(v voter) {
	p := pw.polls[v.g.master.ID]
	if p == nil {
		if pw.polls == nil {
			pw.polls = make(map[int32]*poll)
		}
		p = &poll{pw: pw, master: v.g.master}
		pw.polls[p.master.ID] = p
	}
	p.next = append(p.next, v)
	p.ask()
}

// due takes those out of next for whom the master is to be asked now: the new ones at once, the
// others every lookEvery. again reports whether there are others among them.
func (p *poll) due(now int64) (due []voter, again bool) {
	var later []voter
	for _, v := range p.next {
		switch {
		case !v.b.waits(): // it has gone, or has its answer
		case v.g.upTo < 0:
			due = append(due, v)
		case now < p.nextAt:
			later = append(later, v)
		default:
			due, again = append(due, v), true
		}
	}
	p.next = later
	return due, again
}

// ask asks, if it is time and no answer is on its way. From the second time on the master asks
// its replicas first, which acknowledge once a second of their own accord: a WAIT for more
// replicas than there can be does that, and ends after a millisecond.
func (p *poll) ask() {
	if len(p.asked) > 0 {
		return
	}
	now := p.pw.w.now
	due, again := p.due(now)
	p.asked = due
	if len(due) == 0 {
		return
	}
	if again {
		p.nextAt = now + int64(lookEvery)
		p.pw.ask(&p.master, func([]byte) {}, "WAIT", strconv.Itoa(math.MaxInt32), "1")
	}
	p.pw.ask(&p.master, p.hear, "INFO", "replication")
}

// hear takes the master's answer; nil when there is none.
func (p *poll) hear(reply []byte) {
	for _, v := range p.asked {
		if v.b.waits() {
			v.b.quorum.hear(v.b, v.g, reply)
		}
	}
	p.asked = nil
	p.ask()
	p.restIfUnused()
}

// restIfUnused forgets the poll when nobody waits for it.
func (p *poll) restIfUnused() {
	if len(p.asked)+len(p.next) == 0 {
		delete(p.pw.polls, p.master.ID)
	}
}

// tickPolls asks for those whose time has come.
func (pw *poolWorker) tickPolls() {
	for _, p := range pw.polls {
		p.ask()
		p.restIfUnused()
	}
}
