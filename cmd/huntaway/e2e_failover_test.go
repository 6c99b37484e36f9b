package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestOperatingAFailover does what an operator does: looks, plans, switches over under load,
// loses a master, and looks again.
func TestOperatingAFailover(t *testing.T) {
	c := troupe(t)
	listen, adminAddr, dir := free(t), free(t), t.TempDir()
	text := fmt.Sprintf("[log]\nformat = \"json\"\n[admin]\nhttp = %q\n[runtime]\nstate_dir = %q\n[pools.alpha]\nlisten = %q\nfailover = \"local\"\nhold_timeout = \"20s\"\n",
		adminAddr, filepath.Join(dir, "state"), listen)
	for i, g := range c.groups {
		text += fmt.Sprintf("[[pools.alpha.groups]]\nname = \"g%d\"\nmaster = %q\nsecondary = %q\nreplicas = %q\n", i, g[0], g[1], g[2])
	}
	file := written(t, "huntaway.toml", text)
	p := running(t, file)
	master, heir := c.groups[0][0], c.groups[0][1]
	eventually(t, "all to be well", func() bool { return huntaway(t, "status", "--quiet", "-c", file).status == exitOK })
	got := huntaway(t, "status", "-c", file)
	mentions(t, "status", got.stdout, "all is well", "pool alpha   failover local", "healthy", master+"  master")

	without := strings.Replace(text, fmt.Sprintf("master = %q\nsecondary = %q", master, heir), fmt.Sprintf("master = %q", heir), 1)
	if err := os.WriteFile(file, []byte(without), 0o600); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGHUP)
	p.says("leaves out " + master + ", which is its master")
	mentions(t, "status of a refused reload", huntaway(t, "status", "-c", file).stdout, "the last reload was refused", "leaves out "+master, "mend the file")
	mentions(t, "events", huntaway(t, "events", "-c", file).stdout, "a reload was refused", "leaves out "+master)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGHUP)
	p.says("configuration reloaded")
	p.reloads(file, strings.Replace(text, "[log]", "[runtime.no]\n[log]", 1), "not reloaded")
	mentions(t, "status of a wrong file", huntaway(t, "status", "-c", file).stdout, "the last reload was refused", "huntaway.toml:1:")
	p.reloads(file, text+"\n[pools.beta]\nlisten = \"127.0.0.1:1\"\nservers = [\"127.0.0.1:2:1\"]\n", "some changes need a restart")
	eventually(t, "status to say so", func() bool {
		return strings.Contains(huntaway(t, "status", "-c", file).stdout, "need a restart: ")
	})
	p.reloads(file, text, "configuration reloaded")
	if out := huntaway(t, "status", "-c", file).stdout; strings.Contains(out, "refused") || strings.Contains(out, "restart") {
		t.Errorf("got\n%s\nwant neither a refusal nor a restart, the file is as it was", out)
	}

	order := []string{"switchover", "-c", file, "--group", "g0", "--to", heir, "--expect-master", master}
	got = huntaway(t, append(order, "--dry-run")...)
	mentions(t, "the plan", got.stdout, " 1. ", heir, "nothing was done")
	stop := write(t, listen, "")
	eventually(t, "the switchover", func() bool { // on a busy machine a handover may time out, and nothing has happened
		got = huntaway(t, order...)
		return got.status == exitOK
	})
	stop()
	eventually(t, "all to be well again", func() bool { return huntaway(t, "status", "--quiet", "-c", file).status == exitOK })
	if got = huntaway(t, order...); got.status != exitFailed {
		t.Errorf("the same again: status %d, %s; want 1", got.status, got.stdout)
	}
	mentions(t, "the same again", got.stderr, master+" was expected")

	stop = write(t, listen, "may have been executed")
	if err := syscall.Kill(c.pids[heir], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another master", func() bool { return mastersSeen(t, file)["g0"] != heir })
	stop()
	got = huntaway(t, "status", "-c", file)
	if got.status != exitFailed {
		t.Errorf("status %d; want 1: a server is dead\n%s", got.status, got.stdout)
	}
	mentions(t, "status", got.stdout, "warning: pool alpha, group g0, server "+heir+": secondary is out: down", "1 failover this hour")
	got = huntaway(t, "events", "-c", file)
	mentions(t, "events", got.stdout, "healthy -> draining  switchover to "+heir, "suspect -> freezing  the master is dead", "verifying -> settling")
	_, metrics := page(t, "http://"+adminAddr+"/metrics")
	mentions(t, "the metrics", metrics, `huntaway_failovers_total{group="g0",pool="alpha",result="new_master"} 2`,
		`huntaway_failovers_total{group="g1",pool="alpha",result="new_master"} 0`, `huntaway_backend_state{group="g0",pool="alpha",server="`+heir+`",state="out"} 1`,
		`huntaway_backend_reason{group="g0",pool="alpha",reason="down",server="`+heir+`"} 1`,
		`huntaway_group_state{group="g1",pool="alpha",state="healthy"} 1`)
	if status, text := page(t, "http://"+adminAddr+"/readyz"); status != 200 {
		t.Errorf("readyz: %d %s; want 200", status, text)
	}
	operateByHand(t, p, file)
}

