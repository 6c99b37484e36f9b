package loop

import (
	"slices"
	"strings"
	"testing"

	"huntaway/codec"
	"huntaway/loop/netio"
	"huntaway/shard"
)

// TestManyKeysAreSurveyed: the groups of very many keys, which must be of one, are found in pieces, and another client
// is served between any two. Then the request goes on as any other: whole, or refused if one key is elsewhere, also
// within a transaction.
func TestManyKeysAreSurveyed(t *testing.T) {
	const n = 50_000
	keys := slices.Repeat([]string{"{a}"}, n)
	for i := range keys {
		keys[i] += decimal(i)
	}
	elsewhere := func(words []string, at int) []string {
		words = slices.Clone(words)
		words[at] = "d"
		return words
	}
	inter := append([]string{"SINTER"}, keys...)
	eval := append([]string{"EVAL", "return 1", decimal(n)}, keys...)
	pop := append(append([]string{"BLPOP"}, keys...), "1")
	for _, tc := range []struct {
		name  string
		words []string
		ahead string // asked before
		reply string // that the client gets for it, of the proxy; "": the server is sent it whole
	}{
		{"whole", inter, "", ""},
		{"a key elsewhere", elsewhere(inter, n), "", "-CROSSSLOT"},
		{"a script", eval, "", ""},
		{"a script with a key elsewhere", elsewhere(eval, n+2), "", "-CROSSSLOT"},
		{"blocking, a key elsewhere", elsewhere(pop, n), "", "-CROSSSLOT"},
		{"watched, a key elsewhere", elsewhere(append([]string{"WATCH"}, keys...), n), "", "-CROSSSLOT"},
		{"in a transaction", inter, "MULTI", "+QUEUED"},
		{"in a transaction, split else", append([]string{"MGET"}, keys...), "MULTI", "+QUEUED"},
		{"in a transaction, a key elsewhere", elsewhere(inter, n), "MULTI", "-CROSSSLOT"},
		{"in one of another group", inter, "MULTI;GET d", "-CROSSSLOT"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			table, err := shard.Build(shard.Spec{Groups: twoGroups(t).Groups, HashTag: "{}"})
			if err != nil {
				t.Fatal(err)
			}
			st := newTestWorker(t, PoolOptions{Table: table})
			servers := []*memConn{st.linkTo(0, 0, 0), st.linkTo(0, 0, 1)}
			w := st.e.workers[0]
			if w.pools[0].table.Locate([]byte("{a}")) == w.pools[0].table.Locate([]byte("d")) {
				t.Fatal("a and d are of one group; want two")
			}
			c, other := st.client(0, 0), st.client(0, 0)
			if tc.ahead != "" {
				c.ask(frames(tc.ahead))
			}
			in := codec.AppendCommand(nil, tc.words...)
			for piece := range slices.Chunk(in, netio.ReadBuffer) {
				c.arrive(string(piece))
			}
			pieces := 0
			for ; c.s.input.unfinished != nil; pieces++ {
				if len(st.tasks) == 0 {
					t.Fatal("got nothing that goes on with the request")
				}
				st.step()
				if got := other.ask1(t, "PING\r\n"); got != "+PONG\r\n" {
					t.Fatalf("the other client got %q; want a PONG between two pieces", got)
				}
			}
			st.run()
			if least := n * workKey * clientShare / mostWork / 2; pieces < least {
				t.Errorf("got %d events; want the work to be divided in at least %d", pieces, least)
			}
			if got := c.take(); !strings.HasPrefix(got, tc.reply) || tc.reply == "" && got != "" {
				t.Errorf("got %.80q; want %q", got, tc.reply)
			}
			said := servers[0].take() + servers[1].take()
			if tc.reply == "" && !strings.Contains(said, string(in)) || tc.reply != "" && said != "" {
				t.Errorf("the servers got %d bytes, %.60q; want the request where it is not refused or queued", len(said), said)
			}
		})
	}
}
