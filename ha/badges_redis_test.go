package ha

import (
	"strings"
	"testing"
	"time"
)

// TestBadgesBesideADeadMaster: who is active is seen at the replicas when the master is dead, and that he has ended is seen as
// soon as that; not of a version that wears no badge there.
func TestBadgesBesideADeadMaster(t *testing.T) {
	i := launch(t)
	r, s := launch(t).follows(i), launch(t).follows(i)
	a, b := listening(t, i, nameA), listening(t, i, nameB)
	a.look.others = []string{r.addr(), s.addr()}
	b.look.others, b.look.claim = a.look.others, false
	a.active("at the start")
	i.must("DEL", beatKey("g"))
	i.replicated(2)
	i.kill()
	a.look.master, b.look.master = "", "" // nobody dials it, which would go on for a second after the test
	a.takes()
	r.must("CLIENT", "KILL", "TYPE", "normal")
	for range 3 {
		if b.down("beside it", nameA+", by its connection to "); b.look.free || b.look.faint {
			t.Error("got nobody; want that somebody is active")
		}
	}
	if a.takes(); a.rival != "" || len(a.look.heart.others) != 2 {
		t.Errorf("got the rival %q and %d badges; want none, and one at each replica", a.rival, len(a.look.heart.others))
	}
	a.look.heart.doff()
	for n, want := range []bool{false, true, true} {
		if b.takes(); b.rival != "" || b.look.free != want {
			t.Errorf("after %d looks: got the rival %q, nobody: %v; want none, %v", n+1, b.rival, b.look.free, want)
		}
	}
	r.must("REPLICAOF", "NO", "ONE")
	r.must("SET", beatKey("g"), nameC+beatClient+"999", "PX", beatLasts.Milliseconds())
	b.look.heart.bare = 0
	if b.down("with what is left of one that has ended", nameC+", by its heartbeat on "); !b.look.faint {
		t.Error("got that somebody is at work; want that it may be a heartbeat that is left over")
	}
	r.must("SET", beatKey("g"), nameC, "EX", 10)
	if b.down("an older version", nameC+", by its heartbeat on "); b.look.faint {
		t.Error("got that nobody may be at work; want one that wears no badges there")
	}
	b.down("an older version", nameC+", by its heartbeat on ")
	r.must("DEL", beatKey("g"))
	for range 3 {
		if b.takes(); b.rival != "" || b.look.free {
			t.Errorf("after an older version: got the rival %q, nobody: %v; want none, false", b.rival, b.look.free)
		}
	}
}

// TestBadgesOfTwo: of two that wear badges at the replicas of a dead master, as they were active on two sides of a cut,
// one gives way.
func TestBadgesOfTwo(t *testing.T) {
	i, j := launch(t), launch(t)
	r := launch(t).follows(i)
	a, b := listening(t, i, nameA), listening(t, j, nameB)
	a.look.others, b.look.others = []string{r.addr()}, []string{r.addr()}
	a.active("with one master")
	b.active("with another")
	i.must("DEL", beatKey("g"))
	i.replicated(1)
	i.kill()
	j.kill()
	a.look.master, b.look.master = "", ""
	if a.takes(); a.rival != "" {
		t.Errorf("got the rival %q; want none", a.rival)
	}
	if b.takes(); !strings.HasPrefix(b.rival, nameA+", by its connection to ") {
		t.Errorf("got the rival %q; want %s", b.rival, nameA)
	}
}

// TestBadgesOfOneWhoStoodStill: who wears badges beside a dead master and does not use them is at work for others, but may stand
// still; once he goes on he takes them off until he may begin something himself, so that somebody else need not wait.
func TestBadgesOfOneWhoStoodStill(t *testing.T) {
	i := launch(t)
	r, s := launch(t).follows(i), launch(t).follows(i)
	a, b := listening(t, i, nameA), listening(t, i, nameB)
	a.look.others = []string{r.addr(), s.addr()}
	b.look.others, b.look.claim, b.look.doubted = a.look.others, false, true
	a.active("at the start")
	i.must("DEL", beatKey("g"))
	i.replicated(2)
	i.kill()
	a.look.master, b.look.master = "", ""
	a.look.claim, a.look.doubted = false, true
	a.takes()
	if b.down("beside him", nameA+", by its connection to "); b.look.faint {
		t.Error("got that nobody may be at work; want that one is")
	}
	for end := time.Now().Add(busy * 10 * time.Second); !b.look.faint; time.Sleep(20 * time.Millisecond) {
		if b.down("as he stands still", nameA+", by its connection to "); time.Now().After(end) {
			t.Fatal("got that he is at work; want that he may stand still")
		}
	}
	a.look.awoken = true
	for n, want := range []bool{false, true} {
		a.takes()
		if b.takes(); b.rival != "" || b.look.free != want {
			t.Errorf("after %d looks: got the rival %q, nobody: %v; want none, %v", n+1, b.rival, b.look.free, want)
		}
	}
	a.look.awoken = false
	a.takes()
	b.down("when he may begin something", nameA+", by its connection to ")
	a.look.heart.doff()
	b.look.awoken = true
	for range 3 {
		if b.takes(); b.rival != "" || b.look.free {
			t.Errorf("when it stood still itself: got the rival %q, nobody: %v; want none, false", b.rival, b.look.free)
		}
	}
	b.look.awoken = false
	for n, want := range []bool{false, false, true} { // he was active, and looks once meanwhile
		if b.takes(); b.rival != "" || b.look.free != want {
			t.Errorf("%d looks after that: got the rival %q, nobody: %v; want none, %v", n+1, b.rival, b.look.free, want)
		}
	}
}

// TestIdleBadge: a badge that is not used is nobody's who is active, and is there all the same.
func TestIdleBadge(t *testing.T) {
	l := look{group: "g", id: nameB}
	list := "id=7 addr=127.0.0.1:1 name=" + badgeOf("g") + strings.ReplaceAll(nameA, "/", "%2F") + " age=90 idle=11 flags=N\n"
	if who, still := l.wornIn(list, keyLasts), l.wornIn(list, endless); who != "" || still != nameA {
		t.Errorf("got %q, and %q however idle; want nobody, %s", who, still, nameA)
	}
	if who := l.wornIn(list, 11*time.Second); who != nameA {
		t.Errorf("got %q; want %s", who, nameA)
	}
}
