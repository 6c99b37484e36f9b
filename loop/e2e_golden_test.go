package loop_test

import (
	"bufio"
	"regexp"
	"strings"
	"testing"

	"huntaway/codec"
	"huntaway/loop"
)

// A handshake is what a client library says when it connects with its default settings,
// byte for byte and write for write, and what it must hear. Libraries that cannot be
// installed where the tests run are held to their word here; the others are beside them
// because it documents what they need.
type handshake struct {
	client   string
	password string // of the pool
	writes   []written
}

// A written is one write: requests separated by '|', their arguments by spaces, and the
// replies in order. A reply that begins with '~' is a regular expression.
type written struct {
	requests string
	replies  []string
}

// What is said again and again.
const (
	ok      = "+OK\r\n"
	nothing = "_\r\n"
	hello3  = "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:ID\r\n" +
		"$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n"
	noTracking = "-ERR CLIENT TRACKING is not supported by this proxy\r\n"
	noCluster  = "-ERR This instance has cluster support disabled\r\n"
	noNews     = "-ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP.\r\n"
	noSentinel = "-ERR unknown command 'SENTINEL', with args beginning with: 'MASTERS' \r\n"
	unproven   = "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time\r\n"

	// The version is the first that ends so, behind a line feed; loading lets ioredis go on.
	sections = `~^=\d+\r\ntxt:# Server\r\nredis_version:7\.0\.15\r\n(?s:.*)\r\nredis_mode:standalone\r\n(?s:.*)\r\nloading:0\r\n(?s:.*)\r\nrole:master\r\n(?s:.*)$`
)

var handshakes = []handshake{
	{"redis-py 8", "", []written{
		{"HELLO 3", []string{hello3}},
		{"CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type internal-ip", []string{noNews}},
		{"CLIENT SETNAME app", []string{ok}},
		{"CLIENT SETINFO LIB-NAME redis-py", []string{ok}},
		{"CLIENT SETINFO LIB-VER 8.0.1", []string{ok}},
		{"SELECT 1", []string{ok}},
		{"HSET {k}h f v|HGETALL {k}h|GET {k}none|DEL {k}h", []string{":1\r\n", "%1\r\n$1\r\nf\r\n$1\r\nv\r\n", nothing, ":1\r\n"}},
	}},
	{"redis-py 8 with a password", "secret", []written{
		{"HELLO 3 AUTH default secret", []string{hello3}},
		{"CLIENT GETNAME", []string{nothing}},
	}},
	{"Jedis 8", "secret", []written{
		{"HELLO 3", []string{unproven}},
		{"HELLO 3 AUTH default secret", []string{hello3}},
		{"CLIENT SETNAME jedis|CLIENT SETINFO LIB-NAME jedis|CLIENT SETINFO LIB-VER 8.0.0", []string{ok, ok, ok}},
		{"SELECT 2", []string{ok}},
		{"PING", []string{"+PONG\r\n"}},
	}},
	{"Lettuce 7", "", []written{
		{"HELLO 3 SETNAME lettuce|CLIENT SETINFO lib-name Lettuce|CLIENT SETINFO lib-ver 7.7.0.RELEASE", []string{hello3, ok, ok}},
		{"CLIENT MAINT_NOTIFICATIONS on moving-endpoint-type internal-ip", []string{noNews}},
		{"SELECT 3|CLIENT GETNAME|READONLY|ROLE", []string{ok, "$7\r\nlettuce\r\n", ok, "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"}},
		{"CONFIG GET notify-keyspace-events|INFO", []string{"%1\r\n$22\r\nnotify-keyspace-events\r\n$0\r\n\r\n", sections}},
	}},
	{"StackExchange.Redis 3", "secret", []written{
		{"AUTH secret|HELLO 3|CLIENT SETNAME web01|CLIENT SETINFO lib-name SE.Redis|CLIENT SETINFO lib-ver 3.1.31|CLIENT ID|" +
			"CONFIG GET timeout|CONFIG GET replica-read-only|CONFIG GET slave-read-only|CONFIG GET databases|SENTINEL MASTERS|" +
			"INFO replication|INFO server|CLUSTER NODES|GET __Booksleeve_TieBreak|ECHO 9f1bb1a2-6c2c-4d0a-8f0e-000000000001",
			[]string{ok, hello3, ok, ok, ok, `~^:\d+\r\n$`,
				"%1\r\n$7\r\ntimeout\r\n$1\r\n0\r\n", "%1\r\n$17\r\nreplica-read-only\r\n$3\r\nyes\r\n",
				"%1\r\n$15\r\nslave-read-only\r\n$3\r\nyes\r\n", "%1\r\n$9\r\ndatabases\r\n$2\r\n16\r\n", noSentinel,
				`~^=\d+\r\ntxt:# Replication\r\nrole:master\r\n(?s:.*)$`, `~^=\d+\r\ntxt:# Server\r\nredis_version:7\.0\.15\r\n(?s:.*)$`,
				noCluster, nothing, "$36\r\n9f1bb1a2-6c2c-4d0a-8f0e-000000000001\r\n"}},
		{"SUBSCRIBE __Booksleeve_MasterChanged", []string{">3\r\n$9\r\nsubscribe\r\n$26\r\n__Booksleeve_MasterChanged\r\n:1\r\n"}},
		{"PING", []string{"+PONG\r\n"}},
	}},
	{"StackExchange.Redis 3 with the wrong password", "secret", []written{
		{"AUTH nope|HELLO 3|CLIENT ID|ECHO x", []string{"-WRONGPASS invalid username-password pair or user is disabled.\r\n", unproven,
			"-NOAUTH Authentication required.\r\n", "-NOAUTH Authentication required.\r\n"}},
	}},
	{"node-redis 6", "", []written{
		{"HELLO 3|SELECT 1|CLIENT SETINFO LIB-VER 6.3.1|CLIENT SETINFO LIB-NAME node-redis|CLIENT MAINT_NOTIFICATIONS ON moving-endpoint-type auto",
			[]string{hello3, ok, ok, ok, noNews}},
		{"CONFIG GET maxmemory-policy|SET {k}n 1|GET {k}n|INCRBYFLOAT {k}n 0.5|DEL {k}n",
			[]string{"%1\r\n$16\r\nmaxmemory-policy\r\n$10\r\nnoeviction\r\n", ok, "$1\r\n1\r\n", "$3\r\n1.5\r\n", ":1\r\n"}},
	}},
	{"ioredis 6", "", []written{
		{"hello 3|select 2|client SETINFO LIB-NAME ioredis|client SETINFO LIB-VER 6.0.0", []string{hello3, ok, ok, ok}},
		{"info", []string{sections}},
		{"zadd {k}z 1 a|zrange {k}z 0 -1 withscores|del {k}z", []string{":1\r\n", "*1\r\n*2\r\n$1\r\na\r\n,1\r\n", ":1\r\n"}},
	}},
	{"go-redis 9.22", "secret", []written{
		{"hello 3 auth default secret setname app", []string{hello3}},
		{"select 1|readonly", []string{ok, ok}},
		{"client maint_notifications on moving-endpoint-type internal-ip", []string{"-ERR unknown subcommand 'maint_notifications'. Try CLIENT HELP.\r\n"}},
		{"client setinfo LIB-NAME go-redis(,go1.26)|client setinfo LIB-VER 9.22.0", []string{ok, ok}},
		{"client getname|client tracking on", []string{"$3\r\napp\r\n", noTracking}},
	}},
	{"rueidis", "", []written{
		{"CLUSTER SHARDS|CLUSTER SLOTS", []string{noCluster, noCluster}},
		{"HELLO 3|CLIENT TRACKING ON OPTIN|CLIENT SETINFO LIB-NAME rueidis|CLIENT SETINFO LIB-VER 1.0.79", []string{hello3, noTracking, ok, ok}},
		{"HELLO 3|CLIENT SETINFO LIB-NAME rueidis|CLIENT SETINFO LIB-VER 1.0.79", []string{hello3, ok, ok}},
	}},
	{"redis-client of Ruby, Sidekiq 8", "", []written{
		{"HELLO 3|SELECT 1|CLIENT SETINFO LIB-NAME redis-client(redis-rb_v5)|CLIENT SETINFO LIB-VER 0.30.0", []string{hello3, ok, ok, ok}},
		{"INFO|BRPOP {k}none 0.01", []string{sections, nothing}},
	}},
	{"redis-benchmark", "", []written{
		{"CONFIG GET save|CONFIG GET appendonly", []string{"*2\r\n$4\r\nsave\r\n$0\r\n\r\n", "*2\r\n$10\r\nappendonly\r\n$2\r\nno\r\n"}},
	}},
	{"phpredis with persistent connections", "secret", []written{
		{"AUTH secret|ECHO phpredis_5f1", []string{ok, "$12\r\nphpredis_5f1\r\n"}},
	}},
	{"a change of protocol within a pipeline", "", []written{
		{"GET {k}none|HELLO 3|GET {k}none|HELLO 2|GET {k}none|HELLO 4|RESET|CLIENT GETNAME",
			[]string{"$-1\r\n", hello3, nothing, strings.NewReplacer("%7", "*14", ":3", ":2").Replace(hello3), "$-1\r\n",
				"-NOPROTO unsupported protocol version\r\n", "+RESET\r\n", "$-1\r\n"}},
	}},
}

