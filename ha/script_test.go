package ha

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"huntaway/ha/vital"
)

var rewrite = flag.Bool("rewrite", false, "write the answers in testdata/*.txt; read the diff before you commit it")

// TestScripts runs every testdata/*.txt: what stands at the margin is said to a Detector, what
// is indented is its answer. Prose starts with #.
//
//	limits maxlag=2s autoeject    before the groups; see script.limit
//	groups a=0,1,2 b=3            a's master is 0; "a=-,1" has none
//	at 1.5s                       the clock
//	tick                          time has passed
//	master 0 offset=100 id=A      a probe of 0 was answered just now, sent a millisecond ago
//	replica 1 offset=90 id=A      likewise; also link=down link=none (since it was started) sync writable stale sent=1.2s
//	fail 1 timeout                a probe failed; also sent=
//	lost 1, opened 1, readonly 0  the data path reports
//	spare 1                       1 is being made master
//	own data=B before=A           whoever decides says that the first group's data are those; data= nobody says
//	inspected 1 id=A before=B     1 has answered an order
//	status                        what is known
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
			got := newScript(t).play(string(text))
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(text) {
				t.Errorf("%s: the answers differ (go test ./ha -rewrite, then read the diff); got\n%s", file, got)
			}
		})
	}
}

// A script is a Detector under virtual time.
type script struct {
	t      *testing.T
	limits Limits
	d      *Detector
	now    time.Duration
}

func newScript(t *testing.T) *script {
	l := PoolOptions{ProbeInterval: 500 * time.Millisecond, MaxLag: 2 * time.Second, MaxLagBytes: 1 << 20}
	l.Access, l.Rejoin, l.FailureLimit, l.RetryTimeout = l.Access.complete(), 2, 2, 30*time.Second
	return &script{t: t, limits: l.limits()}
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
		for _, answer := range s.say(strings.Fields(line)) {
			fmt.Fprintln(&out, " ", answer)
		}
	}
	return out.String()
}

// say carries out one command.
func (s *script) say(words []string) []string {
	switch words[0] {
	case "limits":
		s.limit(words[1:])
		return nil
	case "groups":
		if s.d == nil {
			s.d = NewDetector(s.limits)
		}
		return s.describe(s.d.Adopt(layoutFrom(words[1:]), int64(s.now), nil))
	case "at":
		s.now = s.span(words[1])
		return nil
	case "spare":
		s.d.Spare(int32(s.number(words[1])))
		return nil
	case "own":
		_, lineage, _ := strings.Cut(words[1], "=")
		_, before, _ := strings.Cut(words[2], "=")
		return s.describe(s.d.Own(0, lineage, before, int64(s.now), nil))
	case "status":
		return s.status()
	}
	return s.describe(s.d.Step(s.event(words), nil))
}

func (s *script) limit(words []string) {
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "maxlag":
			s.limits.MaxLag = int64(s.span(value))
		case "maxlagbytes":
			s.limits.MaxLagBytes = s.number(value)
		case "autoeject":
			s.limits.AutoEject = true
		case "history":
			s.limits.History = int(s.number(value))
		default:
			s.t.Fatalf("got limit %q; want one that script.limit knows", w)
		}
	}
}

// layoutFrom reads "a=0,1,2": a group, its master and its other members, who all are readers
// in a table nobody has touched.
func layoutFrom(words []string) (l Layout) {
	for _, w := range words {
		name, ids, _ := strings.Cut(w, "=")
		m := Members{Name: name, Master: -1}
		for i, text := range strings.Split(ids, ",") {
			id, err := strconv.Atoi(text)
			if err != nil {
				continue // "-"
			}
			m.Servers = append(m.Servers, Member{ID: int32(id), Addr: "s" + text})
			if i == 0 {
				m.Master = int32(id)
			} else {
				m.Readers = append(m.Readers, int32(id))
			}
		}
		l.Groups = append(l.Groups, m)
	}
	return l
}

func (s *script) event(words []string) Event {
	ev := Event{Kind: Probed, At: int64(s.now), Sent: int64(s.now - time.Millisecond)}
	ev.Repl = vital.Replication{ID: "A", LinkUp: true}
	if len(words) > 1 {
		ev.Server = int32(s.number(words[1]))
	}
	switch words[0] {
	case "tick":
		ev.Kind = Tick
		return ev
	case "lost":
		ev.Kind = LinkLost
	case "opened":
		ev.Kind = LinkOpened
	case "readonly":
		ev.Kind = ReadOnly
	case "replica":
		ev.Repl.Replica = true
	case "inspected":
		ev.Kind, ev.Repl.Replica = Inspected, true
	case "fail":
		ev.Fault = faultNamed(words[2])
		words = words[1:]
	case "master":
	default:
		s.t.Fatalf("got command %q; want one that TestScripts lists", words[0])
	}
	for _, w := range words[2:] {
		s.detail(&ev, w)
	}
	return ev
}

// detail sets what one word of a probe's answer says.
func (s *script) detail(ev *Event, word string) {
	key, value, _ := strings.Cut(word, "=")
	switch key {
	case "offset":
		ev.Repl.Offset = s.number(value)
	case "id":
		ev.Repl.ID = value
	case "before":
		ev.Repl.SecondID = value
	case "link":
		ev.Repl.LinkUp = value == "up"
		if value == "none" {
			ev.Repl.LinkDown = -time.Second
		}
	case "sync":
		ev.Repl.Syncing = true
	case "writable":
		ev.Repl.Writable = true
	case "stale":
		ev.Repl.Stale = true
	case "sent":
		ev.Sent = int64(s.span(value))
	default:
		s.t.Fatalf("got detail %q; want one that TestScripts lists", word)
	}
}

func faultNamed(name string) vital.Fault {
	for f := range vital.Fault(vital.Faults) {
		if f.String() == name {
			return f
		}
	}
	panic("no fault is called " + name)
}

func (s *script) span(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}

func (s *script) number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// describe renders actions, one a line.
func (s *script) describe(acts []Action) (lines []string) {
	for _, a := range acts {
		switch a.Kind {
		case SendProbe:
			lines = append(lines, fmt.Sprintf("probe %d", a.Server))
		case SetReaders:
			lines = append(lines, fmt.Sprintf("readers %s %v", s.d.groups[a.Group].name, a.IDs))
		case SetEjected:
			lines = append(lines, fmt.Sprintf("ejected %v", a.Groups))
		case SetCovered:
			lines = append(lines, fmt.Sprintf("covered %d %v", a.Server, time.Duration(a.At)))
		case Report:
			lines = append(lines, a.Transition.String())
		}
	}
	return lines
}

func (s *script) status() (lines []string) {
	for _, st := range s.d.Status(int64(s.now)) {
		lag := "lag=- bytes=-"
		if st.Measured {
			lag = fmt.Sprintf("lag=%v bytes=%d", st.Lag, st.LagBytes)
		}
		lines = append(lines, fmt.Sprintf("%s %s %v %v for=%v %s covered=%v held=%v reader=%v ejected=%v",
			st.Group, st.Addr, st.State, st.Reason, st.For, lag, st.Covered, st.Held, st.Reader, st.Ejected))
	}
	return lines
}
