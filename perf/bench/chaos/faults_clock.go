package main

import (
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"huntaway/perf/bench/rig"
)

// This file is F28: the calendar of servers and Sentinels jumps. The clock of the
// machine is left alone, and so is Huntaway's, which asks the kernel itself.

// jumping lets servers' clocks jump.
func jumping(p *plan) { p.clocks = true }

// jumpingGuarded lets those of Sentinels jump, too.
func jumpingGuarded(p *plan) {
	guarded(p)
	p.clocks = true
}

// calendar is the library that gives a process a calendar of its own.
//
//go:embed testdata/calendar.c
var calendar []byte

// clocked gives a process a calendar of its own, which a file moves.
func (f *field) clocked(l rig.Launch, name string) (rig.Launch, error) {
	if !f.plan.clocks {
		return l, nil
	}
	library := filepath.Join(f.dir, "calendar.so")
	if _, err := os.Stat(library); err != nil {
		if err := compile(calendar, library); err != nil {
			return l, err
		}
	}
	l.Env = append(l.Env, "LD_PRELOAD="+library, "CALENDAR_FILE="+f.clockOf(name))
	return l, f.jump(0, name)
}

// compile makes a library of a text in C.
func compile(text []byte, library string) error {
	source := library + ".c"
	if err := os.WriteFile(source, text, 0o600); err != nil {
		return err
	}
	out, err := exec.Command("cc", "-O2", "-shared", "-fPIC", "-o", library, source).CombinedOutput()
	if err != nil {
		return fmt.Errorf("calendars of servers' own need a C compiler: %w: %s", err, out)
	}
	return nil
}

func (f *field) clockOf(name string) string { return filepath.Join(f.dir, name+".clock") }

// hour is how far clocks jump, in seconds.
const hour = 3600

// jump sets the calendars of processes so many seconds ahead of the machine's.
func (f *field) jump(by int, names ...string) (all error) {
	for _, name := range names {
		file, err := os.OpenFile(f.clockOf(name), os.O_CREATE|os.O_WRONLY, 0o600) // it is mapped: never a new one
		if err != nil {
			return err
		}
		_, err = file.Write(binary.NativeEndian.AppendUint64(nil, uint64(by)))
		all = errors.Join(all, err, file.Close())
	}
	return all
}

// ahead is how far a server's calendar is ahead of the machine's.
func (s *server) ahead() time.Duration {
	us, _ := strconv.ParseInt(s.fields("server")["server_time_usec"], 10, 64) // 0 shows
	return time.UnixMicro(us).Sub(time.Now())
}

// jumpers are whose clocks jump under a seed: everybody's, the master's, or the replicas'.
func (a *attack) jumpers() (servers []*server, names []string) {
	g := a.groups[0]
	switch a.seed % 3 {
	case 0:
		servers = g.servers
	case 1:
		servers = g.servers[:1]
	default:
		servers = g.servers[1:]
	}
	for _, s := range servers {
		names = append(names, s.name)
	}
	return servers, names
}

// clockJumps is F28: to an hour ahead, back, to an hour behind, and back.
func clockJumps(a *attack) error {
	g := a.groups[0]
	begun := a.log.Now()
	servers, names := a.jumpers()
	for _, s := range a.sentinels[:min(len(a.sentinels), int(a.seed%4))] {
		names = append(names, s.name)
	}
	for _, by := range []int{hour, 0, -hour, 0} {
		if err := a.jump(by, names...); err != nil {
			return err
		}
		a.say("calendars of %v are %+d s ahead", names, by)
		arrived := func() bool {
			off := servers[0].ahead() - time.Duration(by)*time.Second
			return off > -5*time.Second && off < 5*time.Second
		}
		if a.until("the calendar has not jumped", 5*time.Second, arrived) && by != 0 {
			a.bit("the calendar of %s is %+d s ahead", servers[0].name, by)
		}
		a.wait(4 * time.Second)
	}
	a.wantNothingFailed(begun)
	a.wantNoFailover(g, g.servers[0])
	if a.plan.mode == "sentinel" {
		return nil
	}
	at := a.crash(g.servers[0])
	a.forgive(g, at)
	a.wantFailover(g, g.servers[0], at, 10*time.Second)
	return nil
}