// TestHandshakes plays every handshake against a pool with a real server behind it.
func TestHandshakes(t *testing.T) {
	servers := startServers(t, 1)
	for _, password := range []string{"", "secret"} {
		st := play(t, scene{groups: alone(servers...), options: loop.PoolOptions{Password: password}})
		st.pool.SetServerVersion("7.0.15")
		for _, tr := range handshakes {
			if tr.password == password {
				t.Run(tr.client, func(t *testing.T) { tr.play(t, st.dial()) })
			}
		}
	}
}

var anyID = regexp.MustCompile(`\$2\r\nid\r\n:\d+\r\n`)

// play says what the library says.
func (tr *handshake) play(t *testing.T, c *client) {
	for _, w := range tr.writes {
		var frames []byte
		requests := strings.Split(w.requests, "|")
		for _, r := range requests {
			frames = codec.AppendCommand(frames, strings.Fields(r)...)
		}
		if err := c.send(frames); err != nil {
			t.Fatal(err)
		}
		for i, want := range w.replies {
			b, err := anyReply(c.in)
			if err != nil {
				t.Fatalf("%s: %v", requests[i], err)
			}
			got := anyID.ReplaceAllString(string(b), "$$2\r\nid\r\n:ID\r\n")
			pattern, isPattern := strings.CutPrefix(want, "~")
			if isPattern && !regexp.MustCompile(pattern).MatchString(got) || !isPattern && got != want {
				t.Errorf("%s: got %.400q; want %q", requests[i], got, want)
			}
		}
	}
}

// anyReply reads one reply of either protocol.
func anyReply(in *bufio.Reader) (whole []byte, err error) {
	scan := codec.ReplyScanner{RESP3: true}
	for {
		if _, err := in.Peek(1); err != nil {
			return whole, err
		}
		b, _ := in.Peek(in.Buffered())
		n, done, err := scan.Next(b)
		whole = append(whole, b[:n]...)
		if _, _ = in.Discard(n); done || err != nil {
			return whole, err
		}
	}
}
