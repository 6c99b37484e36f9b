package loop_test

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"huntaway/codec"
	"huntaway/loop"
	"huntaway/perf/bench/rig"
	"huntaway/shard"
)

// sha is the name that Redis gives a script.
func sha(body string) string {
	sum := sha1.Sum([]byte(body))
	return hex.EncodeToString(sum[:])
}

const (
	scriptPush = "return redis.call('RPUSH', KEYS[1], ARGV[1])"
	scriptGet  = "return redis.call('GET', KEYS[1])"
	scriptOne  = "return 1"
	noScript   = "-NOSCRIPT No matching script. Please use EVAL."
	library    = "#!lua name=lib\nredis.register_function{function_name='f', callback=function(keys, args) return #keys end, flags={'no-writes'}}"
)

// onServer sends one command straight to a server.
func onServer(t *testing.T, addr string, args ...string) string {
	t.Helper()
	c, err := connectTo("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.conn.Close()
	return c.must(t, args...)
}

// TestScriptsAgreeWithRedis pins scripts and functions on a pool of one group.
func TestScriptsAgreeWithRedis(t *testing.T) {
	servers := startServers(t, 2)
	st := play(t, scene{groups: alone(servers[1])})
	one := sha(scriptOne)
	for _, hello := range []string{"2", "3"} {
		p := newPair(t, st, servers[0], hello)
		p.agree(t, words("SCRIPT FLUSH; EVALSHA "+one+" 0; SCRIPT EXISTS "+one)...)
		p.agree(t, []string{"SCRIPT", "FLUSH"}, []string{"SCRIPT", "LOAD", scriptOne},
			[]string{"EVALSHA", one, "0"}, []string{"EVALSHA", strings.ToUpper(one), "1", "k"},
			[]string{"EVALSHA_RO", one, "0"}, []string{"SCRIPT", "EXISTS", one, sha("x"), "abc", strings.ToUpper(one)},
			[]string{"SCRIPT", "FLUSH", "ASYNC"}, []string{"EVALSHA", one, "0"}, []string{"SCRIPT", "EXISTS", one})
		p.agree(t, []string{"SCRIPT", "FLUSH"}, []string{"EVAL", "return {KEYS[1], 1.5, false, {ok='y'}}", "1", "a"},
			[]string{"EVAL_RO", "return redis.call('SET', 'a', 1)", "1", "a"}, []string{"EVAL", "nonsense(", "0"},
			[]string{"EVALSHA", sha("nonsense("), "0"}, []string{"SCRIPT", "EXISTS", sha("nonsense(")},
			[]string{"SCRIPT", "LOAD", "nonsense("}, []string{"SCRIPT", "EXISTS", sha("nonsense(")},
			[]string{"EVAL", "return redis.error_reply('MY error')", "0"}, []string{"EVAL", "redis.setresp(3) return redis.call('HGETALL', 'h')", "1", "h"})
		p.agree(t, refusedScripts()...)
		p.agree(t, words("SCRIPT KILL; SCRIPT FLUSH bad; SCRIPT FLUSH ASYNC x; SCRIPT EXISTS; SCRIPT; SCRIPT nope; SCRIPT HELP; EVALSHA abc 0")...)
		p.agree(t, words("EVALSHA "+one+" -1; EVALSHA "+one+" 3 a; EVAL x; EVALSHA "+one+" x; FCALL nope 0; FCALL_RO nope 1 k")...)
		p.agree(t, words("FUNCTION FLUSH; FUNCTION LIST; FUNCTION STATS; FUNCTION KILL; FUNCTION DELETE lib; FUNCTION LOAD x; FUNCTION FLUSH bad; FUNCTION nope; FUNCTION HELP")...)
		p.agree(t, []string{"FUNCTION", "FLUSH"}, []string{"FUNCTION", "LOAD", library}, []string{"FUNCTION", "LOAD", library},
			[]string{"FUNCTION", "LOAD", "REPLACE", library}, []string{"FCALL", "f", "2", "a", "b"}, []string{"FCALL_RO", "f", "0"},
			[]string{"FUNCTION", "LIST", "WITHCODE"}, []string{"FUNCTION", "STATS"}, []string{"FUNCTION", "DUMP"},
			[]string{"FUNCTION", "DELETE", "lib"}, []string{"FUNCTION", "RESTORE", "x"}, []string{"FUNCTION", "DUMP"})
		p.proxied.want(t, "-NOPERM huntaway: 'script|debug' is not allowed through the proxy; send it to the server itself",
			"SCRIPT", "DEBUG", "NO")
	}
}

// refusedScripts are scripts that a server refuses before or after it has compiled them, each
// followed by the questions whether it is there.
func refusedScripts() (all [][]string) {
	all = [][]string{{"SCRIPT", "FLUSH"}}
	known := func(body string, run ...string) {
		all = append(all, run, []string{"EVALSHA", sha(body), "0"}, []string{"SCRIPT", "EXISTS", sha(body)})
	}
	for i, keys := range []string{"x", "", "3", "-1", "99999999999999999999", "1.5"} {
		body := fmt.Sprintf("return 'refused %d'", i)
		known(body, "EVAL", body, keys)
		known(body, "EVAL_RO", body, keys)
		known(body, "EVAL", body, "0")
		known(body, "EVAL", body, keys) // it is there all the same
	}
	for _, body := range []string{"#!lua flags=nope\nreturn 1", "#!js\nreturn 1", "return 'open", "return redis.call('NOPE')",
		"return redis.call('INCRBY', 'refused:k', 'x')", "return redis.error_reply('MINE of my own')", "error('stop')"} {
		known(body, "EVAL", body, "0")
	}
	for i, keys := range []string{"x", "0"} { // within a transaction
		body := fmt.Sprintf("return 'queued %d'", i)
		all = append(all, []string{"MULTI"}, []string{"EVAL", body, keys}, []string{"SET", "refused:k", "v"})
		known(body, "EXEC")
		dropped := fmt.Sprintf("return 'dropped %d'", i)
		all = append(all, []string{"MULTI"}, []string{"EVAL", dropped, keys})
		known(dropped, "DISCARD")
	}
	all = append(all, []string{"MULTI"}, []string{"SCRIPT", "LOAD", "return 'brought'"})
	known("return 'brought'", "EXEC")
	return all
}

// TestScriptOnEveryServer loads a script once and runs it on each group's master and
// replica.
func TestScriptOnEveryServer(t *testing.T) {
	servers := startServers(t, 4)
	groups := []shard.Group{group("g0", servers[0].Addr, servers[1].Addr), group("g1", servers[2].Addr, servers[3].Addr)}
	for i := range groups { // each of the servers knows who it is
		onServer(t, servers[2*i].Addr, "SET", "who", servers[2*i].Addr)
		onServer(t, servers[2*i+1].Addr, "SET", "who", servers[2*i+1].Addr)
	}
	st := play(t, scene{groups: groups, options: loop.PoolOptions{ReadPolicy: shard.PreferReplica}})
	c := st.dial()
	const who = "return redis.call('GET', 'who')"
	c.want(t, sha(who), "SCRIPT", "LOAD", who)
	for _, s := range servers {
		if got := onServer(t, s.Addr, "SCRIPT", "EXISTS", sha(who)); got != "*1\r\n:1\r\n" {
			t.Errorf("%s: got %q for SCRIPT EXISTS; want 1", s.Addr, got)
		}
	}
	for g := range groups {
		c.want(t, servers[2*g].Addr, "EVALSHA", sha(who), "1", st.keyOf(g, "k"))
		eventually(t, "a replica runs EVALSHA_RO", func() bool {
			return c.must(t, "EVALSHA_RO", sha(who), "1", st.keyOf(g, "k")) == servers[2*g+1].Addr
		})
	}
	c.want(t, servers[0].Addr, "EVALSHA", sha(who), "0")
	c.want(t, "*2\r\n:1\r\n:0\r\n", "SCRIPT", "EXISTS", sha(who), sha("nobody"))

	servers[3].Kill()
	c.want(t, sha(scriptOne), "SCRIPT", "LOAD", scriptOne)
	c.want(t, "OK", "SCRIPT", "FLUSH")
	c.want(t, noScript, "EVALSHA", sha(who), "0")
	c.want(t, "*1\r\n:0\r\n", "SCRIPT", "EXISTS", sha(who))
	for _, s := range servers[:3] {
		if got := onServer(t, s.Addr, "SCRIPT", "EXISTS", sha(who)); got != "*1\r\n:0\r\n" {
			t.Errorf("%s: got %q for SCRIPT EXISTS after FLUSH; want 0", s.Addr, got)
		}
	}
}

// TestScriptIsLoadedWhereItIsUsed: a script that came by EVAL to one group runs by digest on
// the others, also after a server was restarted, and after somebody flushed its scripts.
func TestScriptIsLoadedWhereItIsUsed(t *testing.T) {
	servers := startServers(t, 3)
	st := play(t, scene{groups: alone(servers...), options: loop.PoolOptions{HoldTimeout: 10 * time.Second}})
	c := st.dial()
	c.want(t, noScript, "EVALSHA", sha(scriptGet), "1", st.keyOf(0, "k"))
	c.want(t, "(nil)", "EVAL", scriptGet, "1", st.keyOf(0, "k"))
	everywhere := func(want string) {
		t.Helper()
		for g := range servers {
			c.want(t, "OK", "SET", st.keyOf(g, "k"), want)
			c.want(t, want, "EVALSHA", sha(scriptGet), "1", st.keyOf(g, "k"))
			c.want(t, want, "EVALSHA_RO", sha(scriptGet), "1", st.keyOf(g, "k"))
		}
	}
	everywhere("1")
	everywhere("2")

	for _, s := range servers {
		onServer(t, s.Addr, "SCRIPT", "FLUSH")
	}
	everywhere("3")
	c.want(t, "*1\r\n:1\r\n", "SCRIPT", "EXISTS", sha(scriptGet))

	servers[1].Kill()
	if err := servers[1].Restart(context.Background()); err != nil {
		t.Fatal(err)
	}
	everywhere("4")
	c.want(t, noScript, "EVALSHA", sha("nobody"), "0")
}

// TestScriptsKeepOrder: loading a script does not let what comes later overtake it.
func TestScriptsKeepOrder(t *testing.T) {
	servers := startServers(t, 2)
	st := play(t, scene{groups: alone(servers...)})
	c := st.dial()
	c.want(t, "1", "EVAL", scriptPush, "1", st.keyOf(0, "x"), "v")
	key := st.keyOf(1, "list")
	const n = 200
	var all []byte
	for i := range n {
		if i%2 == 0 {
			all = rig.AppendCommand(all, "EVALSHA", sha(scriptPush), "1", key, fmt.Sprint(i))
		} else {
			all = rig.AppendCommand(all, "RPUSH", key, fmt.Sprint(i))
		}
	}
	if err := c.send(all); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if got, err := c.text(); got != fmt.Sprint(i+1) || err != nil {
			t.Fatalf("request %d: got %q, %v; want %d", i, got, err, i+1)
		}
	}
	for i, got := range bulks(t, c.must(t, "LRANGE", key, "0", "-1")) {
		if got != fmt.Sprint(i) {
			t.Fatalf("element %d: got %s; want %d", i, got, i)
		}
	}
}

