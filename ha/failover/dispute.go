package failover

import (
	"fmt"
	"slices"
	"strings"
)

// A dispute is that one server says it is master while replicas have what it lacks, and nothing shows who counts.
type dispute struct {
	over *member // nil: there is none
	by   []*member
	had  []past // what those had then
}

// trust begins with b as master, for the reason why. Without a state file its word alone is not enough where replicas of the
// group answer that have what it lacks: it may have come back with an old dump, with somebody else's data or with none. Where
// one of them is shown to have all that counts, that one is promoted as when another process answers in the master's place;
// where nothing shows it, an operator decides.
func (m *Machine) trust(b *member, why string) {
	by, over := m.contradictors(b)
	switch top := m.superior(b, by); {
	case len(by) > 0 && top != nil && over:
		m.surmise(b, top)
	case len(by) > 0 && m.now-max(m.clock.started, b.metAt) >= initFor:
		m.on(torn, disputed(b, m.spellDispute(b, by)))
		m.beginDispute(b, by)
	case len(by) > 0 || !over:
		m.ask()
	case b.ID == m.master:
		m.settleOn(b, why)
	default:
		m.follow(b, why)
	}
}

// disputed says that b is not believed.
func disputed(b *member, why string) Transition {
	return Transition{What: b.Addr + " says that it is master, and others have what it lacks", Why: why, Loss: -1, Alarm: true}
}

// contradictors returns the replicas that answer and have data that b, who says that it is master, lacks or may lack, and
// whether all of them have said what they hold. Who holds nothing contradicts nobody, nor who is of an earlier time by his
// mark, nor who has been started with data of which nothing is known and is being given b's, or was kept from that, unless b
// holds nothing.
func (m *Machine) contradictors(b *member) (all []*member, over bool) {
	if !m.isUnknown() || b == nil {
		return nil, true
	}
	over = true
	for _, r := range m.members {
		is, known := m.contradicts(r, b)
		over = over && known
		if is || !known {
			all = append(all, r)
		}
	}
	return all, over
}

// contradicts tells whether r is one of those, and whether it is known.
func (m *Machine) contradicts(r, b *member) (is, known bool) {
	if r == b || !m.isReplica(r) || m.share(&b.repl, r.repl.ID) >= r.repl.Offset || r.repl.LinkUp && r.repl.ID == b.repl.ID {
		return false, true
	}
	known = m.lookInto(r)
	known = m.lookInto(b) && known
	return known && !m.yields(r, b), known
}

// compareLate looks into a replica that answers for the first time, when a start without a state file has settled on a master
// already. What it has and that one lacks the master was taken without: it is left alone, and made to follow nobody
// where it would copy the master by itself. Who does not say what it holds for long is taken as everybody else.
func (m *Machine) compareLate(r *member) {
	b := m.member(m.master)
	parted := r.repl.LinkUp || r.repl.Unsynced() || int64(r.repl.LinkDown) > freshFor+second
	if b.sent <= r.metAt || !parted { // what b has said may be older than what r has from it
		return
	}
	is, known := m.contradicts(r, b)
	if !known && m.now-r.metAt < unsaidFor*m.o.DownSilence {
		return
	}
	if r.uncompared = false; is {
		had := past{RunID: r.repl.RunID, Lineage: r.repl.ID, Offset: r.repl.Offset}
		what := fmt.Sprintf("%s was taken as master without a state file, and %s has answered since and has what it lacks", b.Addr, r.Addr)
		m.noteLossy(what, m.spellDispute(b, []*member{r}), 0)
		m.mourn(had, what)
		m.abandon(had)
		m.record()
		if m.copies(r, b) {
			m.keepFrom(b, r)
		}
	}
}

// copies tells whether a replica that has more of a lineage that b carries on would copy b by itself, which no copy that is
// under way explains.
func (m *Machine) copies(r, b *member) bool {
	return m.share(&b.repl, r.repl.ID) >= 0 && !r.repl.LinkUp && m.memberAt(r.repl.Master) == b
}

// contradiction returns why an heir is not to be published at a start without a state file although it was believed: who has
// what it lacks has answered meanwhile, and has said what he holds or has not in time. "" when nobody has.
func (m *Machine) contradiction(b *member) string {
	if by, over := m.contradictors(b); len(by) > 0 && (over || m.now-m.heir.at >= heirPatience) {
		return "others have what it lacks: " + m.spellDispute(b, by)
	}
	return ""
}

// isContradicted tells whether a later mark proves nothing yet, for this process does not know the group's epoch itself and
// others may have the same.
func (m *Machine) isContradicted(b *member) bool {
	by, over := m.contradictors(b)
	return !over || len(by) > 0
}

// yields tells whether a replica with other data than the master b is no reason to doubt that one. Both were looked into.
func (m *Machine) yields(r, b *member) bool {
	apart := r.isNew() && r.repl.Master == nowhere
	copies := r.repl.Syncing && r.repl.LinkDown < 0 && m.memberAt(r.repl.Master) == b
	return r.mark.Keys == 0 || r.predates(b.mark.Epoch) && Credible(b.mark.Epoch, max(m.epoch, r.mark.Epoch)) ||
		(copies || apart) && m.share(&b.repl, r.repl.ID) < 0 && r.mark.Epoch <= b.mark.Epoch && b.mark.Keys > 0
}

