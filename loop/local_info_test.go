package loop

import (
	"strings"
	"testing"
	"time"

	"huntaway/codec"
	"huntaway/shard"
)

// sectionsOf returns the headings of an INFO reply and its fields, and checks its form.
func sectionsOf(t *testing.T, reply string) (titles []string, fields map[string]string) {
	t.Helper()
	if n, err := countReplies(reply); n != 1 || err != nil || reply[0] != '$' {
		t.Fatalf("got %q (%d replies, %v); want one bulk string", reply, n, err)
	}
	_, body, _ := strings.Cut(reply, "\r\n")
	fields = map[string]string{}
	for line := range strings.SplitSeq(body, "\r\n") {
		if title, ok := strings.CutPrefix(line, "# "); ok {
			titles = append(titles, title)
		} else if name, value, ok := strings.Cut(line, ":"); ok {
			fields[name] = value
		} else if line != "" {
			t.Errorf("got line %q; want a heading or name:value", line)
		}
	}
	return titles, fields
}

func TestInfoSections(t *testing.T) {
	const usual = "Server Clients Memory Persistence Stats Replication CPU Errorstats Cluster Keyspace"
	const all = "Server Clients Memory Persistence Stats Replication CPU Commandstats Errorstats Cluster Keyspace"
	for args, want := range map[string]string{
		"":                     usual,
		"default":              usual,
		"all":                  all,
		"everything":           all + " Huntaway",
		"huntaway":             "Huntaway",
		"SERVER":               "Server",
		"replication server":   "Server Replication",
		"nope cluster":         "Cluster",
		"default commandstats": all,
		"keyspace":             "Keyspace",
	} {
		c := newStage(t, 2, PoolOptions{}).client(0, 0)
		titles, _ := sectionsOf(t, c.say(append([]string{"INFO"}, strings.Fields(args)...)...))
		if got := strings.Join(titles, " "); got != want {
			t.Errorf("INFO %s: got %q; want %q", args, got, want)
		}
	}
}

// TestInfoHuntaway: the groups behind the pool, as the table has them.
func TestInfoHuntaway(t *testing.T) {
	table := testTable(t,
		shard.Group{Name: "g1", Servers: []shard.Server{
			{Addr: "127.0.0.1:6379", Role: shard.Master, Weight: 1}, {Addr: "127.0.0.1:6380", Role: shard.Replica, Weight: 1}}},
		shard.Group{Name: "g2", Servers: []shard.Server{{Addr: "127.0.0.1:6381", Role: shard.Master, Weight: 1}}})
	table = table.WithReaders(0, []int32{table.Groups[0].Servers[1].ID}).WithMaster(1, -1).WithHold(1)
	c := newStage(t, 1, PoolOptions{Table: table, ReadPolicy: shard.PreferReplica}).client(0, 0)
	_, got := sectionsOf(t, c.say("INFO", "huntaway"))
	for name, want := range map[string]string{
		"huntaway_version": "1.2.3", "huntaway_pool": "alpha", "huntaway_groups": "2", "read_policy": "prefer-replica",
		"group0": "name=g1,master=127.0.0.1:6379,readers=1,servers=2,held=0",
		"group1": "name=g2,master=,readers=0,servers=1,held=1",
	} {
		if got[name] != want {
			t.Errorf("got %s:%s; want %s", name, got[name], want)
		}
	}
}

// TestInfo checks what clients decide by, over two workers.
func TestInfo(t *testing.T) {
	st := newStage(t, 2, PoolOptions{Name: "alpha"}, PoolOptions{Name: "beta"})
	a, b, stranger := st.client(0, 0), st.client(0, 1), st.client(1, 0)
	b.say("PING")
	b.say("AUTH", "x")
	stranger.say("PING")
	reply := a.say("INFO", "all")
	_, got := sectionsOf(t, reply)
	for name, want := range map[string]string{
		"redis_version": "7.0.0", "redis_mode": "standalone", "tcp_port": "22121",
		"huntaway_version": "1.2.3", "huntaway_pool": "alpha", "huntaway_groups": "1",
		"connected_clients": "2", "total_connections_received": "2",
		"total_commands_processed": "3", "total_error_replies": "1",
		"loading": "0", "instantaneous_ops_per_sec": "0", "instantaneous_input_kbps": "0.00", "blocked_clients": "0", "pubsub_clients": "0",
		"role": "master", "cluster_enabled": "0", "maxmemory_policy": "",
		"cmdstat_ping": "calls=1,usec=0,usec_per_call=0.00,rejected_calls=0,failed_calls=0", "errorstat_ERR": "count=1",
	} {
		if got[name] != want {
			t.Errorf("got %s:%s; want %s", name, got[name], want)
		}
	}
	if len(got["run_id"]) != 40 {
		t.Errorf("got run_id %q; want 40 digits", got["run_id"])
	}
	first := strings.Index(reply, "version:")
	if !strings.HasPrefix(reply[first-len("\nredis_"):], "\nredis_version:") {
		t.Errorf("got %q as the first line with a version; want redis_version", reply[first-10:first+20])
	}
}

