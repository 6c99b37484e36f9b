//go:build !race

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// The race detector takes ten times the memory, which is what this measures, and minutes to read it.

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
