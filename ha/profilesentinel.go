package ha

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// downAfterMost is how patient a Sentinel may be: held writes have to bridge that and the
// promotion, and Sentinel's own default of 30 s is longer than any client waits.
const downAfterMost = 2 * time.Second

// A watched is what one Sentinel says of all it watches, by the name it has for each.
type watched struct {
	addr    string
	masters []map[string]string // fields of SENTINEL MASTERS
	members map[string][]string // by name: host:port of the master and of its replicas
	err     error
}

// askSentinels asks all of them, one after the other: there are few.
func (p *ProfilePool) askSentinels(ctx context.Context) (all []watched) {
	for _, addr := range p.Sentinels {
		w := watched{addr: addr, members: map[string][]string{}}
		w.err = w.ask(ctx, p.SentinelAccess)
		all = append(all, w)
	}
	return all
}

func (w *watched) ask(ctx context.Context, a Access) error {
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	c := a.open("tcp", w.addr)
	defer c.Close()
	reply, err := c.Do(ctx, "SENTINEL", "MASTERS").Slice()
	if err != nil {
		return err
	}
	w.masters = tables(reply)
	for _, m := range w.masters {
		name := m["name"]
		w.members[name] = append(w.members[name], net.JoinHostPort(m["ip"], m["port"]))
		replicas, err := c.Do(ctx, "SENTINEL", "SLAVES", name).Slice() // REPLICAS since 5.0; both work
		if err != nil {
			return err
		}
		for _, r := range tables(replicas) {
			w.members[name] = append(w.members[name], net.JoinHostPort(r["ip"], r["port"]))
		}
	}
	return nil
}

// tables reads a reply of lists of names and values. What has another shape is left out.
func tables(reply []any) (all []map[string]string) {
	for _, one := range reply {
		fields := map[string]string{}
		list, _ := one.([]any)
		for i := 0; i+1 < len(list); i += 2 {
			name, _ := list[i].(string)
			fields[name], _ = list[i+1].(string)
		}
		all = append(all, fields)
	}
	return all
}

// of returns what a Sentinel says of a group: of the master that has the group's name, else of
// one whose members have an address of the group's; nil when it watches neither.
func (j *judgement) of(w *watched, name string, addrs []string) map[string]string {
	var byAddress map[string]string
	for _, m := range w.masters {
		if m["name"] == name {
			return m
		}
		for _, member := range w.members[m["name"]] {
			if slices.ContainsFunc(addrs, func(a string) bool { return j.same(a, member) }) {
				byAddress = m
			}
		}
	}
	return byAddress
}

// sentinels judges what the Sentinels said.
func (j *judgement) sentinels(all []watched) {
	answered := 0
	for i := range all {
		if all[i].err != nil {
			j.noteSentinel(Doubtful, "", all[i].addr, all[i].err.Error(), "a Sentinel that answers within "+j.pool.SentinelAccess.Timeout.String(), "")
			continue
		}
		answered++
	}
	majority := len(all)/2 + 1
	if answered < majority {
		j.noteGroup(Fatal, "", fmt.Sprintf("%d of %d Sentinels answer", answered, len(all)), fmt.Sprintf("%d: without a majority no failover is followed", majority))
	}
	if len(all) < 3 {
		j.noteGroup(Doubtful, "", fmt.Sprintf("the file names %d of the Sentinels", len(all)), "three or more, on machines of their own: of fewer none may fail, and what is not named is not heard")
	}
	for i := range j.pool.Groups {
		g := &j.pool.Groups[i]
		var addrs []string
		for k := range g.Servers {
			addrs = append(addrs, g.Servers[k].Addr)
		}
		j.watching(g.Name, addrs, all)
		j.placed(g)
	}
}

// watching judges how a group is watched.
func (j *judgement) watching(group string, addrs []string, all []watched) {
	seen, answered := 0, 0
	for i := range all {
		w := &all[i]
		if w.err != nil {
			continue
		}
		answered++
		m := j.of(w, group, addrs)
		if m == nil {
			j.noteSentinel(Doubtful, group, w.addr, "it does not watch this group", "SENTINEL MONITOR with the group's name, its master's address and the quorum", "")
			continue
		}
		seen++
		j.monitored(group, addrs, w, m)
	}
	if seen == 0 && answered > 0 {
		j.noteGroup(Fatal, group, "no Sentinel watches it", fmt.Sprintf("a master that is named %q there, or has the address of one of the group's servers", group))
	}
}

// monitored judges the settings of one Sentinel for one group.
func (j *judgement) monitored(group string, addrs []string, w *watched, m map[string]string) {
	name, number := m["name"], func(field string) int { v, _ := strconv.Atoi(m[field]); return v }
	set := func(key string, value int) string {
		return commandLine(w.addr, "SENTINEL", "SET", name, key, strconv.Itoa(value))
	}
	master := net.JoinHostPort(m["ip"], m["port"])
	if !slices.ContainsFunc(addrs, func(a string) bool { return j.same(a, master) }) {
		j.noteSentinel(Fatal, group, w.addr, "its master is "+master+", which is no server of the group", "one of "+strings.Join(addrs, ", ")+": a server that the file does not name gets no request", "")
	}
	quorum, others := number("quorum"), number("num-other-sentinels")
	switch {
	case quorum > others+1:
		j.noteSentinel(Fatal, group, w.addr, fmt.Sprintf("quorum is %d and it knows of %d Sentinels", quorum, others+1), "a majority: a dead master is never found dead like this", set("quorum", (others+1)/2+1))
	case quorum < (others+1)/2+1:
		j.noteSentinel(Doubtful, group, w.addr, fmt.Sprintf("quorum is %d of %d Sentinels", quorum, others+1), "a majority: fewer can be the ones that are cut off themselves", set("quorum", (others+1)/2+1))
	}
	if n := len(j.pool.Sentinels); others+1 != n {
		j.noteSentinel(Doubtful, group, w.addr, fmt.Sprintf("it knows of %d Sentinels, the file names %d", others+1, n), "the same ones: Huntaway wants the majority of those it is told of", "")
	}
	if after := time.Duration(number("down-after-milliseconds")) * time.Millisecond; after > downAfterMost {
		j.noteSentinel(Doubtful, group, w.addr, fmt.Sprintf("down-after-milliseconds is %d", after.Milliseconds()), fmt.Sprintf("1000: writes wait %v (hold_timeout) for a new master, and it takes that long until one is looked for", j.pool.HoldTimeout), set("down-after-milliseconds", 1000))
	}
	if syncs := number("parallel-syncs"); syncs < len(addrs)-1 {
		j.noteSentinel(Doubtful, group, w.addr, fmt.Sprintf("parallel-syncs is %d", syncs), fmt.Sprintf("%d: all replicas leave the old master at once, which so loses min-replicas-to-write", len(addrs)-1), set("parallel-syncs", len(addrs)-1))
	}
}

// noteSentinel adds a finding about a Sentinel.
func (j *judgement) noteSentinel(w Weight, group, addr, is, should, do string) {
	j.found = append(j.found, Finding{w, j.pool.Name, group, addr, is, should, do})
}
