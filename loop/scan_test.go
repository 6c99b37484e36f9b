package loop

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"huntaway/codec"
	"huntaway/shard"
)

// manyGroups is a table of n groups with one server each.
func manyGroups(t testing.TB, n int) *shard.Table {
	groups := make([]shard.Group, n)
	for i := range groups {
		groups[i] = shard.Group{Name: fmt.Sprintf("g%d", i), Servers: []shard.Server{
			{Addr: fmt.Sprintf("127.0.0.1:%d", 7001+i), Role: shard.Master, Weight: 1}}}
	}
	return testTable(t, groups...)
}

// A walker is a server that knows SCAN: its cursors are those of a list, times a stride.
type walker struct {
	*memConn
	keys   []string
	stride uint64
}

// serve answers the one request that was written, three keys at a time.
func (w *walker) serve(t *testing.T) {
	t.Helper()
	args := strings.Split(w.take(), "\r\n")
	if len(args) != 10 || args[2] != "SCAN" || args[6] != "MATCH" || args[8] != "*" {
		t.Fatalf("got request %q; want SCAN cursor MATCH *", args)
	}
	cursor, err := strconv.ParseUint(args[4], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	at := int(cursor / w.stride)
	end := min(at+3, len(w.keys))
	next := uint64(end) * w.stride
	if end == len(w.keys) {
		next = 0
	}
	reply := codec.AppendBulk(codec.AppendArray(nil, 2), strconv.FormatUint(next, 10))
	w.arrive(string(appendBulks(reply, w.keys[at:end]...)))
}

// TestScanWalksManyGroups walks 10 000 keys over 64 groups, with cursors as large as fit.
func TestScanWalksManyGroups(t *testing.T) {
	const groups, keys = 64, 10_000
	st := newTestWorker(t, PoolOptions{Table: manyGroups(t, groups)})
	servers := make([]*walker, groups)
	for i := range servers {
		servers[i] = &walker{memConn: st.linkTo(0, 0, int32(i)), stride: 1 << 48}
	}
	for i := range keys {
		at := i * i % (groups - 5) // the last groups are empty, and the others uneven
		servers[at].keys = append(servers[at].keys, fmt.Sprint(i))
	}
	c := st.client(0, 0)
	seen := map[string]int{}
	for cursor := "0"; ; {
		if got := c.say("SCAN", cursor, "MATCH", "*"); got != "" {
			t.Fatalf("SCAN %s: got %q before a server has answered", cursor, got)
		}
		n, _ := strconv.ParseUint(cursor, 10, 64)
		servers[n%groups].serve(t)
		reply := []byte(c.take())
		_, _, at, _ := codec.Header(reply)
		next, size, ok := codec.Bulk(reply[at:])
		_, found, first, isArray := codec.Header(reply[at+size:])
		if !ok || !isArray {
			t.Fatalf("SCAN %s: got %q; want a cursor and an array", cursor, reply)
		}
		rest := reply[at+size+first:]
		for range found {
			key, n, _ := codec.Bulk(rest)
			seen[string(key)]++
			rest = rest[n:]
		}
		if cursor = string(next); cursor == "0" {
			break
		}
	}
	if len(seen) != keys {
		t.Errorf("got %d different keys; want %d", len(seen), keys)
	}
	for key, n := range seen {
		if n != 1 {
			t.Errorf("got %s %d times; want it once", key, n)
		}
	}
}

// TestScanCursors pins what is sent to which server for a client's cursor, and what the
// client gets for the server's.
func TestScanCursors(t *testing.T) {
	const most = "18446744073709551615"
	for _, row := range []struct{ client, server, reply, next string }{
		{"0", "0", "5", "15"},
		{"000", "0", "0", "1"},
		{"1", "0", "0", "2"},
		{"2", "0", "0", "0"},
		{"16", "5", "9", "28"},
		{"2", "0", "6148914691236517204", "18446744073709551614"},
		{most, "6148914691236517205", "6148914691236517205", most},
		{"1", "0", "6148914691236517205", ""},
		{"1", "0", most, ""},
		{"2", "0", most, ""},
	} {
		st := newTestWorker(t, PoolOptions{Table: manyGroups(t, 3)})
		c := st.client(0, 0)
		n, _ := strconv.ParseUint(row.client, 10, 64)
		server := st.linkTo(0, 0, int32(n%3))
		c.say("SCAN", row.client, "COUNT", "7")
		want := string(codec.AppendCommand(nil, "SCAN", row.server, "COUNT", "7"))
		if got := server.take(); got != want {
			t.Errorf("SCAN %s: got %q sent; want %q", row.client, got, want)
		}
		server.arrive("*2\r\n" + string(codec.AppendBulk(nil, row.reply)) + "*1\r\n$1\r\nk\r\n")
		want = "*2\r\n" + string(codec.AppendBulk(nil, row.next)) + "*1\r\n$1\r\nk\r\n"
		if row.next == "" {
			want = "-ERR invalid cursor\r\n"
		}
		if got := c.take(); got != want {
			t.Errorf("SCAN %s, server says %s: got %q; want %q", row.client, row.reply, got, want)
		}
	}
}

// TestScanRefusesCursors: what is no cursor is refused in Redis' words and not sent.
func TestScanRefusesCursors(t *testing.T) {
	st := newTestWorker(t, PoolOptions{Table: twoGroups(t)})
	c := st.client(0, 0)
	for _, bad := range []string{"+", "-", "+-1", "\t1", "1x", "0x1", " 1", "1_0", "18446744073709551616", strings.Repeat("9", 40)} {
		if got := c.say("SCAN", bad); got != "-ERR invalid cursor\r\n" {
			t.Errorf("SCAN %q: got %q; want ERR invalid cursor", bad, got)
		}
	}
}

// TestScanReplies: what does not look like a reply to SCAN is not passed on as one, an
// error is passed on as it is, and a reply may come in any number of pieces.
func TestScanReplies(t *testing.T) {
	st := newTestWorker(t, PoolOptions{Table: twoGroups(t)})
	server, c := st.linkTo(0, 0, 0), st.client(0, 0)
	misfit := "-ERR huntaway: the parts of the reply do not fit together (group g1, pool alpha); the command may have been executed\r\n"
	for reply, want := range map[string]string{
		"-ERR syntax error\r\n":              "-ERR syntax error\r\n",
		"+OK\r\n":                            misfit,
		"*0\r\n":                             misfit,
		"*2\r\n:0\r\n*0\r\n":                 misfit,
		"*2\r\n$1\r\nx\r\n*0\r\n":            misfit,
		"*2\r\n$-1\r\n*0\r\n":                misfit,
		"*-1\r\n":                            misfit,
		"*2\r\n$1\r\n0\r\n*0\r\n":            "*2\r\n$1\r\n1\r\n*0\r\n",
		"*2\r\n$1\r\n3\r\n*1\r\n$1\r\na\r\n": "*2\r\n$1\r\n6\r\n*1\r\n$1\r\na\r\n",
	} {
		c.say("SCAN", "0")
		for i := range reply {
			server.arrive(reply[i : i+1])
		}
		if got := c.take(); got != want {
			t.Errorf("server says %q: got %q; want %q", reply, got, want)
		}
	}
	big := "*1\r\n" + string(codec.AppendBulk(nil, strings.Repeat("k", 3*passOn)))
	c.say("SCAN", "0")
	whole := "*2\r\n$1\r\n7\r\n" + big
	server.arrive(whole[:passOn])
	server.arrive(whole[passOn : 2*passOn])
	if got := c.take(); got != "" {
		t.Fatalf("got %d bytes of a reply whose cursor must be changed before it was complete", len(got))
	}
	server.arrive(whole[2*passOn:])
	if got, want := c.take(), "*2\r\n$2\r\n14\r\n"+big; got != want {
		t.Errorf("got %d bytes %.40q; want %d bytes %.40q", len(got), got, len(want), want)
	}
}

// TestStepFits compares the arithmetic of cursors with its inverse.
func TestStepFits(t *testing.T) {
	for _, groups := range []uint64{2, 3, 64, 1000, 65535} {
		for _, group := range []uint64{0, 1, groups - 1} {
			last := (math.MaxUint64 - group) / groups
			for _, at := range []uint64{1, 2, 1 << 32, last - 1, last} {
				got, ok := step{group, groups}.cursor(at)
				if !ok || got%groups != group || got/groups != at {
					t.Errorf("cursor %d of group %d/%d: got %d, %v; want one that leads back", at, group, groups, got, ok)
				}
			}
			if got, ok := (step{group, groups}).cursor(last + 1); ok && last < math.MaxUint64 {
				t.Errorf("cursor %d of group %d/%d: got %d; want that it does not fit", last+1, group, groups, got)
			}
		}
	}
}
