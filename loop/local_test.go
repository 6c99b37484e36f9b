package loop

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"huntaway/codec"
)

// TestLocalCoversTable gives every command with the policy Local, in the fewest arguments
// it takes, and wants an answer that is about the command: not "not allowed through the
// proxy", and exactly one reply.
func TestLocalCoversTable(t *testing.T) {
	for _, cmd := range codec.Default().All() {
		if cmd.Policy != codec.Local || cmd.IsContainer() {
			continue
		}
		t.Run(cmd.Name, func(t *testing.T) {
			st := newTestWorker(t, PoolOptions{})
			args := leastArgs(cmd)
			got := st.client(0, 0).say(args...)
			if n, err := countReplies(got); n != 1 || err != nil {
				t.Fatalf("%q: got %d replies (%v) in %q; want 1", args, n, err, got)
			}
			if strings.Contains(got, "not allowed through the proxy") {
				t.Errorf("%q: got %q; want an answer", args, got)
			}
			c := &st.e.workers[0].pools[0].counters
			if c.Local+c.Refused != 1 || c.Replies != 1 || (c.ErrorReplies == 1) != (got[0] == '-') {
				t.Errorf("%q: got %d local, %d refused, %d replies, %d errors; want one of the first two, 1, and errors as replied (%q)",
					args, c.Local, c.Refused, c.Replies, c.ErrorReplies, got)
			}
		})
	}
}

// leastArgs is the shortest request that passes the arity.
func leastArgs(cmd *codec.Command) []string {
	args := strings.Split(cmd.Name, "|")
	n := int(cmd.Arity)
	for len(args) < max(n, -n) {
		args = append(args, "1")
	}
	return args
}

// countReplies counts whole replies; bytes left over are an error.
func countReplies(b string) (n int, err error) {
	scan := codec.ReplyScanner{RESP3: true}
	for len(b) > 0 {
		used, done, err := scan.Next([]byte(b))
		if err != nil || !done {
			return n, fmt.Errorf("incomplete: %w", err)
		}
		b = b[used:]
		n++
	}
	return n, nil
}

// TestLocalTexts pins what clients match on and no Redis can be asked about.
func TestLocalTexts(t *testing.T) {
	for _, row := range []struct{ request, want string }{
		{"READONLY", "+OK\r\n"},
		{"READWRITE", "+OK\r\n"},
		{"CLIENT SETINFO LIB-NAME redis-py", "+OK\r\n"},
		{"CLIENT SETINFO lib-ver 1.0", "+OK\r\n"},
		{"CLIENT SETINFO lib-x 1.0", "-ERR Unrecognized option 'lib-x'\r\n"},
		{"CLIENT SETINFO lib-ver a_b", "-ERR lib-ver cannot contain spaces, newlines or special characters.\r\n"},
		{"CLIENT NO-TOUCH on", "+OK\r\n"},
		{"CLIENT CAPA redirect", "+OK\r\n"},
		{"CLIENT TRACKING ON OPTIN", "-ERR CLIENT TRACKING is not supported by this proxy\r\n"},
		{"CLIENT TRACKING off", "+OK\r\n"},
		{"CLIENT MAINT_NOTIFICATIONS ON", "-ERR unknown subcommand 'MAINT NOTIFICATIONS'. Try CLIENT HELP.\r\n"},
		{"CLIENT IMPORT-SOURCE on", "-ERR CLIENT IMPORT-SOURCE is not supported by this proxy\r\n"},
		{"CLIENT SETNAME " + strings.Repeat("x", longestName+1), "-" + textLongName + "\r\n"},
		{"LOLWUT", "$20\r\nHuntaway ver. 1.2.3\n\r\n"},
		{"CONFIG SET timeout 1", "-NOPERM huntaway: CONFIG SET is for the server itself; only notify-keyspace-events is answered here\r\n"},
		{"CONFIG SET notify-keyspace-events KA", "-NOPERM huntaway: not all servers have the events 'KA' on (notify-keyspace-events is 'xgKE'); " +
			"set them there, or set admin_commands for a pool with one group\r\n"},
		{"CONFIG SET notify-keyspace-events Egx", "+OK\r\n"},
		{"CONFIG GET notify-keyspace-events", "*2\r\n$22\r\nnotify-keyspace-events\r\n$4\r\nxgKE\r\n"},
		{"CONFIG GET requirepass", "*0\r\n"},
		{"CONFIG GET [", "*0\r\n"},
		{"CONFIG GET databases", "*2\r\n$9\r\ndatabases\r\n$2\r\n16\r\n"},
		{"CONFIG GET maxclients", "*2\r\n$10\r\nmaxclients\r\n$3\r\n100\r\n"},
		{"CONFIG GET proto-max-bulk-len", "*2\r\n$18\r\nproto-max-bulk-len\r\n$9\r\n536870912\r\n"},
	} {
		st := newTestWorker(t, PoolOptions{ClientConnections: 100})
		st.e.pools[0].SetKeyspaceEvents("xgKE")
		args := strings.Fields(row.request)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "_", " ")
		}
		if got := st.client(0, 0).say(args...); got != row.want {
			t.Errorf("%s: got %q; want %q", row.request, got, row.want)
		}
	}
}

