package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"huntaway/perf/bench/history"
)

// appending has every server write each command to its disk before it answers.
func appending(p *plan) {
	p.redis = []string{"appendonly yes", "appendfsync always", "auto-aof-rewrite-percentage 0"}
}

// slowDisk is F24: the disk takes its time over a write, and the master waits for it. By the
// seed it is a time that nobody needs to notice, or one that is longer than requests wait.
func slowDisk(a *attack) error {
	g := a.groups[0]
	m := g.servers[0]
	d, times := 600*time.Millisecond, 5
	if a.seed%2 == 0 {
		d, times = 2*time.Second+time.Duration(a.random.IntN(1001))*time.Millisecond, 3
	}
	at := a.log.Now()
	for range times {
		from := a.log.Now()
		took, err := a.stallSync(m, d)
		if err != nil {
			return err
		}
		a.wait(time.Second)
		if longest := a.longest(g, from); longest > int64(d)/3 {
			a.bit("fdatasync of %s took %.3f s, and an operation %.3f s", m.name, took.Seconds(), seconds(longest))
		}
		a.wantCalm(g, a.log.Now())
		a.wantNoFailover(g, m)
	}
	a.wantLookups(g, at)
	a.wantPatience(g, at, d)
	return nil
}

// wantPatience looks at what became of requests during stalls: of short ones nobody notices
// anything, and of long ones every request has a reply of a time-out.
func (a *attack) wantPatience(g *group, at int64, d time.Duration) {
	t := a.tally(g, at)
	failed := t.writes[history.Fail] + t.writes[history.Unknown] + t.reads[history.Fail] + t.reads[history.Unknown]
	a.figure("writes unknown", float64(t.writes[history.Unknown]))
	a.figure("writes not executed", float64(t.writes[history.Fail]))
	if d < time.Second && failed > 0 {
		a.fail("%d operations failed in stalls of %v; want none", failed, d)
	}
	// What was sent waits a second at most, what is held 2.5 s; and behind others of its pipeline.
	if took := seconds(a.longest(g, at)); took > 1+2.5+2 {
		a.fail("an operation took %.3f s; want a time-out after 1 s or 2.5 s", took)
	}
}

// wantCalm fails the run when a write fails within a second in which the master is well.
func (a *attack) wantCalm(g *group, since int64) {
	a.wait(time.Second)
	for _, op := range a.ops(g, since) {
		if op.Invoked >= since && op.Kind.Writes() && op.Class != history.OK {
			a.fail("%s %q ended %v %s one second behind the stall; want it served", op.Kind, op.Key, op.Class, op.Error)
			return
		}
	}
}

// stallSync has the server's next fdatasync last for d, and returns how long it did.
func (a *attack) stallSync(s *server, d time.Duration) (took time.Duration, err error) {
	program, err := exec.LookPath("strace")
	if err != nil {
		return 0, fmt.Errorf("this case delays fdatasync by strace, which is not installed (package strace; make chaos installs it): %w", err)
	}
	trace := filepath.Join(a.dir, "strace.log")
	if err := os.RemoveAll(trace); err != nil {
		return 0, fmt.Errorf("removing what was traced before: %w", err)
	}
	tracer := exec.Command(program, "-f", "-T", "-o", trace, "-e", "trace=fdatasync",
		"-e", fmt.Sprintf("inject=fdatasync:delay_enter=%d:when=1", d.Microseconds()), "-p", strconv.Itoa(s.PID()))
	tracer.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	var said strings.Builder
	tracer.Stderr = &said
	if err := tracer.Start(); err != nil {
		return 0, fmt.Errorf("tracing %s: %w", s.name, err)
	}
	stalled := func() bool { took = delayed(trace); return took > 0 }
	waited := await(a.ctx, d+10*time.Second, stalled)
	_ = tracer.Process.Signal(syscall.SIGTERM) // it lets go of the server
	_ = tracer.Wait()                          // how it ended says nothing: it was told to
	if waited != nil {
		return 0, fmt.Errorf("no fdatasync of %s was delayed: %w; strace says: %s", s.name, waited, said.String())
	}
	a.say("fdatasync of %s took %v", s.name, took)
	return took, nil
}

// delayed reads from strace's log how long the call took that it delayed; 0: not yet. With a
// delay at the call's entry the line is written when it is over, and the time contains it.
func delayed(trace string) time.Duration {
	text, err := os.ReadFile(trace)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, "(DELAYED)") {
			continue
		}
		_, took, _ := strings.Cut(line, "<")
		took, _, _ = strings.Cut(took, ">")
		if v, err := strconv.ParseFloat(took, 64); err == nil {
			return time.Duration(v * float64(time.Second))
		}
	}
	return 0
}
