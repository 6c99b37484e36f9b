package shard

// The oracle: a real nutcracker 0.5.0 in front of servers that answer every request with
// their own number, so that the reply says where the key was sent.

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A fleet is servers of which number i answers every request with i.
type fleet []net.Listener

// newFleet starts a server at each address; port 0 is any free one.
func newFleet(t *testing.T, addrs ...string) fleet {
	t.Helper()
	var f fleet
	for i, addr := range addrs {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatalf("server %d: %v", i, err)
		}
		t.Cleanup(func() { l.Close() })
		go serve(l, fmt.Appendf(nil, "+%d\r\n", i))
		f = append(f, l)
	}
	return f
}

// anyAddrs returns n addresses on different loopback hosts, so that labels differ in length.
func anyAddrs(n int) []string {
	addrs := make([]string, n)
	for i := range addrs {
		addrs[i] = fmt.Sprintf("127.0.0.%d:0", 1+i*8)
	}
	return addrs
}

func (f fleet) addr(i int) string { return f[i].Addr().String() }

func serve(l net.Listener, reply []byte) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go answer(c, reply)
	}
}

// answer sends the reply once for each multi-bulk request, until the connection ends.
func answer(c net.Conn, reply []byte) {
	defer c.Close()
	in, out := bufio.NewReaderSize(c, 1<<16), bufio.NewWriterSize(c, 1<<16)
	for {
		args, err := number(in, '*')
		for ; args > 0 && err == nil; args-- {
			var n int
			if n, err = number(in, '$'); err == nil {
				_, err = in.Discard(n + len("\r\n"))
			}
		}
		if err != nil {
			return
		}
		out.Write(reply)
		if in.Buffered() == 0 {
			out.Flush()
		}
	}
}

// number reads a line that is a letter and a number.
func number(in *bufio.Reader, letter byte) (int, error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if line[0] != letter {
		return 0, fmt.Errorf("got line %q; want %q and a number", line, letter)
	}
	return strconv.Atoi(string(bytes.TrimSpace(line[1:])))
}

// A poolConf is a pool of nutcracker.yml.
type poolConf struct {
	hash, tag, distribution string
	servers                 []string // lines without the dash
	more                    []string // further lines, "key: value"
}

func (p poolConf) yaml(b *strings.Builder, name, socket string) {
	fmt.Fprintf(b, "%s:\n  listen: %s\n  hash: %s\n  distribution: %s\n  redis: true\n",
		name, socket, p.hash, p.distribution)
	if p.tag != "" {
		fmt.Fprintf(b, "  hash_tag: %q\n", p.tag)
	}
	for _, line := range p.more {
		fmt.Fprintf(b, "  %s\n", line)
	}
	b.WriteString("  servers:\n")
	for _, line := range p.servers {
		fmt.Fprintf(b, "   - %s\n", line)
	}
}

// needNutcracker returns the path of nutcracker, or fails the test, or skips it when the
// environment asks for that.
func needNutcracker(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("nutcracker")
	if err == nil {
		return path
	}
	if os.Getenv("HUNTAWAY_SKIP_NUTCRACKER") == "1" {
		t.Skip("SKIPPED, KEY PLACEMENT IS NOT VERIFIED: nutcracker is not on PATH and HUNTAWAY_SKIP_NUTCRACKER=1")
	}
	t.Fatal("nutcracker is not on PATH; install twemproxy 0.5.0 (Debian: apt-get install nutcracker), or set HUNTAWAY_SKIP_NUTCRACKER=1 to go without")
	return ""
}

// startNutcracker runs nutcracker with these pools until the test ends and returns the
// sockets they listen on.
func startNutcracker(t *testing.T, pools []poolConf) []string {
	t.Helper()
	path, dir := needNutcracker(t), t.TempDir()
	sockets := make([]string, len(pools))
	var yaml strings.Builder
	for i, p := range pools {
		sockets[i] = filepath.Join(dir, strconv.Itoa(i))
		p.yaml(&yaml, "pool"+strconv.Itoa(i), sockets[i])
	}
	conf, log := filepath.Join(dir, "conf"), filepath.Join(dir, "log")
	if err := os.WriteFile(conf, []byte(yaml.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	stats := fmt.Sprintf("127.%d.%d.%d", rand.IntN(255), 1+rand.IntN(254), 1+rand.IntN(254))
	cmd := exec.Command(path, "-c", conf, "-o", log, "-a", stats, "-s", "22299", "-v", "4")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if text, _ := os.ReadFile(log); t.Failed() {
			t.Logf("nutcracker's log: %s", text)
		}
	})
	return sockets
}

// dial connects to a socket of nutcracker's, which may not listen yet.
func dial(t *testing.T, socket string) net.Conn {
	t.Helper()
	give := time.Now().Add(time.Minute)
	for pause := time.NewTicker(2 * time.Millisecond); ; <-pause.C {
		c, err := net.Dial("unix", socket)
		if err == nil {
			c.SetDeadline(time.Now().Add(time.Minute))
			t.Cleanup(func() { c.Close() })
			return c
		}
		if time.Now().After(give) {
			t.Fatalf("nutcracker does not listen: %v", err)
		}
	}
}

// pipeline returns a GET of each key.
func pipeline(keys [][]byte) (out []byte) {
	for _, key := range keys {
		out = append(out, "*2\r\n$3\r\nGET\r\n$"...)
		out = strconv.AppendInt(out, int64(len(key)), 10)
		out = append(out, "\r\n"...)
		out = append(out, key...)
		out = append(out, "\r\n"...)
	}
	return out
}

// window is how many keys are asked for at once. nutcracker takes a buffer of 16 KiB for each request
// in flight: with all of them in one pipeline it spends its time on memory that is in no cache.
const window = 256

// placed sends a GET of each key through nutcracker and returns the numbers of the servers that
// answered.
func placed(t *testing.T, socket string, keys [][]byte) []int {
	t.Helper()
	c := dial(t, socket)
	at := make([]int, 0, len(keys))
	in := bufio.NewReaderSize(c, 1<<16)
	for some := range slices.Chunk(keys, window) {
		if _, err := c.Write(pipeline(some)); err != nil {
			t.Fatalf("after %d keys: %v", len(at), err)
		}
		for _, key := range some {
			n, err := number(in, '+')
			if errors.Is(err, io.EOF) {
				t.Fatalf("nutcracker closed the connection at key %q", key)
			}
			if err != nil {
				t.Fatalf("reply to key %q: %v", key, err)
			}
			at = append(at, n)
		}
	}
	return at
}
