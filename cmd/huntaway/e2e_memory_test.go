package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// request reads one request and returns its words.
func request(in *bufio.Reader) (words []string, err error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(strings.Trim(line, "*\r\n"))
	if err != nil {
		return nil, err
	}
	for range n {
		if line, err = in.ReadString('\n'); err != nil {
			return nil, err
		}
		size, err := strconv.Atoi(strings.Trim(line, "$\r\n"))
		if err != nil {
			return nil, err
		}
		word := make([]byte, size+2)
		if _, err := io.ReadFull(in, word); err != nil {
			return nil, err
		}
		words = append(words, string(word[:size]))
	}
	return words, nil
}

// rogue starts a server that greets well and answers MGET without an end.
func rogue(t *testing.T, head, and string) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	chunk := []byte(strings.Repeat(and, 16<<10))
	talk := func(c net.Conn) {
		defer c.Close()
		for in := bufio.NewReader(c); ; {
			words, err := request(in)
			switch {
			case err != nil:
				return
			case words[0] == "PING":
				io.WriteString(c, "+PONG\r\n")
			case words[0] == "ECHO": // a canary
				fmt.Fprintf(c, "$%d\r\n%s\r\n", len(words[1]), words[1])
			case words[0] == "MGET":
				for _, err = io.WriteString(c, head); err == nil; {
					_, err = c.Write(chunk)
				}
				return
			default:
				io.WriteString(c, "+OK\r\n")
			}
		}
	}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go talk(c)
		}
	}()
	return ln.Addr().String()
}

// peakOf returns how many bytes of memory a process has had at most.
func peakOf(t *testing.T, pid int) (bytes int64) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skip("SKIPPED LOUDLY: no /proc:", err)
	}
	for line := range strings.Lines(string(text)) {
		if kib, is := strings.CutPrefix(line, "VmHWM:"); is {
			n, err := strconv.ParseInt(strings.Fields(kib)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	t.Skip("SKIPPED LOUDLY: no VmHWM in /proc")
	return 0
}

// TestEndlessRepliesLeaveRoom: servers of one pool that answer without an end make the process
// no larger than max_memory says, and what stands beside it; clients of another pool are served.
func TestEndlessRepliesLeaveRoom(t *testing.T) {
	const most = 400 << 20
	victim, evil := free(t), free(t)
	honest, line, chain := rogue(t, "", ""), rogue(t, "+", "aaaa"), rogue(t, "", "*1\r\n")
	file := filepath.Join(t.TempDir(), "huntaway.toml")
	text := fmt.Sprintf("[admin]\nhttp = \"off\"\n[runtime]\nmax_memory = \"%dB\"\nstate_dir = %q\n[pools.evil]\nlisten = [%q]\nservers = [\"%s:1 a\", \"%s:1 b\"]\n"+
		"[pools.good]\nlisten = [%q]\nservers = [\"%s:1\"]\n", most, t.TempDir(), evil, line, chain, victim, honest)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, program(t, "run", "-c", file))
	good := dialed(t, victim)
	cut := make(chan error, 1)
	go func() {
		c, err := net.Dial("tcp", evil)
		if err == nil {
			defer c.Close()
			io.WriteString(c, "MGET a b c d e f g h i j k l m n\r\n")
			_, err = io.Copy(io.Discard, c)
		}
		cut <- err
	}()
	in := bufio.NewReader(good)
	for over := false; !over; {
		select {
		case err := <-cut:
			if over = true; err != nil {
				t.Error(err)
			}
		default:
		}
		io.WriteString(good, "SET k v\r\n")
		if got, err := in.ReadString('\n'); got != "+OK\r\n" {
			t.Fatalf("got %q, %v of the other pool; want OK", got, err)
		}
	}
	peak := peakOf(t, p.cmd.Process.Pid)
	if bound := heapLimit(most, 2) + 32<<20; peak > bound {
		t.Errorf("got %d MiB at most; want no more than %d", peak>>20, bound>>20)
	}
	t.Logf("at most %d MiB, with max_memory %d MiB", peak>>20, most>>20)
}

// dialed connects as soon as somebody listens.
func dialed(t *testing.T, addr string) (c net.Conn) {
	t.Helper()
	eventually(t, "a listener at "+addr, func() bool {
		var err error
		c, err = net.Dial("tcp", addr)
		return err == nil
	})
	t.Cleanup(func() { c.Close() })
	return c
}
