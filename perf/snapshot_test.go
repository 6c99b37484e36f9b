package perf

import (
	"reflect"
	"testing"
)

// TestMergeMatchesByName merges copies whose order differs and whose members do.
func TestMergeMatchesByName(t *testing.T) {
	server := func(addr string, requests uint64) ServerSnapshot {
		return ServerSnapshot{Addr: addr, Counters: ServerCounters{Requests: requests}}
	}
	sum := PoolSnapshot{
		Name:     "alpha",
		Commands: []CommandCount{{"get", 1, 0}},
		Groups:   []GroupSnapshot{{Name: "a", Servers: []ServerSnapshot{server("1", 1), server("2", 2)}}, {Name: "b"}},
	}
	sum.Merge(&PoolSnapshot{
		Epoch:    3,
		Ejects:   1,
		Counters: PoolCounters{Requests: 7},
		Commands: []CommandCount{{"set", 4, 1}, {"get", 2, 2}},
		Groups: []GroupSnapshot{{Name: "gone"},
			{Name: "a", Servers: []ServerSnapshot{server("2", 20), server("3", 30), server("1", 10)}}},
	})
	want := PoolSnapshot{
		Name:     "alpha",
		Epoch:    3,
		Ejects:   1,
		Counters: PoolCounters{Requests: 7},
		Commands: []CommandCount{{"get", 3, 2}, {"set", 4, 1}},
		Groups:   []GroupSnapshot{{Name: "a", Servers: []ServerSnapshot{server("1", 11), server("2", 22)}}, {Name: "b"}},
	}
	if !reflect.DeepEqual(sum, want) {
		t.Errorf("got\n%+v; want\n%+v", sum, want)
	}
}

// TestNamesOfStatesAndRoles covers the values that are none.
func TestNamesOfStatesAndRoles(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{StateUnknown.String(), "unknown"}, {StateEjected.String(), "ejected"}, {ServerState(99).String(), "invalid"},
		{RoleName('m'), "master"}, {RoleName('n'), "secondary"}, {RoleName('s'), "replica"}, {RoleName(0), "unknown"},
	} {
		if c.got != c.want {
			t.Errorf("got %q; want %q", c.got, c.want)
		}
	}
}
