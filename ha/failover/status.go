package failover

import (
	"fmt"
	"slices"
	"strings"

	"huntaway/ha/vital"
)

// Status returns what the machine thinks of its group.
func (m *Machine) Status() Status {
	s := Status{
		Group: m.group, State: m.state, Since: m.clock.since, Master: m.table.tabled, Epoch: m.epoch, Held: m.holds.held, Process: m.known.RunID,
		EpochSure: m.marks.tally.sure, EpochLeft: m.isLeft(), Awoken: m.now < m.clock.tiltUntil && (m.state == Suspect || m.state == Stuck),
		Forbidden: m.hindrance(), Latched: m.latched(), Recent: m.lastHour(append(slices.Clone(m.permit.released), m.permit.recent...)), Alarms: m.alarms(),
	}
	if m.state == Suspect || m.state == Stuck || m.state == Ambiguous {
		s.Plight, s.Way = m.plight(), m.way()
	}
	if m.hand.at != 0 {
		s.Wish = m.hand.wish.ID
	}
	for _, b := range m.members {
		s.Servers = append(s.Servers, ServerStatus{
			ID: b.ID, Addr: b.Addr, Role: b.Role, Repl: b.repl, Fault: b.fault, Heard: b.sent, Note: m.unfit(b)})
	}
	for _, b := range m.table.aliases {
		s.Servers = append(s.Servers, ServerStatus{ID: b.ID, Addr: b.Addr, Role: b.Role, Repl: b.repl, Fault: b.fault, Heard: b.sent,
			Note: "it is " + m.name(b.same) + " under another name"})
	}
	return s
}

// Data returns which lineage the group's data are of, as far as that has been accepted, and which one that carries on; "" for
// none.
func (m *Machine) Data() (lineage, before string) {
	if m.known.guessed {
		return "", ""
	}
	return m.known.Lineage, m.known.second
}

// alarms says what an operator should look at, the worst first.
func (m *Machine) alarms() (all []string) {
	when := func(is bool, text string) {
		if is && !slices.Contains(all, text) { // of a master and its replicas the same may be said
			all = append(all, text)
		}
	}
	lasts := m.state == Suspect && m.now-m.clock.since > freshFor || m.state == Stuck || m.state == Ambiguous
	when(lasts || m.state == Suspect && m.permit.forbidden != "", m.plight())
	when(lasts, m.wayOut())
	if err := m.disk.saving.err; err != nil {
		when(true, "the state file cannot be written: "+err.Error()+"; without it no failover may begin; make room there, or let this process write it, and it is tried again each second")
	}
	when(m.holds.selfFenced, "the master has too few replicas and is held (self_fence)")
	when(m.latched() != "", "automatic failover is off: "+m.latched())
	when(m.stoodDown(), "another monitor is active: "+m.peers.rival)
	for _, b := range m.members {
		when(b.strange, fmt.Sprintf("%s holds data of which nothing shows that they are this group's (%d keys, no mark, an unknown replication id), and is left alone; %s",
			b.Addr, b.mark.Keys, m.adviceOnStranger(b)))
		when(m.dissents(b) && m.later(b), fmt.Sprintf("%s was made master by another process, by its mark of epoch %d; huntaway resolve --group %s --master ADDRESS says which one counts",
			m.leaderOf(b), b.mark.Epoch, m.group))
		when(m.dissents(b) && m.isTied(b), fmt.Sprintf("%s was made master by another process in epoch %d, as %s was; huntaway resolve --group %s --master ADDRESS says which one counts",
			b.Addr, b.mark.Epoch, m.name(m.master), m.group))
		when(b.leftTo != "" && m.dissents(b) && !m.later(b), fmt.Sprintf("%s follows %s, and is left to it: %s; huntaway resolve --group %s --master ADDRESS says which one counts",
			b.Addr, b.leftTo, m.spellLed(b), m.group))
		when(m.dissents(b) && m.richer(b), fmt.Sprintf("%s has data that the master was taken without; huntaway resolve --group %s --master %s makes it master (if it is a replica, after REPLICAOF NO ONE), and with %s it is %s",
			b.Addr, m.group, b.Addr, m.name(m.master), map[bool]string{true: "overwritten", false: "left alone from then on"}[m.isKin(b)]))
		when(m.unruly(b), b.Addr+" refuses orders: "+b.refusal)
		when(b.detachedAt != 0 && m.fresh(b) && m.state == Healthy, b.Addr+" follows nobody yet")
		when(b.ID == m.master && b.fault != 0 && b.fault.Alive(), b.Addr+", the master, answers "+b.fault.String()+m.remedy(b.fault))
		when(b.ID != m.master && b.unsaving, b.Addr+" "+cannotSave+": "+m.withoutSaving(b))
	}
	for _, b := range m.table.aliases {
		when(true, b.Addr+" is "+m.name(b.same)+" under another name and is left out; "+m.adviceOnAlias())
	}
	when(m.marks.needy, m.name(m.master)+" refuses writes for want of replicas")
	when(m.marks.tally.barred && !m.isLeft(), fmt.Sprintf("no mark of epoch %d could be left: %s", m.epoch, m.marks.tally.refused))
	known := fmt.Sprintf("; huntaway resolve --group %s --master %s says that this is known", m.group, m.name(m.master))
	when(m.marks.untried != "", fmt.Sprintf("%s was made master because nobody else could be; it %s; that ends when it takes the group's mark%s",
		m.name(m.master), m.marks.untried, known))
	for _, l := range m.records.losses {
		when(true, l.text+known)
	}
	for _, text := range m.settling.remarks {
		when(true, text+known)
	}
	return all
}

