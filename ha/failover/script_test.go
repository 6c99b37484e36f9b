package failover

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"huntaway/ha/vital"
)

var rewrite = flag.Bool("rewrite", false, "write the answers in testdata/*.txt; read the diff before you commit it")

// TestScripts runs every testdata/*.txt: what stands at the margin happens in a model of redis-servers,
// what is indented is what the machine does about it. Prose starts with #.
//
//	group 3 mode=local dryrun ...   servers s0 (m), s1 (n), s2 (s); see option; begins the script
//	run 5s                          time passes; every write is a byte
//	kill 0, boot 0, stop 0, cont 0  kill -9, start with what is on disk, SIGSTOP, SIGCONT
//	cut 0, mend 0                   this process does not reach it; alone 0: the other servers do not
//	freeze 4s                       this process stands still, and so does everybody else
//	sleep 4s                        this process stands still from now on
//	fault 0 misconf, fault 0 none   what a probe of it complains of
//	fall 0 older 300ms              is killed, and back after that with data: same, older, empty, renamed, foreign
//	trap 3 target older 300ms       after 3 more orders were carried out falls: server (whose the last was), target, master
//	empty 0, foreign 0              what is on its disk: nothing; another group's data
//	stalled 0, lost 0               the data path says so
//	set 1 slow=5000 priority=0      lags; is never promoted
//	set 1 tardy=400                 is so many ms slower to answer this process
//	set 1 crowned=1                 its redis.conf makes it a master when it starts
//	set 1 paused=5000               its writes are, for ms, by somebody else
//	set 1 writable=1                its replica-read-only is no
//	set 1 refuses=1                 it knows no REPLICAOF
//	set 1 full=1                    it has no memory for the mark, and takes other writes; grudging=1: it takes none of ours; barred=1: nor may its mark be read
//	set 1 aof=1, set 1 offset=900   it has been started from an append-only file; somebody has written there
//	set 1 late=1, set 1 elsewhere=1 its master does not list it as online; lists it at another address
//	crash, crash 3, begin           this process ends (after 3 more actions); is started again
//	switchover 0 1 fast dryrun      by the operator; also resolve 1, latch, release
//	announce 1 epoch=2 of=3/3       by the arbiter; also object, object 1, object off, rival x, rival x faint, rival x marks (it keeps the mark that is there), norival, reach 1/4
//	arbiter refuses                 what it does when it is asked for a switchover; also begins, promotes, silent
//	disk full, disk ok, disk lost   the state file cannot be written; can; is gone when this process is started again
//	mute on                         the driver does not say how orders end
//	fences 2s                       a fence takes so much longer
//	needs 1                         min-replicas-to-write
//	reload 0,1 master=1             somebody else publishes: members, master; also held
//	promote 1, follow 2 1, detach 2 by hand, at the server
//	set 0 backlog=0                 it has had no replica yet: its first begins a new lineage
//	forge 9999                      a client writes the group's mark on the master
//	list 0 left A 9;lost A 9        the list of losses on a server
//	mark 1 3                        the group's mark on a server
//	attend 1, attend nobody         another monitor is active there, and renews its heartbeat each second
//	status                          what is known; way: what an operator can do
func TestScripts(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txt")
	if len(files) == 0 {
		t.Fatal("got no scripts in testdata; want some")
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := (&script{t: t}).play(string(text))
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(text) {
				t.Errorf("%s: the answers differ (go test ./ha/failover -rewrite, then read the diff); got\n%s", file, got)
			}
		})
	}
}

// A script is a world that is told what happens.
type script struct {
	t *testing.T
	w *world
}

// play returns the script with its answers.
func (s *script) play(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "  ") {
			continue
		}
		fmt.Fprintln(&out, line)
		if line == "" || line[0] == '#' {
			continue
		}
		s.say(strings.Fields(line))
		for _, answer := range s.w.events {
			fmt.Fprintln(&out, " ", strings.TrimRight(answer, " "))
		}
		s.w.events = nil
		if s.w.failed != "" {
			s.t.Errorf("after %q: %s", line, s.w.failed)
		}
	}
	return out.String()
}

