package loop_test

import (
	"fmt"
	"net"
	"strconv"
	"testing"

	"huntaway/loop"
	"huntaway/shard"
)

// TestScriptsThatRefuse: scripts that change something and then answer with the words of a
// server that does not, on a group with a replica. Each has run once, and others write on.
func TestScriptsThatRefuse(t *testing.T) {
	servers := startServers(t, 2)
	onServer(t, servers[1].Addr, "REPLICAOF", "127.0.0.1", portOf(servers[0].Addr))
	st := play(t, scene{groups: []shard.Group{group("g", servers[0].Addr, servers[1].Addr)}, engine: loop.Options{Workers: 1},
		options: loop.PoolOptions{HoldTimeout: patience, ReadPolicy: shard.PreferReplica}})
	c, other := st.dial(), st.dial()
	const body = "redis.call('INCR', KEYS[1]) return redis.error_reply(ARGV[1])"
	st.dial().must(t, "FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function(k, a) redis.call('INCR', k[1]) return redis.error_reply(a[1]) end)")
	runs, writes := 0, 0
	for _, code := range []string{"READONLY x", "NOREPLICAS x", "LOADING x", "MASTERDOWN x", "CLUSTERDOWN x", "TRYAGAIN x", "MOVED 1 127.0.0.1:1", "ASK 1 127.0.0.1:1",
		noScript[1:], "EXECABORT x", "BUSY x"} {
		for _, args := range [][]string{{"EVAL", body}, {"EVALSHA", sha(body)}, {"FCALL", "f"}} {
			c.want(t, "-"+code, append(args, "1", "runs", code)...)
			runs++
			other.want(t, "OK", "SET", "other", strconv.Itoa(runs))
			writes++
			other.want(t, strconv.Itoa(writes), "INCR", "another")
		}
		c.want(t, "OK", "MULTI")
		c.want(t, "QUEUED", "EVAL", body, "1", "runs", code)
		c.want(t, fmt.Sprintf("*1\r\n-%s\r\n", code), "EXEC")
		runs++
		other.want(t, strconv.Itoa(runs), "INCRBY", "runs", "0")
	}
	if n := st.counters(); n.Held+n.Retried > 0 {
		t.Errorf("got %d requests held and %d sent again; want none", n.Held, n.Retried)
	}
}

// TestScriptsOverAFailover: a script that a server which has become a replica refuses waits
// for the master like any other write, and runs once.
func TestScriptsOverAFailover(t *testing.T) {
	servers := startServers(t, 2)
	st := play(t, scene{groups: []shard.Group{group("g", servers[0].Addr)}, options: loop.PoolOptions{HoldTimeout: patience}})
	const body = "return redis.call('INCR', KEYS[1])"
	c := st.dial()
	c.want(t, "1", "EVAL", body, "1", "n")
	onServer(t, servers[0].Addr, "REPLICAOF", "127.0.0.1", portOf(servers[1].Addr))
	onServer(t, servers[0].Addr, "CONFIG", "SET", "replica-serve-stale-data", "yes")
	before := st.counters().Held
	done := make(chan error, 1)
	go func() {
		got, err := c.do("EVAL", body, "1", "n")
		if err == nil && got != "1" && got != "2" {
			err = fmt.Errorf("got %q; want the script run once by the master", got)
		}
		done <- err
	}()
	eventually(t, "the script is held", func() bool { return st.counters().Held > before })
	onServer(t, servers[0].Addr, "REPLICAOF", "NO", "ONE")
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// portOf returns the port in an address.
func portOf(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return port
}
