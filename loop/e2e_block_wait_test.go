package loop_test

import (
	"bufio"
	"strconv"
	"strings"
	"testing"
)

func TestWaitForReplicas(t *testing.T) {
	servers := startServers(t, 2, "--repl-diskless-sync-delay", "0")
	st := play(t, scene{groups: alone(servers[0])})
	c := st.dial()
	c.want(t, "0", "WAIT", "0", "0")
	c.want(t, "0", "WAIT", "1", "50")
	c.want(t, "-ERR value is not an integer or out of range", "WAIT", "x", "1")
	c.want(t, "-ERR timeout is not an integer or out of range", "WAIT", "1", "1.5")
	c.want(t, "-ERR timeout is negative", "WAIT", "1", "-1")
	host, port, _ := strings.Cut(servers[0].Addr, ":")
	replica := reach(t, servers[1].Addr)
	defer replica.conn.Close()
	replica.want(t, "OK", "REPLICAOF", host, port)
	for i := range 20 {
		v := strconv.Itoa(i)
		c.want(t, "OK", "SET", "k", v)
		c.want(t, "1", "WAIT", "1", "0")
		replica.want(t, v, "GET", "k")
	}
	c.want(t, "1", "WAIT", "2", "300")
	c.begin(t, "WAIT", "2", "0")
	c.begin(t, "PING")
	eventually(t, "WAIT waits", func() bool { return st.counters().Blocked == 1 })
	id := waitingID(t, st)
	st.dial().want(t, "1", "CLIENT", "UNBLOCK", id, "ERROR")
	c.hears(t, "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n")
	c.hears(t, "+PONG\r\n")
}

// waitingID returns the ID of a client whose last command was WAIT.
func waitingID(t testing.TB, st *stage) string {
	t.Helper()
	c := st.dial()
	defer c.conn.Close()
	list := bufio.NewScanner(strings.NewReader(c.must(t, "CLIENT", "LIST")))
	for list.Scan() {
		if strings.Contains(list.Text(), "cmd=wait ") {
			id, _, _ := strings.Cut(strings.TrimPrefix(list.Text(), "id="), " ")
			return id
		}
	}
	t.Fatal("CLIENT LIST shows nobody in WAIT")
	return ""
}
