package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"huntaway/perf/bench/rig"
)

// A kind is a way from redis-benchmark to the servers.
type kind int

const (
	direct kind = iota // to the first server, without a proxy
	nutcracker
	huntaway
)

// A subject is what is measured.
type subject struct {
	name    string // as -subjects spells it
	kind    kind
	loops   int      // event loops of huntaway
	options []string // of nutcracker
	program string   // path of huntaway
	missing string   // why it cannot be measured here, "" when it can
}

// peers are the ways in which nutcracker is measured: at its best, which is what everything is
// compared with, and with the verbosity that it has by default (5), at which version 0.5.0 asks
// the kernel for the client's address (getpeername) with every request.
var peers = map[string][]string{"nutcracker": {"-v", "4"}, "nutcracker-v5": nil}

// subjectsNamed reads a list such as "direct,nutcracker,huntaway2". program is Huntaway, before
// Huntaway as it was, which is measured as before1, before2, ...; "" for none.
func subjectsNamed(list, program, before string) ([]subject, error) {
	var all []subject
	if before != "" && !strings.Contains(list, "before") {
		list += ",before1"
	}
	for name := range strings.SplitSeq(list, ",") {
		s := subject{name: name, program: program}
		loops, ours := strings.CutPrefix(name, "huntaway")
		if was, is := strings.CutPrefix(name, "before"); is {
			if s.program = before; before == "" {
				return nil, fmt.Errorf("subject %q: want -before with the program to compare with", name)
			}
			loops, ours = was, true
		}
		options, theirs := peers[name]
		switch {
		case name == "direct":
		case theirs:
			s.kind, s.options = nutcracker, options
			if _, err := exec.LookPath("nutcracker"); err != nil {
				s.missing = "nutcracker is not installed (apt-get install nutcracker)"
			}
		case ours:
			n, err := strconv.Atoi(loops)
			if err != nil || n < 1 {
				return nil, fmt.Errorf("subject %q: want huntaway1, huntaway2, ...: the number of event loops", name)
			}
			if _, err := os.Stat(s.program); err != nil {
				return nil, fmt.Errorf("subject %q: %w (make build puts it there)", name, err)
			}
			s.kind, s.loops = huntaway, n
		default:
			return nil, fmt.Errorf("subject %q is unknown; want direct, nutcracker, nutcracker-v5, huntawayN or beforeN", name)
		}
		all = append(all, s)
	}
	return all, nil
}

// A stand is one subject with its servers, all started for it. Owner: the measurement.
type stand struct {
	subject subject
	groups  int          // behind it
	rig     *rig.Rig     // owns the processes
	servers []*rig.Child // at most four
	proxy   *rig.Child   // nil for direct
	addr    string       // where the load goes
}

// proxyTimeout is far above anything that a sound measurement meets.
const proxyTimeout = time.Second

// newStand starts servers for that many groups, and the subject in front of them. The
// direct subject has one server: redis-benchmark does not place keys.
func newStand(ctx context.Context, s subject, groups int) (*stand, error) {
	if s.kind == direct {
		groups = 1
	}
	r, err := rig.New()
	if err != nil {
		return nil, err
	}
	st := &stand{subject: s, groups: groups, rig: r}
	if err := st.start(ctx); err != nil {
		return nil, errors.Join(err, st.close())
	}
	return st, nil
}

func (st *stand) close() error { return st.rig.Close() }

// start lays the groups over at most four redis-servers. Past that a server stands under
// several loopback addresses, and each is a server of its own to a proxy.
func (st *stand) start(ctx context.Context) (err error) {
	processes := min(st.groups, 4)
	hosts := (st.groups + processes - 1) / processes
	pool := rig.Pool{Timeout: proxyTimeout}
	for range processes {
		server, err := st.rig.Redis(ctx, hosts)
		if err != nil {
			return err
		}
		st.servers = append(st.servers, server)
	}
	for g := range st.groups {
		_, port, _ := strings.Cut(st.servers[g%processes].Addr, ":")
		pool.Servers = append(pool.Servers, fmt.Sprintf("127.0.0.%d:%s:1", 1+g/processes, port))
	}
	switch st.subject.kind {
	case direct:
		st.addr = st.servers[0].Addr
		return nil
	case nutcracker:
		st.proxy, err = st.rig.Nutcracker(ctx, pool, st.subject.options...)
	case huntaway:
		st.proxy, err = st.rig.Huntaway(ctx, st.subject.program, st.subject.loops, pool)
	}
	if err == nil {
		st.addr = st.proxy.Addr
	}
	return err
}

// executed adds up what the servers say they did: keys found plus keys set. A key that was
// asked for and is not there is an error, because a miss is cheaper than a hit.
func (st *stand) executed() (int, error) {
	total := 0
	for _, s := range st.servers {
		text, err := rig.Call(s.Addr, 5*time.Second, "INFO", "everything")
		if err != nil {
			return 0, err
		}
		if misses := infoNumber(text, "keyspace_misses:"); misses > 0 {
			return 0, fmt.Errorf("server %s missed %d keys; want every key in place", s.Addr, misses)
		}
		total += infoNumber(text, "keyspace_hits:") + infoNumber(text, "cmdstat_set:calls=")
	}
	return total, nil
}

// infoNumber returns the number behind the prefix of a line of INFO, 0 without the line.
func infoNumber(text, prefix string) int {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, prefix); ok {
			digits, _, _ := strings.Cut(strings.TrimSpace(rest), ",")
			n, _ := strconv.Atoi(digits)
			return n
		}
	}
	return 0
}
