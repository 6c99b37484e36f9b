package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// TestReadyzOfADeadGroup: a proxy whose only group can serve nothing is not ready, and is again when somebody is there, whoever
// decides about the group's master. So it is when nobody makes another master for longer than writes are held.
func TestReadyzOfADeadGroup(t *testing.T) {
	t.Run("local", func(t *testing.T) {
		c := troupe(t)
		listen, admin, g := free(t), free(t), c.groups[0]
		running(t, written(t, "huntaway.toml", fmt.Sprintf("[admin]\nhttp = %q\n[runtime]\nstate_dir = %q\n[pools.alpha]\nlisten = %q\nfailover = \"local\"\nhold_timeout = \"1h\"\n"+
			"[[pools.alpha.groups]]\nname = \"g\"\nmaster = %q\nsecondary = %q\nreplicas = [%q]\n", admin, t.TempDir(), listen, g[0], g[1], g[2])))
		isReady(t, admin, 200, "ok")
		all := func(s syscall.Signal) {
			for _, addr := range g {
				if err := syscall.Kill(c.pids[addr], s); err != nil {
					t.Error(err)
				}
			}
		}
		defer all(syscall.SIGCONT) // who stands still cannot be ended
		all(syscall.SIGSTOP)
		isReady(t, admin, 503, "g has no server that answers")
		all(syscall.SIGCONT)
		isReady(t, admin, 200, "ok")
	})
	t.Run("sentinel", func(t *testing.T) {
		g := watched(t, 0)
		listen, admin := free(t), free(t)
		text, err := os.ReadFile(g.toml(listen, admin, g.sentinelAddrs()))
		if err != nil {
			t.Fatal(err)
		}
		g.serve(written(t, "huntaway.toml", strings.Replace(string(text), `hold_timeout = "25s"`, `hold_timeout = "1ms"`, 1)), listen)
		isReady(t, admin, 200, "ok")
		stopAll(g.sentinels)
		g.servers[0].cmd.Process.Kill()
		isReady(t, admin, 503, "g has had nobody who takes writes for ")
		stopAll(g.servers[1:])
		isReady(t, admin, 503, "none of 1 group can be served: g ")
	})
}

// isReady waits until /readyz says so.
func isReady(t *testing.T, admin string, status int, words string) {
	t.Helper()
	eventually(t, fmt.Sprintf("readyz to be %d, %s", status, words), func() bool {
		got, text := page(t, "http://"+admin+"/readyz")
		return got == status && strings.Contains(text, words)
	})
}
