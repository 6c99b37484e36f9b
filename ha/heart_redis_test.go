package ha

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"huntaway/ha/failover"
	"huntaway/perf"
)

// Names of monitors.
const (
	nameA = "one/AAAAAAAAAAAAAAAA"
	nameB = "two/BBBBBBBBBBBBBBBB"
	nameC = "old/CCCCCCCCCCCCCCCC"
)

// A listener is a monitor, as far as it looks for others.
type listener struct {
	t     *testing.T
	look  look
	rival string // that the last look has heard
	odd   string // that it has found
}

// listening returns a monitor that may be active in group g, whose master is the instance.
func listening(t *testing.T, master *instance, id string) *listener {
	l := &listener{t: t, look: look{group: "g", id: id, master: master.addr(), claim: true, heart: &heart{},
		access: Access{Timeout: 5 * time.Second}}}
	t.Cleanup(func() { l.look.heart.doff() })
	return l
}

// takes looks once, and returns whether the monitor holds to being active.
func (l *listener) takes() bool {
	l.look.odd, l.odd, l.look.faint = nil, "", false
	l.rival = l.look.take(context.Background())
	for _, o := range l.look.odd {
		l.odd += o.text + "\n"
	}
	return l.look.heart.holds(l.look.master)
}

// active wants the monitor to be active after a look.
func (l *listener) active(when string) {
	l.t.Helper()
	if holds := l.takes(); !holds || l.rival != "" {
		l.t.Errorf("%s: got active %v, rival %q; want an active monitor", when, holds, l.rival)
	}
}

// down wants the monitor to hear that one.
func (l *listener) down(when, rival string) {
	l.t.Helper()
	if holds := l.takes(); holds || !strings.HasPrefix(l.rival, rival) {
		l.t.Errorf("%s: got active %v, rival %q; want it to hear %s", when, holds, l.rival, rival)
	}
}

// oldLook is a look of a version that knew heartbeats alone, and returns whom it hears.
func oldLook(t *testing.T, i *instance, id string) string {
	t.Helper()
	ctx := context.Background()
	holder, err := i.Client.Get(ctx, beatKey("g")).Result()
	switch {
	case err == redis.Nil:
		if won, err := i.Client.SetNX(ctx, beatKey("g"), id, keyLasts).Result(); err != nil || !won {
			t.Fatalf("SETNX: got %v, %v", won, err)
		}
	case err != nil:
		t.Fatal(err)
	case holder != id:
		return holder
	default:
		i.must("SET", beatKey("g"), id, "PX", keyLasts.Milliseconds())
	}
	return ""
}

// forgeries are what a client can do to the heartbeat, and the words for it; "" where it leaves nothing odd.
var forgeries = []struct {
	name, odd string
	do        func(i *instance)
}{
	{"a name for ever", `"x" is no monitor's name`, func(i *instance) { i.must("SET", beatKey("g"), "x") }},
	{"a monitor's name for ever", "it never expires", func(i *instance) { i.must("SET", beatKey("g"), nameC) }},
	{"an hour", "it lasts another ", func(i *instance) { i.must("SET", beatKey("g"), nameC, "EX", 3600) }},
	{"a heartbeat", "no connection there bears that name", func(i *instance) { i.must("SET", beatKey("g"), nameC, "EX", 10) }},
	{"a heartbeat with a number", "no connection there bears that name", func(i *instance) { i.must("SET", beatKey("g"), nameC+" client=1", "EX", 10) }},
	{"a script", "no connection there bears that name", func(i *instance) {
		i.must("EVAL", "return redis.call('SET', 'huntaway:' .. 'monitor:g', ARGV[1], 'EX', 9)", 0, nameC)
	}},
	{"lines for the log", `"a\nlevel=INFO/`, func(i *instance) { i.must("SET", beatKey("g"), "a\nlevel=INFO/CCCCCCCCCCCCCCCC", "EX", 10) }},
	{"an empty string", `"" is no monitor's name`, func(i *instance) { i.must("SET", beatKey("g"), "") }},
	{"a large string", "it has more than 320 bytes", func(i *instance) { i.must("SETRANGE", beatKey("g"), 32<<20, "x") }},
	{"a list", "it is no string", func(i *instance) {
		i.must("MULTI")
		i.must("DEL", beatKey("g"))
		i.must("RPUSH", beatKey("g"), nameC)
		i.must("EXEC")
	}},
	{"a sorted list", "it is no string", func(i *instance) { i.must("RPUSH", "l", 1, 2); i.must("SORT", "l", "STORE", beatKey("g")) }},
	{"another key's name", "it never expires", func(i *instance) { i.must("SET", "k", nameC); i.must("RENAME", "k", beatKey("g")) }},
	{"a copy", "it lasts another ", func(i *instance) {
		i.must("SET", "k", nameC, "EX", 100)
		i.must("COPY", "k", beatKey("g"), "REPLACE")
	}},
	{"a restored one", "no connection there bears that name", func(i *instance) {
		i.must("SET", "k", nameC)
		i.must("RESTORE", beatKey("g"), 9000, i.must("DUMP", "k"), "REPLACE")
	}},
	{"a change in the middle", "is no monitor's name", func(i *instance) { i.must("SETRANGE", beatKey("g"), 5, " ") }},
	{"more at its end", "it has more than 320 bytes", func(i *instance) { i.must("APPEND", beatKey("g"), strings.Repeat("7", 400)) }},
	{"none", "", func(i *instance) { i.must("DEL", beatKey("g")) }},
	{"nothing at all", "", func(i *instance) { i.must("FLUSHALL") }},
	{"another database", "", func(i *instance) { i.must("SWAPDB", 0, 1) }},
	{"for ever", "it never expires", func(i *instance) { i.must("PERSIST", beatKey("g")) }},
	{"for long", "it lasts another ", func(i *instance) { i.must("EXPIRE", beatKey("g"), 100000) }},
	{"at once", "", func(i *instance) { i.must("PEXPIRE", beatKey("g"), 1) }},
}

