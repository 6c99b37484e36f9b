package ha

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/redis/go-redis/v9"

	"huntaway/ha/failover"
	"huntaway/perf"
)

// How monitors of mode local find out about each other: the active one holds a connection to the
// master that bears its name, its badge, and keeps a key there, its heartbeat. Clients can write and
// delete any key, and none can name a connection to a server: so who sees a badge believes that,
// and who wears one believes no key. The heartbeat is for monitors of older versions, which know nothing
// else, for servers that do not tell their connections, and for the replicas of a master that is dead.
const (
	beatEvery = int64(time.Second)
	beatLasts = 4 * time.Second

	// keyLasts is how long a heartbeat lasts that no badge stands for, and those of older versions; and for how long
	// others see a badge that is not used.
	keyLasts = 10 * time.Second
	endless  = time.Duration(math.MaxInt64)

	// olderFor is how long a monitor that may wear no badges but at the master is taken to be at work after it was heard.
	olderFor = int64(15 * time.Second)

	// badgeTrust is how long after its last answer a badge is still taken for what all others can
	// see; they see it for keyLasts.
	badgeTrust = int64(6 * time.Second)

	// beatProves is for how long a heartbeat that no badge stands for is believed. An older
	// version stands down when ours is put in its place, and never puts its own there again.
	beatProves = int64(6 * time.Second)
)

func beatKey(group string) string { return "huntaway:monitor:" + group }

// A heart is what a monitor knows of its own activity in one group, and of others'.
//
// Owner: the goroutine of a look while there is one, else the group driver's.
type heart struct {
	badge      *badge            // nil: this monitor does not say that it is active
	others     map[string]*badge // those at the other members, by address, while it does, or did when the master last answered
	stoodAt    int64             // when our heartbeat was last written; 0: never
	unprovenAt int64             // since when a heartbeat is there that no badge stands for; 0: none is
	bare       int               // how often running nobody was seen at them since the master does not answer
	olderAt    int64             // when one was last heard that may wear no badge at them; 0: never
	rested     bool              // this monitor has taken its badges off them, as it had stood still, and puts them on again
	marked     uint64            // the epoch that the mark on the badge's server was last seen with; 0: not seen right
	list       list              // of losses, as the machine has been told it last, or as this monitor has written it
}

// withdrawTime is how long a monitor that ends may take to say so.
const withdrawTime = 300 * time.Millisecond

// withdraw says for good that this monitor is not active: whoever wears a badge has the heartbeat.
// Another monitor need not wait then until that has expired.
func (h *heart) withdraw(ctx context.Context, group string) {
	if h.badge != nil {
		_ = h.badge.conn.Do(ctx, "UNLINK", beatKey(group)).Err() // it expires by itself
	}
	h.doff()
}

// doff says no longer that this monitor is active.
func (h *heart) doff() {
	h.lose()
	for _, b := range h.others {
		b.close()
	}
	h.others = nil
}

// lose drops the badge at the master, which may be dead.
func (h *heart) lose() {
	if h.badge != nil {
		h.badge.close()
	}
	h.badge, h.marked = nil, 0
}

// holds tells whether the badge is at that server, and can have been seen there all the time.
func (h *heart) holds(addr string) bool {
	return h.badge != nil && h.badge.addr == addr && perf.Now()-h.badge.seenAt <= badgeTrust
}

// stood tells whether our own heartbeat was written so lately that no monitor has put another there.
func (h *heart) stood() bool {
	return h.stoodAt != 0 && perf.Now()-h.stoodAt <= int64(beatLasts)
}

// beatDue returns when to look for other monitors next.
func (s *groupDriver) beatDue() int64 {
	if s.beating || s.beatAt == 0 {
		return math.MaxInt64
	}
	return s.beatAt
}

// beat looks for other monitors on a goroutine of its own and, while the group is well and
// nobody else is heard, says that this one is active.
func (w *watch) beat(s *groupDriver) {
	s.beating = true
	l := look{group: s.group, id: w.stateStore.name(), access: w.o.Access, heart: s.heart}
	g := &w.seen.Groups[w.index(s.group)]
	master := g.Master
	for i := range g.Servers {
		if each := &g.Servers[i]; each.ID == g.Master {
			l.master = each.Addr
		} else {
			l.others = append(l.others, each.Addr)
		}
	}
	if s.machine != nil {
		losses := s.machine.Losses()
		l.lost = &losses
	}
	if s.machine != nil && !w.o.Failover.DryRun {
		status := s.machine.Status()
		l.claim = status.State == failover.Healthy || status.State == failover.Settling
		l.doubted, l.awoken = !l.claim, status.Awoken
		l.process = status.Process
		l.epoch, l.sure, l.left = status.Epoch, status.EpochSure, status.EpochLeft
	}
	ctx := w.ctx
	w.working.Go(func() {
		o := outcome{group: s.group, beat: true, ev: failover.Event{Kind: failover.Tick}}
		if rival := l.take(ctx); rival != "" {
			o.ev = failover.Event{Kind: failover.Rival, Text: rival, Faint: l.faint, Server: master, Found: l.kept}
		} else if l.heart.holds(l.master) || l.free {
			o.ev = failover.Event{Kind: failover.Alone}
		}
		o.odd, o.heart, o.list = l.odd, l.heart, l.listed
		select {
		case <-ctx.Done():
		case w.outcomes <- o:
		}
	})
}