// say lets one thing happen.
func (s *script) say(words []string) {
	rest := words[1:]
	switch words[0] {
	case "group":
		s.w = newWorld(s.options(rest[1:]), int(s.number(rest[0])))
	case "run":
		s.w.run(s.span(rest[0]))
	case "freeze":
		s.w.now += s.span(rest[0])
	case "sleep":
		s.w.sleep(s.span(rest[0]))
	case "crash":
		if len(rest) > 0 {
			s.w.crashIn = int(s.number(rest[0]))
		} else {
			s.w.crash()
		}
	case "begin":
		s.w.start()
	case "status":
		s.status()
	case "way":
		s.w.say("%s; %s", s.w.m.plight(), s.w.m.way())
	case "switchover", "resolve", "latch", "release":
		s.w.feed(Event{Kind: Commanded, Wish: s.wish(words)})
	case "trap":
		s.w.trap = trap{int(s.number(rest[0])), rest[1], fallen(rest[2]), s.span(rest[3])}
	case "forge":
		s.w.forge(uint64(s.number(rest[0])))
	case "announce", "object", "rival", "norival", "attend", "reach", "disk", "mute", "fences", "needs", "reload", "arbiter":
		s.outside(words)
	default:
		s.server(words[0], s.w.boxes[s.number(rest[0])], rest[1:])
	}
}

// server lets something happen to a server.
func (s *script) server(what string, b *box, rest []string) {
	switch what {
	case "kill":
		b.kill()
	case "boot":
		s.w.boot(b)
	case "mark":
		b.mark = uint64(s.number(rest[0]))
		if !b.replica {
			s.w.numbered(b)
		}
	case "list":
		b.list = strings.Join(rest, " ")
	case "fall":
		s.w.fall(b, fallen(rest[0]), s.span(rest[1]))
	case "stop":
		b.hung = true
	case "cont":
		b.wake(s.w.now)
	case "cut":
		b.cut = true
	case "alone":
		b.alone = true
	case "mend":
		b.cut, b.alone = false, false
	case "save":
		s.w.store(b)
	case "empty":
		b.saved = holdings{}
	case "foreign":
		b.cfg, b.saved = "", foreigner
	case "promote":
		s.w.byHand = true
		s.w.promote(b)
	case "detach":
		s.w.byHand = true
		s.w.follow(b, nowhere)
	case "follow":
		s.w.byHand = true
		s.w.follow(b, s.w.boxes[s.number(rest[0])].addr)
	case "fault":
		b.fault = vital.FaultNone
		for f := range vital.Fault(vital.Faults) {
			if f.String() == rest[0] {
				b.fault = f
			}
		}
	case "set":
		s.set(b, rest)
	case "stalled":
		s.w.feed(Event{Kind: Stalled, Server: b.id})
	case "lost":
		s.w.feed(Event{Kind: LinkLost, Server: b.id})
	default:
		s.t.Fatalf("got %q; want something that script.server knows", what)
	}
}

func (s *script) set(b *box, rest []string) {
	for _, word := range rest {
		key, value, _ := strings.Cut(word, "=")
		switch n := s.number(value); key {
		case "slow":
			b.slow = n
		case "tardy":
			b.tardy = n * ms
		case "priority":
			b.priority = int(n)
		case "keys":
			b.keys, b.foreign = n, b.foreign && n > 0
		case "crowned":
			b.cfg = ""
		case "paused":
			b.paused = s.w.now + n*ms
		case "full":
			b.full = n != 0
		case "barred":
			b.barred = n != 0
		case "grudging":
			b.grudging = n != 0
		case "writable":
			s.w.writable[b.id] = n != 0
		case "late":
			b.late = n != 0
		case "aof":
			b.aof = n != 0
		case "offset":
			b.offset = n
		case "refuses":
			b.refuses = n != 0
		case "backlog":
			b.backlog = n != 0
		case "elsewhere":
			b.elsewhere = n != 0
		default:
			s.t.Fatalf("got %q; want slow, tardy, priority, keys, crowned, paused, full, grudging, barred, refuses, writable, late, aof, offset, backlog or elsewhere", key)
		}
	}
}