// TestForgedBeat: whatever a client makes of the heartbeat of the active monitor, that one stays it
// and says what it has found, the key is as it was after the next look, and another monitor hears
// the first meanwhile.
func TestForgedBeat(t *testing.T) {
	i := launch(t)
	a, b := listening(t, i, nameA), listening(t, i, nameB)
	a.active("at the start")
	b.down("at the start", nameA+", by its connection to "+i.addr())
	for _, f := range forgeries {
		f.do(i)
		b.down(f.name+", seen by another monitor", nameA+", by its connection to ")
		a.active(f.name)
		if !strings.Contains(a.odd, f.odd) || f.odd == "" && a.odd != "" || strings.Count(a.odd, "\n") > 1 {
			t.Errorf("%s: got %q; want that it is no heartbeat: %s", f.name, a.odd, f.odd)
		}
		words, left := i.Client.Get(t.Context(), beatKey("g")).Val(), i.Client.PTTL(t.Context(), beatKey("g")).Val()
		if !strings.HasPrefix(words, nameA+" client=") || left <= 0 || left > beatLasts {
			t.Errorf("%s: got the heartbeat %.80q for %v; want it put right", f.name, words, left)
		}
	}
}

// TestForgedBeatAtStart: a monitor that is not active yet believes what is in the form of an older version's
// heartbeat for a while and no more, and nothing else.
func TestForgedBeatAtStart(t *testing.T) {
	i := launch(t)
	for _, f := range forgeries {
		i.must("FLUSHALL")
		f.do(i)
		a := listening(t, i, nameA)
		a.look.claim = false
		none := i.must("EXISTS", beatKey("g")).(int64) == 0
		switch a.takes(); {
		case f.odd == "no connection there bears that name":
			if want := nameC + ", by its heartbeat on " + i.addr(); a.rival != want || a.odd != "" {
				t.Errorf("%s: got the rival %q and %q; want %q", f.name, a.rival, a.odd, want)
			}
		case a.rival != "" || none != (a.odd == ""):
			t.Errorf("%s: got the rival %q and %q; want none, and what is there", f.name, a.rival, a.odd)
		}
		a.look.claim = true
		if a.rival != "" {
			a.down(f.name+" is believed", nameC)
			a.look.heart.unprovenAt -= beatProves
			i.must("SET", beatKey("g"), "other/DDDDDDDDDDDDDDDD", "EX", 10) // whoever it is meanwhile
		}
		a.active(f.name + ", after a while")
		i.must("SET", beatKey("g"), nameC, "EX", 10)
		a.active(f.name + ", again and again")
		a.look.heart.doff()
		i.must("SET", beatKey("g"), nameC, "EX", 10)
		a.active(f.name + ", after its connection was lost")
	}
}