func TestQuitEndsInOrder(t *testing.T) {
	c := newTestWorker(t, PoolOptions{}).client(0, 0)
	if got, want := c.ask("PING\r\nQUIT\r\nPING\r\n"), "+PONG\r\n+OK\r\n"; got != want {
		t.Errorf("got %q; want %q", got, want)
	}
	if !c.closed {
		t.Error("got an open connection after QUIT; want it closed")
	}
}

func TestTimeIsNow(t *testing.T) {
	c := newTestWorker(t, PoolOptions{}).client(0, 0)
	got := c.ask("TIME\r\n")
	if ok, _ := regexp.MatchString(`^\*2\r\n\$10\r\n\d{10}\r\n\$[1-6]\r\n\d{1,6}\r\n$`, got); !ok {
		t.Errorf("got %q; want seconds and microseconds", got)
	}
}

// TestLocalKeepsOrder: an answer that takes a word of every worker holds back what was
// asked later, and nothing else.
func TestLocalKeepsOrder(t *testing.T) {
	st := newStage(t, 3, PoolOptions{})
	c, other := st.client(0, 1), st.client(0, 1)
	c.arrive("ECHO a\r\nINFO cluster\r\nECHO b\r\nCLIENT LIST ID 99\r\nECHO c\r\n")
	if got, want := c.take(), "$1\r\na\r\n"; got != want {
		t.Errorf("before the workers have answered: got %q; want %q", got, want)
	}
	if got, want := other.ask("ECHO d\r\n"), "$1\r\nd\r\n"; got != want {
		t.Errorf("another client: got %q; want %q", got, want)
	}
	st.run()
	want := "$30\r\n# Cluster\r\ncluster_enabled:0\r\n\r\n$1\r\nb\r\n$0\r\n\r\n$1\r\nc\r\n"
	if got := c.take(); got != want {
		t.Errorf("afterwards: got %q; want %q", got, want)
	}
}

// TestLocalAnswerOfNobody: the client may be gone, and its index be another's, when the
// last worker has answered.
func TestLocalAnswerOfNobody(t *testing.T) {
	st := newStage(t, 2, PoolOptions{})
	gone := st.client(0, 0)
	gone.arrive("CLIENT LIST\r\n")
	gone.Close()
	next := st.client(0, 0)
	if next.s.index != gone.s.index {
		t.Fatalf("got index %d; want the index of the one that left, %d", next.s.index, gone.s.index)
	}
	next.arrive("PING\r\n")
	st.run()
	if got, want := next.take(), "+PONG\r\n"; got != want {
		t.Errorf("the next client: got %q; want %q", got, want)
	}
	if got := gone.take(); got != "" {
		t.Errorf("the client that left: got %q; want nothing", got)
	}
}

// TestLocalBehindServer: an answer that was made here waits for the server's that was asked
// for before it.
func TestLocalBehindServer(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	server := st.linkTo(0, 0, 0)
	c := st.client(0, 0)
	if got, want := c.ask("PING\r\nGET k\r\nECHO x\r\nCLIENT LIST ID 99\r\n"), "+PONG\r\n"; got != want {
		t.Errorf("before the server has answered: got %q; want %q", got, want)
	}
	if got, want := server.take(), string(codec.AppendCommand(nil, "GET", "k")); got != want {
		t.Fatalf("to the server: got %q; want %q", got, want)
	}
	server.arrive("$1\r\nv\r\n")
	if got, want := c.take(), "$1\r\nv\r\n$1\r\nx\r\n$0\r\n\r\n"; got != want {
		t.Errorf("afterwards: got %q; want %q", got, want)
	}
}