// outside lets something happen that is no server's.
func (s *script) outside(words []string) {
	switch words[0] {
	case "announce":
		ev := Event{Kind: Announced, Addr: "s" + words[1], Source: 2, Of: 3}
		for _, w := range words[2:] {
			key, value, _ := strings.Cut(w, "=")
			if key == "epoch" {
				ev.Epoch = uint64(s.number(value))
			} else if _, err := fmt.Sscanf(value, "%d/%d", &ev.Source, &ev.Of); err != nil {
				s.t.Fatalf("got %q; want of=2/3", w)
			}
		}
		s.w.feed(ev)
	case "object":
		ev := Event{Kind: Objected, Source: 2, Of: 3}
		if len(words) > 1 && words[1] == "off" {
			ev.Source = 0
		} else if len(words) > 1 {
			ev.Addr = "s" + words[1]
		}
		s.w.feed(ev)
	case "rival":
		ev := Event{Kind: Rival, Text: words[1], Faint: slices.Contains(words, "faint")}
		if slices.Contains(words, "marks") {
			ev.Server, ev.Found = s.w.table.Master, s.w.boxes[s.w.table.Master].mark
		}
		s.w.feed(ev)
	case "attend":
		if s.w.beat.by = nil; words[1] != "nobody" {
			s.w.beat.by = s.w.boxes[s.number(words[1])]
		}
	case "norival":
		s.w.feed(Event{Kind: Alone})
	case "reach":
		if _, err := fmt.Sscanf(words[1], "%d/%d", &s.w.reached[0], &s.w.reached[1]); err != nil {
			s.t.Fatalf("got %q; want reach 1/4", words[1])
		}
	case "arbiter":
		s.w.arbiter = strings.TrimPrefix(words[1], "silent")
	case "mute":
		s.w.mute = words[1] == "on"
	case "fences":
		s.w.fences = s.span(words[1])
	case "needs":
		s.w.needs = int(s.number(words[1]))
	case "reload":
		s.reload(words[1:])
	case "disk":
		s.w.badDisk = words[1] == "full"
		if words[1] == "lost" {
			s.w.disk = Intent{}
		}
	}
}

// reload has somebody else publish a table.
func (s *script) reload(words []string) {
	l := s.w.table
	l.Members = nil
	for id := range strings.SplitSeq(words[0], ",") {
		l.Members = append(l.Members, s.w.l.Members[s.number(id)])
	}
	for _, w := range words[1:] {
		switch key, value, _ := strings.Cut(w, "="); key {
		case "master":
			l.Master = int32(s.number(value))
		case "held":
			l.Held = true
		}
	}
	s.w.table = l
	s.w.perform(s.w.m.Adopt(l, s.w.now, nil))
}

func (s *script) wish(words []string) Wish {
	w := Wish{ID: 9, By: "op", To: -1}
	switch words[0] {
	case "switchover":
		w.Expect, w.To = int32(s.number(words[1])), int32(s.number(words[2]))
		w.Fast, w.DryRun = slices.Contains(words, "fast"), slices.Contains(words, "dryrun")
	case "resolve":
		s.w.wrenched = true
		w.Kind, w.To = WishResolve, int32(s.number(words[1]))
	case "latch":
		w.Kind = WishLatch
	case "release":
		w.Kind = WishRelease
	}
	return w
}

// options reads "mode=sentinel busy=2s dryrun".
func (s *script) options(words []string) Options {
	o := Options{Mode: Local}
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "mode":
			o.Mode = Mode(slices.Index(modeNames[:], value))
		case "hold":
			o.Hold = s.span(value)
		case "interval":
			o.MinInterval = s.span(value)
		case "busy":
			o.DownBusy = s.span(value)
		case "wait":
			o.WaitK = int(s.number(value))
		case "gap":
			o.MaxGap = s.number(value)
		case "dryrun":
			o.DryRun = true
		case "selffence":
			o.SelfFence = true
		default:
			s.t.Fatalf("got option %q; want one that script.options knows", w)
		}
	}
	return o
}

func (s *script) status() {
	st := s.w.m.Status()
	s.w.say("%v master=%s epoch=%d held=%v latched=%q forbidden=%q", st.State, s.w.m.name(st.Master), st.Epoch, st.Held, st.Latched, st.Forbidden)
	for _, alarm := range st.Alarms {
		s.w.say("alarm: %s", alarm)
	}
	for _, each := range st.Servers {
		s.w.say("%s replica=%v of=%s id=%s offset=%d link=%v fault=%v %s", each.Addr, each.Repl.Replica, each.Repl.Master, each.Repl.ID,
			each.Repl.Offset, each.Repl.LinkUp, each.Fault, each.Note)
	}
}

func (s *script) number(word string) int64 {
	n, err := strconv.ParseInt(word, 10, 64)
	if err != nil {
		s.t.Fatalf("got %q; want a number", word)
	}
	return n
}

func (s *script) span(word string) int64 {
	d, err := time.ParseDuration(word)
	if err != nil {
		s.t.Fatalf("got %q; want a duration", word)
	}
	return int64(d)
}
