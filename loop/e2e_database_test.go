package loop_test

import (
	"bufio"
	"strings"
	"testing"

	"huntaway/codec"
	"huntaway/loop"
	"huntaway/perf/bench/rig"
)

// say sends one request and returns its whole reply, of either protocol.
func (c *client) say(t testing.TB, request string) string {
	t.Helper()
	if err := c.send(codec.AppendCommand(nil, strings.Fields(request)...)); err != nil {
		t.Fatal(err)
	}
	b, err := anyReply(c.in)
	if err != nil {
		t.Fatalf("%s: %v", request, err)
	}
	return string(b)
}

// straight connects to a server itself.
func straight(t testing.TB, server *rig.Child) *client {
	t.Helper()
	c, err := connectTo("tcp", server.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.conn.Close() })
	return c
}

// A talk is requests with their replies, in turn.
type talk [][2]string

// hold says the requests and compares the replies, but for connection numbers.
func (k talk) hold(t testing.TB, c *client) {
	t.Helper()
	for _, line := range k {
		if got := sane(c.say(t, line[0])); got != line[1] {
			t.Errorf("%s: got %.200q; want %q", line[0], got, line[1])
		}
	}
}

// TestDatabases: a database that was SELECTed is one of the server's, whichever protocol is
// spoken, pipelined or not, and clients do not see each other's.
func TestDatabases(t *testing.T) {
	const outside = "-ERR DB index is out of range\r\n"
	servers := startServers(t, 1)
	st := play(t, scene{groups: alone(servers...)})
	st.pool.SetServerVersion("7.0.15")
	c, other, real := st.dial(), st.dial(), straight(t, servers[0])
	talk{{"SET k zero", ok}, {"SELECT 3", ok}, {"GET k", "$-1\r\n"}, {"SET k three", ok}, {"SELECT 15", ok}, {"SELECT 16", outside},
		{"SET k last", ok}, {"SELECT 3", ok}, {"GET k", "$5\r\nthree\r\n"}, {"HELLO 2", strings.NewReplacer("%7", "*14", ":3", ":2").Replace(hello3)}}.hold(t, c)
	talk{{"GET k", "$4\r\nzero\r\n"}}.hold(t, other)
	if got := c.say(t, "CLIENT INFO"); !strings.Contains(got, " db=3 ") {
		t.Errorf("CLIENT INFO: got %q; want db=3", got)
	}
	talk{{"GET k", "$4\r\nzero\r\n"}, {"SELECT 3", ok}, {"GET k", "$5\r\nthree\r\n"}, {"SELECT 15", ok}, {"GET k", "$4\r\nlast\r\n"}}.hold(t, real)
	talk{{"MOVE k 5", ":1\r\n"}, {"SELECT 5", ok}, {"GET k", "$5\r\nthree\r\n"}, {"COPY k k DB 6", ":1\r\n"}, {"SELECT 6", ok}, {"EXISTS k", ":1\r\n"},
		{"RESET", "+RESET\r\n"}, {"GET k", "$4\r\nzero\r\n"}}.hold(t, c)
	if err := c.send([]byte("SELECT 6\r\nGET k\r\nHELLO 3\r\nGET none\r\nSELECT 0\r\nGET k\r\nSELECT 6\r\nWATCH k\r\nSELECT 6\r\nSELECT 0\r\nUNWATCH\r\nSELECT 0\r\n")); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{ok, "$5\r\nthree\r\n", hello3, nothing, ok, "$4\r\nzero\r\n", ok, ok, ok,
		"-ERR huntaway: the database and the protocol cannot be changed while keys are watched; UNWATCH first\r\n", ok, ok} {
		if got := nextSane(t, c.in); got != want {
			t.Errorf("pipelined, reply %d: got %q; want %q", i, got, want)
		}
	}
}

// sane is a reply with its connection number blanked out.
func sane(reply string) string { return anyID.ReplaceAllString(reply, "$$2\r\nid\r\n:ID\r\n") }

