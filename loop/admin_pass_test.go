package loop

import (
	"strings"
	"testing"

	"huntaway/codec"
	"huntaway/shard"
)

// TestAdminCommands gives operators' commands to a pool that passes them on and to one that
// does not.
func TestAdminCommands(t *testing.T) {
	passed := []string{"CONFIG GET maxmemory", "CONFIG SET maxmemory 1", "CONFIG RESETSTAT", "CONFIG HELP", "DEBUG JMAP",
		"SLOWLOG GET", "LATENCY LATEST", "LATENCY DOCTOR", "MEMORY DOCTOR", "MEMORY STATS", "ACL LIST", "ACL SETUSER x",
		"ACL WHOAMI", "LASTSAVE", "SAVE", "BGSAVE", "BGREWRITEAOF", "FAILOVER", "REPLICAOF NO ONE",
		"MODULE LIST", "MODULE LOAD x", "MIGRATE h 1 k 0 1"}
	for _, request := range passed {
		st := newTestWorker(t, PoolOptions{AdminCommands: true})
		server := st.linkTo(0, 0, 0)
		args := strings.Fields(request)
		if got := st.client(0, 0).say(args...); got != "" {
			t.Errorf("%s: got %q; want nothing before the server has answered", request, got)
		}
		if got, want := server.take(), string(codec.AppendCommand(nil, args...)); got != want {
			t.Errorf("%s: the server got %q; want it as it is", request, got)
		}
	}
	own := map[string]string{"PING": "+PONG\r\n", "CLIENT GETNAME": "$-1\r\n", "COMMAND COUNT x": "-ERR wrong",
		"SELECT 0": "+OK", "AUTH x": "-ERR AUTH", "HELLO 9": "-NOPROTO", "RESET": "+RESET",
		"CLIENT REPLY ON": "+OK", "MONITOR": "-NOPERM huntaway: 'monitor' does not pass through a proxy: its stream has no end",
		"SYNC": "-NOPERM huntaway: 'sync' does", "PSYNC a b": "-NOPERM huntaway: 'psync' does", "HIMPORT PREPARE a b c": "-NOPERM huntaway: 'himport|prepare' does", "REPLCONF x": "-NOPERM huntaway: 'replconf' does"}
	for request, want := range own {
		st := newTestWorker(t, PoolOptions{AdminCommands: true})
		server := st.linkTo(0, 0, 0)
		if got := st.client(0, 0).say(strings.Fields(request)...); !strings.HasPrefix(got, want) || server.take() != "" {
			t.Errorf("%s: got %q; want %q from the proxy", request, got, want)
		}
	}
}

// TestUrgentAdminCommands: what a server takes while it runs a script goes round the links that
// may have brought one, but does not overtake its own client.
func TestUrgentAdminCommands(t *testing.T) {
	st := newTestWorker(t, PoolOptions{AdminCommands: true})
	shared, c := st.linkTo(0, 0, 0), st.client(0, 0)
	aside := st.connect(st.e.workers[0].pools[0].linkSetOf(dialect{2, noDatabase}).link(0, 0))
	for _, request := range []string{"SHUTDOWN NOSAVE", "FUNCTION STATS"} {
		c.say(strings.Fields(request)...)
		got(t, request, aside.take(), frames(request))
		aside.arrive("+OK\r\n")
		st.run()
		got(t, request, c.take(), "+OK\r\n")
	}
	c.ask(frames("SET k v;SHUTDOWN"))
	got(t, "behind a write", aside.take(), "")
	if said := shared.take(); !strings.HasPrefix(said, frames("SET k v")) {
		t.Errorf("behind a write: got %q on the shared link; want the write first", said)
	}
}

// TestAdminCommandsElsewhere: by default, and over several groups, they are refused.
func TestAdminCommandsElsewhere(t *testing.T) {
	two := testTable(t,
		shard.Group{Name: "g1", Servers: []shard.Server{{Addr: "127.0.0.1:6379", Role: shard.Master, Weight: 1}}},
		shard.Group{Name: "g2", Servers: []shard.Server{{Addr: "127.0.0.1:6380", Role: shard.Master, Weight: 1}}})
	for _, opt := range []PoolOptions{{}, {AdminCommands: true, Table: two}} {
		c := newTestWorker(t, opt).client(0, 0)
		for _, request := range []string{"CONFIG SET maxmemory 1", "DEBUG JMAP", "SHUTDOWN", "MONITOR", "SLOWLOG GET", "ACL SETUSER x"} {
			if got := c.say(strings.Fields(request)...); !strings.HasPrefix(got, "-NOPERM huntaway: ") {
				t.Errorf("%s: got %q; want it refused", request, got)
			}
		}
		if got := c.say("CONFIG", "GET", "timeout"); got != command("timeout", "0") {
			t.Errorf("CONFIG GET: got %q; want the proxy's", got)
		}
	}
}

// TestUnroutableCommand: where all keys are in one group, nobody needs to know which are
// keys; over several groups the command is refused with the reason.
func TestUnroutableCommand(t *testing.T) {
	learnt := codec.Default().Learn([]codec.CommandSpec{{Name: "frob", Arity: -2, Flags: []string{"write", "movablekeys"}}})
	st := newTestWorker(t, PoolOptions{Commands: learnt})
	server := st.linkTo(0, 0, 0)
	if got := st.client(0, 0).say("FROB", "k"); got != "" || !strings.Contains(server.take(), "FROB") {
		t.Errorf("one group: got %q; want the server to get the command", got)
	}
	two := testTable(t,
		shard.Group{Name: "g1", Servers: []shard.Server{{Addr: "127.0.0.1:6379", Role: shard.Master, Weight: 1}}},
		shard.Group{Name: "g2", Servers: []shard.Server{{Addr: "127.0.0.1:6380", Role: shard.Master, Weight: 1}}})
	c := newTestWorker(t, PoolOptions{Commands: learnt, Table: two}).client(0, 0)
	if got, want := c.say("FROB", "k"), "-ERR huntaway: command 'frob' is not passed on: no server says where its keys are\r\n"; got != want {
		t.Errorf("two groups: got %q; want %q", got, want)
	}
}
