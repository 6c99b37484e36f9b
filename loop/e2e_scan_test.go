package loop_test

import (
	"fmt"
	"testing"

	"huntaway/codec"
	"huntaway/perf/bench/rig"
)

// TestScanFindsEachKeyOnce walks 10 000 keys on three servers.
func TestScanFindsEachKeyOnce(t *testing.T) {
	const keys = 10_000
	servers := startServers(t, 3)
	st := play(t, scene{groups: alone(servers...)})
	c := st.dial()
	var all []byte
	for i := range keys {
		all = rig.AppendCommand(all, "SET", fmt.Sprintf("key:%d", i), "v")
	}
	sent := make(chan error, 1)
	go func() { sent <- c.send(all) }()
	for range keys {
		if got, err := c.text(); got != "OK" || err != nil {
			t.Fatalf("SET: got %q, %v; want OK", got, err)
		}
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	for _, count := range []string{"10", "1000", "100000"} {
		if seen := c.scanAll(t, "COUNT", count); len(seen) != keys {
			t.Errorf("COUNT %s: got %d different keys; want %d", count, len(seen), keys)
		}
	}
	if seen := c.scanAll(t, "MATCH", "key:1?", "COUNT", "500"); len(seen) != 10 {
		t.Errorf("MATCH key:1?: got %d keys; want 10", len(seen))
	}
	if seen := c.scanAll(t, "TYPE", "list", "COUNT", "5000"); len(seen) != 0 {
		t.Errorf("TYPE list: got %d keys; want none", len(seen))
	}
	c.want(t, "-ERR syntax error", "SCAN", "0", "COUNT", "0")
	direct := straight(t, servers[0])
	for _, cursor := range oddCursors {
		got, want := c.must(t, "SCAN", cursor), direct.must(t, "SCAN", cursor)
		if got != want && (got[0] != '*' || want[0] != '*') {
			t.Errorf("SCAN %q: got %.60q; want as the server says: %.60q", cursor, got, want)
		}
	}
	c.want(t, "-ERR wrong number of arguments for 'scan' command", "SCAN")
}

// oddCursors are texts that strtoul reads in ways of its own.
var oddCursors = []string{"", "0", "+0", "-0", "+1", "-1", "-5", "+", "-", "+-1", "--1", " 1", "1 ", "\t1", "0x10", "007",
	"1a", "1.5", "1_0", "\x00", "\x001", "1\x002", "+\x00", "18446744073709551615", "18446744073709551616",
	"-18446744073709551615", "-18446744073709551616", "00000000000000000000000000000000001"}

// scanAll walks to the end and returns what it found, each key once; a key that comes twice
// is an error.
func (c *client) scanAll(t *testing.T, options ...string) map[string]bool {
	t.Helper()
	seen := map[string]bool{}
	for cursor := "0"; ; {
		reply := []byte(c.must(t, append([]string{"SCAN", cursor}, options...)...))
		_, n, at, ok := codec.Header(reply)
		next, size, isBulk := codec.Bulk(reply[at:])
		if !ok || n != 2 || !isBulk {
			t.Fatalf("SCAN %s: got %.100q; want a cursor and an array", cursor, reply)
		}
		for _, key := range bulks(t, string(reply[at+size:])) {
			if seen[key] {
				t.Fatalf("SCAN %s: got %s again; want it once", cursor, key)
			}
			seen[key] = true
		}
		if cursor = string(next); cursor == "0" {
			return seen
		}
	}
}
