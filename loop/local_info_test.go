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
		"role": "master", "cluster_enabled": "0", "maxmemory_policy": "noeviction",
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
	if got := loading(); got != "0" {
		t.Errorf("with a link: got loading:%s; want 0", got)
	}
	server.close()
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

// TestInfoKeyspace: the masters are asked, at most once a second, and one that does not
// answer holds nobody up for long.
func TestInfoKeyspace(t *testing.T) {
	st := newTestWorker(t, PoolOptions{DB: 2, Databases: 3})
	st.linkTo(0, 0, 0)
	c, w := st.client(0, 0), st.e.workers[0]
	if got := c.ask("INFO keyspace\r\nPING\r\n"); got != "" {
		t.Fatalf("got %q; want nothing before the master has answered", got)
	}
	er := w.pools[0].errands[0]
	m := &memWire{owner: &call{l: er.link}}
	m.owner.opened(m)
	m.arrive("+OK\r\n+PONG\r\n")
	st.run()
	if got, want := m.take(), command("INFO", "stats")+command("INFO", "keyspace"); !strings.HasSuffix(got, want) {
		t.Fatalf("to the master: got %q; want %q at its end", got, want)
	}
	stats := "# Stats\r\nexpired_keys:1\r\nevicted_keys:2\r\nkeyspace_hits:30\r\nkeyspace_misses:4\r\npubsub_channels:0\r\n"
	m.arrive("$" + decimal(len(stats)) + "\r\n" + stats + "\r\n")
	text := "# Keyspace\r\ndb0:keys=9,expires=0,avg_ttl=0\r\ndb2:keys=3,expires=1,avg_ttl=50\r\ndb4:keys=1,expires=0,avg_ttl=0\r\n"
	m.arrive("$" + decimal(len(text)) + "\r\n" + text + "\r\n")
	st.run()
	want := "# Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=50\r\ndb2:keys=1,expires=0,avg_ttl=0\r\n"
	want = "$" + decimal(len(want)) + "\r\n" + want + "\r\n"
	if got := c.take(); got != want+"+PONG\r\n" {
		t.Errorf("got %q; want %q", got, want)
	}
	for _, section := range []string{"stats", "default"} {
		_, got := sectionsOf(t, c.say("INFO", section))
		if got["expired_keys"] != "1" || got["evicted_keys"] != "2" || got["keyspace_hits"] != "30" || got["keyspace_misses"] != "4" {
			t.Errorf("INFO %s: got %v; want what the master said of hits", section, got)
		}
	}
	if got := c.say("INFO", "keyspace"); got != want || m.take() != "" {
		t.Errorf("again: got %q; want the same without asking", got)
	}
	w.pools[0].keys.at -= int64(keysFresh)
	if got := c.say("INFO", "keyspace"); got != "" {
		t.Fatalf("later: got %q; want the master to be asked again", got)
	}
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline) && len(c.said) == 0; st.run() {
		w.tick()
	}
	if got := c.take(); got != want {
		t.Errorf("without an answer: got %q; want what was known", got)
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
	c.say("MOVE", "k")
	c.say("CLIENT", "KILL", "x:1")
	c.take()
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
