package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"huntaway/ha"
	"huntaway/ha/failover"
	"huntaway/loop"
	"huntaway/perf"
	"huntaway/shard"
)

// status is what is known of everything, what is wrong first.
func (p *proxy) status() *statusPage {
	page := &statusPage{Version: statusVersion, Huntaway: version, Problems: []statusProblem{}}
	page.Pools = p.poolStatus()
	page.judge()
	page.judgeProcess(p)
	page.sort()
	return page
}

// sort puts first what waits for somebody before anything is failed over, then the worst, and says whether there is anything.
func (page *statusPage) sort() {
	slices.SortStableFunc(page.Problems, func(a, b statusProblem) int {
		return cmp.Or(strings.Compare(a.rank(), b.rank()), strings.Compare(a.Severity, b.Severity))
	})
	page.OK = len(page.Problems) == 0
}

// rank orders problems: what waits for somebody comes before all others.
func (x *statusProblem) rank() string {
	if x.helpless {
		return ""
	}
	return x.Severity
}

// A post names one group of one pool.
type post struct{ pool, group string }

// groupStates is what the monitor thinks of every group.
func (p *proxy) groupStates() map[post]ha.GroupStatus {
	groups := map[post]ha.GroupStatus{}
	for _, g := range p.monitor.Groups() {
		groups[post{g.Pool, g.Group}] = g
	}
	return groups
}

// poolStatus is what is known of every pool.
func (p *proxy) poolStatus() (all []statusPool) {
	states, groups := p.states(), p.groupStates()
	for _, s := range p.pools {
		pool := s.status(states, groups)
		s.heardOf(&pool, p)
		s.surveyed(&pool, p)
		all = append(all, pool)
	}
	return all
}

// status is one pool, in the order of its table.
func (s *served) status(states map[member]ha.ServerStatus, groups map[post]ha.GroupStatus) statusPool {
	table := s.pool.Table()
	pool := statusPool{Name: s.name, Mode: s.mode, Epoch: table.Epoch, Groups: []statusGroup{}}
	for i := range table.Groups {
		g := &table.Groups[i]
		care, known := groups[post{s.name, g.Name}]
		group := statusGroup{Name: g.Name, Held: g.Held, Servers: []statusServer{}}
		if known {
			group.take(&care)
		}
		if t := s.ledger.tenure(g.Name); g.Held && !t.heldAt.IsZero() {
			group.HeldFor = time.Since(t.heldAt).Seconds()
		}
		if m := table.Server(g.Master); m != nil {
			group.Master = m.Addr
		}
		for j := range g.Servers {
			server := &g.Servers[j]
			st := states[member{s.name, g.Name, server.Addr}]
			group.Servers = append(group.Servers, statusOf(server, &st, &care, server.ID == g.Master))
			if code, ago := s.pool.Refused(server.ID); ago < refusedFor {
				group.Servers[j].Refuses, group.Servers[j].RefusedAgo = code, ago.Seconds()
			}
		}
		pool.Groups = append(pool.Groups, group)
	}
	pool.room(s.pool)
	return pool
}

// room says how many clients fit, and how many did not.
func (p *statusPool) room(of *loop.Pool) {
	n, ago := of.TurnedAway()
	if p.Room, p.TurnedAway = of.Room(), n; n > 0 {
		p.TurnedAgo = ago.Seconds()
	}
}

// take copies what the failover machine thinks of its group.
func (g *statusGroup) take(care *ha.GroupStatus) {
	g.State, g.Since, g.hold = care.State.String(), care.For.Seconds(), care.Hold.Seconds()
	g.Forbidden, g.Latched, g.Alarms = care.Forbidden, care.Latched, care.Alarms
	g.Failovers, g.Plight, g.Way = len(care.Recent), care.Plight, care.Way
	if !care.Cluster && len(care.Servers) > 1 { // the others have no machine, and the table's means nothing here
		g.Epoch = care.Epoch
	}
}

