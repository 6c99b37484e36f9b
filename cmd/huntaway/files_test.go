package main

import (
	"bufio"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// withFiles starts a proxy of a pool that may have so many open files.
func withFiles(t *testing.T, files int, listen, server string) *process {
	t.Helper()
	file := written(t, "huntaway.toml", fmt.Sprintf("[log]\nformat = \"json\"\n[admin]\nhttp = \"off\"\n[pools.a]\nlisten = %q\nservers = [\"%s:1\"]\n", listen, server))
	cmd := program(t, "run", file)
	limited := exec.Command("sh", append([]string{"-c", fmt.Sprintf("ulimit -n %d; exec \"$0\" \"$@\"", files)}, cmd.Args...)...)
	limited.Env = cmd.Env
	return start(t, limited)
}

// TestTooFewFiles: who may not open enough files does not start, and says what to raise.
func TestTooFewFiles(t *testing.T) {
	p := withFiles(t, 16, free(t), "127.0.0.1:2")
	p.says("the limit of open files is 16")
	p.says("LimitNOFILE")
	p.ends(exitFailed)
}

// TestFewFiles: with a low limit of open files some clients are served, and each of the others is told that there is no room.
func TestFewFiles(t *testing.T) {
	server := rogue(t, "", "")
	for _, files := range []int{leastFiles, 32, 40, 64} {
		t.Run(fmt.Sprint(files), func(t *testing.T) {
			listen := free(t)
			p := withFiles(t, files, listen, server)
			p.says(`"msg":"ready"`)
			served := 0
			for i := range 100 {
				c := dialed(t, listen)
				c.SetDeadline(time.Now().Add(patience))
				_, _ = c.Write([]byte("PING\r\n")) // whom it turns away it may have told so already
				switch got, err := bufio.NewReader(c).ReadString('\n'); {
				case got == "+PONG\r\n":
					served++
				case !strings.HasPrefix(got, "-ERR max number of clients reached"):
					t.Fatalf("client %d, %d are served: got %q, %v; want a word that there is no room", i, served, got, err)
				}
			}
			if served < 2 {
				t.Errorf("got %d clients served; want some", served)
			}
			t.Logf("%d clients are served", served)
		})
	}
}
