package loop

import (
	"strings"
	"testing"
	"time"

	"huntaway/codec"
	"huntaway/shard"
)

// A witness is a puppet that answers questions about itself as a healthy master does, unless
// the test says otherwise.
type witness struct {
	server  *memConn
	scripts string            // what every script says
	answers map[string]string // by name of command: to questions
	ran     int               // scripts
	asked   []string          // questions
}

const slaveRole = "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:1\r\n$9\r\nconnected\r\n:5\r\n"

func newWitness(st *stage, server *memConn, scripts string) *witness {
	return &witness{server: server, scripts: scripts, answers: map[string]string{
		"ROLE": "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n", "EXISTS": ":1\r\n", "SCRIPT": "*1\r\n:1\r\n"}}
}

// talk answers until nothing more is asked.
func (o *witness) talk(st *stage) {
	for st.run(); ; st.run() {
		in := o.server.take()
		if in == "" {
			return
		}
		for in != "" {
			n := codec.Size([]byte(in))
			o.server.arrive(o.reply(strings.Split(in[:n], "\r\n")))
			in = in[n:]
		}
	}
}

func (o *witness) reply(words []string) string {
	switch name := words[2]; name {
	case "EVAL", "EVALSHA", "FCALL", "EVAL_RO", "EVALSHA_RO", "FCALL_RO":
		o.ran++
		return o.scripts
	case "ROLE", "EXISTS":
		o.asked = append(o.asked, name)
		return o.answers[name]
	case "SCRIPT":
		if words[4] != "EXISTS" {
			return loadReply("x")
		}
		o.asked = append(o.asked, name)
		return o.answers[name]
	}
	return "+OK\r\n"
}

// refusals are what servers say when they do not execute, and any script may say.
var refusals = []string{"-READONLY You can't write against a read only replica.\r\n", "-LOADING Redis is loading the dataset in memory\r\n",
	"-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n", "-NOREPLICAS Not enough good replicas to write.\r\n",
	"-CLUSTERDOWN The cluster is down\r\n", "-TRYAGAIN Multiple keys request during rehashing of slot\r\n", "-MOVED 1 127.0.0.1:7002\r\n", "-ASK 1 127.0.0.1:7002\r\n",
	replyNoScriptWhole, "-EXECABORT Transaction discarded because of previous errors.\r\n", "-UNBLOCKED force unblock\r\n", "-BUSY x\r\n", "-MISCONF x\r\n"}

// pairOptions are a pool of one group with a replica that reads.
func pairOptions(t *testing.T) PoolOptions {
	return PoolOptions{HoldTimeout: 5 * time.Second, ReadPolicy: shard.PreferReplica, Table: testTable(t, shard.Group{Name: "g1", Servers: []shard.Server{
		{Addr: "127.0.0.1:7001", Role: shard.Master, Weight: 1}, {Addr: "127.0.0.1:7002", Role: shard.Replica, Weight: 1}}})}
}

// refusesInVain has the script of a request say refusal, and wants its client told so after one run and
// nothing held, avoided, sent again or kept.
func (o *witness) refusesInVain(st *stage, c *memClient, refusal, what string, request []string) {
	st.t.Helper()
	o.ran, o.scripts = 0, refusal
	c.say(request...)
	o.talk(st)
	if got := c.take(); got != refusal || o.ran != 1 {
		st.t.Errorf("%s: got %q after %d runs; want %q after one", what, got, o.ran, refusal)
	}
	pw := st.e.workers[0].pools[0]
	avoided := pw.link(0, 0).health.avoided > 0 || pw.link(1, 0).health.avoided > 0
	if pw.holds[0] != nil || avoided || len(pw.hearsay) > 0 || pw.hearsayBytes != 0 || pw.counters.Retried+pw.counters.Held > 0 {
		st.t.Errorf("%s, %q: something is held, shunned, sent again or kept; want nothing", what, refusal)
	}
}

// TestScriptsWordIsNoServers: whatever error a script gives, it has run once, its client gets
// the error, and nothing is held, avoided or thought about the server.
func TestScriptsWordIsNoServers(t *testing.T) {
	const body = "return redis.error_reply(ARGV[1])"
	for _, refusal := range refusals {
		for what, request := range map[string][]string{"EVAL": {"EVAL", body, "1", "k"}, "without keys": {"EVAL", body, "0"},
			"EVALSHA": {"EVALSHA", sha(body), "1", "k"}, "FCALL": {"FCALL", "f", "2", "k", "k"}} {
			st := newTestWorker(t, pairOptions(t))
			o := newWitness(st, st.linkTo(0, 0, 0), ":1\r\n")
			c := st.client(0, 0)
			c.say("EVAL", body, "0")
			o.talk(st)
			c.say("EVALSHA", sha(body), "0")
			o.talk(st)
			c.take()
			o.refusesInVain(st, c, refusal, what, request)
		}
	}
}

// TestReadingScriptsWordIsNoServers: a replica that serves reads says truly that it is one. That
// a script on it has said READONLY is still the script's word.
func TestReadingScriptsWordIsNoServers(t *testing.T) {
	const body = "return redis.error_reply(ARGV[1])"
	for _, refusal := range refusals {
		for _, request := range [][]string{{"EVAL_RO", body, "1", "k"}, {"EVALSHA_RO", sha(body), "1", "k"}, {"FCALL_RO", "f", "1", "k"}} {
			st := newTestWorker(t, pairOptions(t))
			o := newWitness(st, st.linkTo(0, 0, 1), ":1\r\n")
			o.answers["ROLE"] = slaveRole
			c := st.client(0, 0)
			c.say("EVAL_RO", body, "1", "k")
			o.talk(st)
			c.take()
			o.refusesInVain(st, c, refusal, request[0], request)
		}
	}
}