// statusOf is one server.
func statusOf(server *shard.Server, st *ha.ServerStatus, care *ha.GroupStatus, master bool) statusServer {
	s := statusServer{
		Addr: server.Addr, Role: roleNow(server.Role, master), State: st.State.String(), Since: st.For.Seconds(),
		Reads: st.Reader, Ejected: st.Ejected, Error: st.Cause,
	}
	if st.Measured {
		s.Lag, s.LagBytes = new(float64), new(int64)
		*s.Lag, *s.LagBytes = st.Lag.Seconds(), st.LagBytes
	}
	if st.State != ha.In && st.State != ha.Unknown {
		s.Reason = st.Reason.String()
	}
	for i := range care.Servers {
		if care.Servers[i].ID == server.ID && !master && s.Reason == "" {
			s.Unfit = care.Servers[i].Note
		}
	}
	return s
}

// roleNow words what a server is: the master of the moment, or what it is configured as. A
// configured master that is none is a replica.
func roleNow(configured shard.Role, master bool) string {
	switch {
	case master:
		configured = shard.Master
	case configured == shard.Master:
		configured = shard.Replica
	}
	return perf.RoleName(byte(configured))
}

// events are the last transitions, oldest first.
func (p *proxy) events() *eventPage {
	page := &eventPage{Version: statusVersion, Events: []eventLine{}}
	for _, t := range p.monitor.Events() {
		page.Events = append(page.Events, lineOf(t))
	}
	for _, s := range p.pools {
		page.Events = append(page.Events, s.refusals()...)
	}
	page.Events = append(page.Events, p.diary.all()...)
	slices.SortStableFunc(page.Events, func(a, b eventLine) int { return a.Time.Compare(b.Time) })
	return page
}

// refusals are the beginnings and ends of times in which servers refused writes.
func (s *served) refusals() (lines []eventLine) {
	table := s.pool.Table()
	for _, r := range s.pool.Refusals() {
		line := eventLine{Time: r.Begun.UTC(), Pool: s.name, Server: r.Addr, What: "the server refuses writes", Why: r.Code}
		if g := table.GroupOf(r.Server); g >= 0 {
			line.Group = table.Groups[g].Name
		}
		lines = append(lines, line)
		if !r.Ended.IsZero() {
			line.Time, line.What = r.Ended.UTC(), "the server takes writes again"
			line.Why = fmt.Sprintf("%s: %s refused in %s", r.Code, plural(r.Count, "write"), briefly(r.Ended.Sub(r.Begun).Seconds()))
			lines = append(lines, line)
		}
	}
	return lines
}

// lineOf translates a transition of a server or of a group.
func lineOf(t ha.Transition) eventLine {
	e := eventLine{Time: t.Time.UTC(), Pool: t.Pool, Group: t.Group, Server: t.Addr, What: t.What}
	switch f := t.Failover; {
	case f != nil:
		e.What, e.Why = f.What, f.Why
		e.From, e.To = f.From.String(), f.To.String()
		if f.Costs() {
			e.Lost, e.Least = f.Loss, f.Least
		}
	case t.Addr != "":
		e.From, e.To = t.From.String(), t.To.String()
		if t.Reason != ha.ReasonNone {
			e.Why = t.Reason.String()
		}
		if t.Cause != "" {
			e.Why += ": " + t.Cause
		}
	default:
		e.Why = t.Cause
	}
	return e
}

// A remark is what a state of a group means to an operator.
type remark struct{ severity, what, advice string }

// How bad a problem is. In the order of the alphabet, which is that of the page.
const (
	severe   = "error"
	doubtful = "warning"
)

// remarks are the states that need a look, or patience. Healthy needs none, and Settling and
// Following have a master that serves.
var remarks = map[string]remark{
	failover.Init.String():      {doubtful, "its servers are being looked at for the first time", "wait a second; if it stays like this nobody answers"},
	failover.Suspect.String():   {severe, "its master is in question; writes wait for up to hold_timeout, then fail", "look at the master"},
	failover.Freezing.String():  {severe, "a failover is under way", ""},
	failover.Revoking.String():  {severe, "a failover is under way", ""},
	failover.Selecting.String(): {severe, "a failover is under way", ""},
	failover.Promoting.String(): {severe, "a failover is under way", ""},
	failover.Proving.String():   {severe, "a failover is under way", ""},
	failover.Verifying.String(): {severe, "a failover is under way", ""},
	failover.Stuck.String():     {severe, "its master is dead and nobody can take its place; writes fail", "start the old master again, or a replica that followed it; or decide with huntaway resolve --group %s --master ADDRESS, and accept what that server lacks"},
	failover.Ambiguous.String(): {severe, "it has more than one master, and which one is right cannot be told; writes fail", "compare their data, then huntaway resolve --group %s --master ADDRESS; what the others hold alone is lost by that"},
	failover.Draining.String():  {doubtful, "a switchover is under way", ""},
	failover.Handing.String():   {doubtful, "a switchover is under way", ""},
}

