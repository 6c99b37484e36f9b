package loop

import (
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"huntaway/codec"
)

// TestLocalAgreesWithRedis gives the same requests to a real server and to a session, each
// row on a connection of its own, and compares every reply byte for byte.
func TestLocalAgreesWithRedis(t *testing.T) {
	addr := startRedis(t)
	for _, row := range sameAsRedis {
		t.Run(strings.ReplaceAll(row, " ", "_"), func(t *testing.T) {
			real := dialRedis(t, addr)
			st := newTestWorker(t, PoolOptions{})
			st.e.pools[0].SetServerVersion("7.0.15")
			ours := st.client(0, 0)
			for _, request := range strings.Split(row, ";") {
				args := strings.Fields(request)
				for i := range args {
					args[i] = strings.ReplaceAll(args[i], "_", " ")
				}
				want := sameIDs(real.say(t, args))
				if got := sameIDs(ours.say(args...)); got != want {
					t.Errorf("%s: got %.300q; want %.300q", request, got, want)
				}
			}
		})
	}
}

// sameAsRedis are rows of requests separated by ';', arguments by spaces; '_' is a space
// within an argument.
var sameAsRedis = []string{
	"PING; ping x; PING a b; PING _; ECHO; ECHO x; ECHO a b",
	"SELECT 0; SELECT 16; SELECT -1; SELECT abc; SELECT 00; SELECT +1; SELECT 1_; SELECT",
	"SELECT 2147483648; SELECT -2147483649; SELECT 99999999999999999999",
	"TIME x; ROLE; ROLE x; MODULE LIST; SENTINEL MASTERS",
	"CLIENT; CLIENT NOPE; client nope; CLIENT MAINT_NOTIFICATIONS on",
	"CLIENT GETNAME; CLIENT SETNAME bob; CLIENT GETNAME; CLIENT SETNAME a_b; CLIENT GETNAME; CLIENT SETNAME",
	"CLIENT SETNAME bob; RESET; CLIENT GETNAME; RESET x",
	"CLIENT ID; CLIENT ID x; CLIENT GETREDIR; CLIENT TRACKINGINFO; CLIENT TRACKING off; CLIENT TRACKING maybe",
	"CLIENT CACHING yes; CLIENT CACHING x; CLIENT UNPAUSE; CLIENT NO-EVICT on; CLIENT NO-EVICT x",
	"CLIENT PAUSE; CLIENT PAUSE x; CLIENT PAUSE -1; CLIENT PAUSE 1 x; CLIENT PAUSE 1 ALL 3; CLIENT PAUSE 99999999999999999999",
	"CLIENT PAUSE 0; CLIENT PAUSE 1 write; CLIENT PAUSE 1 ALL; CLIENT UNPAUSE; CLIENT UNPAUSE x",
	"CLIENT REPLY ON; CLIENT REPLY maybe; CLIENT UNBLOCK a; CLIENT UNBLOCK 5; CLIENT UNBLOCK 5 x; CLIENT UNBLOCK 5 error",
	"CLIENT KILL 127.0.0.1:1; CLIENT KILL id 0; CLIENT KILL id x; CLIENT KILL id 123456; CLIENT KILL id",
	"CLIENT KILL type x; CLIENT KILL type replica; CLIENT KILL user x; CLIENT KILL user default id 123456",
	"CLIENT KILL skipme maybe; CLIENT KILL id 1 skipme; CLIENT KILL addr 127.0.0.1:1 laddr 127.0.0.1:2",
	"CLIENT LIST TYPE x; CLIENT LIST TYPE pubsub; CLIENT LIST ID; CLIENT LIST ID x; CLIENT LIST ID 123456; CLIENT LIST x y",
	"AUTH; AUTH x; AUTH default x; AUTH bob x; AUTH a b c",
	"HELLO; HELLO 2; HELLO 4; HELLO 1; HELLO x; HELLO 2 x; HELLO 2 AUTH x; HELLO 2 SETNAME",
	"HELLO 2 SETNAME a_b; HELLO 2 SETNAME bob; CLIENT GETNAME; HELLO 2 AUTH default x SETNAME eve; CLIENT GETNAME",
	"HELLO 2 AUTH bob x",
	"ASKING; CLUSTER; CLUSTER NOPE; CLUSTER HELP; CLUSTER INFO; CLUSTER SLOTS; CLUSTER KEYSLOT a; CLUSTER NODES",
	"ACL WHOAMI; ACL LIST; ACL CAT; ACL CAT x; ACL NOPE; ACL",
	"CONFIG; CONFIG GET; CONFIG GET nope; CONFIG GET timeout tim*",
	"CONFIG GET notify-keyspace-events; CONFIG GET timeou?",
	"CONFIG NOPE; CONFIG SET notify-keyspace-events; CONFIG SET notify-keyspace-events qq; CONFIG SET save",
	"COMMAND NOPE; COMMAND COUNT x; COMMAND GETKEYS GET a; COMMAND GETKEYS",
	"INFO nope; INFO cluster; INFO cluster nope",
	"NOPE a b; GET; QUIT x", "SENTINEL; SENTINEL GET-MASTER-ADDR-BY-NAME x; CLIENT MAINT_NOTIFICATIONS on",
	"SELECT 15; SELECT 16; SELECT 3; HELLO; HELLO 3; SELECT 16; RESET; SELECT 1",
	"ACL USERS; ACL GETUSER default; ACL GETUSER nope; ACL GENPASS 0; ACL GENPASS x; ACL GENPASS 5000",
	"COMMAND GETKEYSANDFLAGS GET a; COMMAND GETKEYSANDFLAGS EVAL x 1 a; COMMAND GETKEYSANDFLAGS NOPE a; COMMAND GETKEYSANDFLAGS PING x",
	// RESP3: the types of frames are Redis' too.
	"HELLO 3; CLIENT GETNAME; CONFIG GET timeout; CONFIG GET nope; CLIENT TRACKINGINFO; CLIENT GETREDIR",
	"HELLO 3; ROLE; MODULE LIST; INFO nope; INFO cluster; CLIENT LIST ID 123456; CLIENT LIST TYPE pubsub; PING; PING x; ECHO x",
	"HELLO 3; ACL WHOAMI; ACL LIST; ACL CAT; ACL USERS; ACL GETUSER default; ACL GETUSER nope",
	"HELLO 3; COMMAND INFO nope; COMMAND INFO config|help; COMMAND DOCS nope; COMMAND LIST FILTERBY MODULE x",
	"HELLO 3; COMMAND GETKEYS get a; COMMAND GETKEYS mset a 1 b 2; COMMAND GETKEYSANDFLAGS get a; COMMAND GETKEYSANDFLAGS EVAL x 1 a",
	"HELLO 3 SETNAME bob; CLIENT GETNAME; HELLO; HELLO 2; CLIENT GETNAME; HELLO 3; RESET; CLIENT GETNAME; HELLO",
	"HELLO 3; NOPE; GET; CLUSTER SLOTS; CLUSTER NODES; SENTINEL MASTERS; HELLO 4; HELLO 3 AUTH bob x; AUTH x; CLIENT CACHING yes",
}