// TestOldMonitor: one of an older version and one of this are never both active: the newer one stands
// down at first, and then takes over.
func TestOldMonitor(t *testing.T) {
	i := launch(t)
	if heard := oldLook(t, i, nameC); heard != "" {
		t.Fatalf("the older one hears %q; want nobody", heard)
	}
	a := listening(t, i, nameA)
	a.down("beside an older one", nameC)
	if heard := oldLook(t, i, nameC); heard != "" {
		t.Fatalf("the older one hears %q; want nobody yet", heard)
	}
	a.down("beside an older one", nameC)
	a.look.heart.unprovenAt -= beatProves
	a.active("after a while")
	for range 3 {
		if heard := oldLook(t, i, nameC); !strings.HasPrefix(heard, nameA) {
			t.Errorf("the older one hears %q; want %s", heard, nameA)
		}
		if a.active("beside an older one"); a.odd != "" {
			t.Errorf("got %q; want nothing odd", a.odd)
		}
	}
	i.must("FLUSHALL") // the older one is quicker to leave its name
	oldLook(t, i, nameC)
	a.active("after all was deleted")
	if heard := oldLook(t, i, nameC); !strings.HasPrefix(heard, nameA) {
		t.Errorf("the older one hears %q; want %s", heard, nameA)
	}
}

// TestBeatsReplayed: what another monitor has written proves nothing once that one is not active any
// more, nor in another group.
func TestBeatsReplayed(t *testing.T) {
	i := launch(t)
	a, b := listening(t, i, nameA), listening(t, i, nameB)
	other := listening(t, i, nameB)
	other.look.group = "g:h"
	a.active("at the start")
	i.must("COPY", beatKey("g"), beatKey("g:h"))
	if other.takes(); other.rival != nameA+", by its heartbeat on "+i.addr() {
		t.Errorf("got the rival %q; want no more than a heartbeat", other.rival)
	}
	words := i.must("GET", beatKey("g"))
	a.look.heart.doff()
	b.look.heart.unprovenAt = perf.Now() - beatProves
	b.active("when the first one is gone")
	i.must("SET", beatKey("g"), words, "EX", 10)
	b.active("after a replay")
	i.must("SET", beatKey("g"), i.must("GET", beatKey("g")), "EX", 10)
	a.down("after its own words were replayed", nameB)
}

// TestBadgeLost: a monitor whose connection breaks has the time that it needs for another one, each time anew.
func TestBadgeLost(t *testing.T) {
	i := launch(t)
	a, b := listening(t, i, nameA), listening(t, i, nameB)
	for range 3 {
		a.active("with a new connection")
		b.down("beside it", nameA+", by its connection to ")
		i.must("CLIENT", "KILL", "ID", a.look.heart.badge.number)
		if b.down("when it has lost it", nameA+", by its heartbeat on "); b.look.heart.unprovenAt == 0 {
			t.Error("got no time since when the heartbeat is unproven; want one")
		}
		b.look.heart.unprovenAt -= beatProves / 2
	}
}

// TestWithdrawnBadge: nobody waits for a monitor that has ended in good order, and the key of one that is
// not active stays.
func TestWithdrawnBadge(t *testing.T) {
	i := launch(t)
	a, b := listening(t, i, nameA), listening(t, i, nameB)
	a.active("at the start")
	b.down("beside it", nameA+", by its connection to ")
	b.look.heart.withdraw(t.Context(), "g")
	a.active("when one that is not active has ended")
	if words := fmt.Sprint(i.must("GET", beatKey("g"))); !strings.HasPrefix(words, nameA) {
		t.Errorf("got the heartbeat %q; want that of the active one", words)
	}
	a.look.heart.withdraw(t.Context(), "g")
	b.active("when the active one has ended")
}

// TestScriptsNameNothing: a script cannot give a connection a name, so that who can write keys wears no badge.
func TestScriptsNameNothing(t *testing.T) {
	i := launch(t)
	err := i.Client.Do(t.Context(), "EVAL", "return redis.call('CLIENT', 'SETNAME', ARGV[1])", 0, badgeOf("g")+"x").Err()
	if !answeredBy(err) {
		t.Errorf("got %v; want a refusal", err)
	}
}

