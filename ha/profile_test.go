package ha

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"huntaway/ha/failover"
	"huntaway/ha/vital"
	"huntaway/shard"
)

// well is a group of n servers that nothing is wrong with: a master and those who follow it.
func well(n int) (*shard.Group, []*testimony) {
	g := &shard.Group{Name: "g"}
	var all []*testimony
	for i := range n {
		role := shard.Replica
		if i == 0 {
			role = shard.Master
		}
		g.Servers = append(g.Servers, shard.Server{Addr: fmt.Sprintf("10.0.0.%d:6379", i+1), Network: "tcp", Role: role})
	}
	for i := range g.Servers {
		s := &testimony{server: &g.Servers[i], group: g.Name, told: map[string]string{"role": "slave", "redis_version": "7.0.15"},
			repl: vital.Replication{Replica: true, Master: "10.0.0.1:6379", LinkUp: true, Priority: 100},
			conf: map[string]string{"min-replicas-to-write": fmt.Sprint(n / 2), "min-replicas-max-lag": "2",
				"repl-ping-replica-period": "1", "repl-timeout": "10", "repl-backlog-size": "67108864",
				"replica-read-only": "yes", "busy-reply-threshold": "3000", "tcp-keepalive": "60", "appendonly": "yes", "save": "",
				"maxmemory-clients":          "0",
				"client-output-buffer-limit": "normal 0 0 0 slave 268435456 67108864 60 pubsub 0 0 0"}}
		s.repl.RunID = s.server.Addr
		if i == 0 {
			s.told["role"], s.repl = "master", vital.Replication{RunID: "m"}
		}
		all = append(all, s)
	}
	return g, all
}

// byAddress takes it that masters know their replicas by the addresses of the file.
func byAddress(_, _ *testimony) error { return nil }

// asIs compares addresses by their text.
func asIs(a, b string) bool { return a == b }

// judged returns what is found about a group after spoil, in the local mode.
func judged(n int, spoil func(g *shard.Group, all []*testimony)) []Finding {
	g, all := well(n)
	if spoil != nil {
		spoil(g, all)
	}
	j := &judgement{pool: &ProfilePool{Name: "p", Mode: "local", DownAfter: 5 * time.Second, DownMisconf: 3 * time.Second}, same: asIs, named: byAddress}
	j.group(g, all)
	j.alike([][]*testimony{all})
	return j.found
}