// TestInfoLoading: ioredis is told to wait while no master can be reached, and not before a
// link has been needed.
func TestInfoLoading(t *testing.T) {
	st := newStage(t, 2, PoolOptions{})
	c := st.client(0, 0)
	loading := func() string {
		_, fields := sectionsOf(t, c.say("INFO", "persistence"))
		return fields["loading"]
	}
	if got := loading(); got != "0" {
		t.Errorf("before a link was needed: got loading:%s; want 0", got)
	}
	server := st.linkTo(0, 0, 0)
	c.ask("INFO persistence\r\n")
	st.masterTold(0, 0, command("INFO", "persistence"), infoText("_#Persistence loading:0"))
	if _, fields := sectionsOf(t, c.take()); fields["loading"] != "0" {
		t.Errorf("with a link: got loading:%s; want 0", fields["loading"])
	}
	server.Close()
	st.e.workers[0].pools[0].link(0, 0).refuse()
	if got := loading(); got != "1" {
		t.Errorf("when the link is lost: got loading:%s; want 1", got)
	}
	st.linkTo(0, 1, 0)
	if got := loading(); got != "0" {
		t.Errorf("when another worker has a link: got loading:%s; want 0", got)
	}
}

// TestRates: what INFO says of the last second or two.
func TestRates(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	pw := st.e.workers[0].pools[0]
	second := int64(time.Second)
	for i, at := range []int64{10 * second, 10*second + 1, 11 * second, 12 * second} {
		pw.w.now = at
		pw.counters.Requests, pw.counters.RequestBytes, pw.counters.ReplyBytes = uint64(100*i), uint64(1000*i), uint64(2000*i)
		pw.tickPace()
	}
	pw.w.now = 13 * second
	if got, want := pw.ratesNow(), (rates{50, 500, 1000}); got != want {
		t.Errorf("got %v; want %v: the sample of second 11, two seconds ago, counts", got, want)
	}
}

func TestServerVersion(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	p := st.e.pools[0]
	for _, row := range []struct{ set, want string }{{"6.2.7", "6.2.7"}, {"", "7.0.0"}} {
		p.SetServerVersion(row.set)
		c := st.client(0, 0)
		if _, got := sectionsOf(t, c.say("INFO", "server")); got["redis_version"] != row.want {
			t.Errorf("INFO: got %q; want %q", got["redis_version"], row.want)
		}
		if got := c.say("HELLO"); !strings.Contains(got, "\r\n"+row.want+"\r\n") {
			t.Errorf("HELLO: got %q; want %q in it", got, row.want)
		}
	}
}

// TestConfigGetAll wants every setting once, sorted, and no password.
func TestConfigGetAll(t *testing.T) {
	st := newTestWorker(t, PoolOptions{Password: "secret", ServerPassword: "hidden"})
	c := st.client(0, 0)
	c.say("AUTH", "secret")
	got := c.say("CONFIG", "GET", "*", "save", "S*")
	all := st.e.pools[0].settings()
	if want := string(codec.AppendArray(nil, 2*len(all))); !strings.HasPrefix(got, want) {
		t.Errorf("got %q; want %d settings", got, len(all))
	}
	if strings.Contains(got, "secret") || strings.Contains(got, "hidden") {
		t.Errorf("got a password in %q; want none", got)
	}
	for i := 1; i < len(all); i++ {
		if all[i-1].name >= all[i].name {
			t.Errorf("got %q before %q; want them sorted", all[i-1].name, all[i].name)
		}
	}
}

// masterTold answers what a worker asks a server on its own account; text is of INFO.
func (st *stage) masterTold(worker int, server int32, asked, text string) {
	st.t.Helper()
	pw := st.e.workers[worker].pools[0]
	er := pw.errands[server]
	if er == nil {
		st.t.Fatalf("server %d was not asked; want %q", server, asked)
	}
	m, ok := er.link.conn.(*memConn)
	if !ok {
		m = &memConn{owner: &call{l: er.link}}
		m.owner.Opened(m)
		_, replies := greeting(&pw.opt.PoolOptions, er.link.kind.dialect, false)
		m.arrive(strings.Repeat("+OK\r\n", len(replies)))
		st.run()
	}
	if got := m.take(); !strings.HasSuffix(got, asked) {
		st.t.Fatalf("to server %d: got %q; want %q at its end", server, got, asked)
	}
	m.arrive(text)
	st.run()
}

