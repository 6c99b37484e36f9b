package loop

import (
	"strings"
	"testing"
)

// rows splits the reply to CLIENT LIST into clients, and those into fields.
func rows(t *testing.T, reply string) (clients []map[string]string) {
	t.Helper()
	_, body, ok := strings.Cut(reply, "\r\n")
	if !ok || reply[0] != '$' {
		t.Fatalf("got %q; want a bulk string", reply)
	}
	for line := range strings.Lines(strings.TrimSuffix(body, "\r\n")) {
		fields := map[string]string{}
		for _, f := range strings.Fields(line) {
			name, value, _ := strings.Cut(f, "=")
			fields[name] = value
		}
		clients = append(clients, fields)
	}
	return clients
}

// TestClientList lists the clients of one pool on all workers.
func TestClientList(t *testing.T) {
	st := newStage(t, 2, PoolOptions{Name: "alpha"}, PoolOptions{Name: "beta"})
	a, b, stranger := st.client(0, 0), st.client(0, 1), st.client(1, 0)
	a.say("CLIENT", "SETNAME", "worker-1")
	b.say("CLIENT", "SETINFO", "LIB-NAME", "bull")
	b.say("CLIENT", "SETINFO", "LIB-VER", "5")
	stranger.say("PING")

	got := rows(t, a.say("CLIENT", "LIST"))
	if len(got) != 2 {
		t.Fatalf("got %d clients; want 2: %v", len(got), got)
	}
	for i, want := range []map[string]string{
		{"id": "1", "addr": "127.0.0.1:50001", "laddr": "127.0.0.1:22121", "name": "worker-1",
			"cmd": "client|list", "flags": "N", "db": "0", "user": "default", "resp": "2"},
		{"id": "2", "addr": "127.0.0.1:50002", "name": "", "cmd": "client|setinfo",
			"lib-name": "bull", "lib-ver": "5", "oll": "0"},
	} {
		for name, value := range want {
			if got[i][name] != value {
				t.Errorf("client %d: got %s=%q; want %q", i+1, name, got[i][name], value)
			}
		}
	}
	if got := rows(t, a.say("CLIENT", "LIST", "ID", "2", "3")); len(got) != 1 || got[0]["id"] != "2" {
		t.Errorf("LIST ID 2 3: got %v; want client 2 alone, 3 being of another pool", got)
	}
	if got := rows(t, b.say("CLIENT", "INFO")); len(got) != 1 || got[0]["id"] != "2" || got[0]["cmd"] != "client|info" {
		t.Errorf("INFO: got %v; want client 2", got)
	}
	if got := rows(t, a.say("CLIENT", "LIST", "TYPE", "normal")); len(got) != 2 {
		t.Errorf("LIST TYPE normal: got %d; want 2", len(got))
	}
}

// TestClientListUnixSocket: a client of a unix socket has no address of its own.
func TestClientListUnixSocket(t *testing.T) {
	c := newTestWorker(t, PoolOptions{}).client(0, 0)
	c.s.client.peer, c.s.client.here = "", "/run/alpha.sock"
	got := rows(t, c.say("CLIENT", "INFO"))[0]
	if got["addr"] != "/run/alpha.sock:0" || got["laddr"] != "/run/alpha.sock:0" {
		t.Errorf("got addr=%s laddr=%s; want the socket's path and port 0", got["addr"], got["laddr"])
	}
}

func TestClientKill(t *testing.T) {
	for _, row := range []struct {
		args  string
		reply string
		dead  string // of a (who asks, on worker 0), b and c (on worker 1), d (another pool)
	}{
		{"127.0.0.1:50002", "+OK\r\n", "b"},
		{"127.0.0.1:50001", "+OK\r\n", "a"},
		{"127.0.0.1:50004", "-ERR No such client\r\n", ""},
		{"ID 2", ":1\r\n", "b"},
		{"ID 1", ":0\r\n", ""},
		{"ID 1 SKIPME no", ":1\r\n", "a"},
		{"ID 4", ":0\r\n", ""},
		{"ADDR 127.0.0.1:50003", ":1\r\n", "c"},
		{"ADDR 127.0.0.1:50003 ID 2", ":0\r\n", ""},
		{"LADDR 127.0.0.1:22121", ":2\r\n", "bc"},
		{"TYPE normal SKIPME no", ":3\r\n", "abc"},
		{"TYPE pubsub", ":0\r\n", ""},
		{"USER default SKIPME yes", ":2\r\n", "bc"},
	} {
		st := newStage(t, 2, PoolOptions{Name: "alpha"}, PoolOptions{Name: "beta"})
		all := []*memClient{st.client(0, 0), st.client(0, 1), st.client(0, 1), st.client(1, 1)}
		args := append([]string{"CLIENT", "KILL"}, strings.Fields(row.args)...)
		if got := all[0].say(args...); got != row.reply {
			t.Errorf("KILL %s: got %q; want %q", row.args, got, row.reply)
		}
		dead := ""
		for i, c := range all {
			if c.closed {
				dead += string("abcd"[i])
			}
		}
		if dead != row.dead {
			t.Errorf("KILL %s: got %q closed; want %q", row.args, dead, row.dead)
		}
		if got, want := st.e.pools[0].clients.Load(), int64(3-len(row.dead)); got != want {
			t.Errorf("KILL %s: got %d clients counted; want %d", row.args, got, want)
		}
	}
}