// beaten takes the end of a look. After the first one the group gets its machine. Monitors that
// started together do not go on looking together.
func (w *watch) beaten(s *groupDriver, o outcome) {
	s.beating, s.beatAt = false, perf.Now()+beatEvery+rand.Int64N(beatEvery/6)
	if s.machine == nil {
		w.install(s)
	}
	for _, odd := range o.odd {
		if odd.mark != 0 {
			w.consult(s, failover.Event{Kind: failover.Forged, Found: odd.mark})
		}
	}
	if o.list != nil { // before this machine hears that nobody else acts: what was read is what that one has left
		o.list.Server = s.machine.Master()
		w.consult(s, *o.list)
	}
	w.consult(s, o.ev)
	s.hasten(perf.Now() + listEvery)
}

// A look is one search for other monitors.
type look struct {
	group, id string
	access    Access
	master    string           // its address; "" when there is none
	others    []string         // those of the other members
	doubted   bool             // the machine has a master in question
	awoken    bool             // and begins nothing for a while, since this process stood still
	claim     bool             // say that this monitor is active, if no other is
	epoch     uint64           // with claim: of the group
	sure      bool             // no mark can be of a later one
	left      bool             // the master has been given the mark of it
	process   string           // the master's, as the machine has accepted it; "": it is not told
	lost      *failover.Losses // what the machine knows of losses; nil: it is not asked
	heart     *heart           // the group driver's

	kept  uint64 // the mark that who was heard at the master keeps there; 0: it is not known
	byKey bool   // who was heard at the master is known by a heartbeat alone that a badge should stand for
	faint bool   // who was heard, if anybody, is known by a heartbeat alone, and nobody is seen where he should be, or stands still
	free  bool   // nobody is seen at the other members either, where all who act are

	listed *failover.Event // the list of losses, as far as it is news to the machine; nil: it is not
	odd    []oddity        // what was found that no monitor has written
}

// take returns the name of another monitor that is active, "" when none was heard. When the
// master does not answer the other members may still have what it had.
func (l *look) take(ctx context.Context) (rival string) {
	ctx, cancel := context.WithTimeout(ctx, 2*l.access.Timeout)
	defer cancel()
	l.rest()
	if l.master != "" {
		c := l.access.open("tcp", l.master)
		defer c.Close()
		rival, err := l.ask(ctx, c, l.master)
		if err == nil || answeredBy(err) { // who may not read the monitors' keys there knows of no list
			l.readList(ctx, c, err == nil && rival == "")
		}
		if err == nil {
			return l.heardAt(ctx, rival)
		}
	}
	if l.heart.others != nil {
		l.spread(ctx)
	}
	return l.lookAround(ctx)
}

// ask looks at the master, and says there that this monitor is active when it may.
func (l *look) ask(ctx context.Context, c *redis.Client, addr string) (rival string, err error) {
	b, err := l.read(ctx, c, keyLasts)
	if err != nil {
		return "", err
	}
	if l.claim && l.heart.holds(addr) && l.renew(ctx, b) == nil {
		l.disown(addr, b)
		l.guard(ctx, c, addr, b.mark)
		return "", nil
	}
	who, err := l.present(ctx, c, b.client)
	switch {
	case err != nil && !answeredBy(err):
		return "", err
	case err != nil:
		return l.askKey(ctx, c, addr, b, err)
	case who != "":
		l.heart.unprovenAt, l.kept = 0, b.mark.is
		return who + ", by its connection to " + addr, nil
	case l.believes(b):
		l.byKey, l.faint = !b.older(), !b.older()
		return b.by(addr), nil
	}
	if l.heart.stood() || b.holder == "" {
		l.disown(addr, b)
	}
	if !l.claim {
		return "", nil
	}
	return l.don(ctx, c, addr, b)
}

// believes tells whether a heartbeat that no badge stands for may be an older version's, or
// that of one whose connection has just been lost.
func (l *look) believes(b beat) bool {
	now := perf.Now()
	switch {
	case b.what == "" && (b.holder == "" || b.holder == l.id):
		l.heart.unprovenAt = 0
		return false
	case b.holder == "" || l.heart.stood():
		return false
	case l.heart.unprovenAt == 0:
		l.heart.unprovenAt = now
	}
	return !l.claim || now-l.heart.unprovenAt < beatProves
}

