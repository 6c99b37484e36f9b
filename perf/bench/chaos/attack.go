package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"huntaway/perf/bench/history"
)

// This file is what faults are written with.

// fail notes something that must not be.
func (a *attack) fail(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failed = append(a.failed, fmt.Sprintf(format, args...))
}

// bit notes how it is known that the fault was felt. Without one the run is vacuous.
func (a *attack) bit(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bites = append(a.bites, fmt.Sprintf(format, args...))
}

// say prints what happens, when that was asked for.
func (a *attack) say(format string, args ...any) {
	if a.set.verbose {
		fmt.Printf("  %7.3f s: %s\n", float64(a.log.Now())/1e9, fmt.Sprintf(format, args...))
	}
}

// figure notes a measurement.
func (a *attack) figure(name string, value float64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.figures[name] = append(a.figures[name], value)
	a.say("%s: %.3f", name, value)
}

// forgive declares that what the group acknowledged from 100 ms before the given moment may be
// lost; what was read from a socket within 50 ms after it was acknowledged before it.
func (a *attack) forgive(g *group, at int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.windows = append(a.windows, history.Window{Group: g.name, From: at - 100e6, To: at + 50e6})
}

// wait lets time pass.
func (a *attack) wait(d time.Duration) { pauseFor(a.ctx, d) }

// until waits for something that must happen, and fails the run when it does not.
func (a *attack) until(what string, within time.Duration, holds func() bool) bool {
	err := await(a.ctx, within, holds)
	if err != nil {
		a.fail("%s: %v", what, err)
	}
	return err == nil
}

// crash kills a server; at is when.
func (a *attack) crash(s *server) (at int64) {
	at = a.log.Now()
	s.Kill()
	a.say("killed %s", s.name)
	return at
}

// stop stops a server where it stands; at is when.
func (a *attack) stop(s *server) (at int64) {
	at = a.log.Now()
	s.Pause()
	a.say("stopped %s", s.name)
	return at
}

// ops returns the operations of a group that ended since the given moment.
func (a *attack) ops(g *group, since int64) (some []history.Op) {
	all, _ := a.log.Snapshot()
	for _, op := range all {
		if op.Completed >= since && (op.Group == g.name || op.Group == "") {
			some = append(some, op)
		}
	}
	return some
}

// firstWrite returns when the group first acknowledged a write that was begun after the given
// moment; 0: not yet.
func (a *attack) firstWrite(g *group, since int64) (first int64) {
	for _, op := range a.ops(g, since) {
		if op.Kind.Writes() && op.Group == g.name && op.Class == history.OK && op.Invoked > since && (first == 0 || op.Completed < first) {
			first = op.Completed
		}
	}
	return first
}

// tally counts operations of a group by class since the given moment.
type tally struct{ writes, reads [4]int }

func (a *attack) tally(g *group, since int64) (t tally) {
	for _, op := range a.ops(g, since) {
		switch {
		case op.Kind.Writes():
			t.writes[op.Class]++
		case op.Kind == history.Get || op.Kind == history.Read:
			t.reads[op.Class]++
		}
	}
	return t
}

// wantReads fails the run when a read failed since the given moment.
func (a *attack) wantReads(g *group, since int64) {
	t := a.tally(g, since)
	n := t.reads[history.Fail] + t.reads[history.Unknown]
	a.figure("reads failed", float64(n))
	if n > 0 {
		var first history.Op
		for _, op := range a.ops(g, since) {
			if !op.Kind.Writes() && op.Kind != history.Echo && op.Class != history.OK && (first.Completed == 0 || op.Completed < first.Completed) {
				first = op
			}
		}
		a.fail("%d reads failed although replicas were well; the first after %.3f s: %s", n, float64(first.Completed-since)/1e9, first.Error)
	}
}

// wantNoFailover fails the run when the group has another master than before.
func (a *attack) wantNoFailover(g *group, before *server) {
	if now := g.master(); now != before {
		a.fail("another master: got %s; want %s still", nameOf(now), before.name)
	}
	for _, p := range a.proxies {
		if st, ok := p.group(g.name); ok && st.Master != before.at {
			a.fail("%s says that %s is master of %s; want %s still", p.name, st.Master, g.name, before.at)
		}
	}
}

func nameOf(s *server) string {
	if s == nil {
		return "nobody, or more than one"
	}
	return s.name
}

// apart tells what keeps the field from being of one mind; "" when it is.
func (a *attack) apart() string {
	for _, g := range a.groups {
		m := g.master()
		if m == nil {
			return fmt.Sprintf("group %s has no master, or more than one", g.name)
		}
		for _, p := range a.proxies {
			if st, ok := p.group(g.name); ok && (st.Master != m.at || st.Held) {
				return fmt.Sprintf("%s says that the master of %s is %s, held %v, state %s; want %s", p.name, g.name, st.Master, st.Held, st.State, m.at)
			}
		}
		for _, s := range g.servers {
			if s != m && s.Alive() && !s.follows(m) {
				return fmt.Sprintf("%s does not follow %s: %v", s.name, m.name, s.fields("replication")["role"])
			}
		}
		for _, s := range a.sentinels {
			if at := s.masterOf(g.name); s.Alive() && at != m.at {
				return fmt.Sprintf("%s says that the master of %s is %s; want %s", s.name, g.name, at, m.at)
			}
		}
	}
	return ""
}

// baseline is what each proxy holds before the fault.
func (a *attack) baseline() (all []usage) {
	for _, p := range a.proxies {
		all = append(all, p.usage())
	}
	return all
}

// checkUsage is I13: what proxies hold has to come back to what it was.
func (a *attack) checkUsage(before []usage) {
	for i, p := range a.proxies {
		var now usage
		more := func() bool {
			now = p.usage()
			was := before[i]
			return now.files > was.files+was.files/50+12 || now.goroutines > was.goroutines+12 ||
				now.bytes > was.bytes+was.bytes/20+96<<20
		}
		if err := await(a.ctx, 30*time.Second, func() bool { return !more() }); err != nil {
			a.fail("I13: %s holds %+v; before the fault %+v", p.name, now, before[i])
		}
	}
}

// keep copies logs, configurations and the history of a failed run, and returns where to.
func (a *attack) keep(out *outcome) string {
	to := filepath.Join(a.set.keep, fmt.Sprintf("%s-%d", out.fault, out.seed))
	_ = os.RemoveAll(to)
	if err := os.CopyFS(to, os.DirFS(a.dir)); err != nil {
		return err.Error()
	}
	file, err := os.Create(filepath.Join(to, "history.jsonl"))
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	r := a.history()
	r.Final, _ = a.readBack() // what cannot be read has been reported
	if err := history.Dump(file, r); err != nil {
		return err.Error()
	}
	for _, p := range a.proxies {
		for _, page := range []string{"status", "events", "metrics"} {
			if text, err := p.page("/" + page); err == nil {
				_ = os.WriteFile(filepath.Join(to, p.name+"-"+page), text, 0o600) // an aid only
			}
		}
	}
	return to
}

// masterOf asks a Sentinel.
func (s *sentinel) masterOf(group string) string {
	conn, err := redis.Dial("tcp", s.Addr, redis.DialConnectTimeout(time.Second), redis.DialReadTimeout(time.Second))
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	at, err := redis.Strings(conn.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", group))
	if err != nil {
		return err.Error()
	}
	return strings.Join(at, ":")
}