// TestServersWordIsBelieved: what the server says for itself once more is dealt with as ever.
func TestServersWordIsBelieved(t *testing.T) {
	for refusal, answer := range map[string][2]string{refusals[0]: {"ROLE", slaveRole}, refusals[1]: {"EXISTS", refusals[1]}, refusals[2]: {"EXISTS", refusals[2]}, refusals[4]: {"EXISTS", refusals[4]}} {
		st := newTestWorker(t, pairOptions(t))
		o := newWitness(st, st.linkTo(0, 0, 0), refusal)
		o.answers[answer[0]] = answer[1]
		c := st.client(0, 0)
		c.say("EVAL", "return 1", "1", "k")
		o.talk(st)
		pw := st.e.workers[0].pools[0]
		if got := c.take(); got != "" || o.ran != 1 || pw.holds[0] == nil || len(pw.holds[0].queue) != 1 {
			t.Errorf("%q: got %q after %d runs; want it held", refusal, got, o.ran)
		}
		o.scripts = ":7\r\n"
		for range 200 {
			w := st.e.workers[0]
			w.begin()
			w.now += int64(probePause)
			pw.tickHolds()
			w.end()
			if o.talk(st); o.ran > 1 {
				break
			}
		}
		if got := c.take(); got != ":7\r\n" || o.ran != 2 || len(pw.hearsay) > 0 {
			t.Errorf("%q: got %q after %d runs; want the reply of the second", refusal, got, o.ran)
		}
	}
	st := newTestWorker(t, pairOptions(t))
	o := newWitness(st, st.linkTo(0, 0, 0), ":1\r\n")
	c := st.client(0, 0)
	const body = "return redis.error_reply(ARGV[1])"
	c.say("EVAL", body, "0")
	o.talk(st)
	c.say("EVALSHA", sha(body), "0")
	o.talk(st)
	c.take()
	o.scripts, o.answers["SCRIPT"] = replyNoScriptWhole, "*1\r\n:0\r\n"
	c.say("EVALSHA", sha(body), "0")
	o.ran = 0
	o.talk(st)
	if got := c.take(); got != replyNoScriptWhole || o.ran != 2 || len(o.asked) != 1 {
		t.Errorf("NOSCRIPT: got %q after %d runs and %q; want one question, and a second run with the script loaded", got, o.ran, o.asked)
	}
}

// TestHearsayWithoutAnswer: when the server does not say, the client gets what came.
func TestHearsayWithoutAnswer(t *testing.T) {
	for what, end := range map[string]func(*stage, *memConn){
		"lost":  func(st *stage, m *memConn) { m.Close() },
		"late":  func(st *stage, m *memConn) { passed(st, 600*time.Millisecond) },
		"wrong": func(st *stage, m *memConn) { m.arrive("-NOPERM no\r\n") },
	} {
		opt := pairOptions(t)
		opt.Timeout = 500 * time.Millisecond
		st := newTestWorker(t, opt)
		server, c := st.linkTo(0, 0, 0), st.client(0, 0)
		c.say("EVAL", "return 1", "1", "k")
		if got := server.take(); got != command("EVAL", "return 1", "1", "k") {
			t.Fatalf("got %q sent; want the script", got)
		}
		server.arrive(refusals[0])
		st.run()
		if got := server.take(); got != command("ROLE") {
			t.Fatalf("got %q asked; want the role", got)
		}
		end(st, server)
		st.run()
		if pw := st.e.workers[0].pools[0]; c.take() != refusals[0] || len(pw.hearsay) > 0 {
			t.Errorf("%s: got something else, or %d kept; want the script's own words", what, len(pw.hearsay))
		}
	}
	st := newTestWorker(t, pairOptions(t))
	server, c := st.linkTo(0, 0, 0), st.client(0, 0)
	c.say("EVAL", "return 1", "1", "k")
	server.arrive(refusals[0])
	st.run()
	c.Close()
	st.run()
	server.arrive("*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n")
	if pw := st.e.workers[0].pools[0]; len(pw.hearsay) > 0 || server.closed {
		t.Errorf("got %d kept of a client that is gone, link closed %v; want nothing", len(pw.hearsay), server.closed)
	}
}

// TestHearsayIsBounded: short scripts that make long errors are kept in bounds too; what does
// not fit is the client's to see unasked.
func TestHearsayIsBounded(t *testing.T) {
	const scripts, most = 64, 256 << 10
	opt := pairOptions(t)
	opt.HoldBytes = most
	st := newTestWorker(t, opt)
	server, c := st.linkTo(0, 0, 0), st.client(0, 0)
	for range scripts {
		c.say("EVAL", "return 1", "1", "k")
	}
	st.run()
	server.take()
	server.arrive(strings.Repeat("-READONLY "+strings.Repeat("x", 32<<10)+"\r\n", scripts))
	pw := st.e.workers[0].pools[0]
	if n := len(pw.hearsay); n == 0 || n > most>>16 || pw.hearsayBytes > most {
		t.Errorf("got %d kept, of %d bytes; want some, and at most %d bytes", n, pw.hearsayBytes, most)
	}
}

// passed lets time pass for the links.
func passed(st *stage, d time.Duration) {
	w := st.e.workers[0]
	w.begin()
	w.now += int64(d)
	w.pools[0].tickLinks()
	w.end()
	st.run()
}
