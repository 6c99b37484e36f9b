package config

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// localOnly are the keys that mean something under failover = "local" alone.
var localOnly = []string{"failover_dry_run", "down_after", "down_refused", "down_misconf", "down_busy",
	"failover_interval", "failovers_per_hour", "candidate_gap", "wait_replicas", "config_rewrite"}

// leastDownAfter is how long a master that lost its replicas may still take writes under the
// profile that huntaway check --connect asks for: min-replicas-max-lag 2, and up to two
// seconds until the server notices.
const leastDownAfter = 4 * time.Second

// judgeFailover checks what the keys of a failover say together.
func (r *reader) judgeFailover(d *poolDraft) {
	p := &d.pool
	if p.Failover != "local" {
		r.judgeIdle(d)
	} else {
		r.judgeLocal(d)
	}
	if p.AutoEjectHosts && p.Failover != "observe" {
		r.fail(d.spot(d.known, "auto_eject_hosts"), join(d.path, "auto_eject_hosts"),
			fmt.Sprintf("auto_eject_hosts with failover = %q", p.Failover),
			"when a master dies either its keys move to other groups or a replica takes over: leave one of the two out")
	}
	if p.SelfFence {
		for _, g := range d.groups {
			if len(g.members) == 2 {
				r.warn(d.spot(d.known, "self_fence"), join(d.path, "self_fence"),
					g.title()+" has two servers: when its replica is down it takes no writes",
					"three servers can be both safe and available; two cannot")
			}
		}
	}
}

// judgeIdle warns of keys that have no effect because somebody else decides. One that only
// repeats its default is well: examples do.
func (r *reader) judgeIdle(d *poolDraft) {
	var preset Pool
	poolSection.preset(&preset, r.format)
	var idle []string
	for _, name := range localOnly {
		w := poolSection.find(name, TOML)
		if d.known[name] != nil && !reflect.DeepEqual(w.at(&preset), w.at(&d.pool)) {
			idle = append(idle, name)
		}
	}
	if len(idle) == 0 {
		return
	}
	verb := "has"
	if len(idle) > 1 {
		verb = "have"
	}
	r.warn(d.spot(d.known, idle[0]), join(d.path, idle[0]),
		fmt.Sprintf("%s %s no effect with failover = %q", strings.Join(idle, ", "), verb, d.pool.Failover),
		`they are for failover = "local"`)
}

// judgeLocal checks a pool whose masters this process replaces.
func (r *reader) judgeLocal(d *poolDraft) {
	p := &d.pool
	if p.DownAfter < leastDownAfter {
		r.warn(d.spot(d.known, "down_after"), join(d.path, "down_after"),
			fmt.Sprintf("down_after %s is under %s: a master that is cut off may still take writes when its successor does",
				durationText(p.DownAfter), durationText(leastDownAfter)), "min-replicas-max-lag of the servers, and 2s")
	}
	if p.HoldTimeout <= p.DownRefused {
		r.warn(d.spot(d.known, "hold_timeout"), join(d.path, "hold_timeout"),
			fmt.Sprintf("writes wait for %s and no failover begins before %s (down_refused): each one will fail writes",
				durationText(p.HoldTimeout), durationText(p.DownRefused)), "2.5s bridges a crash")
	}
	if three := 3 * p.ProbeInterval / 5; three > p.DownRefused {
		r.warn(d.spot(d.known, "probe_interval"), join(d.path, "probe_interval"),
			fmt.Sprintf("three probes of a server in doubt take %s, down_refused is %s", durationText(three), durationText(p.DownRefused)),
			"three refusals are wanted before a master is dead, so detection takes the longer of the two")
	}
	for _, g := range d.groups {
		r.judgeLocalGroup(d, g)
	}
}

// judgeLocalGroup checks one group of such a pool.
func (r *reader) judgeLocalGroup(d *poolDraft, g *groupDraft) {
	replicas := len(g.members) - 1
	if replicas < 1 {
		if !g.partial {
			r.warn(g.at, g.path, g.title()+` has no replica, and failover is "local": nobody can take its master's place`, "")
		}
		return
	}
	if k := d.pool.WaitReplicas; k > replicas && !g.partial {
		r.fail(d.spot(d.known, "wait_replicas"), join(d.path, "wait_replicas"),
			fmt.Sprintf("wait_replicas is %d and %s has %d besides its master", k, g.title(), replicas), "WAIT could never be answered in full")
	}
	for _, m := range g.members {
		if strings.HasPrefix(m.server.Addr, "/") {
			r.fail(m.at, g.path, fmt.Sprintf("%s is a unix socket, and failover is \"local\"", m.server.Addr),
				"replicas reach their master by host and port: give this server's")
		}
	}
}
