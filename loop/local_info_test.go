package loop

import (
	"strings"
	"testing"
	"time"

	"huntaway/codec"
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
	const usual = "Server Clients Memory Persistence Stats Replication CPU Cluster"
	const all = "Server Clients Memory Persistence Stats Replication CPU Commandstats Cluster"
	for args, want := range map[string]string{
		"":                     usual,
		"default":              usual,
		"all":                  all,
		"everything":           all,
		"SERVER":               "Server",
		"replication server":   "Server Replication",
		"nope cluster":         "Cluster",
		"default commandstats": all,
		"keyspace":             "",
	} {
		c := newStage(t, 2, PoolOptions{}).client(0, 0)
		titles, _ := sectionsOf(t, c.say(append([]string{"INFO"}, strings.Fields(args)...)...))
		if got := strings.Join(titles, " "); got != want {
			t.Errorf("INFO %s: got %q; want %q", args, got, want)
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
		"cmdstat_ping": "calls=1,failed_calls=0",
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
