package main

import (
	"io"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"huntaway/config"
	"huntaway/ha"
	"huntaway/shard"
)

// TestFrozenKeys names what a reload does not take over.
func TestFrozenKeys(t *testing.T) {
	old := &config.Config{Log: config.Log{Level: "info"}, Pools: []config.Pool{*threeGroups()}}
	next := &config.Config{Log: config.Log{Level: "debug"}, Pools: []config.Pool{*threeGroups(), {Name: "beta"}}}
	next.Pools[0].Groups = next.Pools[0].Groups[:2]
	next.Pools[0].TCPKeepalive = true
	next.Pools[0].DB = 3
	next.Pools[0].Limits.Pipeline = 9
	next.Admin.HTTP = "127.0.0.1:1"

	got := strings.Join(frozen(old, next), " ")
	mentions(t, "frozen keys", got, "admin.http", "pools.alpha.tcp_keepalive", "pools.alpha.db", "pools.beta")
	for _, taken := range []string{"level", "groups", "pipeline"} {
		if strings.Contains(got, taken) {
			t.Errorf("got %q; want %s to be taken over", got, taken)
		}
	}
	taken := adopted(old, next)
	if taken.Log.Level != "debug" || len(taken.Pools) != 1 || len(taken.Pools[0].Groups) != 2 ||
		taken.Pools[0].DB != 0 || taken.Pools[0].Limits.Pipeline != 9 {
		t.Errorf("adopted %+v; want the log level, the groups and the limits, nothing else", taken)
	}
	if reflect.DeepEqual(old, taken) || old.Log.Level != "info" || len(old.Pools[0].Groups) != 3 {
		t.Error("adopted changed the old configuration")
	}
}

