package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestChangeOfBinariesAfterSwitchover: the new process goes with the master that the old one has made, not with the
// configuration's, while the old one serves and when it has gone, and counts neither as a failover.
func TestChangeOfBinariesAfterSwitchover(t *testing.T) {
	c := troupe(t)
	listen, dir, g := free(t), filepath.Join(t.TempDir(), "state"), c.groups[0]
	config := func(admin string) string { // of the same pool and state; each with pages of its own, so that the test knows whom it asks
		return written(t, "huntaway.toml", fmt.Sprintf("[log]\nformat = \"json\"\n[admin]\nhttp = %q\n[runtime]\nstate_dir = %q\n[pools.alpha]\nlisten = %q\nfailover = \"local\"\nreuse_port = true\n"+
			"[[pools.alpha.groups]]\nname = \"g0\"\nmaster = %q\nsecondary = %q\nreplicas = %q\n",
			admin, dir, listen, g[0], g[1], g[2]))
	}
	was, is := free(t), free(t)
	file, next := config(was), config(is)
	old := running(t, file)
	eventually(t, "all to be well", func() bool { return huntaway(t, "status", "--quiet", "-c", file).status == exitOK })
	eventually(t, "the switchover", func() bool {
		return huntaway(t, "switchover", "-c", file, "--group", "g0", "--to", g[1], "--expect-master", g[0]).status == exitOK
	})
	eventually(t, "all to be well again", func() bool { return huntaway(t, "status", "--quiet", "-c", file).status == exitOK })

	heir := running(t, next)
	heir.says("another process decides about masters")
	well := func() bool { return huntaway(t, "status", "--quiet", "-c", next).status == exitOK }
	eventually(t, "the heir to be well", well)
	old.signal(syscall.SIGTERM)
	heir.says("deciding about masters from now on")
	eventually(t, "the heir to be well alone", well)
	roundTrip(t, client(t, listen), "k")
	if got := mastersSeen(t, next)["g0"]; got != g[1] {
		t.Errorf("got master %s; want %s", got, g[1])
	}
	for _, wrong := range []string{`"reason":"wrong-role"`, "the only one that says so"} {
		if strings.Contains(heir.text(), wrong) {
			t.Errorf("the heir said %s; want it to begin with the master that the state file names", wrong)
		}
	}
	_, metrics := page(t, "http://"+is+"/metrics")
	mentions(t, "the metrics", metrics, `huntaway_failovers_total{group="g0",pool="alpha",result="new_master"} 0`,
		`huntaway_failovers_total{group="g0",pool="alpha",result="same_master"} 0`)
}
