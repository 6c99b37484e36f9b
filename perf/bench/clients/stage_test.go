package clients

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"huntaway/perf/bench/rig"
)

// patience bounds every wait; the machine may be busy with something else.
const patience = 2 * time.Minute

// A pool is what a client connects to.
type pool struct {
	name    string       // plain, single or sharded
	addr    string       // "host:port"
	servers []*rig.Child // that hold its keys
}

// set starts five servers and a proxy in front of four of them; all end with the test.
func set(t *testing.T) []pool {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("SKIPPED, NOTHING TESTED: redis-server is not installed (package redis-server)")
	}
	r, err := rig.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	var servers []*rig.Child
	for range 5 {
		s, err := r.Redis(context.Background(), 1)
		if err != nil {
			t.Fatal(err)
		}
		servers = append(servers, s)
	}
	pools := []pool{
		{name: "plain", addr: servers[0].Addr, servers: servers[:1]},
		{name: "single", servers: servers[1:2]},
		{name: "sharded", servers: servers[2:]},
	}
	front(t, r, pools[1:])
	return pools
}

// front starts one proxy with the pools and fills in where they listen.
func front(t *testing.T, r *rig.Rig, pools []pool) {
	t.Helper()
	ports, err := rig.FreePorts(len(pools) + 1)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "[log]\nlevel = \"warn\"\n[admin]\nhttp = %q\n", rig.Loopback(1, ports[len(pools)]))
	for i := range pools {
		pools[i].addr = rig.Loopback(1, ports[i])
		b.WriteString(pools[i].toml())
	}
	file, err := r.WriteFile("huntaway.toml", b.String())
	if err != nil {
		t.Fatal(err)
	}
	l := rig.Launch{Path: program(t), Args: []string{"run", "-c", file}, Addr: pools[0].addr}
	if _, err := r.Start(context.Background(), l); err != nil {
		t.Fatal(err)
	}
}

// toml renders the pool with defaults for whatever is not needed to find its servers, but for the
// time that a server may take: on a busy machine one with a large value needs more.
func (p *pool) toml() string {
	var b strings.Builder
	fmt.Fprintf(&b, "[pools.%s]\nlisten = [%q]\ntimeout = %q\n", p.name, p.addr, patience)
	for i, s := range p.servers {
		fmt.Fprintf(&b, "[[pools.%s.groups]]\nname = \"g%d\"\nmaster = %q\n", p.name, i, s.Addr)
	}
	return b.String()
}

// program builds huntaway, or takes the one that HUNTAWAY_BIN names.
func program(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("HUNTAWAY_BIN"); path != "" {
		return path
	}
	path := filepath.Join(t.TempDir(), "huntaway")
	if said, err := exec.Command("go", "build", "-o", path, "huntaway/cmd/huntaway").CombinedOutput(); err != nil {
		t.Fatalf("building huntaway: %v\n%s", err, said)
	}
	return path
}

// empty removes every key and script behind the pool, so that clients do not meet each
// other's.
func (p *pool) empty(t *testing.T) {
	t.Helper()
	for _, s := range p.servers {
		for _, command := range [][]string{{"FLUSHALL"}, {"SCRIPT", "FLUSH"}} {
			if _, err := rig.Call(s.Addr, patience, command...); err != nil {
				t.Fatalf("%v on %s: %v", command, s.Addr, err)
			}
		}
	}
}
