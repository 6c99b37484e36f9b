package config

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// verdict is who takes a file.
type verdict string

const (
	both   verdict = "both"
	nobody verdict = "nobody"
	theirs verdict = "twemproxy alone" // we are stricter, on purpose
	ours   verdict = "Huntaway alone"  // our own keys and lines
)

// edgeCases are files around twemproxy's rules: one pool with these lines before and in
// its servers.
var edgeCases = []struct {
	name, keys, servers string
	want                verdict
}{
	{"usual", "", "127.0.0.1:6379:1", both},
	{"listen all", `listen: "*:22121"`, "127.0.0.1:6379:1", both},
	{"listen IPv6", "listen: ::1:22121", "127.0.0.1:6379:1", both},
	{"listen unix", "listen: /tmp/x.sock 0666", "127.0.0.1:6379:1", both},
	{"listen unix, no mode", "listen: /tmp/x.sock", "127.0.0.1:6379:1", both},
	{"listen unix, mode in letters", "listen: /tmp/x.sock rw", "127.0.0.1:6379:1", theirs},
	{"listen unix, mode not octal", "listen: /tmp/x.sock 0888", "127.0.0.1:6379:1", theirs},
	{"listen unix, mode too big", "listen: /tmp/x.sock 1777", "127.0.0.1:6379:1", nobody},
	{"listen IPv6 in brackets", `listen: "[::1]:22121"`, "127.0.0.1:6379:1", ours},
	{"listen without port", "listen: 127.0.0.1", "127.0.0.1:6379:1", nobody},
	{"listen port 0", "listen: 127.0.0.1:0", "127.0.0.1:6379:1", nobody},
	{"listen port 65536", "listen: 127.0.0.1:65536", "127.0.0.1:6379:1", nobody},
	{"listen port with letters", "listen: 127.0.0.1:12x", "127.0.0.1:6379:1", nobody},
	{"listen without host", "listen: :22121", "127.0.0.1:6379:1", nobody},
	{"listen relative path", "listen: x.sock", "127.0.0.1:6379:1", nobody},
	{"server without port", "", "127.0.0.1:1", nobody},
	{"server without weight", "", "127.0.0.1:6379", nobody},
	{"server port 0", "", "127.0.0.1:0:1", nobody},
	{"server weight 0", "", "127.0.0.1:6379:0", nobody},
	{"server weight negative", "", "127.0.0.1:6379:-1", nobody},
	{"server weight with sign", "", "127.0.0.1:6379:+1", nobody},
	{"server weight overflows", "", "127.0.0.1:6379:99999999999", theirs},
	{"server weight beyond reason", "", "127.0.0.1:6379:2147483647", theirs},
	{"server IPv6", "", "::1:6379:1", both},
	{"server IPv6 in brackets", "", `"[::1]:6379:1"`, both},
	{"server unix", "", "/tmp/r.sock:1", both},
	{"server unix, named", "", "/tmp/r.sock:1 foo", both},
	{"server unix with port", "", "/tmp/r.sock:6379:1", nobody},
	{"server two names", "", "127.0.0.1:6379:1 foo bar", nobody},
	{"server two blanks", "", "127.0.0.1:6379:1  foo", nobody},
	{"server name of nothing", "", `"127.0.0.1:6379:1 "`, theirs},
	{"server name with colon", "", "127.0.0.1:6379:1 a:b", both},
	{"server twice", "", "127.0.0.1:6379:1|127.0.0.1:6379:2", nobody},
	{"names twice", "", "127.0.0.1:6379:1 a|127.0.0.1:6380:1 a", nobody},
	{"server twice, two names", "", "127.0.0.1:6379:1 a|127.0.0.1:6379:1 b", both},
	{"name is another's address", "", "127.0.0.1:11211:1|127.0.0.1:6379:1 127.0.0.1", nobody},
	{"server without host", "", ":6379:1", theirs},
	{"server empty", "", `""`, nobody},
	{"zeros in front", "timeout: 0400", "127.0.0.1:06379:01", both},
	{"no servers", "", "", nobody},
	{"timeout negative", "timeout: -1", "127.0.0.1:6379:1", nobody},
	{"timeout 0", "timeout: 0", "127.0.0.1:6379:1", both},
	{"timeout with unit", "timeout: 400ms", "127.0.0.1:6379:1", nobody},
	{"timeout quoted", `timeout: "400"`, "127.0.0.1:6379:1", both},
	{"timeout empty", "timeout:", "127.0.0.1:6379:1", nobody},
	{"timeout overflows", "timeout: 99999999999", "127.0.0.1:6379:1", theirs},
	{"timeout twice", "timeout: 1|timeout: 2", "127.0.0.1:6379:1", nobody},
	{"backlog negative", "backlog: -1", "127.0.0.1:6379:1", nobody},
	{"backlog 0", "backlog: 0", "127.0.0.1:6379:1", both},
	{"no server connections", "server_connections: 0", "127.0.0.1:6379:1", nobody},
	{"client connections", "client_connections: 5", "127.0.0.1:6379:1", both},
	{"failure limit 0", "server_failure_limit: 0", "127.0.0.1:6379:1", both},
	{"retry timeout 0", "server_retry_timeout: 0", "127.0.0.1:6379:1", both},
	{"hash tag of one", `hash_tag: "{"`, "127.0.0.1:6379:1", nobody},
	{"hash tag of three", `hash_tag: "{}}"`, "127.0.0.1:6379:1", nobody},
	{"hash tag of none", `hash_tag: ""`, "127.0.0.1:6379:1", nobody},
	{"hash tag of one rune", `hash_tag: "é"`, "127.0.0.1:6379:1", both},
	{"hash tag unquoted", `hash_tag: {}`, "127.0.0.1:6379:1", nobody},
	{"hash unknown", "hash: fnv1a_65", "127.0.0.1:6379:1", nobody},
	{"hash in capitals", "hash: FNV1A_64", "127.0.0.1:6379:1", nobody},
	{"distribution unknown", "distribution: jump", "127.0.0.1:6379:1", nobody},
	{"flag yes", "preconnect: yes", "127.0.0.1:6379:1", nobody},
	{"flag True", "preconnect: True", "127.0.0.1:6379:1", nobody},
	{"unknown key", "foo: bar", "127.0.0.1:6379:1", nobody},
	{"keepalive", "tcpkeepalive: true", "127.0.0.1:6379:1", both},
	{"auth", "redis_auth: 0123", "127.0.0.1:6379:1", both},
	{"auth like null", "redis_auth: ~", "127.0.0.1:6379:1", both},
	{"auth empty", `redis_auth: ""`, "127.0.0.1:6379:1", nobody},
	{"auth missing", "redis_auth:", "127.0.0.1:6379:1", nobody},
	{"db", "redis_db: 3", "127.0.0.1:6379:1", both},
	{"db negative", "redis_db: -1", "127.0.0.1:6379:1", nobody},
	{"tag", "hash: !!str md5", "127.0.0.1:6379:1", nobody},
	{"anchor", "hash: &a md5", "127.0.0.1:6379:1", nobody},
	{"depth", "limits:|    pipeline: 3", "127.0.0.1:6379:1", ours},
	{"our hash", "hash: xxh3", "127.0.0.1:6379:1", ours},
	{"our distribution", "distribution: rendezvous", "127.0.0.1:6379:1", ours},
	{"sentinels", "sentinels:|  - 127.0.0.1:26379:1", "127.0.0.1:6379:1", ours},
	{"our key", "read_policy: master", "127.0.0.1:6379:1", ours},
}

