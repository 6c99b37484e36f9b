package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"huntaway/perf/bench/history"
)

// atoi reads a number; what is none is 0.
func atoi(text string) int {
	n, _ := strconv.Atoi(text) // 0 is right for what does not exist
	return n
}

// stateOf is a proxy's state directory.
func (f *field) stateOf(p *proxy) string { return filepath.Join(f.dir, p.name+"-state") }

// order sends an order to a proxy's admin port.
func (p *proxy) order(path string, what map[string]any) error {
	body, err := json.Marshal(what)
	if err != nil {
		return err
	}
	c := http.Client{Timeout: 40 * time.Second}
	r, err := c.Post("http://"+p.Admin+path, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", r.Status, bytes.TrimSpace(text))
	}
	return err
}

// failPoints are where a proxy can be made to end or to stand still.
var failPoints = []string{"after-freeze", "before-promote", "after-promote", "after-publish"}

// monitorEnds is F26: the monitor dies, or stands still, in the midst of a failover. One that
// comes after it, or the same when it goes on, must bring it to an end.
func monitorEnds(a *attack) error {
	g := a.groups[0]
	m, p := g.servers[0], a.proxies[0]
	point := failPoints[a.seed%uint64(len(failPoints))]
	at := a.crash(m)
	a.forgive(g, at)
	met := func() bool { return !p.Alive() || stands(p.PID()) }
	if !a.until("the proxy did not come to "+point, 10*time.Second, met) {
		return nil
	}
	a.bit("%s at %s", map[bool]string{true: "stood still", false: "ended"}[p.Alive()], point)
	a.wait(time.Duration(500+a.random.IntN(1000)) * time.Millisecond)
	back := a.log.Now()
	if p.Alive() {
		p.Resume()
	} else if err := a.replace(p); err != nil {
		return err
	}
	if a.until("no write since the monitor is back", 8*time.Second, func() bool { return a.firstWrite(g, back) > 0 }) {
		a.figure("monitor back to first write, s", seconds(a.firstWrite(g, back)-back))
	}
	return nil
}

// replace starts a proxy where another one has ended, with its configuration and state, and
// without fail points.
func (a *attack) replace(p *proxy) (err error) {
	l := p.launch
	l.Env = nil
	p.Child, err = a.rig.Start(a.ctx, l)
	return err
}

// stands tells whether a process is stopped by a signal.
func stands(pid int) bool { return processState(pid) == 'T' }

// stopProxy is F27: what a proxy did not see while it stood still is no evidence.
func stopProxy(a *attack) error {
	g := a.groups[0]
	p := a.proxies[0]
	at := a.log.Now()
	p.Pause()
	a.wait(10 * time.Second)
	p.Resume()
	a.wait(2 * time.Second)
	if took := a.longest(g, at); took > 8e9 {
		a.bit("an operation took %.3f s", seconds(took))
	}
	a.wantNoFailover(g, g.servers[0])
	return nil
}

// switchover orders one, and returns when it was ordered and how it ended.
func (a *attack) switchover(g *group, to *server, more map[string]any) (at int64, err error) {
	from := g.master()
	if from == nil {
		return a.log.Now(), fmt.Errorf("group %s has no master, or more than one", g.name)
	}
	what := map[string]any{"group": g.name, "to": to.at, "expect_master": from.at, "by": "chaos"}
	for k, v := range more {
		what[k] = v
	}
	at = a.log.Now()
	return at, a.proxies[0].order("/switchover", what)
}

// next returns the first server of the group that is well and not its master.
func (g *group) next() *server {
	m := g.master()
	for _, s := range g.servers {
		if s != m && m != nil && s.follows(m) {
			return s
		}
	}
	return nil
}

// rounds is how many switchovers a run makes.
const rounds = 4

// switchovers is F32: not one request fails.
func switchovers(a *attack) error { return a.turns(nil) }

// fastSwitchovers is F32 by offsets.
func fastSwitchovers(a *attack) error { return a.turns(map[string]any{"fast": true}) }