// TestHealedPipeline: scripts that were flushed without the proxy while it was idle cost a
// pipeline of EVALSHAs neither an answer nor their order among themselves.
func TestHealedPipeline(t *testing.T) {
	servers := startServers(t, 2)
	st := play(t, scene{groups: alone(servers...)})
	c := st.dial()
	c.want(t, sha(scriptPush), "SCRIPT", "LOAD", scriptPush)
	key := st.keyOf(1, "list")
	for round := range 5 {
		c.must(t, "DEL", key)
		c.want(t, "1", "EVALSHA", sha(scriptPush), "1", key, "0")
		onServer(t, servers[1].Addr, "SCRIPT", "FLUSH")
		const n = 100
		var all []byte
		for i := 1; i <= n; i++ {
			all = rig.AppendCommand(all, "EVALSHA", sha(scriptPush), "1", key, fmt.Sprint(i))
		}
		if err := c.send(all); err != nil {
			t.Fatal(err)
		}
		for i := 1; i <= n; i++ {
			if got, err := c.text(); got != fmt.Sprint(i+1) || err != nil {
				t.Fatalf("round %d, request %d: got %q, %v; want %d", round, i, got, err, i+1)
			}
		}
		for i, got := range bulks(t, c.must(t, "LRANGE", key, "0", "-1")) {
			if got != fmt.Sprint(i) {
				t.Fatalf("round %d, element %d: got %s; want %d", round, i, got, i)
			}
		}
	}
}