// TestLocalTypes compares the types of replies whose content differs.
func TestLocalTypes(t *testing.T) {
	addr := startRedis(t)
	requests := []string{"INFO", "INFO server", "CLIENT LIST", "CLIENT INFO", "CLIENT ID", "CLIENT HELP", "TIME", "LOLWUT",
		"CONFIG GET *", "CONFIG HELP", "COMMAND", "COMMAND COUNT", "COMMAND DOCS", "COMMAND DOCS get", "COMMAND DOCS config",
		"COMMAND INFO config", "COMMAND LIST", "COMMAND HELP", "ACL CAT string", "ACL GENPASS", "ACL HELP", "HELLO"}
	for _, version := range []string{"2", "3"} {
		st := newTestWorker(t, PoolOptions{})
		real, ours := dialRedis(t, addr), st.client(0, 0)
		real.say(t, []string{"HELLO", version})
		ours.say("HELLO", version)
		for _, request := range requests {
			args := strings.Fields(request)
			want, got := real.say(t, args), ours.say(args...)
			if typeOf(got) != typeOf(want) {
				t.Errorf("RESP%s, %s: got type %q; want %q", version, request, typeOf(got), typeOf(want))
			}
		}
	}
}

// typeOf is a reply's type, and how a verbatim string begins.
func typeOf(reply string) string {
	if _, text, _ := strings.Cut(reply, "\r\n"); reply[0] == '=' {
		return "=" + text[:len("txt:")]
	}
	return reply[:1]
}

var anID = regexp.MustCompile(`id\r\n:\d+|^:\d+\r\n$`)

// sameIDs blanks out connection numbers.
func sameIDs(reply string) string {
	if strings.HasPrefix(reply, ":0") || strings.HasPrefix(reply, ":-") {
		return reply
	}
	return anID.ReplaceAllString(reply, "id")
}

// startRedis starts a server on a free port and ends it with the test.
func startRedis(t *testing.T, args ...string) (addr string) {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("SKIPPED: redis-server 7.0 is not installed, so nothing tells what the replies should be")
	}
	for range 5 { // another process may take the port first
		addr = freeAddr(t)
		_, port, _ := net.SplitHostPort(addr)
		cmd := exec.Command(path, append([]string{"--port", port, "--bind", "127.0.0.1",
			"--save", "", "--dir", t.TempDir()}, args...)...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
		if answers(addr) {
			return addr
		}
	}
	t.Fatal("no redis-server came up")
	return ""
}

func freeAddr(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// answers polls until the server takes connections.
func answers(addr string) bool {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			return true
		}
		<-time.After(5 * time.Millisecond)
	}
	return false
}

// A redisConn is a connection to a real server.
type redisConn struct{ net.Conn }

func dialRedis(t *testing.T, addr string) redisConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return redisConn{c}
}

// say sends one request and returns its reply.
func (c redisConn) say(t *testing.T, args []string) string {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := c.Write(codec.AppendCommand(nil, args...)); err != nil {
		t.Fatal(err)
	}
	reply, err := c.reply()
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return reply
}

func (c redisConn) reply() (string, error) {
	var whole []byte
	scan := codec.ReplyScanner{RESP3: true}
	buf := make([]byte, 64<<10)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return "", fmt.Errorf("after %q: %w", whole, err)
		}
		_, done, err := scan.Next(buf[:n])
		whole = append(whole, buf[:n]...)
		if done || err != nil {
			return string(whole), err
		}
	}
}