// TestProfileOfOneProcessInTwoGroups: it is an error, unless it is all that either group has. What is twice in one group
// is told of that one.
func TestProfileOfOneProcessInTwoGroups(t *testing.T) {
	for _, c := range []struct {
		name string
		n    [2]int
		mode string
		want []Weight
	}{
		{"a replica of both", [2]int{3, 3}, "local", []Weight{Fatal}},
		{"also who only watches would send both groups' writes there", [2]int{3, 3}, "observe", []Weight{Fatal}},
		{"one has nothing else", [2]int{3, 1}, "local", []Weight{Fatal}},
		{"two groups in one server", [2]int{1, 1}, "local", []Weight{Doubtful}},
		{"nodes of a cluster", [2]int{3, 3}, "cluster", nil},
	} {
		var told [][]*testimony
		for i, n := range c.n {
			_, all := well(n)
			for k, s := range all {
				s.group, s.repl.RunID = fmt.Sprint("g", i), fmt.Sprint(i, k)
			}
			told = append(told, all)
		}
		last := told[1][len(told[1])-1]
		last.repl.RunID = told[0][0].repl.RunID
		j := &judgement{pool: &ProfilePool{Name: "p", Mode: c.mode}, same: asIs, named: byAddress}
		j.shared(told)
		var got []Weight
		for _, f := range j.found {
			if got = append(got, f.Weight); f.Group != "g1" || f.Server != last.server.Addr || !strings.Contains(f.Is, "10.0.0.1:6379 of group g0") {
				t.Errorf("%s: got %+v; want %s of g1, and what it is", c.name, f, last.server.Addr)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: got %v; want %v", c.name, got, c.want)
		}
	}
}

// TestProfileFindsNothingInAWellGroup: of three. Of two it says what two can do.
func TestProfileFindsNothingInAWellGroup(t *testing.T) {
	for n, want := range map[int]int{1: 0, 2: 1, 3: 0, 5: 0} {
		if got := judged(n, nil); len(got) != want {
			t.Errorf("%d servers: got %+v; want %d findings", n, got, want)
		}
	}
	if got := judged(2, nil); len(got) == 1 && !strings.Contains(got[0].Should, "both fenced and available") {
		t.Errorf("two servers: got %+v; want what two cannot do", got[0])
	}
}

// TestProfileFinds spoils one thing of a group of three and wants exactly that found.
func TestProfileFinds(t *testing.T) {
	for _, c := range []struct {
		name   string
		spoil  func(g *shard.Group, all []*testimony)
		weight Weight
		server string // of the finding
		is, do string // parts of it
	}{
		{"too few replicas for a write", conf(0, "min-replicas-to-write", "0"), Doubtful, "10.0.0.1:6379",
			`min-replicas-to-write is "0"`, "redis-cli -h 10.0.0.1 -p 6379 CONFIG SET min-replicas-to-write 1"},
		{"a long lag", conf(1, "min-replicas-max-lag", "10"), Doubtful, "10.0.0.2:6379", "max-lag", "min-replicas-max-lag 2"},
		{"no lag looked at", conf(1, "min-replicas-max-lag", "0"), Doubtful, "10.0.0.2:6379", "max-lag", "min-replicas-max-lag 2"},
		{"rare pings", conf(0, "repl-ping-replica-period", "10"), Doubtful, "10.0.0.1:6379", "period", "period 1"},
		{"a long replication time-out", conf(0, "repl-timeout", "60"), Doubtful, "10.0.0.1:6379", "repl-timeout", "repl-timeout 10"},
		{"a small backlog", conf(0, "repl-backlog-size", "1048576"), Doubtful, "10.0.0.1:6379", "1048576", "repl-backlog-size 67108864"},
		{"a writable replica", conf(2, "replica-read-only", "no"), Doubtful, "10.0.0.3:6379", "read-only", "replica-read-only yes"},
		{"late BUSY", conf(0, "busy-reply-threshold", "5000"), Doubtful, "10.0.0.1:6379", "5000", "busy-reply-threshold 3000"},
		{"late BUSY of an old server", func(_ *shard.Group, all []*testimony) {
			delete(all[0].conf, "busy-reply-threshold")
			all[0].conf["lua-time-limit"] = "5000"
		}, Doubtful, "10.0.0.1:6379", "lua-time-limit", "lua-time-limit 3000"},
		{"an end of replicas that cannot save", conf(1, "replica-ignore-disk-write-errors", "no"), Doubtful, "10.0.0.2:6379",
			"ignore-disk-write-errors", "replica-ignore-disk-write-errors yes"},
		{"no keepalive", conf(0, "tcp-keepalive", "0"), Doubtful, "10.0.0.1:6379", "tcp-keepalive", "tcp-keepalive 30"},
		{"a small buffer for replicas", conf(0, "client-output-buffer-limit", "normal 0 0 0 slave 1048576 0 0 pubsub 0 0 0"), Doubtful,
			"10.0.0.1:6379", "client-output-buffer-limit", "'replica 268435456 67108864 60'"},
		{"a limit of what clients are owed", conf(0, "client-output-buffer-limit", "normal 8388608 0 0 slave 268435456 67108864 60 pubsub 0 0 0"), Doubtful,
			"10.0.0.1:6379", "client-output-buffer-limit", "'normal 0 0 0'"},
		{"a soft one", conf(1, "client-output-buffer-limit", "normal 0 8388608 10 slave 268435456 67108864 60 pubsub 0 0 0"), Doubtful,
			"10.0.0.2:6379", "client-output-buffer-limit", "'normal 0 0 0'"},
		{"Redis' own limit of subscriptions", conf(1, "client-output-buffer-limit", "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"), Doubtful,
			"10.0.0.2:6379", "client-output-buffer-limit", "'pubsub 0 0 0'"},
		{"eviction of clients", conf(2, "maxmemory-clients", "5%"), Doubtful, "10.0.0.3:6379", "maxmemory-clients", "maxmemory-clients 0"},
		{"settings that are kept secret", func(_ *shard.Group, all []*testimony) {
			all[1].conf, all[1].confErr = nil, errors.New("NOPERM no")
		}, Doubtful, "10.0.0.2:6379", "CONFIG GET is refused: NOPERM no", ""},
		{"no persistence", conf(0, "appendonly", "no"), Doubtful, "10.0.0.1:6379", "keeps nothing on disk", "appendonly yes"},
		{"a password that replicas lack", conf(1, "requirepass", "x"), Doubtful, "10.0.0.2:6379", "no masterauth", "masterauth PASSWORD"},
		{"a wrong password", failing(0, "WRONGPASS", vital.FaultAuth), Fatal, "10.0.0.1:6379", "WRONGPASS", ""},
		{"a loading replica", failing(1, "LOADING", vital.FaultLoading), Doubtful, "10.0.0.2:6379", "loading", ""},
		{"a dead replica", failing(1, "refused", vital.FaultRefused), Doubtful, "10.0.0.2:6379", "refused", ""},
		{"a missing right", func(_ *shard.Group, all []*testimony) {
			all[1].user, all[1].lacks = "watcher", []lack{{right: &rights[4]}}
		}, Fatal, "10.0.0.2:6379", "watcher may not REPLICAOF NO ONE", "ACL SETUSER watcher +replicaof"},
		{"a command that was renamed away", func(_ *shard.Group, all []*testimony) { all[1].unknown = []*right{&rights[4]} }, Fatal,
			"10.0.0.2:6379", "knows no command REPLICAOF", ""},
		{"INFO that was renamed away", func(g *shard.Group, all []*testimony) {
			failing(1, "", vital.FaultOther)(g, all)
			all[1].err = replyError("ERR unknown command 'info'")
		}, Fatal, "10.0.0.2:6379", "knows no command INFO", ""},
		{"rights that are not told", func(_ *shard.Group, all []*testimony) { all[1].rightsErr = errors.New("NOPERM acl") }, Doubtful,
			"10.0.0.2:6379", "the user default may do is not told", ""},
		{"a node of a cluster", told(0, "cluster_enabled", "1"), Fatal, "10.0.0.1:6379", "node of a Redis Cluster", ""},
		{"a failed save", told(2, "rdb_last_bgsave_status", "err"), Doubtful, "10.0.0.3:6379", "save to disk failed", ""},
		{"another process' address", func(_ *shard.Group, all []*testimony) { all[2].repl.RunID = all[1].repl.RunID }, Fatal,
			"10.0.0.3:6379", "the same process as 10.0.0.2:6379", ""},
		{"a replica of a stranger", func(_ *shard.Group, all []*testimony) { all[2].repl.Master = "10.9.9.9:6379" }, Doubtful,
			"10.0.0.3:6379", "follows 10.9.9.9:6379", "REPLICAOF 10.0.0.1 6379"},
		{"a broken link", func(_ *shard.Group, all []*testimony) { all[2].repl.LinkUp = false }, Doubtful, "10.0.0.3:6379", "lost its master", ""},
		{"a first copy that is under way", func(_ *shard.Group, all []*testimony) {
			all[2].repl.LinkUp, all[2].repl.LinkDown, all[2].repl.Syncing = false, -time.Second, true
		}, Doubtful, "10.0.0.3:6379", "copying its master's data", ""},
		{"no link since it was started", func(_ *shard.Group, all []*testimony) {
			all[2].repl.LinkUp, all[2].repl.LinkDown = false, -time.Second
		}, Doubtful, "10.0.0.3:6379", "had no link to its master since it was started", ""},
		{"a replica that never becomes master", func(_ *shard.Group, all []*testimony) { all[2].repl.Priority = 0 }, Doubtful,
			"10.0.0.3:6379", "replica-priority is 0", "replica-priority 100"},
		{"another master than in the file", func(g *shard.Group, all []*testimony) {
			g.Servers[0].Role, g.Servers[1].Role = shard.Replica, shard.Master
		}, Doubtful, "10.0.0.1:6379", "the file says another one is", ""},
		{"a second master that nobody follows", func(_ *shard.Group, all []*testimony) {
			all[2].told["role"], all[2].repl = "master", vital.Replication{RunID: "other"}
		}, Doubtful, "10.0.0.3:6379", "a master too", "REPLICAOF 10.0.0.1 6379"},
		{"two masters, both followed", func(_ *shard.Group, all []*testimony) {
			all[2].told["role"], all[2].repl = "master", vital.Replication{RunID: "other"}
			all[1].repl.Master = "10.9.9.9:6379"
		}, Fatal, "", "several of its servers are masters: 10.0.0.1:6379, 10.0.0.3:6379", ""},
		{"versions that differ", told(2, "redis_version", "7.2.0"), Doubtful, "", `"7.0.15" on 10.0.0.1:6379, 10.0.0.2:6379; "7.2.0" on 10.0.0.3:6379`, ""},
		{"memory that differs", func(_ *shard.Group, all []*testimony) {
			all[0].conf["maxmemory"], all[1].conf["maxmemory"], all[2].conf["maxmemory"] = "0", "0", "100"
		}, Doubtful, "", `maxmemory is "0" on`, ""},
	} {
		got := judged(3, c.spoil)
		if len(got) != 1 {
			t.Errorf("%s: got %d findings %+v; want one", c.name, len(got), got)
			continue
		}
		f := got[0]
		if f.Weight != c.weight || f.Server != c.server || !strings.Contains(f.Is, c.is) || !strings.HasSuffix(f.Do, c.do) || f.Should == "" {
			t.Errorf("%s: got %v %+v; want %v of %q, %q, and %q", c.name, f.Weight, f, c.weight, c.server, c.is, c.do)
		}
		if (c.do == "") != (f.Do == "") {
			t.Errorf("%s: got the command %q; want %q", c.name, f.Do, c.do)
		}
	}
}

// TestNobodyIsToldToOverwrite: whoever may be the last to have what the master lacks is not to be made to follow it, and no command
// says so; otherwise it is said that this overwrites.
func TestNobodyIsToldToOverwrite(t *testing.T) {
	stranger := func(_ *shard.Group, all []*testimony) { all[2].repl.Master = "10.9.9.9:6379" }
	second := func(_ *shard.Group, all []*testimony) {
		all[2].told["role"], all[2].repl = "master", vital.Replication{RunID: "other"}
	}
	lost := func(is string, spoil func(*shard.Group, []*testimony)) func(*shard.Group, []*testimony) {
		return func(g *shard.Group, all []*testimony) { spoil(g, all); all[0].losses = is }
	}
	const alone = "until huntaway resolve --group g: it may be the last to have what 10.0.0.1:6379 was taken without (huntaway:lost:g there says what: \"left abc 9\")"
	for _, c := range []struct {
		name    string
		spoil   func(*shard.Group, []*testimony)
		should  string
		command bool
	}{
		{"a second master", second, "what it holds alone is lost by that", true},
		{"a second master, of a group that has lost data", lost("left abc 9", second), alone, false},
		{"a second master, and a client has written that", lost("left abc 9\x1b[2J", second), `says what: "left abc 9\x1b[2J")`, false},
		{"a second master, of a group that is resolved", lost(failover.NothingLost, second), "what it holds alone is lost by that", true},
		{"a replica of a stranger", stranger, "what it holds alone is lost by that", true},
		{"a replica of a stranger, of a group that has lost data", lost("left abc 9", stranger), alone, false},
		{"a replica that was told to follow nobody", func(_ *shard.Group, all []*testimony) { all[2].repl.Master = nowhere }, "huntaway status of that one says why", false},
	} {
		got := judged(3, c.spoil)
		if len(got) != 1 || !strings.Contains(got[0].Should, c.should) || strings.Contains(got[0].Do, "REPLICAOF") != c.command {
			t.Errorf("%s: got %+v; want %q, with a command: %v", c.name, got, c.should, c.command)
		}
	}
}

func conf(i int, key, value string) func(*shard.Group, []*testimony) {
	return func(_ *shard.Group, all []*testimony) { all[i].conf[key] = value }
}

func told(i int, key, value string) func(*shard.Group, []*testimony) {
	return func(_ *shard.Group, all []*testimony) { all[i].told[key] = value }
}

func failing(i int, text string, f vital.Fault) func(*shard.Group, []*testimony) {
	return func(_ *shard.Group, all []*testimony) {
		all[i].err, all[i].fault, all[i].conf, all[i].told = errors.New(text), f, nil, nil
		if i == 0 { // somebody has to be master
			all[1].told["role"], all[1].server.Role = "master", shard.Master
			all[2].repl.Master = all[1].server.Addr
		}
	}
}

// TestProfileWithoutAMaster: nothing can be written then.
func TestProfileWithoutAMaster(t *testing.T) {
	got := judged(3, func(_ *shard.Group, all []*testimony) { all[0].told["role"] = "slave" })
	if len(got) != 1 || got[0].Weight != Fatal || !strings.Contains(got[0].Is, "no server of it is a master") {
		t.Errorf("got %+v; want that there is no master", got)
	}
}

// TestSentinelProfile judges what three Sentinels say.
func TestSentinelProfile(t *testing.T) {
	fields := map[string]string{"name": "g", "ip": "10.0.0.1", "port": "6379", "quorum": "2",
		"num-other-sentinels": "2", "down-after-milliseconds": "1000", "parallel-syncs": "2"}
	for _, c := range []struct {
		name, key, value string
		weight           Weight
		is               string // "" for nothing
	}{
		{"well", "", "", Doubtful, ""},
		{"impatient master", "down-after-milliseconds", "30000", Doubtful, "down-after-milliseconds is 30000"},
		{"one after the other", "parallel-syncs", "1", Doubtful, "parallel-syncs is 1"},
		{"one is enough", "quorum", "1", Doubtful, "quorum is 1 of 3"},
		{"never enough", "quorum", "4", Fatal, "quorum is 4"},
		{"a lonely one", "num-other-sentinels", "1", Doubtful, "it knows of 2 Sentinels, the file names 3"},
		{"a stranger", "ip", "10.9.9.9", Fatal, "10.9.9.9:6379, which is no server of the group"},
		{"found by its address", "name", "other", Doubtful, ""},
		{"not watched", "unwatched", "", Fatal, "no Sentinel watches it"},
	} {
		g, _ := well(3)
		j := &judgement{pool: &ProfilePool{Mode: "sentinel", Groups: []shard.Group{*g},
			Sentinels: []string{"10.0.0.1:26379", "10.0.0.2:26379", "10.0.0.3:26379"}}, same: asIs, named: byAddress}
		var all []watched
		for i, addr := range j.pool.Sentinels {
			m := maps.Clone(fields)
			if i == 0 || c.key == "unwatched" {
				m[c.key] = c.value
			}
			if c.key == "unwatched" {
				m["name"], m["ip"] = "h", "10.8.8.8"
			}
			w := watched{addr: addr, masters: []map[string]string{m}}
			w.members = map[string][]string{m["name"]: {m["ip"] + ":" + m["port"]}}
			all = append(all, w)
		}
		j.sentinels(all)
		found := j.found
		if c.key == "unwatched" { // each of them says so, and then all together
			found = found[len(found)-1:]
		}
		switch {
		case c.is == "" && len(found) != 0, c.is != "" && len(found) != 1:
			t.Errorf("%s: got %+v; want %q", c.name, found, c.is)
		case c.is != "" && (found[0].Weight != c.weight || !strings.Contains(found[0].Is, c.is)):
			t.Errorf("%s: got %v %+v; want %v %q", c.name, found[0].Weight, found[0], c.weight, c.is)
		}
	}
}

// TestSentinelPlaces: wherever the network is cut, a majority of the Sentinels has to be with as
// many servers as can take writes.
func TestSentinelPlaces(t *testing.T) {
	for _, c := range []struct {
		name      string
		servers   int
		sentinels string // hosts: 1 to 9 are those of servers
		is        string // "" for nothing
	}{
		{"one beside each server", 3, "1 2 3", ""},
		{"on machines of their own", 3, "7 8 9", "leave 2 of 3 Sentinels with 0 of its 3 servers"},
		{"two on one host", 3, "1 1 2", "leave 2 of 3 Sentinels with 1 of its 3 servers"},
		{"one elsewhere", 3, "1 2 9", "leave 2 of 3 Sentinels with 1 of its 3 servers"},
		{"two more elsewhere", 3, "1 2 3 8 9", "leave 3 of 5 Sentinels with 1 of its 3 servers"},
		{"three for five servers", 5, "1 2 3", "leave 2 of 3 Sentinels with 2 of its 5 servers"},
		{"five for five", 5, "1 2 3 4 5", ""},
		{"three for four", 4, "1 2 3", ""},
		{"for two nothing helps", 2, "7 8 9", ""},
	} {
		g, _ := well(c.servers)
		j := &judgement{pool: &ProfilePool{}, same: asIs, named: byAddress}
		for host := range strings.FieldsSeq(c.sentinels) {
			j.pool.Sentinels = append(j.pool.Sentinels, "10.0.0."+host+":26379")
		}
		j.placed(g)
		if (c.is == "") != (len(j.found) == 0) || c.is != "" && (j.found[0].Weight != Doubtful || !strings.Contains(j.found[0].Is, c.is)) {
			t.Errorf("%s: got %+v; want %q", c.name, j.found, c.is)
		}
	}
	g, _ := well(3)
	for i := range g.Servers {
		g.Servers[i].Addr = fmt.Sprintf("127.0.0.1:%d", 7000+i)
	}
	j := &judgement{pool: &ProfilePool{Sentinels: []string{"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"}}, same: asIs, named: byAddress}
	if j.placed(g); len(j.found) != 0 {
		t.Errorf("all on one host: got %+v; want nothing, for no cut parts them", j.found)
	}
	g.Servers[0].Addr = "/run/redis.sock"
	if j.placed(g); len(j.found) != 0 {
		t.Errorf("a socket's path: got %+v; want nothing, for it names no host", j.found)
	}
}

// TestSentinelMajority: with one of three no failover is followed.
func TestSentinelMajority(t *testing.T) {
	j := &judgement{pool: &ProfilePool{Sentinels: []string{"a:1", "b:1", "c:1"}}, same: asIs, named: byAddress}
	no := errors.New("refused")
	j.sentinels([]watched{{addr: "a:1"}, {addr: "b:1", err: no}, {addr: "c:1", err: no}})
	if last := j.found[len(j.found)-1]; len(j.found) != 3 || last.Weight != Fatal || !strings.Contains(last.Is, "1 of 3 Sentinels answer") {
		t.Errorf("got %+v; want two that do not answer, and no majority", j.found)
	}
}