// don has this monitor say that it is active. It says so before it looks who else does: of two that
// begin together one at least sees the other.
func (l *look) don(ctx context.Context, c *redis.Client, addr string, b beat) (rival string, err error) {
	l.heart.lose()
	v, err := l.open(ctx, addr)
	if err != nil {
		if answeredBy(err) {
			return l.askKey(ctx, c, addr, b, err)
		}
		return "", err
	}
	l.heart.badge = v
	who, err := l.present(ctx, v.conn, 0)
	switch {
	case err != nil:
		l.heart.doff()
		return "", err
	case who != "":
		return who + ", by its connection to " + addr + ", which was quicker", nil
	}
	v.seenAt = perf.Now()
	return "", l.renew(ctx, b)
}

// renew renews our badge, and our heartbeat where b was found. That a server writes nothing now
// does not take the badge off.
func (l *look) renew(ctx context.Context, b beat) error {
	v := l.heart.badge
	err := l.write(ctx, v.conn, b, v.words(l.id), beatLasts)
	if err != nil && !answeredBy(err) {
		l.heart.lose()
		return err
	}
	v.seenAt = perf.Now()
	return nil
}

// write puts our heartbeat where b was found.
func (l *look) write(ctx context.Context, c commander, b beat, words string, lasts time.Duration) error {
	err := replace(ctx, c, b.what != "", beatKey(l.group), words, "PX", lasts.Milliseconds())
	if err == nil {
		l.heart.stoodAt, l.heart.unprovenAt = perf.Now(), 0
	}
	return err
}

// askKey goes by the key alone, at a server that does not tell its connections, and why not.
func (l *look) askKey(ctx context.Context, c *redis.Client, addr string, b beat, why error) (rival string, err error) {
	switch {
	case b.holder != "" && b.holder != l.id:
		return fmt.Sprintf("%s, which may be a client's work, since the server does not tell its connections (%s)", b.by(addr), brief(why)), nil
	case !l.claim:
		l.disown(addr, b)
		return "", nil
	case b.holder == "" && b.what == "":
		won, err := c.SetNX(ctx, beatKey(l.group), l.id, keyLasts).Result()
		if err == nil && !won {
			return "another monitor, which was quicker to say so on " + addr, nil
		}
		return "", err
	}
	l.disown(addr, b)
	l.guard(ctx, c, addr, b.mark)
	return "", l.write(ctx, c, b, l.id, keyLasts)
}

// disown notes that what was found is no monitor's heartbeat.
func (l *look) disown(addr string, b beat) {
	what := b.what
	if what == "" && b.holder != "" && b.holder != l.id {
		what = fmt.Sprintf("%s stands where ours stood, and no connection there bears that name", brief(b.holder))
	}
	if what != "" {
		l.odd = append(l.odd, oddity{key: beatKey(l.group),
			text: fmt.Sprintf("%s on %s is not a heartbeat of a monitor: %s; ignored", beatKey(l.group), addr, what)})
	}
}

// leads tells which process a connection is to, and whether that is the one that the machine takes for the master. A name may lead to another one a
// moment before probes do, and a stranger that were given the group's mark would be taken for one of the group's, and
// overwritten.
func (l *look) leads(ctx context.Context, c redis.Cmdable) (process string, is bool) {
	r, err := inquire(ctx, c)
	return r.RunID, (err == nil || beginsWith(err, "MISCONF ")) && (l.process == "" || r.RunID == "" || r.RunID == l.process)
}

// guard keeps the group's mark on the master what it was made, once the machine knows what that is: who alone is
// active is the only one to change it. One that the machine has yet to leave there is written without a word.
func (l *look) guard(ctx context.Context, c *redis.Client, addr string, m mark) {
	h := l.heart
	switch {
	case !l.sure: // it may be of another process, for the machine to take
		return
	case m.is == l.epoch && m.what == "":
		h.marked = l.epoch
		return
	}
	conn := c.Conn() // whose process is known once it has said so
	defer conn.Close()
	if _, is := l.leads(ctx, conn); !is {
		return
	}
	m, err := readMark(fetch(ctx, conn, markerKey(l.group), markMost))
	if err != nil || m.is == l.epoch && m.what == "" {
		return
	}
	err = writeMark(ctx, conn, l.group, l.epoch, m)
	if l.left || h.marked == l.epoch || m.what != "" || m.is > l.epoch {
		now := "put right"
		if err != nil {
			now = "cannot be put right: " + brief(err)
		}
		l.odd = append(l.odd, oddity{key: markerKey(l.group), mark: m.is,
			text: fmt.Sprintf("%s on %s is not the mark of epoch %d that was left there: %s; %s", markerKey(l.group), addr, l.epoch, m, now)})
	}
	if err == nil {
		h.marked = l.epoch
	}
}
