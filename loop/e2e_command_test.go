package loop_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"huntaway/codec"
	"huntaway/loop"
	"huntaway/perf/bench/rig"
)

// treeOf makes of a RESP2 reply what client libraries make of it, and returns what follows.
func treeOf(t *testing.T, b string) (v any, rest string) {
	t.Helper()
	line, rest, _ := strings.Cut(b, "\r\n")
	n, _ := strconv.Atoi(line[1:])
	switch line[0] {
	case ':':
		return int64(n), rest
	case '+':
		return line[1:], rest
	case '$':
		return rest[:n], rest[n+2:]
	case '*':
		all := []any{}
		for range n {
			v, rest = treeOf(t, rest)
			all = append(all, v)
		}
		return all, rest
	}
	t.Fatalf("got %.80q; want a reply to COMMAND", b)
	return nil, ""
}

// learnFrom tells the pool what a server says of its commands.
func (st *stage) learnFrom(t *testing.T, server *rig.Child) {
	t.Helper()
	c, err := connectTo("tcp", server.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.conn.Close()
	if err := c.send(rig.AppendCommand(nil, "COMMAND")); err != nil {
		t.Fatal(err)
	}
	reply, _ := c.frame(t, false)
	v, _ := treeOf(t, reply)
	specs, err := codec.ParseCommandReply(v)
	if err != nil {
		t.Fatal(err)
	}
	st.pool.Learn(specs)
}

// TestCommandAgreesWithRedis: once the servers have been heard COMMAND is answered as they
// answer it, also over several groups.
func TestCommandAgreesWithRedis(t *testing.T) {
	servers := startServers(t, 3)
	for what, sc := range map[string]scene{
		"one group":    {groups: alone(servers[1])},
		"two groups":   {groups: append(one(group("a", servers[1].Addr)), group("b", servers[2].Addr))},
		"as operators": {groups: alone(servers[1]), options: loop.PoolOptions{AdminCommands: true}},
	} {
		st := play(t, sc)
		st.learnFrom(t, servers[1])
		for _, hello := range []string{"2", "3"} {
			p := newPair(t, st, servers[0], hello)
			p.agree(t, words("COMMAND COUNT;COMMAND INFO get;COMMAND INFO migrate nope CONFIG|RESETSTAT sort eval;"+
				"COMMAND GETKEYS set k v;COMMAND GETKEYSANDFLAGS set k v;COMMAND GETKEYSANDFLAGS set k v GET;COMMAND GETKEYSANDFLAGS lmove a b LEFT LEFT;"+
				"COMMAND GETKEYSANDFLAGS sort a STORE b;COMMAND GETKEYS ping;COMMAND GETKEYS nope;COMMAND GETKEYS migrate h 1 k 0 1;"+
				"COMMAND GETKEYSANDFLAGS eval x 2 a b;COMMAND GETKEYS;COMMAND NOPE;COMMAND LIST x;COMMAND LIST FILTERBY MODULE x;"+
				"COMMAND LIST FILTERBY PATTERN config;COMMAND LIST FILTERBY PATTERN zrank;GET;GET a b;ZRANK;ZRANK k;ZRANK k m WITHSCORE;OBJECT ENCODING;"+
				"OBJECT ENCODING a b;MULTI;ZRANK k m WITHSCORE;EXEC;XGROUP CREATE k;SETEX k 1;RENAME a")...)
			for _, request := range []string{"COMMAND", "COMMAND LIST", "COMMAND LIST FILTERBY PATTERN config*", "COMMAND LIST FILTERBY ACLCAT scripting", "COMMAND DOCS get", "COMMAND DOCS",
				"COMMAND INFO config", "COMMAND INFO"} {
				var said [2][]string
				for i, c := range []*client{p.direct, p.proxied} {
					if err := c.send(rig.AppendCommand(nil, strings.Fields(request)...)); err != nil {
						t.Fatal(err)
					}
					reply, _ := c.frame(t, p.resp3)
					said[i] = strings.Split(reply, "\r\n")
					slices.Sort(said[i]) // servers list in any order
				}
				if !slices.Equal(said[0], said[1]) {
					t.Errorf("%s, RESP%s, %s: got %d lines; want the server's %d", what, hello, request, len(said[1]), len(said[0]))
				}
			}
		}
		st.stop()
	}
}
