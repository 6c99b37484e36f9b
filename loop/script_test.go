package loop

import (
	"crypto/sha1"
	"encoding/hex"
	"runtime"
	"strings"
	"testing"

	"huntaway/codec"
	"huntaway/shard"
)

// sha is the name that Redis gives a script.
func sha(body string) string {
	sum := sha1.Sum([]byte(body))
	return hex.EncodeToString(sum[:])
}

// command is a request as it is sent.
func command(args ...string) string { return string(codec.AppendCommand(nil, args...)) }

const replyNoScriptWhole = "-NOSCRIPT No matching script. Please use EVAL.\r\n"

// loadReply is what a server says to SCRIPT LOAD.
func loadReply(body string) string { return string(codec.AppendBulk(nil, sha(body))) }

// TestScriptLoadGoesInFront follows what a link is sent for one script.
func TestScriptLoadGoesInFront(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	server, c := st.linkTo(0, 0, 0), st.client(0, 0)
	const body = "return 1"
	load := command("SCRIPT", "LOAD", body)
	run := command("EVALSHA", sha(body), "1", "k")

	expect := func(what, sent, reply, want string) {
		t.Helper()
		st.run()
		if got := server.take(); got != sent {
			t.Fatalf("%s: got %q sent; want %q", what, got, sent)
		}
		server.arrive(reply)
		if got := c.take(); got != want {
			t.Fatalf("%s: got %q; want %q", what, got, want)
		}
	}
	c.ask(run)
	expect("unknown script", run, replyNoScriptWhole, replyNoScriptWhole)
	c.say("EVAL", body, "0")
	expect("EVAL", command("EVAL", body, "0"), ":1\r\n", ":1\r\n")
	c.ask(run + run)
	expect("first and second EVALSHA", load+run+run, loadReply(body)+":1\r\n:1\r\n", ":1\r\n:1\r\n")
	c.ask(run)
	expect("refused", run, replyNoScriptWhole, "")
	expect("healed", load+run, loadReply(body)+":1\r\n", ":1\r\n")
	c.ask(run)
	expect("refused again", run, replyNoScriptWhole, "")
	expect("healed in vain", load+run, loadReply(body)+replyNoScriptWhole, replyNoScriptWhole)
	c.ask(run)
	expect("refused with words of the script's own", run, "-NOSCRIPT of mine\r\n", "-NOSCRIPT of mine\r\n")
	c.say("SCRIPT", "FLUSH")
	expect("SCRIPT FLUSH", command("SCRIPT", "FLUSH"), "+OK\r\n", "+OK\r\n")
	c.ask(run)
	expect("forgotten", run, replyNoScriptWhole, replyNoScriptWhole)
	c.say("SCRIPT", "LOAD", body)
	expect("SCRIPT LOAD", load, loadReply(body), loadReply(body))
	c.ask(run)
	expect("loaded once more by the link", load+run, loadReply(body)+":1\r\n", ":1\r\n")
}

// TestScriptNotCompiled: a body that was refused before the server looked at it is healed for
// nobody, whoever sent it and whenever the refusal comes; one that was compiled once is.
func TestScriptNotCompiled(t *testing.T) {
	const body, bad = "return 1", "-ERR value is not an integer or out of range\r\n"
	for what, row := range map[string]struct {
		replies []string // to an EVAL each, one after the other
		known   bool
	}{
		"refused":               {[]string{bad}, false},
		"refused twice":         {[]string{bad, bad}, false},
		"refused, then run":     {[]string{bad, ":1\r\n"}, true},
		"run, then refused":     {[]string{":1\r\n", bad}, true},
		"an error of its own":   {[]string{"-MINE\r\n"}, true},
		"raised by a command":   {[]string{bad[:len(bad)-2] + " script: 0, on @user_script:1.\r\n"}, true},
		"not compiled":          {[]string{"-ERR Error compiling script (new function)\r\n"}, false},
		"not permitted":         {[]string{"-NOPERM no\r\n"}, false},
		"a large reply, passed": {[]string{"$100000\r\n" + strings.Repeat("x", 100000) + "\r\n"}, true},
		"the link was lost":     {[]string{""}, false},
	} {
		st := newTestWorker(t, PoolOptions{})
		server, c := st.linkTo(0, 0, 0), st.client(0, 0)
		for _, reply := range row.replies {
			c.say("EVAL", body, "0")
			switch {
			case reply == "":
				server.Close()
			case len(reply) > passOn:
				server.arrive(reply[:passOn+10])
				server.arrive(reply[passOn+10:])
			default:
				server.arrive(reply)
			}
			st.run()
		}
		if got := st.e.pools[0].scripts.Body(sha1.Sum([]byte(body))) != ""; got != row.known {
			t.Errorf("%s: got known %v; want %v", what, got, row.known)
		}
	}
}

// TestScriptHealsOncePerRefusal: a server that refuses for ever gets no request more than
// twice, also when it forgets while requests are in flight.
func TestScriptHealsOncePerRefusal(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	server, c := st.linkTo(0, 0, 0), st.client(0, 0)
	const body, n = "return 1", 20
	run := command("EVALSHA", sha(body), "0")
	c.say("EVAL", body, "0")
	server.arrive(":1\r\n")
	c.ask(run)
	server.arrive(loadReply(body) + ":1\r\n")
	server.take()
	c.take()

	c.ask(strings.Repeat(run, n))
	for turn := 0; ; turn++ {
		st.run()
		sent := server.take()
		if sent == "" {
			break
		}
		if turn > 3 {
			t.Fatalf("turn %d: got %d bytes sent; want an end", turn, len(sent))
		}
		for frame := range strings.SplitSeq(sent, "*3\r\n") {
			switch {
			case strings.Contains(frame, "LOAD"):
				server.arrive(loadReply(body))
			case frame != "":
				server.arrive(replyNoScriptWhole)
			}
		}
	}
	if server.closed {
		t.Error("the link was closed: replies and requests were out of step")
	}
	if got, want := c.take(), strings.Repeat(replyNoScriptWhole, n); got != want {
		t.Errorf("got %d bytes; want %d refusals", len(got), n)
	}
}