// TestScriptKill ends a script that would never end, through the proxy, while the links that
// others share are stuck behind it.
func TestScriptKill(t *testing.T) {
	servers := startServers(t, 2, "--busy-reply-threshold", "50")
	for _, n := range []int{1, 2} {
		st := play(t, scene{groups: alone(servers[:n]...), engine: loop.Options{Workers: 1}})
		stuck, c := st.dial(), st.dial()
		c.want(t, "-NOTBUSY No scripts in execution right now.", "SCRIPT", "KILL")
		key := st.keyOf(n-1, "k")
		if err := stuck.send(rig.AppendCommand(nil, "EVAL", "while true do end", "1", key)); err != nil {
			t.Fatal(err)
		}
		killer := st.dial()
		eventually(t, "SCRIPT KILL finds the script", func() bool {
			return killer.must(t, "SCRIPT", "KILL") == "OK"
		})
		if got, err := stuck.text(); err != nil || !strings.Contains(got, "Script killed by user") {
			t.Errorf("got %q, %v; want that the script was killed", got, err)
		}
		c.want(t, "OK", "SET", key, "v")
	}
}

// TestFunctions loads a library on every group.
func TestFunctions(t *testing.T) {
	servers := startServers(t, 3)
	st := play(t, scene{groups: alone(servers...), options: loop.PoolOptions{HoldTimeout: 50 * time.Millisecond}})
	c := st.dial()
	c.want(t, "lib", "FUNCTION", "LOAD", library)
	for g := range servers {
		c.want(t, "1", "FCALL", "f", "1", st.keyOf(g, "k"))
		c.want(t, "1", "FCALL_RO", "f", "1", st.keyOf(g, "k"))
	}
	c.want(t, "0", "FCALL", "f", "0")
	c.want(t, "-CROSSSLOT Keys in request don't hash to the same slot", "FCALL", "f", "2", st.keyOf(0, "k"), st.keyOf(1, "k"))
	c.want(t, "-ERR Library 'lib' already exists", "FUNCTION", "LOAD", library)
	c.want(t, "lib", "FUNCTION", "LOAD", "REPLACE", library)
	dump := c.must(t, "FUNCTION", "DUMP")
	if got := c.must(t, "FUNCTION", "LIST"); !strings.Contains(got, "lib") {
		t.Errorf("FUNCTION LIST: got %q; want the library", got)
	}
	if _, n, _, ok := codec.Header([]byte(c.must(t, "FUNCTION", "STATS"))); !ok || n != 4 {
		t.Errorf("FUNCTION STATS: got %d elements; want 4", n)
	}
	c.want(t, "OK", "FUNCTION", "DELETE", "lib")
	c.want(t, "-ERR Function not found", "FCALL", "f", "1", st.keyOf(2, "k"))
	c.want(t, "OK", "FUNCTION", "RESTORE", dump)
	c.want(t, "1", "FCALL", "f", "1", st.keyOf(2, "k"))
	c.want(t, "OK", "FUNCTION", "FLUSH")
	c.want(t, "-ERR Function not found", "FCALL", "f", "1", st.keyOf(1, "k"))
	c.want(t, "-NOTBUSY No scripts in execution right now.", "FUNCTION", "KILL")
}