// alone are the states of a group of one server that differ from those of larger ones.
var alone = map[string]remark{
	failover.Suspect.String(): {severe, "its only server does not answer; requests fail, once they have waited for hold_timeout if that is set", "look at the server; nobody can take the place of a group's only one"},
}

// remark returns what the group's state means, false when it is well.
func (g *statusGroup) remark(p *statusPool) (remark, bool) {
	r, bad := remarks[g.State]
	if single, is := alone[g.State]; is && g.single(p) {
		r = single
	} else if g.Plight != "" && bad {
		r.what, r.advice = g.Plight, g.Way
	}
	return r, bad
}

// single tells whether nobody could take the place of the group's server, by whoever's decision.
func (g *statusGroup) single(p *statusPool) bool { return len(g.Servers) == 1 && p.Mode != "cluster" }

// judge finds what is wrong with the pools.
func (page *statusPage) judge() {
	for i := range page.Pools {
		p := &page.Pools[i]
		page.judgeSentinels(p)
		page.judgeCluster(p)
		page.judgeRoom(p)
		for j := range p.Groups {
			page.judgeGroup(p, &p.Groups[j])
		}
	}
}

// helpless marks the last problem as one that waits for an operator.
func (page *statusPage) helpless() { page.Problems[len(page.Problems)-1].helpless = true }

// refusedFor is for how long after a server refused a client's write that is said.
const refusedFor = 10 * time.Second

// crowdedFor is for how many seconds after a client was turned away that is said.
const crowdedFor = 60

// judgeRoom says that clients find no room.
func (page *statusPage) judgeRoom(p *statusPool) {
	if p.TurnedAway == 0 || p.TurnedAgo > crowdedFor {
		return
	}
	page.Problems = append(page.Problems, statusProblem{Severity: severe, Pool: p.Name,
		What: fmt.Sprintf("clients are turned away: it has room for %d; %d have been since the start, the last one %s ago",
			p.Room, p.TurnedAway, briefly(p.TurnedAgo)),
		Advice: "raise client_connections of the pool, runtime.max_clients, or the limit of open files (ulimit -n, LimitNOFILE) if neither is set"})
}

// judgeGroup finds what is wrong with one group: with the whole of it, then with its servers.
func (page *statusPage) judgeGroup(p *statusPool, g *statusGroup) {
	add := func(severity, server, what, advice string) {
		page.Problems = append(page.Problems, statusProblem{severity, p.Name, g.Name, server, what, advice, false})
	}
	r, bad := g.remark(p)
	switch {
	case g.ejected(): // no request goes there
	case bad:
		if strings.Contains(r.advice, "%s") {
			r.advice = fmt.Sprintf(r.advice, g.Name)
		}
		add(r.severity, "", fmt.Sprintf("%s (%s for %s)", r.what, g.State, briefly(g.Since)), r.advice)
		if g.State == failover.Stuck.String() || g.State == failover.Ambiguous.String() {
			page.helpless()
		}
	case g.Master == "" && p.Mode != "cluster":
		add(severe, "", "it has no master; writes fail", "start one")
	case g.Held:
		add(severe, "", "writes wait", "")
	}
	if g.Forbidden != "" && !strings.Contains(g.Plight, g.Forbidden) {
		add(severe, "", "a failover is due and must not begin: "+g.Forbidden, "")
	}
	if g.Latched != "" {
		add(doubtful, "", "automatic failover is off: "+g.Latched, "when the cause is dealt with: huntaway release --group "+g.Name)
		page.helpless()
	}
	for _, alarm := range g.Alarms {
		if !g.said(alarm) {
			add(doubtful, "", alarm, "")
		}
	}
	for _, s := range g.Servers {
		if s.Refuses != "" && (p.Mode == "cluster" || s.Addr == g.Master) && !g.complained(&s) {
			add(severe, s.Addr, fmt.Sprintf("it refuses writes, and clients are told so: %s, %s ago the last time", s.Refuses, briefly(s.RefusedAgo)), refused[s.Refuses])
		}
		switch {
		case s.Ejected:
			add(severe, s.Addr, s.absence(), "")
		case s.Reason != "" && s.Addr == g.Master && g.Plight != "" && s.remedy() == remedies["down"]:
			add(severe, s.Addr, s.trouble("master"), "see why it refuses connections; what starting it means for its replicas is said of the group")
		case s.Reason != "" && s.Addr == g.Master:
			add(severe, s.Addr, s.trouble("master"), g.remedyFor(&s))
		case s.Reason != "":
			add(doubtful, s.Addr, s.trouble(s.Role), g.remedyFor(&s))
		}
	}
}

