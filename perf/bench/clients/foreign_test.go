package clients

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// foreignLimit bounds one client in one pool; its own waits are shorter.
const foreignLimit = 4 * time.Minute

// A foreign is a client that is a program of its own. It is called with its name, host,
// port and pool behind the command, in the folder of the command's files.
type foreign struct {
	name     string   // as in the lines it prints
	command  []string // the program and its first arguments
	check    []string // succeeds when what it needs is installed
	packages string   // what to install when it is not
	steps    []string // what it must report; nil: the scenario's
}

// queues are the steps of the clients that run a queue.
var queues = []string{"connect", "jobs"}

// debian are the clients that Debian's packages bring, libhiredis aside.
var debian = []foreign{
	{name: "python3-redis", command: []string{"/usr/bin/python3", "python/scenario.py"},
		check: []string{"/usr/bin/python3", "-c", "import redis"}, packages: "python3-redis"},
	{name: "python3-celery", command: []string{"/usr/bin/python3", "python/tasks.py"}, steps: append(queues[:2:2], "control"),
		check: []string{"/usr/bin/python3", "-c", "import redis, celery"}, packages: "python3-celery python3-redis"},
	{name: "php-redis", command: []string{"php", "php/scenario.php"},
		check: []string{"php", "-r", "exit(extension_loaded('redis') ? 0 : 1);"}, packages: "php-cli php-redis"},
	{name: "ruby-redis", command: []string{"ruby", "ruby/scenario.rb"},
		check: []string{"ruby", "-e", "require 'redis'"}, packages: "ruby-redis"},
	{name: "ruby-sidekiq", command: []string{"ruby", "ruby/jobs.rb"}, steps: queues,
		check:    []string{"ruby", "-e", "require 'sidekiq'; require 'redis-namespace'"},
		packages: "ruby-sidekiq ruby-redis-namespace"},
}

// node are the clients that npm brings.
var node = []foreign{
	{name: "redis4", command: []string{"node", "redis.mjs"}},
	{name: "redis5", command: []string{"node", "redis.mjs"}},
	{name: "redis6", command: []string{"node", "redis.mjs"}},
	{name: "ioredis5", command: []string{"node", "ioredis.mjs"}},
	{name: "ioredis6", command: []string{"node", "ioredis.mjs"}},
	{name: "bullmq", command: []string{"node", "bullmq.mjs"}, steps: queues},
}

// TestForeignClients runs every client that is not Go through the scenario. Pools take
// their turns at the same time, the clients of a pool one after the other.
func TestForeignClients(t *testing.T) {
	if os.Getenv("HUNTAWAY_CLIENTS") != "all" {
		t.Skip("SKIPPED, CLIENTS IN OTHER LANGUAGES NOT TESTED: they take minutes; make clients runs them")
	}
	pools := set(t)
	folder, absent := nodeFolder(t)
	compiled, lacks := hiredis(t)
	for _, p := range pools {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			for _, f := range node {
				t.Run(f.name, func(t *testing.T) { f.perform(t, p, folder, absent) })
			}
			for _, f := range debian {
				t.Run(f.name, func(t *testing.T) { f.perform(t, p, ".", f.lacks()) })
			}
			c := foreign{name: "libhiredis", command: []string{compiled}}
			t.Run(c.name, func(t *testing.T) { c.perform(t, p, ".", lacks) })
		})
	}
}

// lacks names the packages that are not installed, "" when all are.
func (f *foreign) lacks() string {
	if err := exec.Command(f.check[0], f.check[1:]...).Run(); err != nil {
		return f.packages
	}
	return ""
}