// TestScriptsUnderLoad: clients on two workers run scripts by digest while somebody flushes
// them on the servers. Nobody sees NOSCRIPT, and everybody gets an answer of their own.
func TestScriptsUnderLoad(t *testing.T) {
	servers := startServers(t, 2)
	st := play(t, scene{groups: alone(servers...)})
	const scripts, rounds, clients = 5, 200, 6
	body := func(i int) string { return fmt.Sprintf("return '%d:' .. KEYS[1] .. ARGV[1]", i) }
	c := st.dial()
	for i := range scripts {
		c.want(t, sha(body(i)), "SCRIPT", "LOAD", body(i))
	}
	err := together(clients+1, func(who int) error {
		if who == clients {
			return flushNow(servers, rounds/10)
		}
		c, err := st.connect()
		if err != nil {
			return err
		}
		defer c.conn.Close()
		for i := range rounds {
			key, arg, n := fmt.Sprint("k", i), fmt.Sprint(":", who), (i+who)%scripts
			got, err := c.do("EVALSHA", sha(body(n)), "1", key, arg)
			if want := fmt.Sprint(n, ":", key, arg); err != nil || got != want {
				return fmt.Errorf("client %d, round %d: got %q, %v; want %q", who, i, got, err, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// flushNow flushes the scripts of each server n times.
func flushNow(servers []*rig.Child, n int) error {
	for range n {
		for _, s := range servers {
			if _, err := rig.Call(s.Addr, patience, "SCRIPT", "FLUSH"); err != nil {
				return err
			}
		}
	}
	return nil
}