// remedy says what ends a complaint of a master.
func (m *Machine) remedy(f vital.Fault) string {
	switch {
	case f == vital.FaultMisconf && (m.o.Mode != Local || m.o.DryRun || m.permit.forbidden != ""):
		return "; see why it cannot save (its log, the disk)"
	case f == vital.FaultMisconf:
		return "; see why it cannot save (its log, the disk), or it is given up after " + span(m.o.DownMisconf) +
			" for a replica that can, and then ends, if it still cannot, unless replica-ignore-disk-write-errors is yes there"
	case f == vital.FaultBusy:
		return "; wait for the script, or end it there: SCRIPT KILL, or FUNCTION KILL"
	case f == vital.FaultAuth:
		return "; let server_user and server_password of the pool be what the server asks for"
	}
	return ""
}

// withoutSaving says what it means that a server cannot save its data, and what ends that.
func (m *Machine) withoutSaving(b *member) string {
	if b.ID == m.master {
		return "it takes no writes" + m.remedy(vital.FaultMisconf)
	}
	text := "see its log, the disk; until it can it may be unable to copy its master"
	if m.o.Mode == Local {
		text += ", and is promoted only when nobody else could be"
	}
	return text
}

// plight says what is the case in a group whose master is in question.
func (m *Machine) plight() string {
	switch {
	case m.state == Ambiguous && m.dispute.over != nil:
		return m.dispute.over.Addr + " says that it is master, and others have what it lacks: writes fail until they agree or one is resolved"
	case m.state == Ambiguous:
		return "two servers are master and nothing proves which: writes fail until one is resolved"
	case m.permit.forbidden != "" && m.o.Mode != Local:
		return m.fallen() + map[Mode]string{Sentinel: "; Sentinel decides who takes its place", Observe: "; this proxy only watches who takes its place"}[m.o.Mode]
	case m.permit.forbidden != "" && m.state != Stuck:
		return m.fallen() + " and nothing is done: " + m.permit.forbidden
	case m.permit.forbidden != "":
		return "the master is dead, nobody could be promoted, and nothing is done: " + m.permit.forbidden
	case m.state == Stuck && !m.awaited(m.member(m.master)):
		return "the master is dead and nobody can be promoted: writes fail; the next attempt begins by itself"
	}
	return m.predicament()
}

// wayBack says who is to be started again, and of the old master what would become of replicas that copy it by themselves.
func (m *Machine) wayBack() string {
	b := m.member(m.master)
	if m.isMaster(b) && (m.replaced(b) || m.awaited(b)) {
		return "start a server that has its data"
	}
	if b == nil || !slices.ContainsFunc(m.members, func(r *member) bool { return r != b && r.repl.Replica && m.memberAt(r.repl.Master) == b }) {
		return "start the old master again, or a server that has its data"
	}
	return "start the old master again, if it keeps its data on disk, or a server that has them (whoever follows " + b.Addr +
		" still copies whatever comes up there, nothing at all as well: if it may have lost anything, first REPLICAOF 192.0.2.1 1 at its replicas)"
}

// hindrance returns what forbids this process a failover that it would begin now, "" when nothing does, or somebody else decides.
func (m *Machine) hindrance() string {
	if m.o.Mode == Local && (m.state == Suspect || m.state == Stuck || m.state == Healthy) {
		return m.permit.forbidden
	}
	return ""
}

// fallen says what has become of a master that is not to go on as one.
func (m *Machine) fallen() string {
	switch b := m.member(m.master); {
	case m.isReplica(b):
		return "the master is a replica of " + b.repl.Master
	case m.isMaster(b) && (m.replaced(b) || m.awaited(b)):
		return "the master has come back without all that it had"
	case b != nil && (m.fresh(b) || b.fault.Alive()):
		return "the master answers and takes no writes"
	}
	return "the master is dead"
}