// perform runs the client in one pool and makes a subtest of every step.
func (f *foreign) perform(t *testing.T, p pool, folder, lacks string) {
	if lacks != "" {
		t.Skipf("SKIPPED, %s NOT TESTED: not installed or not loadable: %s", f.name, lacks)
	}
	p.empty(t)
	host, port, err := net.SplitHostPort(p.addr)
	if err != nil {
		t.Fatal(err)
	}
	said := run(t, folder, append(f.command[1:len(f.command):len(f.command)], f.name, host, port, p.name), f.command[0])
	steps := f.steps
	if steps == nil {
		steps = []string{"connect"}
		for _, s := range scenario {
			steps = append(steps, s.name)
		}
	}
	for _, step := range steps {
		t.Run(step, func(t *testing.T) {
			if why := verdict(said, strings.Join([]string{f.name, p.name, step}, " ")); why != "" {
				t.Error(why)
			}
		})
	}
	if t.Failed() {
		t.Logf("%s said:\n%s", f.name, said)
	}
}

// run runs a program to its end and returns all it said. A client that had failing steps
// ends with 1, which its lines tell better.
func run(t *testing.T, folder string, args []string, program string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), foreignLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // it ends what it started
	cmd.WaitDelay = patience
	said, err := cmd.CombinedOutput()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatalf("running %s: %v", program, err)
	}
	return string(said)
}

// verdict looks for the line of one step, "CLIENT POOL STEP", and returns why it failed; ""
// when it did not.
func verdict(said, step string) string {
	for lines := bufio.NewScanner(strings.NewReader(said)); lines.Scan(); {
		if lines.Text() == "ok "+step {
			return ""
		}
		if why, failed := strings.CutPrefix(lines.Text(), "FAIL "+step+": "); failed {
			return why
		}
	}
	return "the client reported nothing about this step; want ok"
}

// nodeFolder returns a folder outside the tree with the programs and what npm installs for
// them; it is kept for the next time. The second result says what is missing.
func nodeFolder(t *testing.T) (folder, lacks string) {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return "", "nodejs npm"
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	folder = filepath.Join(cache, "huntaway-clients", "node")
	installed := filepath.Join(folder, "node_modules", ".package-lock.json")
	changed := copyFiles(t, "node", folder)
	if _, err := os.Stat(installed); err == nil && !changed {
		return folder, ""
	}
	cmd := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = folder
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", "the packages of perf/bench/clients/node/package.json; npm ci: " + err.Error() + "\n" + string(said)
	}
	return folder, ""
}

// copyFiles copies the files of a folder, and tells whether the list of packages changed.
func copyFiles(t *testing.T, from, to string) (changed bool) {
	t.Helper()
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(os.DirFS(from), "*.*js*")
	if err != nil || len(names) == 0 {
		t.Fatalf("looking for the programs of %s: got %v, %v; want some", from, names, err)
	}
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		before, _ := os.ReadFile(filepath.Join(to, name)) // not there: differs
		if bytes.Equal(before, text) {
			continue
		}
		changed = changed || slices.Contains([]string{"package.json", "package-lock.json"}, name)
		if err := os.WriteFile(filepath.Join(to, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return changed
}

// hiredis compiles its scenario. The second result says what is missing.
func hiredis(t *testing.T) (program, lacks string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "hiredis")
	if exec.Command("sh", "-c", "echo '#include <hiredis/hiredis.h>' | gcc -E - >/dev/null").Run() != nil {
		return "", "gcc libc6-dev libhiredis-dev"
	}
	said, err := exec.Command("gcc", "-std=gnu11", "-O1", "-o", program, "libhiredis/scenario.c", "-lhiredis").CombinedOutput()
	if err != nil {
		t.Fatalf("compiling libhiredis/scenario.c: %v\n%s", err, said)
	}
	return program, ""
}

func TestVerdict(t *testing.T) {
	const said = "a warning\nok redis4 single ping\nFAIL redis4 single big: it came back changed\n"
	for step, want := range map[string]string{
		"redis4 single ping": "",
		"redis4 single big":  "it came back changed",
		"redis4 single bi":   "the client reported nothing about this step; want ok",
		"redis4 plain ping":  "the client reported nothing about this step; want ok",
	} {
		if got := verdict(said, step); got != want {
			t.Errorf("verdict of %q = %q; want %q", step, got, want)
		}
	}
}
