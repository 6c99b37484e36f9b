package ha

import (
	"bufio"
	"compress/gzip"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"huntaway/codec"
	"huntaway/shard"
)

// scripted starts a server that answers COMMAND with what is given, and everything else with
// OK: it stands in for servers of versions that cannot be installed.
func scripted(t *testing.T, command string) shard.Server {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go converse(c, command)
		}
	}()
	return shard.Server{Addr: ln.Addr().String(), Network: "tcp"}
}

// converse answers requests until the peer has enough.
func converse(c net.Conn, command string) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		head, err := in.ReadString('\n')
		if err != nil || head[0] != '*' {
			return
		}
		n, _ := strconv.Atoi(strings.TrimSpace(head[1:]))
		name := ""
		for i := range n {
			if _, err := in.ReadString('\n'); err != nil {
				return
			}
			word, err := in.ReadString('\n')
			if err != nil {
				return
			}
			if i == 0 {
				name = strings.ToLower(strings.TrimSpace(word))
			}
		}
		reply := "+OK\r\n"
		switch name {
		case "command":
			reply = command
		case "hello":
			reply = "-ERR unknown command 'HELLO'\r\n"
		}
		if _, err := c.Write([]byte(reply)); err != nil {
			return
		}
	}
}

// recorded returns what a server of some version answered to COMMAND.
func recorded(t *testing.T, version string) string {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "codec", "testdata", "command", version+".resp2.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestLearnOfSeveralVersions: of servers of several versions what all have is learnt, and
// nothing of a server whose reply makes no sense.
func TestLearnOfSeveralVersions(t *testing.T) {
	redis7, redis8, valkey := scripted(t, recorded(t, "redis-7.0.15")), scripted(t, recorded(t, "redis-8.0-dev")), scripted(t, recorded(t, "valkey-8.1-dev"))
	strange := scripted(t, "*1\r\n*6\r\n$3\r\nset\r\n:-3\r\n*1\r\n+readonly\r\n:1\r\n:1\r\n:1\r\n")
	broken := scripted(t, "*1\r\n$3\r\nset\r\n")
	for what, row := range map[string]struct {
		servers         []shard.Server
		hexpire, script bool
		wrong           string
	}{
		"one":                   {[]shard.Server{redis8}, true, false, ""},
		"Valkey":                {[]shard.Server{valkey}, false, true, ""},
		"an old one and new":    {[]shard.Server{redis8, redis7, valkey}, false, false, ""},
		"a strange one":         {[]shard.Server{strange, redis8}, true, false, `"set" is said to read only`},
		"a broken one":          {[]shard.Server{redis8, broken}, true, false, "entry 0"},
		"one that is not there": {[]shard.Server{{Addr: "127.0.0.1:1", Network: "tcp"}, redis8}, true, false, "refused"},
	} {
		specs, err := LearnCommands(context.Background(), row.servers, Access{})
		if row.wrong == "" && err != nil || row.wrong != "" && (err == nil || !strings.Contains(err.Error(), row.wrong)) {
			t.Errorf("%s: got %v; want an error with %q", what, err, row.wrong)
		}
		names := map[string]bool{}
		for _, s := range specs {
			names[s.Name] = true
			for _, sub := range s.Sub {
				names[sub.Name] = true
			}
		}
		if names["hexpire"] != row.hexpire || names["script|show"] != row.script || !names["get"] {
			t.Errorf("%s: got hexpire %t, script|show %t; want %t, %t", what, names["hexpire"], names["script|show"], row.hexpire, row.script)
		}
		if c := codec.Default().Learn(specs).Lookup([]byte("set")); c.IsRead() {
			t.Errorf("%s: SET is taken for a read", what)
		}
	}
	if specs, err := LearnCommands(context.Background(), []shard.Server{strange}, Access{}); err == nil || specs != nil {
		t.Errorf("got %d commands, %v; want nothing of a strange server alone", len(specs), err)
	}
}