// TestScriptHealsElsewhere: a request that has its SCRIPT LOAD in front and could not be
// sent goes to another server as it is, and to another group when the ring has moved.
func TestScriptHealsElsewhere(t *testing.T) {
	group := shard.Group{Name: "g1", Servers: []shard.Server{
		{Addr: "127.0.0.1:7001", Role: shard.Master, Weight: 1}, {Addr: "127.0.0.1:7002", Role: shard.Replica, Weight: 1}}}
	st := newTestWorker(t, PoolOptions{Table: testTable(t, group), ReadPolicy: shard.PreferReplica})
	master, replica := st.linkTo(0, 0, 0), st.linkTo(0, 0, 1)
	c := st.client(0, 0)
	const body = "return 1"
	c.say("EVAL", body, "0")
	st.run()
	master.take()
	master.arrive(":1\r\n")
	c.take()

	run := command("EVALSHA_RO", sha(body), "1", "k")
	both := command("SCRIPT", "LOAD", body) + run
	c.ask(run)
	if got := replica.take(); got != both {
		t.Fatalf("got %q sent to the replica; want %q", got, both)
	}
	replica.arrive(loadReply(body))
	replica.Close()
	st.run()
	if got := master.take(); got != both {
		t.Fatalf("got %q sent to the master when the replica was lost; want %q", got, both)
	}
	master.arrive(loadReply(body) + ":1\r\n")
	if got := c.take(); got != ":1\r\n" {
		t.Errorf("got %q; want 1", got)
	}
	pw := st.e.workers[0].pools[0]
	cmd := codec.Default().Lookup([]byte("evalsha_ro"))
	e := entry{cmd: cmd.ID, marks: isScript | isMany, part: 1, group: groupRef{pw.laying - 1, 9}}
	if pw.relocate(&e, []byte(both)) != nil || pw.indexOf(e.group) != 0 {
		t.Errorf("relocate: got group %d; want 0", pw.indexOf(e.group))
	}
}

// TestLargeScriptIsNotRemembered: a script of megabytes, which a client may change every time, goes to
// its server as any large request does: nothing here is done with all of its bytes.
func TestLargeScriptIsNotRemembered(t *testing.T) {
	for _, args := range [][]string{{"EVAL", strings.Repeat("x", 8<<20), "0"}, {"SCRIPT", "LOAD", strings.Repeat("x", 8<<20)}} {
		st := newTestWorker(t, PoolOptions{})
		server, c := st.slowLink(), st.client(0, 0)
		frame := command(args...)
		c.arrive(frame[:1<<20])
		c.arrive(frame[1<<20 : len(frame)-1])
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c.ask(frame[len(frame)-1:])
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
			t.Errorf("%s: got %d bytes allocated by the event that sends it on; want next to none", args[0], got)
		}
		if server.took != len(frame) {
			t.Errorf("%s: got %d bytes given to the server; want %d", args[0], server.took, len(frame))
		}
	}
}

// TestLoadsFor pins what is to be loaded before a transaction: what it names, once, if it is remembered.
func TestLoadsFor(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	pw := st.e.workers[0].pools[0]
	st.linkTo(0, 0, 0)
	for _, body := range []string{"return 1", "return 2"} {
		pw.pool.scripts.Remember([]byte(body), 1<<20)
	}
	queued := command("MULTI") + command("SET", "k", "v") + command("evalsha", sha("return 1"), "0") +
		command("EVALSHA_RO", strings.ToUpper(sha("return 2")), "1", "k") + command("EVALSHA", sha("return 1"), "0") +
		command("EVALSHA", sha("nobody"), "0") + command("EVALSHA", "abc", "0") + command("EVAL", "return 3", "0")
	c := st.client(0, 0)
	c.ask(queued)
	want := "before" + command("SCRIPT", "LOAD", "return 1") + command("SCRIPT", "LOAD", "return 2")
	got, n := pw.loadsFor([]byte("before"), c.s.tx.named)
	if string(got) != want || n != 2 {
		t.Errorf("got %d: %q; want 2: %q", n, got, want)
	}
}

// TestKeylessScripts: without keys a script runs on the first group that is on the ring,
// and on its replica only if it promises not to write.
func TestKeylessScripts(t *testing.T) {
	table := twoGroups(t)
	st := newTestWorker(t, PoolOptions{Table: table})
	first, second, c := st.linkTo(0, 0, 0), st.linkTo(0, 0, 1), st.client(0, 0)
	for _, args := range [][]string{{"EVAL", "return 1", "0"}, {"EVALSHA", "abc", "0"}, {"FCALL", "f", "0", "x"}, {"FCALL_RO", "f", "0"}} {
		c.say(args...)
		if got := first.take(); got != command(args...) {
			t.Errorf("%q: got %q sent to the first group; want it", args, got)
		}
		first.arrive(":1\r\n")
		if got := c.take(); got != ":1\r\n" {
			t.Errorf("%q: got %q; want 1", args, got)
		}
	}
	if got := second.take(); got != "" {
		t.Errorf("got %q sent to the second group; want nothing", got)
	}
}