// infoText is the reply to INFO with lines separated by spaces.
func infoText(lines string) string {
	return string(codec.AppendBulk(nil, strings.ReplaceAll(strings.ReplaceAll(lines, " ", "\r\n"), "_#", "# ")+"\r\n"))
}

// TestInfoKeyspace: the master is asked, databases have the clients' numbers, and one that does
// not answer holds nobody up for long.
func TestInfoKeyspace(t *testing.T) {
	st := newTestWorker(t, PoolOptions{DB: 2, Databases: 3})
	st.linkTo(0, 0, 0)
	c, w := st.client(0, 0), st.e.workers[0]
	if got := c.ask("INFO keyspace\r\nPING\r\n"); got != "" {
		t.Fatalf("got %q; want nothing before the master has answered", got)
	}
	st.masterTold(0, 0, command("INFO", "keyspace"), infoText(
		"_#Keyspace db0:keys=9,expires=0,avg_ttl=0 db2:keys=3,expires=1,avg_ttl=50 db4:keys=1,expires=0,avg_ttl=0"))
	want := "# Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=50\r\ndb2:keys=1,expires=0,avg_ttl=0\r\n"
	want = "$" + decimal(len(want)) + "\r\n" + want + "\r\n"
	if got := c.take(); got != want+"+PONG\r\n" {
		t.Errorf("got %q; want %q", got, want)
	}
	if got := c.say("INFO", "keyspace"); got != "" {
		t.Fatalf("later: got %q; want the master to be asked again", got)
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline) && len(c.said) == 0; st.run() {
		w.tick()
	}
	if got := c.take(); got != "$12\r\n# Keyspace\r\n\r\n" {
		t.Errorf("without an answer: got %q; want nothing said", got)
	}
	st.masterTold(0, 0, command("INFO", "keyspace"), infoText("_#Keyspace db2:keys=7,expires=0,avg_ttl=0"))
	if got := c.take(); got != "" {
		t.Errorf("when the answer comes: got %q; want nothing", got)
	}
}

// TestInfoOfOneMaster: what the master says is passed on, line by line in its order, but for
// what the proxy knows better, and who follows the master.
func TestInfoOfOneMaster(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	st.linkTo(0, 0, 0)
	c := st.client(0, 0)
	c.ask("INFO all\r\n")
	st.masterTold(0, 0, command("INFO", "all"), infoText("_#Server redis_version:9.9.9 x_new:1 tcp_port:1 uptime_in_seconds:77 "+
		"_#Clients connected_clients:55 blocked_clients:44 client_recent_max_input_buffer:8 "+
		"_#Memory used_memory:123 maxmemory_policy:allkeys-lru _#Stats migrate_cached_sockets:3 total_commands_processed:12345 slave_expires_tracked_keys:2 "+
		"_#Replication role:slave connected_slaves:2 slave0:ip=10.0.0.1,port=1 slave17:ip=10.0.0.2 min_slaves_good_slaves:2 master_repl_offset:99 "+
		"_#Commandstats cmdstat_replconf:calls=1 _#Strange strange:yes _#Keyspace db0:keys=4,expires=0,avg_ttl=0"))
	titles, got := sectionsOf(t, c.take())
	for name, want := range map[string]string{
		"redis_version": "7.0.0", "x_new": "1", "tcp_port": "22121", "uptime_in_seconds": "77", "huntaway_pool": "alpha",
		"connected_clients": "1", "blocked_clients": "0", "client_recent_max_input_buffer": "8", "used_memory": "123",
		"maxmemory_policy": "allkeys-lru", "migrate_cached_sockets": "3", "total_commands_processed": "12345",
		"slave_expires_tracked_keys": "2", "role": "master", "connected_slaves": "0", "slave0": "", "slave17": "", "min_slaves_good_slaves": "",
		"master_repl_offset": "99", "cmdstat_replconf": "", "strange": "yes", "db0": "keys=4,expires=0,avg_ttl=0",
	} {
		if got[name] != want {
			t.Errorf("got %s:%s; want %s", name, got[name], want)
		}
	}
	if got, want := strings.Join(titles, " "), "Server Clients Memory Stats Replication Commandstats Strange Keyspace Persistence CPU Errorstats Cluster"; got != want {
		t.Errorf("got %s; want %s", got, want)
	}
}