// operateByHand latches, resolves and releases the other group, and reads the log.
func operateByHand(t *testing.T, p *process, file string) {
	t.Helper()
	if got := huntaway(t, "latch", "-c", file, "--group", "g1"); got.status != exitOK {
		t.Errorf("latch: %+v; want status 0", got)
	}
	mentions(t, "status", huntaway(t, "status", "-c", file).stdout, "automatic failover is off", "huntaway release --group g1")
	p.signal(syscall.SIGUSR1)
	p.says(`"what":"automatic failover is off`)
	if got := huntaway(t, "release", "-c", file, "--group", "g1"); got.status != exitOK {
		t.Errorf("release: %+v; want status 0", got)
	}
	if out := huntaway(t, "status", "-c", file).stdout; strings.Contains(out, "automatic failover is off") {
		t.Errorf("after the release:\n%s\nwant no word of a latch", out)
	}
	got := huntaway(t, "resolve", "-c", file, "--group", "g1", "--master", "10.255.255.1:1")
	if got.status != exitFailed {
		t.Errorf("resolve for a stranger: %+v; want status 1", got)
	}
	mentions(t, "resolve for a stranger", got.stderr, "10.255.255.1:1", "its members are")
	mentions(t, "the log", p.text(), `"msg":"order","order":"switchover","by":"\"`, `"result":"done"`, `"order":"latch"`, `"from":"suspect","to":"freezing"`)
}

// mastersSeen asks who is master, by group.
func mastersSeen(t *testing.T, file string) map[string]string {
	t.Helper()
	var page statusPage
	if err := json.Unmarshal([]byte(huntaway(t, "status", "--json", "-c", file).stdout), &page); err != nil {
		t.Fatal(err)
	}
	masters := map[string]string{}
	for _, g := range page.Pools[0].Groups {
		masters[g.Name] = g.Master
	}
	return masters
}

// write has clients write to all groups until the function it returns is called, which demands
// that some were made and that none failed, but with the words that are allowed: what a killed
// server had been sent.
func write(t *testing.T, listen, allowed string) (stop func()) {
	t.Helper()
	const writers = 4
	ctx, cancel := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	var failed [writers]error
	var made [writers]int
	for i := range writers {
		c := client(t, listen)
		writing.Go(func() {
			for ; ctx.Err() == nil; made[i]++ {
				once, end := context.WithTimeout(context.WithoutCancel(ctx), patience)
				err := c.Incr(once, fmt.Sprintf("count:%d:%d", i, made[i]%7)).Err()
				end()
				if err != nil && (allowed == "" || !strings.Contains(err.Error(), allowed)) {
					failed[i] = err
					return
				}
				<-time.After(time.Millisecond)
			}
		})
	}
	return func() {
		t.Helper()
		cancel()
		writing.Wait()
		for i := range writers {
			if failed[i] != nil || made[i] == 0 {
				t.Errorf("writer %d made %d writes, then %v; want some, and no error", i, made[i], failed[i])
			}
		}
	}
}