// said tells whether an alarm is about the group's plight, the latch, the prohibition or a server's state, which have
// lines of their own.
func (g *statusGroup) said(alarm string) bool {
	for i := range g.Servers {
		if s := &g.Servers[i]; s.Reason != "" && alarm == fmt.Sprintf("%s is %s (%s)", s.Addr, s.State, s.Reason) {
			return true
		}
	}
	if alarm == g.Plight || strings.Contains(g.Way, alarm) {
		return true
	}
	return g.Latched != "" && strings.Contains(alarm, g.Latched) || g.Forbidden != "" && strings.Contains(alarm, g.Forbidden)
}

// complained tells whether an alarm has that a server refuses writes.
func (g *statusGroup) complained(s *statusServer) bool {
	return slices.ContainsFunc(g.Alarms, func(alarm string) bool {
		return strings.HasPrefix(alarm, s.Addr+", the master, answers "+strings.ToLower(s.Refuses))
	})
}

// ejected tells whether the group is off the ring.
func (g *statusGroup) ejected() bool {
	return slices.ContainsFunc(g.Servers, func(s statusServer) bool { return s.Ejected })
}

// absence words that the server's group is off the ring, and what keeps it there.
func (s *statusServer) absence() string {
	const text = "its group is off the ring (auto_eject_hosts), and its keys are with the others"
	if s.Reason == "" {
		return text + "; it answers again, and returns when server_retry_timeout is over"
	}
	return s.trouble(s.Role) + "; " + text + " until it answers"
}

// trouble words why a server is not in.
func (s *statusServer) trouble(role string) string {
	text := fmt.Sprintf("%s is %s: %s, for %s", role, s.State, s.Reason, briefly(s.Since))
	if s.State == ha.Warming.String() {
		text = fmt.Sprintf("%s is %s after it was out (%s), for %s", role, s.State, s.Reason, briefly(s.Since))
	}
	if s.Error != "" {
		text += " (" + s.Error + ")"
	}
	return text
}

// judgeProcess finds what is wrong with this process.
func (page *statusPage) judgeProcess(p *proxy) {
	add := func(severity, what, advice string) {
		page.Problems = append(page.Problems, statusProblem{Severity: severity, What: what, Advice: advice})
	}
	if p.draining.Load() {
		add(doubtful, "this proxy is draining: it accepts no clients", "")
	}
	if !p.engine.Alive() {
		add(severe, "an event loop has not ticked for 5 s", "a stack dump (SIGQUIT) says where it is, and ends the process")
	}
	if !p.engine.Suspends() {
		add(doubtful, "reading from clients cannot be suspended: who sends without reading is cut off", "this build has another gnet than the one it was made for")
	}
	hosts := page.hosts()
	for _, n := range p.names.unresolved() {
		if !hosts[n.host] {
			continue // it has left the file
		}
		add(doubtful, n.problem(), "see why this host finds no address for it: DNS, /etc/hosts; or write an address into the file")
	}
	if why := p.diary.refusal(); why != "" {
		add(doubtful, "the last reload was refused; an older configuration is in force: "+why, "mend the file, and reload again (SIGHUP)")
	}
	if keys := p.diary.pending(); len(keys) > 0 {
		add(doubtful, "some changes of the file need a restart: "+strings.Join(keys, " "), "restart this proxy when it suits; what else has changed is in force")
	}
}

// briefly words seconds for people.
func briefly(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d < 48*time.Hour:
		return d.Round(time.Second).String()
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
