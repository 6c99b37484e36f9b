package ha

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"huntaway/ha/failover"
	"huntaway/perf"
	"huntaway/shard"
)

// A groupDriver keeps one group's failover machine: it feeds it and has carried out what it says.
//
// Owner: the goroutine of the watch; between two watches of the pool, whoever hands it on.
type groupDriver struct {
	group   string            // its name
	machine *failover.Machine // nil until it is known whether another monitor is active

	pending map[uint64]struct{}      // what was begun and has not ended, by the action's ID
	waiting map[uint64]chan<- answer // operators, by their wish; each has room for one

	beatAt  int64 // when to look for other monitors next; only in mode local
	beating bool  // a look is under way
	heart   *heart
	losses  string // as the state file was last to have them

	rightsAt int64    // when to ask the servers for the monitor's rights next
	asking   bool     // that is under way
	lacking  []string // the lines about those that are missing

	odd []oddity // what looks have found lately that no monitor has written, the newest of each key
}

// An oddity is that a key that monitors write is not as one has left it.
type oddity struct {
	key, text string
	mark      uint64 // of a mark: the epoch that it names, 0: none
	at        int64  // when it was last found
	notedAt   int64  // when one of that key was last noted
	since     int    // how many of that key were found since, that one included
}

// told words an oddity, and that it is the last of several.
func (o *oddity) told() string {
	if o.since < 2 {
		return o.text
	}
	return fmt.Sprintf("%s; the last of %d such changes", o.text, o.since)
}

// oddFor is how long an oddity is an alarm, and how long at least from one line about a key to the next:
// clients cause them, and may do so without end.
const oddFor = int64(time.Minute)

// An outcome is how something that was begun for a machine ended.
type outcome struct {
	group   string
	ev      failover.Event  // Done, or Rival when another monitor was heard
	rights  bool            // it is a look at rights, and lacking what it found; ev means nothing
	lacking []string        // see lackingOf
	beat    bool            // it is a look for other monitors; without a rival ev is a Tick
	heart   *heart          // of a look: the group driver's
	list    *failover.Event // of a look: what the machine is to hear of the list of losses; nil: nothing
	odd     []oddity        // of a look or a Verify: what it found that no monitor has written
	note    string          // what is worth a line in the log all the same; "" for nothing
	addr    string          // with note: the server's
}

// An answer is how an operator's wish ended.
type answer struct {
	plan []string
	err  error
}

// wishes counts operators' wishes, so that each has an ID of its own.
var wishes atomic.Uint64

// muster has a group driver for every group of the adopted table that has more than one server,
// and tells each machine what has become of its group.
func (w *watch) muster() {
	if w.o.Cluster {
		return
	}
	old := w.groupDrivers
	w.groupDrivers = nil
	for i := range w.seen.Groups {
		g := &w.seen.Groups[i]
		if len(g.Servers) < 2 {
			continue
		}
		s := groupDriverOf(old, g.Name)
		if s == nil {
			s = &groupDriver{group: g.Name, pending: map[uint64]struct{}{}, waiting: map[uint64]chan<- answer{}, heart: &heart{}}
		}
		w.groupDrivers = append(w.groupDrivers, s)
	}
	for _, s := range old {
		if !s.beating && groupDriverOf(w.groupDrivers, s.group) == nil {
			s.heart.doff()
		}
	}
	for _, s := range w.groupDrivers {
		w.acquaint(s)
	}
}

// reserve holds the groups whose machines have yet to find out who is master, be it that another process has decided so.
func (w *watch) reserve() {
	if w.o.Cluster || w.o.Failover.Mode == failover.Observe && w.o.StateFrom == "" {
		return
	}
	t := w.o.Publisher.Table()
	for i := range t.Groups {
		if len(t.Groups[i].Servers) > 1 {
			t = t.WithHold(i)
		}
	}
	if t != w.o.Publisher.Table() {
		w.o.Publisher.Publish(t)
	}
}

// acquaint gives the group driver a machine, if it is time for that, and that one the table.
func (w *watch) acquaint(s *groupDriver) {
	now := perf.Now()
	switch l := w.layout(s.group); {
	case s.machine != nil:
		w.carryOut(s, s.machine.Adopt(l, now, nil))
	case w.o.Failover.Mode == failover.Local:
		if s.beatAt == 0 {
			s.beatAt = now
			intent, _ := w.stateStore.load(s.group) // install says it when that cannot be read
			w.own(s.group, intent.Lineage, "")
		}
	default:
		w.install(s)
	}
}

// own has the detector know which data are a group's. Where somebody else decides, whoever is master has them.
func (w *watch) own(group, lineage, before string) {
	if w.o.Failover.Mode != failover.Observe {
		w.perform(w.detector.Own(w.index(group), lineage, before, perf.Now(), nil))
	}
}