// TestBeatsDeleted: of monitors at whose server keys are deleted without end no two are active.
func TestBeatsDeleted(t *testing.T) {
	i := launch(t)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	all.Go(func() {
		c := redis.NewClient(&redis.Options{Addr: i.addr(), Protocol: 2, DisableIdentity: true})
		defer c.Close()
		for ctx.Err() == nil {
			c.Del(ctx, beatKey("g"))
		}
	})
	var active, times atomic.Int32
	for _, id := range []string{nameA, nameB, "three/EEEEEEEEEEEEEEEE"} {
		l := listening(t, i, id)
		all.Go(func() {
			for times.Load() < 30 && ctx.Err() == nil {
				if !l.takes() {
					continue
				}
				if n := active.Add(1); n != 1 {
					t.Errorf("%d monitors are active at once", n)
				}
				for range 3 {
					l.takes()
				}
				times.Add(1)
				active.Add(-1)
				l.look.heart.doff()
			}
		})
	}
	within(t, 10*time.Second, "30 times an active monitor", func() bool { return times.Load() >= 30 })
}

// TestBeatWithoutBadge: at a server that does not tell or name connections the heartbeat decides, one
// that expires, and who is heard is told with that.
func TestBeatWithoutBadge(t *testing.T) {
	named := launch(t)
	named.must("ACL", "SETUSER", "mute", "on", ">secret", "~*", "+@all", "-client|list")
	nameless := launch(t)
	nameless.must("ACL", "SETUSER", "mute", "on", ">secret", "~*", "+@all", "-client|setname")
	for _, i := range []*instance{named, nameless, launch(t, "--rename-command", "CLIENT", "")} {
		a := listening(t, i, nameA)
		if i != named && i != nameless {
			a.look.access.User = ""
		} else {
			a.look.access.User, a.look.access.Password = "mute", "secret"
		}
		b := listening(t, i, nameB)
		b.look.access = a.look.access
		if a.takes(); a.rival != "" {
			t.Errorf("got the rival %q; want none", a.rival)
		}
		if got := i.must("GET", beatKey("g")); got != nameA {
			t.Errorf("got the heartbeat %q; want %s", got, nameA)
		}
		if b.takes(); !strings.HasPrefix(b.rival, nameA+", by its heartbeat on "+i.addr()) || i != nameless && !strings.Contains(b.rival, "may be a client's work") {
			t.Errorf("got the rival %q; want %s, and that it may be a client's work", b.rival, nameA)
		}
		i.must("SET", beatKey("g"), "x")
		if a.takes(); a.rival != "" || !strings.Contains(a.odd, "is no monitor's name") {
			t.Errorf("got the rival %q and %q; want none, and what is there", a.rival, a.odd)
		}
		if got := i.must("GET", beatKey("g")); got != nameA {
			t.Errorf("got the heartbeat %q; want %s", got, nameA)
		}
	}
}

// TestBeatWithOlderRights: who may do no more than older versions needed hears and is heard as they did.
func TestBeatWithOlderRights(t *testing.T) {
	i := launch(t)
	i.must("ACL", "SETUSER", "older", "on", ">secret", "~*", "+get", "+set", "+info", "+ping", "+exists")
	a, b := listening(t, i, nameA), listening(t, i, nameB)
	a.look.access.User, a.look.access.Password = "older", "secret"
	b.look.access = a.look.access
	for range 2 {
		if a.takes(); a.rival != "" || a.odd != "" || i.must("GET", beatKey("g")) != nameA {
			t.Errorf("got the rival %q, %q and the heartbeat %v; want it active", a.rival, a.odd, i.must("GET", beatKey("g")))
		}
		if b.takes(); !strings.HasPrefix(b.rival, nameA) {
			t.Errorf("got the rival %q; want %s", b.rival, nameA)
		}
	}
	var ev failover.Event
	c := a.look.access.open("tcp", i.addr())
	defer c.Close()
	tk := task{ctx: t.Context(), c: c, order: &order{Action: failover.Action{Epoch: 7}, group: "g"}, ev: &ev}
	for range 2 {
		if err := tk.verify(); err != nil || ev.Mark.Epoch != 7 {
			t.Errorf("verify: got %d, %v; want 7", ev.Mark.Epoch, err)
		}
		if err := tk.identify(); err != nil || ev.Mark.Epoch != 7 {
			t.Errorf("identify: got %d, %v; want 7", ev.Mark.Epoch, err)
		}
	}
}

