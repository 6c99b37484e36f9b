package differential

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"huntaway/perf/bench/rig"
)

var (
	seed   = flag.Uint64("seed", 1, "the first seed; each sequence has the next one")
	rounds = flag.Int("rounds", 4, "sequences of each family, protocol and pool")
	length = flag.Int("length", 60, "requests of a sequence")
)

// sharded says which families are compared over a pool of several groups.
func (f *Family) sharded() bool { return !f.Alone }

// A stage is servers, and a proxy in front of all but the first.
type stage struct{ plain, single, sharded *Side }

// set starts the processes; all end with the test.
func set(t *testing.T) *stage {
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
	var servers []string
	for range 5 {
		s, err := r.Redis(context.Background(), 1, "--hz", "500")
		if err != nil {
			t.Fatal(err)
		}
		servers = append(servers, s.Addr)
	}
	st := &stage{
		plain:   &Side{Name: "redis", Addr: servers[0], Servers: servers[:1]},
		single:  &Side{Name: "single", Servers: servers[1:2]},
		sharded: &Side{Name: "sharded", Servers: servers[2:]},
	}
	st.front(t, r)
	return st
}

// front starts the proxy.
func (st *stage) front(t *testing.T, r *rig.Rig) {
	t.Helper()
	ports, err := rig.FreePorts(3)
	if err != nil {
		t.Fatal(err)
	}
	st.single.Addr, st.sharded.Addr = rig.Loopback(1, ports[0]), rig.Loopback(1, ports[1])
	text := fmt.Sprintf("[log]\nlevel = \"warn\"\n[admin]\nhttp = %q\n", rig.Loopback(1, ports[2])) +
		st.single.toml("admin_commands = true") + st.sharded.toml("hash_tag = \"{}\"")
	file, err := r.WriteFile("huntaway.toml", text)
	if err != nil {
		t.Fatal(err)
	}
	l := rig.Launch{Path: program(t), Args: []string{"run", "-c", file}, Addr: st.single.Addr}
	if _, err := r.Start(context.Background(), l); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Side{st.single, st.sharded} {
		s.awaitLearnt(t, st.plain)
	}
}

// awaitLearnt waits until the proxy has heard from the servers which commands they have.
func (s *Side) awaitLearnt(t *testing.T, plain *Side) {
	t.Helper()
	want, err := rig.Call(plain.Addr, patience, "COMMAND", "COUNT")
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; {
		got, err := rig.Call(s.Addr, patience, "COMMAND", "COUNT")
		if err == nil && got == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: got %v commands, %v; want the servers' %v", s.Name, got, err, want)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// toml is the side's pool in the configuration.
func (s *Side) toml(option string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[pools.%s]\nlisten = [%q]\n%s\n", s.Name, s.Addr, option)
	for i, addr := range s.Servers {
		fmt.Fprintf(&b, "[[pools.%s.groups]]\nname = \"g%d\"\nmaster = %q\n", s.Name, i, addr)
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

// TestSameReplies: Huntaway answers as redis-server does, byte for byte.
func TestSameReplies(t *testing.T) {
	st := set(t)
	for _, f := range Families() {
		t.Run(f.Name, func(t *testing.T) {
			st.duels(t, &Duel{Want: st.plain, Got: st.single, Family: f})
			if f.sharded() {
				st.duels(t, &Duel{Want: st.plain, Got: st.sharded, Family: f, Sharded: true})
			}
		})
	}
}

// duels runs a family's sequences in both protocols.
func (st *stage) duels(t *testing.T, d *Duel) {
	t.Helper()
	const mostTold = 3
	compared, crossed, told := 0, 0, 0
	for i := range *rounds {
		for d.RESP = 2; d.RESP <= 3; d.RESP++ {
			d.Seed = *seed + uint64(i)
			o, err := d.Run(*length)
			if err != nil {
				t.Fatalf("%s, seed %d, RESP%d: %v", d.Got.Name, d.Seed, d.RESP, err)
			}
			compared += o.Compared
			if o.Crossed {
				crossed++
			}
			if o.Diff != nil {
				t.Errorf("%s pool, family %s, seed %d, RESP%d:\n%v", d.Got.Name, d.Family.Name, d.Seed, d.RESP, o.Diff)
				if told++; told == mostTold {
					return
				}
			}
		}
	}
	t.Logf("%s pool: %d replies compared, %d of %d sequences ended at a spoiled command that fits no group",
		d.Got.Name, compared, crossed, 2**rounds)
}