// TestInfoOfSeveralMasters: sums, the least, the most, what they have in common, or nothing.
func TestInfoOfSeveralMasters(t *testing.T) {
	st := newTestWorker(t, PoolOptions{Table: twoGroups(t)})
	st.linkTo(0, 0, 0)
	st.linkTo(0, 0, 1)
	c := st.client(0, 0)
	c.ask("INFO\r\n")
	st.masterTold(0, 0, command("INFO"), infoText("_#Server redis_version:7.0.15 redis_git_sha1:0 gcc_version:1 process_id:5 "+
		"_#Memory used_memory:2048 used_memory_human:2.00K maxmemory:100 maxmemory_human:100B maxmemory_policy:noeviction mem_fragmentation_ratio:1.2 "+
		"_#Stats keyspace_hits:30 instantaneous_ops_per_sec:3 total_commands_processed:9 only_here:1 expired_stale_perc:0.10 "+
		"_#Persistence loading:0 aof_enabled:0 rdb_last_save_time:500 rdb_last_bgsave_status:ok "+
		"_#Replication role:master master_replid:aaa master_repl_offset:10 _#CPU used_cpu_sys:1.250000"))
	st.masterTold(0, 1, command("INFO"), infoText("_#Server redis_version:7.2.1 redis_git_sha1:0 gcc_version:2 process_id:6 "+
		"_#Memory used_memory:1024 used_memory_human:1.00K maxmemory:200 maxmemory_human:200B maxmemory_policy:allkeys-lfu mem_fragmentation_ratio:1.3 "+
		"_#Stats keyspace_hits:12 instantaneous_ops_per_sec:4 total_commands_processed:9 expired_stale_perc:0.20 "+
		"_#Persistence loading:0 aof_enabled:1 rdb_last_save_time:400 rdb_last_bgsave_status:err "+
		"_#Replication role:master master_replid:bbb master_repl_offset:20 _#CPU used_cpu_sys:2.000000"))
	_, got := sectionsOf(t, c.take())
	for name, want := range map[string]string{
		"redis_version": "7.0.0", "redis_git_sha1": "0", "gcc_version": "", "used_memory": "3072", "used_memory_human": "3.00K",
		"maxmemory": "300", "maxmemory_human": "300B", "maxmemory_policy": "mixed", "mem_fragmentation_ratio": "", "keyspace_hits": "42",
		"only_here": "", "expired_stale_perc": "", "loading": "0", "aof_enabled": "1", "rdb_last_save_time": "400",
		"rdb_last_bgsave_status": "err", "master_replid": "", "master_repl_offset": "30", "used_cpu_sys": "3.250000",
		"total_commands_processed": "1", "role": "master",
	} {
		if got[name] != want {
			t.Errorf("got %s:%s; want %s", name, got[name], want)
		}
	}
}

// TestModulesOfSeveralMasters: those that all have, in either protocol.
func TestModulesOfSeveralMasters(t *testing.T) {
	st := newTestWorker(t, PoolOptions{Table: twoGroups(t)})
	st.linkTo(0, 0, 0)
	st.linkTo(0, 0, 1)
	c := st.client(0, 0)
	one := func(name, version string) string {
		return "*4\r\n$4\r\nname\r\n" + string(codec.AppendBulk(nil, name)) + "$3\r\nver\r\n:" + version + "\r\n"
	}
	for _, head := range []string{"*4", "%2"} {
		c.ask("MODULE LIST\r\n")
		st.masterTold(0, 0, command("MODULE", "LIST"), "*2\r\n"+one("search", "20800")+one("bf", "1"))
		st.masterTold(0, 1, command("MODULE", "LIST"), "*2\r\n"+one("ReJSON", "2")+one("search", "20900"))
		if got, want := c.take(), "*1\r\n"+strings.Replace(one("search", "20800"), "*4", head, 1); got != want {
			t.Errorf("got %q; want %q", got, want)
		}
		c.say("HELLO", "3")
	}
	c.ask("MODULE LIST\r\n")
	st.masterTold(0, 0, command("MODULE", "LIST"), "-NOPERM no\r\n")
	st.masterTold(0, 1, command("MODULE", "LIST"), "*0\r\n")
	if got := c.take(); got != "*0\r\n" {
		t.Errorf("refused: got %q; want none", got)
	}
}

