package perf

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"
)

// stats renders s and reads it back.
func stats(t *testing.T, s *Snapshot) map[string]any {
	t.Helper()
	head := StatsHead{Source: "vm \"x\"\n", Version: "1.2.3", Uptime: 61900 * time.Millisecond, Now: time.Unix(1700000000, 0)}
	b := AppendStats(nil, head, s)
	var top map[string]any
	if err := json.Unmarshal(b, &top); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, b)
	}
	return top
}

// TestStatsHead checks the keys outside the pools.
func TestStatsHead(t *testing.T) {
	s := sample()
	s.Pools[0].Counters.Accepted = 5
	s.Pools[0].Counters.ClientConnections = 2
	s.Pools[0].Groups[1].Servers[0].Counters.Connects = 10
	s.Pools[0].Groups[1].Servers[1].Counters.Links = 1
	top := stats(t, s)
	for key, want := range map[string]any{
		"service": "huntaway", "source": "vm \"x\"\n", "version": "1.2.3", "uptime": 61.0,
		"timestamp": 1700000000.0, "total_connections": 15.0, "curr_connections": 3.0,
	} {
		if top[key] != want {
			t.Errorf("%s = %v; want %v", key, top[key], want)
		}
	}
}

// TestStatsKeysAreTwemproxys compares with the keys of nutcracker 0.5.0 (see also
// TestStatsAgainstNutcracker in perf/export, which asks the real one).
func TestStatsKeysAreTwemproxys(t *testing.T) {
	alpha := stats(t, sample())["alpha"].(map[string]any)
	checkKeys(t, "pool", alpha, append(slices.Clone(poolStats), "one", "1"))
	checkKeys(t, "flat server", alpha["one"], serverStats)
	group := alpha["1"].(map[string]any)
	checkKeys(t, "group", group, append(slices.Clone(serverStats), "127.0.0.1:2", "127.0.0.1:3"))
	checkKeys(t, "server in a group", group["127.0.0.1:2"], serverStats)
}

// checkKeys demands exactly the wanted keys.
func checkKeys(t *testing.T, what string, got any, want []string) {
	t.Helper()
	keys := slices.Sorted(maps.Keys(got.(map[string]any)))
	want = slices.Sorted(slices.Values(want))
	if !slices.Equal(keys, want) {
		t.Errorf("%s has keys\n%v; want\n%v", what, keys, want)
	}
}

// TestStatsFigures follows single counters to their places, and a group's sum.
func TestStatsFigures(t *testing.T) {
	s := sample()
	p := &s.Pools[0]
	p.Counters.NotExecuted = 3
	p.Ejects = 4
	p.Groups[1].Servers[0].Counters.Requests = 1 << 60
	p.Groups[1].Servers[1].Counters.Requests = 1 << 60
	p.Groups[1].Servers[1].Counters.TimedOut = 6
	alpha := stats(t, s)["alpha"].(map[string]any)
	group := alpha["1"].(map[string]any)
	second := group["127.0.0.1:3"].(map[string]any)
	for _, c := range []struct {
		what string
		got  any
		want float64
	}{
		{"forward_error", alpha["forward_error"], 3},
		{"server_ejects", alpha["server_ejects"], 4},
		{"requests of the group", group["requests"], 1 << 61},
		{"server_timedout of the group", group["server_timedout"], 6},
		{"server_timedout of its second server", second["server_timedout"], 6},
		{"server_ejected_at of its second server", second["server_ejected_at"], 1234567890123456},
		{"server_ejected_at of the group", group["server_ejected_at"], 1234567890123456},
	} {
		if c.got != c.want {
			t.Errorf("%s = %v; want %v", c.what, c.got, c.want)
		}
	}
}