// install makes the machine, from what was known when its group was last watched.
func (w *watch) install(s *groupDriver) {
	intent, err := w.stateStore.load(s.group)
	layout := w.layout(s.group)
	what, why := "", ""
	switch {
	case err != nil:
		what, why = "state file not used, the servers' word is taken instead", err.Error()
	case intent.Master != "" && !slices.ContainsFunc(layout.Members, func(m failover.Member) bool { return m.Addr == intent.Master }):
		what = "the state file says that a server was master which is not in this group"
		why = fmt.Sprintf("%s; if %s is another group's, end this process, take it away and start again: it is held against the servers", intent.Master, w.stateStore.path(s.group))
	}
	if what != "" {
		w.remark(s.group, what, why)
	}
	s.machine = failover.New(w.o.Failover, layout, intent, perf.Now())
}

// remark notes something about a group that its machine did not say, and that somebody should look at.
func (w *watch) remark(group, what, why string) {
	t := failover.Transition{At: perf.Now(), What: what, Why: why, Alarm: true}
	if s := groupDriverOf(w.groupDrivers, group); s != nil && s.machine != nil {
		t.From = s.machine.Status().State
		t.To = t.From
	}
	w.note(Transition{At: t.At, What: "failover", Pool: w.o.Name, Group: group, Failover: &t})
}

// wonder makes an oddity an alarm for a while, and notes it if none of that key was noted for as long.
func (w *watch) wonder(s *groupDriver, o oddity) {
	o.at = perf.Now()
	for _, was := range s.odd {
		if was.key == o.key {
			o.notedAt, o.since = was.notedAt, was.since
		}
	}
	o.since++
	loud := o.notedAt == 0 || o.at-o.notedAt > oddFor
	if loud {
		w.remark(s.group, o.told(), "clients can write that key, and somebody has")
		o.notedAt, o.since = o.at, 1
	}
	s.odd = append(slices.DeleteFunc(s.odd, func(was oddity) bool { return was.key == o.key }), o)
}

// inherit takes over the group drivers of the watch that w replaces: what their machines know, and
// what they are about to do. What that watch had begun is over, and failed. Both watches
// stand still.
func (w *watch) inherit(old *watch) {
	w.groupDrivers, w.contacts = old.groupDrivers, old.contacts
	w.seen = nil
	for _, s := range w.groupDrivers {
		s.beating, s.asking = false, false
		if s.machine != nil {
			s.machine.Adjust(w.o.Failover)
		}
	}
}

// settle tells the machines of a watch that begins what its predecessor left unfinished.
func (w *watch) settle() {
	for _, s := range w.groupDrivers {
		for id := range s.pending {
			w.conclude(outcome{group: s.group, ev: failover.Event{Kind: failover.Done, ID: id, Err: errReplaced}})
		}
	}
}

// groupDriverOf returns the one of the named group, nil when there is none.
func groupDriverOf(all []*groupDriver, group string) *groupDriver {
	for _, s := range all {
		if s.group == group {
			return s
		}
	}
	return nil
}

// index returns where a group stands in the adopted table, -1 when it is not there.
func (w *watch) index(group string) int {
	for i := range w.seen.Groups {
		if w.seen.Groups[i].Name == group {
			return i
		}
	}
	return -1
}

// layout is what a machine needs to know of its group in the adopted table.
func (w *watch) layout(group string) failover.Layout {
	g := &w.seen.Groups[w.index(group)]
	l := failover.Layout{Group: group, Master: g.Master, Held: g.Held}
	for i := range g.Servers {
		s := &g.Servers[i]
		l.Members = append(l.Members, failover.Member{ID: s.ID, Addr: s.Addr, Role: byte(s.Role)})
	}
	return l
}

// next returns when the group driver wants a Tick.
func (s *groupDriver) next() int64 {
	if s.machine == nil {
		return s.beatDue()
	}
	if at := s.machine.Next(); at != 0 {
		return min(at, s.beatDue())
	}
	return s.beatDue()
}

// tell has the machines hear what the detector heard.
func (w *watch) tell(ev Event) {
	if ev.Kind == Tick {
		w.tick()
		return
	}
	g := w.seen.GroupOf(ev.Server)
	if g < 0 {
		return
	}
	to := failover.Event{Kind: heardAs[ev.Kind], Server: ev.Server, Sent: ev.Sent, Fault: ev.Fault, Repl: ev.Repl, Text: ev.Cause}
	w.consultNamed(w.seen.Groups[g].Name, to)
	if w.arbiter != nil && (ev.Kind == LinkLost || ev.Kind == LinkExchanged || ev.Kind == ReadOnly) {
		w.arbiter.poke()
	}
}