// TestConfigOfSeveralMasters: what differs is the sum, the least or mixed; secrets stay there.
func TestConfigOfSeveralMasters(t *testing.T) {
	st := newTestWorker(t, PoolOptions{Table: twoGroups(t)})
	st.linkTo(0, 0, 0)
	st.linkTo(0, 0, 1)
	c := st.client(0, 0)
	ask := func(pattern string) string {
		c.ask("CONFIG GET " + pattern + "\r\nPING\r\n")
		st.masterTold(0, 0, command("CONFIG", "GET", "*"), command("maxmemory", "5", "requirepass", "hidden", "save", "", "hz", "10", "dir", "/x", "timeout", "7", "maxmemory-policy", "a"))
		st.masterTold(0, 1, command("CONFIG", "GET", "*"), command("maxmemory", "6", "requirepass", "hidden", "save", "1 1", "hz", "20", "dir", "/x", "timeout", "7", "maxmemory-policy", "a"))
		return c.take()
	}
	for pattern, want := range map[string]string{
		"maxmemory*": command("maxmemory", "11", "maxmemory-policy", "a"), "SAVE": command("SAVE", "mixed"), "h[z]": command("hz", "10"),
		"requirepass": "*0\r\n", "dir": "*0\r\n",
	} {
		if got := ask(pattern); got != want+"+PONG\r\n" {
			t.Errorf("%s: got %q; want %q", pattern, got, want)
		}
	}
	if got := ask("*"); strings.Contains(got, "hidden") || !strings.Contains(got, "$7\r\ntimeout\r\n$1\r\n0\r\n") {
		t.Errorf("got %q; want no secret, and the time-out that holds for clients", got)
	}
}

// TestKeyspaceOfGroups: counts are summed, the time to live by what expires.
func TestKeyspaceOfGroups(t *testing.T) {
	dbs := map[int]dbCount{}
	addKeys(dbs, []byte("$9\r\n# Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=100\r\ndb1:keys=1,expires=0,avg_ttl=0\r\n"), 0)
	addKeys(dbs, []byte("db0:keys=5,expires=3,avg_ttl=20\r\ndbx:keys=1\r\n"), 0)
	if got, want := dbs[0], (dbCount{8, 4, 40}); got != want || dbs[1].keys != 1 || len(dbs) != 2 {
		t.Errorf("got %v; want %v in database 0 and one key in 1", dbs, want)
	}
}

// TestErrorsAreCounted: every error reply counts once under its code, whoever made it; what
// can't be a code counts in the total only.
func TestErrorsAreCounted(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	server, c := st.linkTo(0, 0, 0), st.client(0, 0)
	for _, reply := range []string{"-WRONGTYPE no\r\n", "-WRONGTYPE no\r\n", "-OOM\r\n", "-a:b c\r\n", "-\r\n", "-" + strings.Repeat("x", 65) + "\r\n", "+OK\r\n"} {
		c.say("SET", "k", "v")
		server.arrive(reply)
		st.run()
	}
	c.say("GET") // rejected
	c.say("NOPE")
	c.say("MOVE")
	c.say("CLIENT", "KILL", "x:1")
	c.take()
	server.Close()
	st.e.workers[0].pools[0].link(0, 0).refuse()
	_, got := sectionsOf(t, c.say("INFO", "errorstats", "commandstats"))
	for name, want := range map[string]string{
		"errorstat_WRONGTYPE": "count=2", "errorstat_OOM": "count=1", "errorstat_ERR": "count=4",
		"errorstat_a": "", "errorstat_": "",
	} {
		if got[name] != want {
			t.Errorf("got %s:%s; want %q", name, got[name], want)
		}
	}
	if set := got["cmdstat_set"]; !strings.HasPrefix(set, "calls=7,usec=") || !strings.HasSuffix(set, ",rejected_calls=0,failed_calls=6") {
		t.Errorf("got cmdstat_set:%s; want 7 calls, of which 6 failed", set)
	}
	if get := got["cmdstat_get"]; get != "calls=0,usec=0,usec_per_call=0.00,rejected_calls=1,failed_calls=0" {
		t.Errorf("got cmdstat_get:%s; want one that was rejected", get)
	}
	if n := st.e.workers[0].pools[0].pace.errors.total; n != 10 {
		t.Errorf("got %d errors in all; want 10", n)
	}
	var many errorCounts
	for i := range 10 * mostCodes {
		many.count([]byte("-CODE" + decimal(i) + " x\r\n"))
		many.count([]byte("-CODE0 x\r\n"))
	}
	if len(many.byCode) != mostCodes || many.total != 20*mostCodes || *many.byCode["CODE0"] != 10*mostCodes+1 {
		t.Errorf("got %d codes, %d of %d errors under one; want %d codes", len(many.byCode), *many.byCode["CODE0"], many.total, mostCodes)
	}
}