// file writes the case as nutcracker.yml.
func file(keys, servers string) string {
	text := "a:\n"
	if !strings.HasPrefix(keys, "listen") {
		text += "  listen: 127.0.0.1:22121\n"
	}
	text += "  redis: true\n"
	if keys != "" {
		text += "  " + strings.ReplaceAll(keys, "|", "\n  ") + "\n"
	}
	text += "  servers:\n"
	if servers != "" {
		text += "   - " + strings.ReplaceAll(servers, "|", "\n   - ") + "\n"
	}
	return text
}

// nutcracker returns the path of twemproxy, and skips loudly without it.
func nutcracker(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("nutcracker")
	if err != nil {
		t.Skip("NOT TESTED against twemproxy: nutcracker is not installed (Debian: apt install nutcracker)")
	}
	return path
}

// TestEdgeCases asks the real twemproxy and Huntaway for their verdict.
func TestEdgeCases(t *testing.T) {
	binary := nutcracker(t)
	path := filepath.Join(t.TempDir(), "n.yml")
	for _, c := range edgeCases {
		text := file(c.keys, c.servers)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path)
		accepted := map[[2]bool]verdict{{true, true}: both, {true, false}: ours, {false, true}: theirs}
		got, known := accepted[[2]bool{err == nil, exec.Command(binary, "-t", "-c", path).Run() == nil}]
		if !known {
			got = nobody
		}
		if got != c.want {
			t.Errorf("%s: taken by %s; want %s\n%s%v", c.name, got, c.want, text, err)
		}
	}
}

// TestLabelsAreTwemproxys compares ring labels with the names under which a running
// twemproxy counts its servers: they are what it hashes.
func TestLabelsAreTwemproxys(t *testing.T) {
	text := file("listen: "+filepath.Join(t.TempDir(), "l.sock"), strings.Join([]string{
		"127.0.0.1:6379:1", "127.0.0.1:11211:1", "localhost:011211:1", "127.0.0.1:06380:1", "::1:6379:1",
		`"[::1]:6380:1"`, "/tmp/r.sock:1", "/tmp/s.sock:1 named", "localhost:1:1 na:me", "localhost:11211:7 x",
		"EXAMPLE.com:6379:3",
	}, "|"))
	c := parse(t, "n.yml", text)
	var got []string
	for _, g := range c.Pools[0].Groups {
		got = append(got, g.Label)
	}
	want := statsNames(t, nutcracker(t), text)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %q; want %q", got, want)
	}
}

// statsNames runs twemproxy on the text and returns its servers' names.
func statsNames(t *testing.T, binary, text string) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "n.yml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stats := l.Addr().(*net.TCPAddr)
	l.Close()
	cmd := exec.Command(binary, "-c", path, "-a", "127.0.0.1", "-s", fmt.Sprint(stats.Port), "-o", path+".log")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
	}()
	var answer map[string]json.RawMessage
	for deadline := time.Now().Add(time.Minute); answer == nil; {
		if time.Now().After(deadline) {
			t.Fatal("twemproxy serves no statistics after 10 s")
		}
		conn, err := net.DialTimeout("tcp", stats.String(), time.Second)
		if err != nil {
			continue
		}
		content, err := io.ReadAll(conn)
		conn.Close()
		if err != nil {
			continue
		}
		if err := json.Unmarshal(content, &answer); err != nil {
			t.Fatal(err)
		}
	}
	var pool map[string]json.RawMessage
	if err := json.Unmarshal(answer["a"], &pool); err != nil {
		t.Fatal(err)
	}
	var names []string
	for name, value := range pool {
		if value[0] == '{' {
			names = append(names, name)
		}
	}
	return names
}