// way says what happens by itself in such a group, and what an operator can do.
func (m *Machine) way() string {
	b := m.member(m.master)
	by := m.wayBack() + "; or "
	switch {
	case m.outsider() != "":
		by = fmt.Sprintf("add it to group %s in the file and reload; or ", m.group)
	case m.state == Ambiguous:
		by = "compare their data; "
	case m.state != Suspect || m.permit.forbidden != "" && m.o.Mode == Local:
	case m.o.Mode == Observe:
		by = "whoever decides has to make another one master, and it is followed; or "
	case m.o.Mode == Sentinel:
		by = "whom Sentinel makes master is followed; or "
	case m.awaited(b):
		by = "start a server that has its data; or "
	case b != nil && b.fault != vital.FaultNone && m.now-m.clock.since <= m.o.DownSilence+freshFor:
		return "look at it; it is replaced by itself when it has refused connections or been silent for long enough, and most replicas that answer hear nothing of it either"
	}
	return by + m.wayOut()
}

// predicament says what is known of a master that is in question and is not replaced, and what is
// waited for.
func (m *Machine) predicament() string {
	b := m.member(m.master)
	switch {
	case m.outsider() != "":
		return m.outsider() + " is alive and the group's master, and the file does not have it"
	case b == nil:
		return "the group has no master, and nobody has been found who could be"
	case b.fault != vital.FaultNone:
		return fmt.Sprintf("%s, the master, does not answer (%v), and it is not certain that it is dead", b.Addr, b.fault)
	case m.outranked() != nil:
		return m.spellAwaited(m.outranked())
	case m.isReplica(b):
		return fmt.Sprintf("%s should be master and says that it is a replica of %s", b.Addr, b.repl.Master)
	case m.awaited(b) && m.patience(b) <= 0:
		return fmt.Sprintf("%s has come back as master without all that it had, and %s, which has it, was heard a moment ago and is waited for",
			b.Addr, m.slowHolder(b).Addr)
	case m.awaited(b) && !b.looked && m.o.Mode == Local:
		return fmt.Sprintf("%s has come back as master, and nothing shows that it has all that it had; it has yet to say what it holds, and is asked for another %s at most",
			b.Addr, span(m.patience(b)))
	case m.awaited(b):
		return fmt.Sprintf("%s has come back as master without all that it had; for another %s a server that has it is waited for, then it is taken as it is",
			b.Addr, span(m.patience(b)))
	}
	return b.Addr + ", the master, is in doubt: " + m.doubt.why
}

// outsider returns the address of a server that is none of the group's and that its servers follow, linked to it,
// while none of them says that it is master; "" when there is none.
func (m *Machine) outsider() (addr string) {
	for _, b := range m.members {
		switch {
		case !m.fresh(b):
		case !b.repl.Replica:
			return ""
		case b.repl.LinkUp && m.memberAt(b.repl.Master) == nil:
			addr = b.repl.Master
		}
	}
	return addr
}

// wayOut says what an operator can do about a group without a master, and whom he can choose.
func (m *Machine) wayOut() string {
	var all []string
	for _, b := range m.members {
		if !m.fresh(b) {
			all = append(all, b.Addr+" does not answer")
			continue
		}
		all = append(all, m.candidacy(b))
	}
	how := fmt.Sprintf("huntaway resolve --group %s --master ADDRESS makes a server master, whatever it has", m.group)
	switch {
	case m.o.DryRun:
		how = "failover_dry_run is set, so whoever wants a master has to make one"
	case m.o.Mode != Local:
		how = fmt.Sprintf("whoever decides here has to make a server master; huntaway resolve --group %s --master ADDRESS has one followed that is", m.group)
	}
	return how + ": " + strings.Join(all, "; ")
}

// dissents tells whether a server that answers is not what it should be beside the master.
func (m *Machine) dissents(b *member) bool {
	return b.ID != m.master && m.fresh(b) && m.state == Healthy && !(b.repl.Replica && m.inLine(b))
}

// candidacy says what a server is, and, of one that says it is master and is not followed, who
// would have to agree for that.
func (m *Machine) candidacy(b *member) string {
	is := "a replica of " + b.repl.Master
	if !b.repl.Replica {
		is = "a master"
	}
	text := fmt.Sprintf("%s is %s, at offset %d of %s", b.Addr, is, b.repl.Offset, b.repl.ID)
	if b.looked {
		text += fmt.Sprintf(", with %d keys and the mark of epoch %d", b.mark.Keys, b.mark.Epoch)
	}
	if who := m.dissenters(b); !b.repl.Replica && b.ID != m.master && !m.carriesOn(&b.repl) && len(who) > 0 {
		text += ", and is followed without an order only when " + namesOf(who) + " agree by following it"
	}
	return text
}

func namesOf(all []*member) string {
	names := make([]string, len(all))
	for i, b := range all {
		names[i] = b.Addr
	}
	return strings.Join(names, ", ")
}
