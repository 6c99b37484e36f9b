package main

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"huntaway/ha"
	"huntaway/loop"
	"huntaway/shard"
)

// TestLeastLimits: the least of all servers counts, of those that have said one, and not of who has
// left.
func TestLeastLimits(t *testing.T) {
	known := serverBounds{"a": {Known: true, Bulk: 5, Query: 9}, "b": {Known: true, Query: 7}, "c": {Known: true, Bulk: 3, Query: 8}, "gone": {Known: true, Bulk: 1, Query: 1}}
	servers := []shard.Server{{Addr: "a"}, {Addr: "b"}, {Addr: "c"}, {Addr: "silent"}}
	if got, want := known.least(servers), (loop.ServerLimits{BulkBytes: 3, QueryBytes: 7}); got != want {
		t.Errorf("got %+v; want %+v", got, want)
	}
	if got := (serverBounds{"a": ha.ServerLimits{}}).least(servers); got != (loop.ServerLimits{}) {
		t.Errorf("got %+v; want none", got)
	}
}

// TestServersLimitsAreKept: who asks a server for more than it takes is told so and cut off as by that
// server, and nobody else notices; of what cannot be refused the log warns.
func TestServersLimitsAreKept(t *testing.T) {
	c := troupe(t)
	listen, admin, addr := free(t), free(t), c.groups[0][0]
	server := client(t, addr)
	for name, value := range map[string]string{"proto-max-bulk-len": "1mb", "client-output-buffer-limit": "normal 8mb 0 0", "maxmemory-clients": "64mb"} {
		if err := server.ConfigSet(t.Context(), name, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
	file := written(t, "huntaway.toml", fmt.Sprintf("[log]\nformat = \"json\"\n[admin]\nhttp = %q\n[pools.alpha]\nlisten = %q\ntimeout = \"5s\"\nservers = [\"%s:1\"]\n",
		admin, listen, addr))
	proxy := running(t, file)
	proxy.says(`"proto-max-bulk-len":1048576,`)
	proxy.says(`"client-output-buffer-limit":"normal 8388608 0 0"`)
	proxy.says(`"client-output-buffer-limit":"pubsub 33554432 8388608 60"`)
	proxy.says(`"maxmemory-clients":"67108864"`)
	user := client(t, listen)
	eventually(t, "the limit to hold", func() bool {
		return user.ConfigGet(t.Context(), "proto-max-bulk-len").Val()["proto-max-bulk-len"] == "1048576"
	})
	if err := user.Set(t.Context(), "k", strings.Repeat("x", 1<<20), 0).Err(); err != nil {
		t.Errorf("a value of 1 MiB: %v; want it taken", err)
	}
	lost := func() (lines string) {
		_, text := page(t, "http://"+admin+"/metrics")
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "huntaway_backend_disconnects_total{") {
				lines += line
			}
		}
		return lines
	}
	before := lost()
	for range 5 {
		offender, err := net.Dial("tcp", listen)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(offender, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1048577\r\n")
		said, err := io.ReadAll(offender)
		if string(said) != "-ERR Protocol error: invalid bulk length\r\n" || err != nil {
			t.Errorf("a value of 1 MiB and a byte: got %q, %v; want what Redis says, and the end", said, err)
		}
		offender.Close()
	}
	if now := lost(); now != before || now == "" {
		t.Errorf("got links lost:\n%swant as before:\n%s", now, before)
	}
}