// TestBeatUnderOOM: a server that takes no writes takes nobody's badge off.
func TestBeatUnderOOM(t *testing.T) {
	i := launch(t)
	a, b := listening(t, i, nameA), listening(t, i, nameB)
	a.active("at the start")
	i.must("CONFIG", "SET", "maxmemory", 1)
	i.must("DEL", beatKey("g"))
	a.active("without memory")
	b.down("without memory", nameA)
}

// A meter counts what is read through its connections.
type meter struct{ n atomic.Int64 }

type metered struct {
	net.Conn
	*meter
}

func (m metered) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	m.n.Add(int64(n))
	return n, err
}

// TestLargeKeys: keys that clients have made large are not read, by looks or by orders.
func TestLargeKeys(t *testing.T) {
	i := launch(t)
	for _, key := range []string{beatKey("g"), markerKey("g"), failover.LostKey("g")} {
		i.must("SETRANGE", key, 64<<20, "x")
	}
	var m meter
	a := listening(t, i, nameA)
	a.look.epoch = 3
	a.look.access.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		return metered{c, &m}, err
	}
	c := a.look.access.open("tcp", i.addr())
	defer c.Close()
	var ev failover.Event
	tk := task{ctx: t.Context(), c: c, order: &order{Action: failover.Action{Epoch: 3}, group: "g"}, ev: &ev}
	if err := tk.identify(); err != nil || ev.Mark != (failover.Mark{}) {
		t.Errorf("identify: got %+v, %v; want no mark and no key but the two", ev.Mark, err)
	}
	a.active("with large keys")
	a.look.sure = true
	a.active("with a large mark")
	if got := i.must("GET", markerKey("g")); got != "3" {
		t.Errorf("got the mark %.20q; want 3", got)
	}
	i.must("SETRANGE", markerKey("g"), 64<<20, "x")
	if err := tk.verify(); err != nil || ev.Mark.Epoch != 3 {
		t.Errorf("verify: got %+v, %v; want the mark 3", ev.Mark, err)
	}
	if n := m.n.Load(); n > 64<<10 {
		t.Errorf("got %d bytes read; want no more than 64 KiB", n)
	}
}

// TestForgedMark: what clients make of the mark is put right while a monitor is active, and no mark
// that cannot be one is believed.
func TestForgedMark(t *testing.T) {
	i := launch(t)
	a := listening(t, i, nameA)
	a.look.epoch = 7
	var ev failover.Event
	tk := task{ctx: t.Context(), c: i.Client, order: &order{Action: failover.Action{Epoch: 7}, group: "g"}, ev: &ev}
	for _, huge := range []string{"18446744073709551616", "18446744073709551615", fmt.Sprint(uint64(failover.EpochMost)), fmt.Sprint(uint64(failover.EpochMost) - 1), "5000000", "-1", "x"} {
		i.must("SET", markerKey("g"), huge)
		if err := tk.verify(); err != nil || ev.Mark.Epoch != 7 {
			t.Errorf("verify beside the mark %s: got %d, %v; want 7", huge, ev.Mark.Epoch, err)
		}
	}
	i.must("SET", markerKey("g"), 5)
	if a.active("with an older mark"); a.odd != "" || i.must("GET", markerKey("g")) != "5" {
		t.Errorf("got %q and the mark %v; want it left alone by who is not active yet", a.odd, i.must("GET", markerKey("g")))
	}
	if a.active("before the epoch is known"); a.odd != "" || i.must("GET", markerKey("g")) != "5" {
		t.Errorf("got %q and the mark %v; want it left to the machine", a.odd, i.must("GET", markerKey("g")))
	}
	a.look.sure = true
	if a.active("with an older mark"); a.odd != "" || i.must("GET", markerKey("g")) != "7" {
		t.Errorf("got %q and the mark %v; want it raised", a.odd, i.must("GET", markerKey("g")))
	}
	for _, forge := range [][]any{{"SET", markerKey("g"), 9}, {"SET", markerKey("g"), 3}, {"SET", markerKey("g"), "x\ny"}, {"DEL", markerKey("g")},
		{"FLUSHALL"}, {"LPUSH", markerKey("g"), 1}, {"APPEND", markerKey("g"), strings.Repeat("0", 300)}} {
		if forge[0] == "LPUSH" {
			i.must("DEL", markerKey("g"))
		}
		i.must(forge...)
		a.active(fmt.Sprint(forge))
		if got := i.must("GET", markerKey("g")); got != "7" || !strings.Contains(a.odd, "is not the mark of epoch 7 that was left there: ") || strings.Count(a.odd, "\n") != 1 {
			t.Errorf("%.60q: got the mark %v and %q; want 7, and what was there", forge, got, a.odd)
		}
	}
	b := listening(t, i, nameB)
	b.look.epoch = 4
	i.must("SET", markerKey("g"), 9)
	b.down("beside another", nameA)
	if got := i.must("GET", markerKey("g")); got != "9" {
		t.Errorf("got the mark %v; want who is not active to leave it alone", got)
	}
	a.look.heart.doff()
	b.look.heart.unprovenAt = perf.Now() - beatProves
	b.active("when the other is gone")
	if b.active("when the other is gone"); i.must("GET", markerKey("g")) != "9" || b.odd != "" {
		t.Errorf("got the mark %v and %q; want that of a later epoch left to the machine", i.must("GET", markerKey("g")), b.odd)
	}
}