// superior returns who of those that contradict b has all that b and the others have, or was given a later mark; nil when
// nothing shows that of anybody, or he could not be promoted. A mark alone does not count against a master that has replicas, nor what is linked to
// somebody else.
func (m *Machine) superior(b *member, by []*member) *member {
	for _, c := range by {
		marked := m.followed(b) == 0 && c.later(b)
		if c.repl.LinkUp || c.repl.Priority == 0 || c.repl.Writable || !marked && !m.includes(c, b) {
			continue
		}
		if !slices.ContainsFunc(by, func(o *member) bool { return o != c && !m.includes(c, o) && !c.later(o) }) {
			return c
		}
	}
	return nil
}

// includes tells whether c has all the data of b: its lineage, or the one that it was started with and has written nothing
// after.
func (m *Machine) includes(c, b *member) bool {
	r := &b.repl
	idle := r.SecondID != "" && r.Offset < r.SecondOffset
	return m.share(&c.repl, r.ID) >= r.Offset || idle && m.share(&c.repl, r.SecondID) >= r.Offset
}

// later tells whether b was given a later mark than o.
func (b *member) later(o *member) bool {
	return b.looked && o.predates(b.mark.Epoch) && Credible(b.mark.Epoch, o.mark.Epoch)
}

// followed counts the replicas that have b's data from b.
func (m *Machine) followed(b *member) (n int) {
	for _, r := range m.members {
		if m.isReplica(r) && r.repl.LinkUp && r.repl.ID == b.repl.ID && m.memberAt(r.repl.Master) == b {
			n++
		}
	}
	return n
}

// surmise takes the data of top for what the group's last master had, and calls b in question, which lacks some of it.
func (m *Machine) surmise(b, top *member) {
	if m.state != Init && m.known.Lineage == top.repl.ID && !m.known.guessed {
		return
	}
	m.known = past{Lineage: top.repl.ID, Offset: top.repl.Offset}
	if top.mark.Epoch > m.epoch && Credible(top.mark.Epoch, m.epoch) {
		m.adopt(top.mark.Epoch)
		m.marks.borrowed = true
	}
	why := fmt.Sprintf("%s says that it is master, and %s has what it lacks; there is no state file: %s",
		b.Addr, top.Addr, m.spellDispute(b, []*member{top}))
	if m.state == Init {
		m.suspect(why)
		return
	}
	m.note(top.Addr+" has the data of the last master, as far as is known", why)
}

// isDisputed tells whether the one server that is left of several that said they are master is not believed.
func (m *Machine) isDisputed(b *member) bool {
	by, over := m.contradictors(b)
	if over && len(by) > 0 {
		why := m.spellDispute(b, by)
		m.beginDispute(b, by)
		m.remark(disputed(b, why))
	}
	return !over || len(by) > 0
}

// beginDispute notes who has what b lacks, and what that is.
func (m *Machine) beginDispute(b *member, by []*member) {
	m.dispute = dispute{over: b, by: by}
	for _, r := range by {
		m.dispute.had = append(m.dispute.had, past{RunID: r.repl.RunID, Lineage: r.repl.ID, Offset: r.repl.Offset, said: r.repl.Offset})
	}
}

// protect has those of the disputants follow nobody that would be made to copy b by themselves, in which what they have and b
// lacks would be lost before anybody has decided.
func (m *Machine) protect(b *member) {
	for _, r := range m.dispute.by {
		if m.copies(r, b) {
			m.keepFrom(b, r)
		}
	}
}

// missed says, until an operator has acknowledged it, what disputants have no more that was the group's: they have copied b.
func (m *Machine) missed(b *member) {
	for i, r := range m.dispute.by {
		had := m.dispute.had[i]
		if r.mark.Epoch > 0 && r.repl.ID == b.repl.ID && m.share(&b.repl, had.Lineage) < had.Offset {
			m.mourn(had, fmt.Sprintf("%s had %s up to offset %d, which %s lacks, and has copied that one", r.Addr, had.Lineage, had.Offset, b.Addr))
		}
	}
}

// reviewDispute looks whether what was disputed still is. Who is silent has taken nothing back.
func (m *Machine) reviewDispute() {
	b := m.dispute.over
	gone := m.member(b.ID) != b
	if !gone && !m.fresh(b) || slices.ContainsFunc(m.dispute.by, func(r *member) bool { return m.member(r.ID) == r && !m.fresh(r) }) {
		return
	}
	by, over := m.contradictors(b)
	switch {
	case gone || b.repl.Replica:
		m.on(reset, Transition{What: "the group is looked at anew", Why: b.Addr + " is no master any more", Loss: -1})
	case !over || len(by) > 0 && m.superior(b, by) == nil:
		m.protect(b)
	case len(by) > 0:
		m.on(reset, Transition{What: "the group is looked at anew", Why: m.spellDispute(b, by), Loss: -1})
	default:
		m.missed(b)
		m.on(reset, Transition{What: "nobody has any more what " + b.Addr + " lacks", Why: m.spellDispute(b, m.dispute.by), Loss: -1, Lossy: true})
	}
}

// spellDispute says what b and those who contradict it have.
func (m *Machine) spellDispute(b *member, by []*member) string {
	words := []string{m.spellHoldings(b)}
	for _, r := range by {
		words = append(words, m.spellHoldings(r))
	}
	return strings.Join(words, "; ")
}

// spellHoldings says what a server has.
func (m *Machine) spellHoldings(b *member) string {
	text := fmt.Sprintf("%s is at offset %d of %s", b.Addr, b.repl.Offset, b.repl.ID)
	if b.repl.SecondID != "" {
		text += fmt.Sprintf(", which goes on from %d of %s", b.repl.SecondOffset-1, b.repl.SecondID)
	}
	if !b.looked {
		return text + ", and has not said what it holds"
	}
	return text + fmt.Sprintf(", with %d keys and the mark of epoch %d", b.mark.Keys, b.mark.Epoch)
}
