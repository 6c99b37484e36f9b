package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// localFile returns the text of a configuration with the groups of a cast, in mode local, and where it is served.
func localFile(t *testing.T, c *cast) (text, listen string) {
	t.Helper()
	listen = free(t)
	text = fmt.Sprintf("[log]\nformat = \"json\"\n[admin]\nhttp = %q\n[runtime]\nstate_dir = %q\n[pools.alpha]\nlisten = %q\nfailover = \"local\"\nhold_timeout = \"20s\"\n",
		free(t), filepath.Join(t.TempDir(), "state"), listen)
	for i, g := range c.groups {
		text += fmt.Sprintf("[[pools.alpha.groups]]\nname = \"g%d\"\nmaster = %q\nsecondary = %q\nreplicas = [%q]\n", i, g[0], g[1], g[2])
	}
	return text, listen
}

// reloads has the process read another file, and waits for what it says of it.
func (p *process) reloads(file, text, says string) {
	p.t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	from := len(p.text())
	p.signal(syscall.SIGHUP)
	eventually(p.t, "log: "+says, func() bool { return strings.Contains(p.text()[from:], says) })
}

// TestRenamingServers: servers that get names for their addresses are the same servers. Nobody is promoted, no write
// fails, and both names at once are one server that status names.
func TestRenamingServers(t *testing.T) {
	c := troupe(t)
	text, listen := localFile(t, c)
	file := written(t, "huntaway.toml", text)
	p := running(t, file)
	well := func() bool { return huntaway(t, "status", "--quiet", "-c", file).status == exitOK }
	eventually(t, "all to be well", well)
	g := c.groups[0]
	name := func(addr string) string { return strings.Replace(addr, "127.0.0.1", "localhost", 1) }
	stop := write(t, listen, "")

	both := strings.Replace(text, fmt.Sprintf("replicas = [%q]", g[2]), fmt.Sprintf("replicas = [%q, %q]", g[2], name(g[0])), 1)
	p.reloads(file, both, "configuration reloaded")
	eventually(t, "status to name it", func() bool {
		return strings.Contains(huntaway(t, "status", "-c", file).stdout, name(g[0])+" is "+g[0]+" under another name")
	})
	mentions(t, "events", huntaway(t, "events", "-c", file).stdout, name(g[0])+" is "+g[0]+" under another name and is left out", "take one of the two out")

	p.reloads(file, strings.Replace(text, fmt.Sprintf("master = %q", g[0]), fmt.Sprintf("master = %q", name(g[0])), 1), "configuration reloaded")
	eventually(t, "the master by its name, and health", func() bool { return mastersSeen(t, file)["g0"] == name(g[0]) && well() })

	all := strings.Replace(text, fmt.Sprintf("master = %q\nsecondary = %q", g[0], g[1]), fmt.Sprintf("master = %q\nsecondary = %q", g[1], g[0]), 1)
	for _, addr := range g {
		all = strings.Replace(all, addr, name(addr), 1)
	}
	p.reloads(file, all, "configuration reloaded")
	eventually(t, "health with all names", func() bool { return mastersSeen(t, file)["g0"] == name(g[0]) && well() })
	stop()
	mentions(t, "status", huntaway(t, "status", "-c", file).stdout, name(g[0])+"  master", name(g[1])+"  replica")
	for _, no := range []string{"was told to follow", "freezing", "the master is dead", "nobody\""} {
		if strings.Contains(p.text(), no) {
			t.Errorf("the log has %q; want nobody told anything", no)
		}
	}
	p.signal(syscall.SIGTERM)
	p.ends(exitOK)
	running(t, written(t, "huntaway.toml", text))
	eventually(t, "health after a start with the addresses", func() bool { return mastersSeen(t, file)["g0"] == g[0] && well() })
}

// TestReloadRightAfterStart: who is master is not what the file says when another one has become it in an earlier life.
// A reload that comes before that is found out waits for it.
func TestReloadRightAfterStart(t *testing.T) {
	c := troupe(t)
	text, _ := localFile(t, c)
	file := written(t, "huntaway.toml", text)
	p := running(t, file)
	g := c.groups[0]
	eventually(t, "health", func() bool { return huntaway(t, "status", "--quiet", "-c", file).status == exitOK })
	eventually(t, "the switchover", func() bool {
		return huntaway(t, "switchover", "-c", file, "--group", "g0", "--to", g[1], "--expect-master", g[0]).status == exitOK
	})
	eventually(t, "health", func() bool { return huntaway(t, "status", "--quiet", "-c", file).status == exitOK })
	p.signal(syscall.SIGTERM)
	p.ends(exitOK)
	without := strings.Replace(text, fmt.Sprintf("secondary = %q\n", g[1]), "", 1)
	again := running(t, file)
	again.reloads(file, without, "leaves out "+g[1]+", which is its master")
	again.signal(syscall.SIGTERM)
	again.ends(exitOK)

	running(t, file)
	eventually(t, "status to name the master that is missing", func() bool {
		return strings.Contains(huntaway(t, "status", "-c", file).stdout, g[1]+" is alive and the group's master, and the file does not have it")
	})
	mentions(t, "status", huntaway(t, "status", "-c", file).stdout, "add it to group g0", "huntaway resolve --group g0")
}