// TestMarkOfTheMasterAlone: where the master's name leads to another process a moment before probes do, that is not given the
// group's mark, by which it would be taken for one of the group's.
func TestMarkOfTheMasterAlone(t *testing.T) {
	i, stranger := launch(t), launch(t)
	a := listening(t, i, nameA)
	r, err := inquire(t.Context(), i.Client)
	if err != nil {
		t.Fatal(err)
	}
	a.look.process, a.look.epoch, a.look.sure = r.RunID, 7, true
	a.active("at the start")
	if a.active("at the master"); i.must("GET", markerKey("g")) != "7" {
		t.Errorf("got the mark %v; want 7", i.must("GET", markerKey("g")))
	}
	a.look.access.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, stranger.addr())
	}
	if a.active("at the stranger's"); stranger.must("EXISTS", markerKey("g")) != int64(0) || a.odd != "" {
		t.Errorf("got the mark %v and %q; want none", stranger.must("GET", markerKey("g")), a.odd)
	}
}

// TestBeatsOverheard: a dead master's heartbeat on its replicas is believed until it expires, but not
// where our own stood.
func TestBeatsOverheard(t *testing.T) {
	i := launch(t)
	r := launch(t).follows(i)
	a := listening(t, i, nameA)
	a.look.others = []string{r.addr()}
	i.must("SET", beatKey("g"), nameC, "EX", 10)
	i.replicated(1)
	i.kill()
	if a.takes(); a.rival != nameC+", by its heartbeat on "+r.addr() {
		t.Errorf("got the rival %q; want %s", a.rival, nameC)
	}
	a.look.heart.stoodAt = perf.Now()
	if a.takes(); a.rival != "" {
		t.Errorf("got the rival %q where ours stood; want none", a.rival)
	}
}

// TestForgerStopsNoFailover: a dead master is replaced though a client writes the heartbeat without end,
// as it likes, and says so.
func TestForgerStopsNoFailover(t *testing.T) {
	master := launch(t)
	one, two := launch(t).follows(master), launch(t).follows(master)
	master.must("SET", beatKey("g"), "x")
	tr := castOf(t, []*instance{master, one, two}, nil)
	tr.settled(0, "[1 2]")
	tr.await("our heartbeat", func() bool { return strings.Contains(master.Client.Get(t.Context(), beatKey("g")).Val(), beatClient) })
	ctx, cancel := context.WithCancel(t.Context())
	var forger sync.WaitGroup
	defer forger.Wait()
	defer cancel()
	forger.Go(func() {
		for ctx.Err() == nil && master.Client.Set(ctx, beatKey("g"), nameC, keyLasts).Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
	})
	alarm := beatKey("g") + " on " + master.addr() + " is not a heartbeat of a monitor: \"" + nameC + "\" stands where ours stood"
	tr.await("an alarm", func() bool {
		return slices.ContainsFunc(tr.state().Alarms, func(a string) bool { return strings.HasPrefix(a, alarm) })
	})
	tr.said("is not a heartbeat of a monitor: \"x\" is no monitor's name")
	cancel()
	forger.Wait()
	master.kill()
	tr.await("another master", func() bool { return tr.Table().Groups[0].Master > 0 })
	if s := tr.state(); s.Forbidden != "" {
		t.Errorf("got forbidden %q; want nothing", s.Forbidden)
	}
}