// heardAs translates events for the machines.
var heardAs = [...]failover.EventKind{
	Tick: failover.Tick, Probed: failover.Probed, LinkLost: failover.LinkLost,
	LinkOpened: failover.LinkOpened, ReadOnly: failover.ReadOnly, LinkStalled: failover.Stalled,
	LinkExchanged: failover.LinkLost,
}

// tick tells those whose time has come.
func (w *watch) tick() {
	for _, s := range w.groupDrivers {
		now := perf.Now()
		if s.beatDue() <= now {
			w.beat(s)
		}
		if w.o.decides() && s.rightsAt <= now {
			w.lookAtRights(s)
		}
		if s.machine != nil && s.machine.Next() != 0 && s.machine.Next() <= now {
			w.consult(s, failover.Event{Kind: failover.Tick})
		}
	}
}

// consultNamed is consult for the group of that name, if it has a machine.
func (w *watch) consultNamed(group string, ev failover.Event) {
	if s := groupDriverOf(w.groupDrivers, group); s != nil && s.machine != nil {
		w.consult(s, ev)
	}
}

// consult feeds one event, known from this moment on, to a machine and carries out what it says.
func (w *watch) consult(s *groupDriver, ev failover.Event) {
	ev.At = perf.Now()
	ev.Reached, ev.Others = w.reach(s.machine.Master())
	w.carryOut(s, s.machine.Step(ev, nil))
}

// conclude tells a machine how something ended.
func (w *watch) conclude(o outcome) {
	s := groupDriverOf(w.groupDrivers, o.group)
	if s == nil {
		if o.heart != nil {
			o.heart.doff()
		}
		return
	}
	if o.note != "" {
		w.remark(o.group, o.note, o.addr)
	}
	for _, odd := range o.odd {
		w.wonder(s, odd)
	}
	if o.rights {
		w.learnt(s, o.lacking)
		return
	}
	if o.beat {
		w.beaten(s, o)
		return
	}
	if _, ok := s.pending[o.ev.ID]; !ok || s.machine == nil {
		return // of a machine before this one
	}
	delete(s.pending, o.ev.ID)
	if r := o.ev.Repl; r.ID != "" {
		w.perform(w.detector.Step(Event{Kind: Inspected, Server: o.ev.Server, Sent: o.ev.Sent, At: perf.Now(), Repl: r}, nil))
	}
	w.consult(s, o.ev)
}

// groups returns the status of the pool's groups, nothing when it is not running.
func (w *watch) groups() (all []GroupStatus) {
	w.call(func() {
		now := perf.Now()
		servers := w.detector.Status(now)
		for i := range w.seen.Groups {
			all = append(all, w.groupStatus(&w.seen.Groups[i], servers, now))
		}
	})
	return all
}

func (w *watch) groupStatus(g *shard.Group, servers []ServerStatus, now int64) GroupStatus {
	st := GroupStatus{Pool: w.o.Name, Mode: w.o.Failover.Mode, Cluster: w.o.Cluster, Hold: time.Duration(w.o.Failover.Hold)}
	if s := groupDriverOf(w.groupDrivers, g.Name); s != nil && s.machine != nil {
		st.Status = s.machine.Status()
		st.Alarms = append(slices.Clone(s.lacking), st.Alarms...) // they may be why of the others
		for _, o := range s.odd {
			if now-o.at <= oddFor {
				st.Alarms = append(st.Alarms, o.told())
			}
		}
	} else {
		st.Status = w.plainStatus(g, servers, now)
	}
	st.For = time.Duration(now - st.Since)
	st.Held = g.Held
	if m := w.seen.Server(g.Master); m != nil {
		st.MasterAddr = m.Addr
	}
	return st
}

// plainStatus is the status of a group that has no machine: of one server, or before the
// first look for other monitors.
func (w *watch) plainStatus(g *shard.Group, servers []ServerStatus, now int64) failover.Status {
	st := failover.Status{Group: g.Name, Master: g.Master, Epoch: w.seen.Epoch, Since: now}
	for _, each := range servers {
		if each.Group != g.Name {
			continue
		}
		s := w.seen.Server(each.ID)
		st.Servers = append(st.Servers, failover.ServerStatus{ID: each.ID, Addr: each.Addr, Role: byte(s.Role)})
		if each.ID == g.Master {
			st.State, st.Since = plainState(each.State), now-int64(each.For)
		}
		if each.ID == g.Master && st.State == failover.Suspect {
			st.Alarms = append(st.Alarms, fmt.Sprintf("%s is %v (%v)", each.Addr, each.State, each.Reason))
		}
	}
	return st
}

func plainState(s State) failover.State {
	switch s {
	case Unknown:
		return failover.Init
	case In:
		return failover.Healthy
	}
	return failover.Suspect
}
