package main

import (
	"reflect"
	"strings"
	"testing"

	"huntaway/config"
)

// TestFrozenKeys names what a reload does not take over.
func TestFrozenKeys(t *testing.T) {
	old := &config.Config{Log: config.Log{Level: "info"}, Pools: []config.Pool{*threeGroups()}}
	next := &config.Config{Log: config.Log{Level: "debug"}, Pools: []config.Pool{*threeGroups(), {Name: "beta"}}}
	next.Pools[0].Groups = next.Pools[0].Groups[:2]
	next.Pools[0].TCPKeepalive = true
	next.Pools[0].DB = 3
	next.Pools[0].Limits.Pipeline = 9
	next.Admin.HTTP = "127.0.0.1:1"

	got := strings.Join(frozen(old, next), " ")
	mentions(t, "frozen keys", got, "admin.http", "pools.alpha.tcp_keepalive", "pools.alpha.db", "pools.beta")
	for _, taken := range []string{"level", "groups", "pipeline"} {
		if strings.Contains(got, taken) {
			t.Errorf("got %q; want %s to be taken over", got, taken)
		}
	}
	taken := adopted(old, next)
	if taken.Log.Level != "debug" || len(taken.Pools) != 1 || len(taken.Pools[0].Groups) != 2 ||
		taken.Pools[0].DB != 0 || taken.Pools[0].Limits.Pipeline != 9 {
		t.Errorf("adopted %+v; want the log level, the groups and the limits, nothing else", taken)
	}
	if reflect.DeepEqual(old, taken) || old.Log.Level != "info" || len(old.Pools[0].Groups) != 3 {
		t.Error("adopted changed the old configuration")
	}
}
