package loop_test

import (
	"strings"
	"testing"
	"time"

	"huntaway/loop"
	"huntaway/perf/bench/rig"
)

// forever is a script without an end.
const forever = "while true do end"

// busyServer starts a server that says BUSY after 50 ms of a script.
func busyServer(t *testing.T, args ...string) *rig.Child {
	t.Helper()
	return startServers(t, 1, append([]string{"--busy-reply-threshold", "50"}, args...)...)[0]
}

// occupy has a client of the stage start a script without an end, and returns when the server
// says that it is busy.
func occupy(t *testing.T, st *stage, addr string, request ...string) {
	t.Helper()
	if err := st.dial().send(rig.AppendCommand(nil, request...)); err != nil {
		t.Fatal(err)
	}
	direct, err := connectTo("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { direct.conn.Close() })
	eventually(t, "the server is busy", func() bool {
		got, err := direct.do("GET", "k")
		return err != nil || strings.HasPrefix(got, "-BUSY ")
	})
}

// saysBusy waits until a new client hears from the server that it is busy. Before that it may
// hear that its request has timed out.
func saysBusy(t *testing.T, st *stage, request ...string) {
	t.Helper()
	eventually(t, request[0]+" of a new client is answered with BUSY", func() bool {
		c, err := st.connect()
		if err != nil {
			t.Fatal(err)
		}
		defer c.conn.Close()
		if err := c.conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		got, err := c.do(request...)
		if err != nil {
			return false // it waits behind the script, and nothing limits that
		}
		if !strings.HasPrefix(got, "-BUSY ") && !strings.Contains(got, "timed out") {
			t.Fatalf("%q: got %q; want BUSY", request, got)
		}
		return strings.HasPrefix(got, "-BUSY ")
	})
}

// TestBusyServer: a script without an end came through the proxy. Everybody hears BUSY from
// then on, as they would from the server, whatever the handshake of a link asks for; and a new
// client ends the script.
func TestBusyServer(t *testing.T) {
	for name, opt := range map[string]loop.PoolOptions{
		"plain":           {},
		"with a password": {ServerPassword: "secret"},
		"with a database": {DB: 3},
		"without timeout": {Timeout: -1},
		"with holding":    {HoldTimeout: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			server := busyServer(t)
			if opt.ServerPassword != "" {
				opt.ServerUser = "proxy"
				grant(t, server.Addr, "proxy", "on", ">"+opt.ServerPassword, "~*", "&*", "+@all")
			}
			switch opt.Timeout {
			case 0:
				opt.Timeout = 300 * time.Millisecond
			case -1:
				opt.Timeout = 0
			}
			st := play(t, scene{groups: alone(server), options: opt})
			old := st.dial()
			old.want(t, "OK", "SET", "k", "v")
			occupy(t, st, server.Addr, "EVAL", forever, "0")
			saysBusy(t, st, "GET", "k")
			saysBusy(t, st, "SET", "other", "w")
			c := st.dial()
			c.want(t, "OK", "SCRIPT", "KILL")
			eventually(t, "the server serves again", func() bool { return st.dial().must(t, "GET", "k") == "v" })
			old.must(t, "GET", "k")
			if n := st.server(server.Addr).Connects; n > 30 {
				t.Errorf("got %d connections; want no loop", n)
			}
		})
	}
}

// TestBusyTransaction: EXEC of a transaction that was queued before is aborted as the server
// aborts it, and nothing of it runs.
func TestBusyTransaction(t *testing.T) {
	server := busyServer(t)
	for _, timeout := range []time.Duration{0, 2 * time.Second} {
		st := play(t, scene{groups: alone(server), options: loop.PoolOptions{Timeout: timeout}})
		c := st.dial()
		c.want(t, "OK", "MULTI")
		c.want(t, "QUEUED", "INCR", "n")
		occupy(t, st, server.Addr, "EVAL", forever, "0")
		if got := c.must(t, "EXEC"); !strings.HasPrefix(got, "-EXECABORT Transaction discarded because of: BUSY ") {
			t.Errorf("timeout %v: got %q; want EXECABORT with BUSY", timeout, got)
		}
		st.dial().want(t, "OK", "SCRIPT", "KILL")
		eventually(t, "the server serves again", func() bool { return c.must(t, "GET", "n") == "(nil)" })
		st.stop()
	}
}

// TestBusyFunction: FUNCTION STATS names a function without an end, FUNCTION KILL ends it.
func TestBusyFunction(t *testing.T) {
	server := busyServer(t)
	st := play(t, scene{groups: alone(server), options: loop.PoolOptions{Timeout: 300 * time.Millisecond, AdminCommands: true}})
	code := "#!lua name=l\nredis.register_function('f', function() while true do end end)"
	if _, err := rig.Call(server.Addr, patience, "FUNCTION", "LOAD", code); err != nil {
		t.Fatal(err)
	}
	occupy(t, st, server.Addr, "FCALL", "f", "0")
	saysBusy(t, st, "GET", "k")
	if got := st.dial().must(t, "FUNCTION", "STATS"); !strings.Contains(got, "running_script") {
		t.Errorf("FUNCTION STATS: got %q; want what runs", got)
	}
	st.dial().want(t, "OK", "FUNCTION", "KILL")
	eventually(t, "the server serves again", func() bool { return st.dial().must(t, "GET", "k") == "(nil)" })
}

// TestBusyShutdown: where operators' commands pass, a new client shuts the server down.
func TestBusyShutdown(t *testing.T) {
	for _, db := range []int{0, 3} {
		server := busyServer(t)
		st := play(t, scene{groups: alone(server), options: loop.PoolOptions{DB: db, Timeout: 300 * time.Millisecond, AdminCommands: true}})
		occupy(t, st, server.Addr, "EVAL", "redis.call('SET','x','1') "+forever, "0")
		saysBusy(t, st, "GET", "k")
		if got := st.dial().must(t, "SCRIPT", "KILL"); !strings.HasPrefix(got, "-UNKILLABLE ") {
			t.Errorf("SCRIPT KILL: got %q; want UNKILLABLE", got)
		}
		if err := st.dial().send(rig.AppendCommand(nil, "SHUTDOWN", "NOSAVE")); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the server is gone", func() bool {
			_, err := connectTo("tcp", server.Addr)
			return err != nil
		})
	}
}

// grant changes a user of a server.
func grant(t *testing.T, addr string, rules ...string) {
	t.Helper()
	if _, err := rig.Call(addr, patience, append([]string{"ACL", "SETUSER"}, rules...)...); err != nil {
		t.Fatal(err)
	}
}

// TestServerWithoutPing: a user that may not PING is served all the same.
func TestServerWithoutPing(t *testing.T) {
	server := startServers(t, 1)[0]
	grant(t, server.Addr, "proxy", "on", ">secret", "~*", "&*", "+@all", "-ping")
	st := play(t, scene{groups: alone(server), options: loop.PoolOptions{ServerUser: "proxy", ServerPassword: "secret"}})
	st.dial().want(t, "OK", "SET", "k", "v")
	st.dial().want(t, "v", "GET", "k")
}