// turns makes one switchover after the other.
func (a *attack) turns(how map[string]any) error {
	g := a.groups[0]
	begun := a.log.Now()
	for range rounds {
		var to *server
		if !a.until("no replica is well", 20*time.Second, func() bool { to = g.next(); return to != nil }) {
			return nil
		}
		at, err := a.switchover(g, to, how)
		for tries := 0; err != nil && notYet(err) && tries < 10; tries++ {
			a.wait(500 * time.Millisecond)
			at, err = a.switchover(g, to, how)
		}
		if err != nil && !a.choseAnother(err) {
			a.fail("switchover to %s: %v", to.name, err)
			return nil
		}
		a.figure("switchover ordered to done, s", seconds(a.log.Now()-at))
		if err == nil {
			a.until("the new master is "+to.name, 25*time.Second, func() bool { return g.master() == to })
		}
		a.wait(time.Second)
		a.figure("pause, s", seconds(a.longestWrite(g, at)))
		a.bit("%s is master", nameOf(g.master()))
	}
	a.wantNothingFailed(begun)
	return nil
}

// notYet tells whether a switchover was refused for what passes: the proxy's last look at the target
// is older than ours, a big value is on its way, or the busy machine has it doubt the master.
func notYet(err error) bool {
	return strings.Contains(err.Error(), "needs it healthy") || strings.Contains(err.Error(), "is not linked") || strings.Contains(err.Error(), "bytes behind")
}

// choseAnother tells whether a switchover ended with another master than ordered, as it may with
// Sentinels: they choose by themselves.
func (a *attack) choseAnother(err error) bool {
	return a.plan.mode == "sentinel" && strings.Contains(err.Error(), "became master instead")
}

// longestWrite returns the longest time that a write of the group took since the given moment.
func (a *attack) longestWrite(g *group, since int64) (d int64) {
	for _, op := range a.ops(g, since) {
		if op.Kind.Writes() && op.Kind != history.Pop && op.Group == g.name {
			d = max(d, op.Completed-op.Invoked)
		}
	}
	return d
}

// wantNothingFailed fails the run when any operation did. With Sentinels that is asked of the clients
// of the proxy that was given the order; another one cannot tell what became of the writes that
// were on their way when Sentinel closed its connections.
func (a *attack) wantNothingFailed(since int64) {
	all, _ := a.log.Snapshot()
	n, elsewhere, first := 0, 0, history.Op{}
	for _, op := range all {
		switch {
		case op.Completed < since || op.Class == history.OK:
		case op.Class == history.Unknown && a.plan.mode == "sentinel" && op.Client%len(a.proxies) > 0:
			elsewhere++
		default:
			if n == 0 {
				first = op
			}
			n++
		}
	}
	a.figure("failed or unknown", float64(n))
	if elsewhere > 0 {
		a.figure("unknown to the other proxy's clients", float64(elsewhere))
	}
	if n > 0 {
		a.fail("%d operations failed; want none; one is %s %s after %.3f s: %s", n, first.Kind, first.Key, seconds(first.Completed-since), first.Error)
	}
}

// switchoverRefused is F33: it is given up in time, and nothing fails.
func switchoverRefused(a *attack) error {
	g := a.groups[0]
	m, n := g.servers[0], g.servers[1]
	begun := a.log.Now()
	if a.seed%2 == 0 {
		a.stop(n)
	} else if err := n.shutOut(); err != nil {
		return err
	}
	at, err := a.switchover(g, n, nil)
	took := seconds(a.log.Now() - at)
	a.figure("switchover given up after, s", took)
	if err == nil {
		a.fail("the switchover to a server that does not answer succeeded")
	} else {
		a.bit("%v", err)
	}
	if took > 4 {
		a.fail("the switchover was given up after %.3f s; want 1.5 s", took)
	}
	a.wait(500 * time.Millisecond)
	n.Resume()
	if err := n.letIn(); err != nil {
		return err
	}
	a.wait(time.Second)
	a.wantNothingFailed(begun)
	a.wantNoFailover(g, m)
	return nil
}