// TestReloadChangesAllOrNothing: when one pool cannot be watched by its new options, those before
// it are as they were, and so are tables and the log's level.
func TestReloadChangesAllOrNothing(t *testing.T) {
	file := func(level, interval, servers string) *config.Config {
		cfg, err := config.Parse("a.toml", []byte("[log]\nlevel = \""+level+"\"\n[admin]\nhttp = \"off\"\n"+
			"[pools.a]\nlisten = \"127.0.0.1:0\"\nprobe_interval = \""+interval+"\"\nservers = ["+servers+"]\n"+
			"[pools.b]\nlisten = \"127.0.0.1:0\"\nprobe_interval = \""+interval+"\"\nservers = [\"127.0.0.1:2:1\"]\n"))
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	next := file("debug", "200ms", `"127.0.0.1:1:1", "127.0.0.1:3:1"`)
	next.Pools[1].MaxLag = -1 // what no file can say stands for what the monitor refuses
	log, err := openLog(config.Log{Level: "info"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	p, err := startProxy(file("info", "500ms", `"127.0.0.1:1:1"`), log, func() (*config.Config, error) { return next, nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.abort)
	table, before := p.pools[0].pool.Table(), p.cfg
	if err := p.follow(); err == nil || !strings.Contains(err.Error(), "MaxLag") {
		t.Fatalf("got %v; want what the monitor refuses", err)
	}
	if p.pools[0].pool.Table() != table || p.cfg != before || log.level.Level() != slog.LevelInfo {
		t.Errorf("a reload that failed has changed something: another table %t, another configuration %t, level %v",
			p.pools[0].pool.Table() != table, p.cfg != before, log.level.Level())
	}
	next.Pools[1].MaxLag = 0
	if err := p.follow(); err != nil || len(p.pools[0].pool.Table().Groups) != 2 || log.level.Level() != slog.LevelDebug {
		t.Errorf("the next one: %v, %d groups, level %v; want all of it", err, len(p.pools[0].pool.Table().Groups), log.level.Level())
	}
}

// TestReloadWatchesByWhatIsInForce: of a change that needs a restart neither the data path nor the monitor
// takes over anything, whatever else changes with it.
func TestReloadWatchesByWhatIsInForce(t *testing.T) {
	file := func(interval, password, failover string) *config.Config {
		cfg, err := config.Parse("a.toml", []byte("[admin]\nhttp = \"off\"\n[runtime]\nstate_dir = \""+t.TempDir()+"\"\n[pools.a]\nlisten = \"127.0.0.1:0\"\n"+
			"probe_interval = \""+interval+"\"\nserver_password = \""+password+"\"\nfailover = \""+failover+"\"\n[[pools.a.groups]]\nname = \"g\"\nmaster = \"127.0.0.1:1\"\nreplicas = [\"127.0.0.1:2\"]\n"))
		if err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	for _, modes := range [][2]string{{"observe", "local"}, {"local", "observe"}} {
		was, next := file("500ms", "old", modes[0]), file("200ms", "new", modes[1])
		p := &proxy{cfg: was, pools: []*served{{name: "a"}}}
		want := watchOptions(&was.Pools[0], nil)
		got := p.nextWatch(next, 0)
		if got.Access.Password != "old" || got.Failover.Mode != want.Failover.Mode || got.ProbeInterval != next.Pools[0].ProbeInterval {
			t.Errorf("%v: got password %q, mode %v, interval %v; want those in force, and the new interval", modes, got.Access.Password, got.Failover.Mode, got.ProbeInterval)
		}
	}
}

// TestReloadKeepsMasters: what may not leave is the master of the moment, while it is well and
// servers of its group stay.
func TestReloadKeepsMasters(t *testing.T) {
	ids := new(shard.IDs)
	table := func(groups ...string) *shard.Table {
		var all []shard.Group
		for _, g := range groups {
			words := strings.Fields(g)
			group := shard.Group{Name: words[0], Weight: 1}
			for i, addr := range words[1:] {
				role := shard.Replica
				if i == 0 {
					role = shard.Master
				}
				group.Servers = append(group.Servers, shard.Server{Addr: addr, Role: role, Weight: 1})
			}
			all = append(all, group)
		}
		built, err := shard.Build(shard.Spec{Groups: all, IDs: ids})
		if err != nil {
			t.Fatal(err)
		}
		return built
	}
	people := map[string]string{"h:1": "one", "name:1": "one", "h:2": "two", "name:2": "two", "h:3": "three", "name:3": "three"}
	old := table("g h:1 h:2 h:3", "other h:4 h:5")
	moved := old.WithMaster(0, old.Groups[0].Servers[1].ID)
	for _, tc := range []struct {
		name      string
		old, next *shard.Table
		state     ha.State
		want      string // in the error; "": accepted
		renames   int
	}{
		{"the master leaves", old, table("g h:2 h:3", "other h:4 h:5"), ha.In, "group g: the file leaves out h:1, which is its master", 0},
		{"the master leaves, the group has another name", old, table("new h:2", "other h:4 h:5"), ha.In, "--group g --to ADDRESS (h:2)", 0},
		{"whom a failover has made master leaves", moved, table("g h:1 h:3", "other h:4 h:5"), ha.In, "leaves out h:2", 0},
		{"who was master leaves", moved, table("g h:2 h:3", "other h:4 h:5"), ha.In, "", 0},
		{"a dead master leaves", old, table("g h:2 h:3", "other h:4 h:5"), ha.Out, "", 0},
		{"one in doubt leaves", old, table("g h:2 h:3", "other h:4 h:5"), ha.Suspect, "", 0},
		{"a replica leaves", old, table("g h:1 h:3", "other h:4 h:5"), ha.In, "", 0},
		{"the group leaves", old, table("other h:4 h:5"), ha.In, "", 0},
		{"both masters leave", old, table("g h:2", "other h:5"), ha.In, "group other", 0},
		{"one that has not been looked at leaves", old, table("g h:2 h:3", "other h:4 h:5"), ha.Unknown, "group g: the file leaves out h:1", 0},
		{"the master has another name", old, table("g name:1 h:2 h:3", "other h:4 h:5"), ha.In, "", 1},
		{"whom a failover has made master has another name", moved, table("g h:1 name:2 h:3", "other h:4 h:5"), ha.In, "", 1},
		{"all have other names, and another one is master", moved, table("g name:1 name:2 name:3", "other h:4 h:5"), ha.In, "", 1},
		{"somebody else has its place", old, table("g name:9 h:2 h:3", "other h:4 h:5"), ha.In, "leaves out h:1", 0},
	} {
		states := map[member]ha.ServerStatus{}
		for _, g := range tc.old.Groups {
			for _, s := range g.Servers {
				states[member{"p", g.Name, s.Addr}] = ha.ServerStatus{State: tc.state}
			}
		}
		ask := func(all []shard.Server) []ha.Identity {
			who := make([]ha.Identity, len(all))
			for i := range all {
				who[i] = ha.Identity{RunID: people[all[i].Addr], Master: true}
			}
			return who
		}
		renames, err := (&served{name: "p"}).keepMasters(tc.old, tc.next, states, ask)
		if len(renames) != tc.renames {
			t.Errorf("%s: got %v; want %d masters under another name", tc.name, renames, tc.renames)
		}
		for _, r := range renames {
			if got := renamed(tc.next.Inherit(tc.old), tc.old, renames); got.Groups[got.GroupOf(r.to)].Master != r.to {
				t.Errorf("%s: got %v; want who was master to stay", tc.name, got.Groups)
			}
		}
		if err == nil && tc.want != "" || err != nil && (tc.want == "" || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: got %v; want %q", tc.name, err, tc.want)
		}
	}
}