// nextSane reads the next reply.
func nextSane(t testing.TB, in *bufio.Reader) string {
	t.Helper()
	b, err := anyReply(in)
	if err != nil {
		t.Fatal(err)
	}
	return sane(string(b))
}

// TestDatabasesFromBase: what clients count from 0 begins at the pool's database.
func TestDatabasesFromBase(t *testing.T) {
	servers := startServers(t, 2)
	st := play(t, scene{groups: alone(servers[0]), options: loop.PoolOptions{DB: 4, Databases: 2}})
	talk{{"SET k a", ok}, {"SELECT 1", ok}, {"SET k b", ok}, {"SELECT 2", "-ERR DB index is out of range\r\n"}}.hold(t, st.dial())
	talk{{"SELECT 4", ok}, {"GET k", "$1\r\na\r\n"}, {"SELECT 5", ok}, {"GET k", "$1\r\nb\r\n"}}.hold(t, straight(t, servers[0]))

	st = play(t, scene{groups: alone(servers...)})
	talk{{"SELECT 0", ok}, {"SELECT 1", "-ERR DB index is out of range\r\n"}}.hold(t, st.dial())
	st = play(t, scene{groups: alone(servers...), options: loop.PoolOptions{Databases: 3}})
	talk{{"SELECT 2", ok}, {"MSET a 1 b 2 c 3 d 4", ok}, {"SELECT 0", ok}, {"EXISTS a b c d", ":0\r\n"}, {"SELECT 2", ok}, {"EXISTS a b c d", ":4\r\n"}}.hold(t, st.dial())
}

// TestAdminCommandsOnServer: with admin_commands the server answers for itself, in the
// client's protocol, and what it is told has been done.
func TestAdminCommandsOnServer(t *testing.T) {
	servers := startServers(t, 1)
	st := play(t, scene{groups: alone(servers...), options: loop.PoolOptions{AdminCommands: true}})
	c, real := st.dial(), straight(t, servers[0])
	c.say(t, "HELLO 3")
	talk{{"CONFIG SET maxmemory 123456789", ok}, {"CONFIG GET maxmemory", "%1\r\n$9\r\nmaxmemory\r\n$9\r\n123456789\r\n"},
		{"CONFIG SET notify-keyspace-events KEA", ok}, {"CONFIG RESETSTAT", ok}, {"SLOWLOG LEN", ":0\r\n"}, {"SLOWLOG RESET", ok},
		{"ACL SETUSER eve on nopass", ok}, {"ACL GETUSER nobody", nothing}, {"SET k v", ok}, {"OBJECT ENCODING k", "$6\r\nembstr\r\n"},
		{"DEBUG SET-ACTIVE-EXPIRE 1", ok}, {"LATENCY RESET", ":0\r\n"}, {"FLUSHALL", ok}, {"DBSIZE", ":0\r\n"}, {"SWAPDB 0 1", ok},
		{"MODULE LIST", "*0\r\n"}, {"CONFIG NOPE", "-ERR unknown subcommand 'NOPE'. Try CONFIG HELP.\r\n"}}.hold(t, c)
	talk{{"CONFIG GET maxmemory", "*2\r\n$9\r\nmaxmemory\r\n$9\r\n123456789\r\n"},
		{"CONFIG GET notify-keyspace-events", "*2\r\n$22\r\nnotify-keyspace-events\r\n$3\r\nAKE\r\n"}}.hold(t, real)
	if got := real.say(t, "ACL LIST"); !strings.Contains(got, "user eve on nopass") {
		t.Errorf("ACL LIST at the server: got %q; want eve in it", got)
	}
	if got := c.say(t, "MONITOR"); !strings.HasPrefix(got, "-NOPERM huntaway: 'monitor' does not pass") {
		t.Errorf("MONITOR: got %q; want it refused", got)
	}
	if got, want := c.say(t, "CONFIG GET *"), real.say(t, "CONFIG GET *"); got[0] != '%' || len(got) < len(want)*9/10 {
		t.Errorf("CONFIG GET *: got %d bytes of type %c; want about %d, a map", len(got), got[0], len(want))
	}
}