// shutOut gives a server a password that nobody knows.
func (s *server) shutOut() error {
	_, err := s.call("CONFIG", "SET", "requirepass", "changed")
	return err
}

// letIn takes the password away again.
func (s *server) letIn() error {
	conn, err := s.direct()
	if err != nil {
		return err
	}
	defer conn.Close()
	_, _ = conn.Do("AUTH", "changed") // an error when there is none to take away
	_, err = conn.Do("CONFIG", "SET", "requirepass", "")
	return err
}

// badSentinels is F30, by the seed: one that slept through a failover; all of them gone;
// two of three gone when the master dies.
func badSentinels(a *attack) error {
	switch a.seed % 3 {
	case 0:
		return a.staleSentinel()
	case 1:
		return a.noSentinels()
	}
	return a.fewSentinels()
}

// staleSentinel has one Sentinel miss a failover.
func (a *attack) staleSentinel() error {
	g := a.groups[0]
	stale := a.sentinels[a.random.IntN(len(a.sentinels))]
	stale.Pause()
	at := a.crash(g.servers[0])
	a.forgive(g, at)
	a.wantFailover(g, g.servers[0], at, 20*time.Second)
	now := g.master()
	stale.Resume()
	a.wait(4 * time.Second)
	if then := g.master(); then != now || now == nil {
		a.fail("the master was %s and is %s since a stale Sentinel is back", nameOf(now), nameOf(then))
	}
	for _, p := range a.proxies {
		if c, ok := p.group(g.name); ok && now != nil && c.Master != now.at {
			a.fail("%s follows %s; want %s", p.name, c.Master, now.at)
		}
	}
	return nil
}

// noSentinels stops all of them: nobody notices.
func (a *attack) noSentinels() error {
	at := a.log.Now()
	for _, s := range a.sentinels {
		s.Pause()
	}
	a.wait(6 * time.Second)
	for _, p := range a.proxies {
		if text, err := p.page("/events"); err == nil && bytes.Contains(text, []byte("no sentinel answers")) {
			a.bit("%s has noticed that no Sentinel answers", p.name)
		}
	}
	for _, s := range a.sentinels {
		s.Resume()
	}
	a.wait(time.Second)
	a.wantNothingFailed(at)
	a.wantNoFailover(a.groups[0], a.groups[0].servers[0])
	return nil
}

// fewSentinels leaves one of three: it cannot decide, and no proxy does so in its place.
func (a *attack) fewSentinels() error {
	g := a.groups[0]
	for _, s := range a.sentinels[1:] {
		s.Pause()
	}
	at := a.crash(g.servers[0])
	a.forgive(g, at)
	a.wait(6 * time.Second)
	if now := g.master(); now != nil {
		a.fail("%s became master without a majority of Sentinels", now.name)
	}
	for _, s := range a.sentinels[1:] {
		s.Resume()
	}
	// Sentinels that stood still are in TILT for 30 s, and may then think the replicas' answers
	// too old, once or thrice, with twice failover-timeout between their attempts.
	a.wantFailover(g, g.servers[0], at, 150*time.Second)
	a.wantLookups(g, at)
	return nil
}

// lateProxy is F31: the second proxy hears nothing of Sentinels while the master dies.
func lateProxy(a *attack) error {
	g := a.groups[0]
	for _, s := range a.sentinels {
		s.wire.set(silent, proxies)
	}
	at := a.crash(g.servers[0])
	a.forgive(g, at)
	a.wantFailover(g, g.servers[0], at, 20*time.Second)
	a.wait(5 * time.Second)
	for _, s := range a.sentinels {
		s.wire.set(clear, proxies)
	}
	a.until("the late proxy follows", 10*time.Second, func() bool {
		first, known := a.proxies[0].group(g.name)
		late, ok := a.proxies[1].group(g.name)
		return known && ok && late.Master == first.Master && first.Master != g.servers[0].at && !first.Held && !late.Held
	})
	return nil
}
