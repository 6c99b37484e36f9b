package main

import (
	"reflect"
	"slices"
	"testing"

	"huntaway/config"
)

// TestDifference names what a reload does not take over.
func TestDifference(t *testing.T) {
	old := &config.Config{Log: config.Log{Level: "info"}, Pools: []config.Pool{*threeGroups()}}
	next := &config.Config{Log: config.Log{Level: "debug"}, Pools: []config.Pool{*threeGroups(), {Name: "beta"}}}
	next.Pools[0].Groups = next.Pools[0].Groups[:2]
	next.Pools[0].TCPKeepalive = true
	next.Pools[0].DB = 3
	next.Pools[0].Limits.Pipeline = 9
	next.Admin.HTTP = "127.0.0.1:1"

	got := difference(old, next)
	want := []string{"admin.http", "pools.alpha.tcp_keepalive", "pools.alpha.db", "pools.alpha.limits", "pools.beta (new)"}
	if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("got %q; want %q", got, want)
	}
	taken := adopted(old, next)
	if taken.Log.Level != "debug" || len(taken.Pools) != 1 || len(taken.Pools[0].Groups) != 2 || taken.Pools[0].DB != 0 {
		t.Errorf("adopted %+v; want the log level and the groups, nothing else", taken)
	}
	if reflect.DeepEqual(old, taken) || old.Log.Level != "info" || len(old.Pools[0].Groups) != 3 {
		t.Error("adopted changed the old configuration")
	}
	if got := difference(next, old); !slices.Contains(got, "pools.beta (removed)") {
		t.Errorf("got %q; want pools.beta (removed) in it", got)
	}
}

// TestSpelledFieldsAreKeys: what difference says must be what stands in a file.
func TestSpelledFieldsAreKeys(t *testing.T) {
	for field, want := range map[string]string{"TCPKeepalive": "tcp_keepalive", "DB": "db", "HTTP": "http",
		"PIDFile": "pid_file", "MaxLagBytes": "max_lag_bytes", "Hash": "hash"} {
		if got := spelled(field); got != want {
			t.Errorf("spelled(%s) = %s; want %s", field, got, want)
		}
	}
}
