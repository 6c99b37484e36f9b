package ha

import (
	"strings"
	"testing"
)

// TestMatch: how groups are found among a Sentinel's masters.
func TestMatch(t *testing.T) {
	home := func(name string, addrs ...string) groupAddresses {
		h := groupAddresses{name: name}
		for _, a := range addrs {
			h.members = append(h.members, resident{addr: "n-" + a, known: []string{"n-" + a, a}})
		}
		return h
	}
	one, two := home("one", "10.0.0.1:1", "10.0.0.1:2"), home("two", "10.0.0.2:1", "10.0.0.2:2")
	for _, tc := range []struct {
		name   string
		groups []groupAddresses
		lots   []lot
		want   []string // "name addr", "-" for none; then a part of what is odd after "|"
	}{
		{"by name", []groupAddresses{one, two}, []lot{{name: "two", addr: "10.0.0.2:2"}, {name: "one", addr: "10.0.0.1:1"}},
			[]string{"one n-10.0.0.1:1", "two n-10.0.0.2:2"}},
		{"by the master's address", []groupAddresses{one, two}, []lot{{name: "x", addr: "10.0.0.2:1"}, {name: "y", addr: "10.0.0.1:2"}},
			[]string{"y n-10.0.0.1:2", "x n-10.0.0.2:1"}},
		{"by a replica's address, and the master is a stranger", []groupAddresses{one},
			[]lot{{name: "x", addr: "10.9.9.9:1", replicas: []string{"10.0.0.1:2"}}},
			[]string{"x |10.9.9.9:1, which is no member"}},
		{"a name goes before an address", []groupAddresses{one}, []lot{{name: "x", addr: "10.0.0.1:1"}, {name: "one", addr: "10.0.0.1:2"}},
			[]string{"one n-10.0.0.1:2"}},
		{"a stranger under the right name is refused", []groupAddresses{one}, []lot{{name: "one", addr: "192.0.2.1:6379"}},
			[]string{"one |192.0.2.1:6379, which is no member"}},
		{"another group's name is not taken", []groupAddresses{one, two}, []lot{{name: "two", addr: "10.0.0.1:1"}},
			[]string{"- |watches no master", "two |no member"}},
		{"two masters for one group", []groupAddresses{one}, []lot{{name: "x", addr: "10.0.0.1:1"}, {name: "y", addr: "10.0.0.1:2"}},
			[]string{"- |several of its masters have members of the group: x y"}},
		{"nothing", []groupAddresses{one}, nil, []string{"- |none at all"}},
		{"others", []groupAddresses{one}, []lot{{name: "a", addr: "h:1"}, {name: "b", addr: "h:2"}, {name: "c", addr: "h:3"}, {name: "d", addr: "h:4"}, {name: "e", addr: "h:5"}},
			[]string{"- |d at h:4 and 1 more"}},
	} {
		for i, f := range match(tc.groups, tc.lots) {
			want, odd, strange := strings.Cut(tc.want[i], "|")
			got := "- " + f.addr
			if f.lot != nil {
				got = f.lot.name + " " + f.addr
			}
			if strings.TrimSpace(got) != strings.TrimSpace(want) || strange != (f.odd != "") || !strings.Contains(f.odd, odd) {
				t.Errorf("%s, group %s: got %q, odd %q; want %q", tc.name, tc.groups[i].name, got, f.odd, tc.want[i])
			}
		}
	}
}

// row makes one master or replica of an answer.
func row(pairs ...any) any { return pairs }

// TestParseMasterEntries: what is taken from SENTINEL MASTERS and what is refused.
func TestParseMasterEntries(t *testing.T) {
	good := row("name", "m", "ip", "10.0.0.1", "port", "6379", "flags", "master", "config-epoch", "7")
	lots, err := parseMasterEntries([]any{good,
		row("name", "o", "ip", "::FFFF:10.0.0.2", "port", "6380", "flags", "s_down,o_down,master", "config-epoch", "8"),
		row("name", "p", "ip", "Host.example", "port", "1", "flags", "s_down,o_down,master,failover_in_progress", "failover-state", "reconf_slaves", "config-epoch", "9"),
		row("name", "q", "ip", "fe80::1", "port", "1", "flags", "s_down,master,failover_in_progress", "failover-state", "wait_promotion", "config-epoch", "9"),
		row("name", "r", "ip", "10.0.0.3", "port", "1", "flags", "master,failover_in_progress", "failover-state", "wait_start", "config-epoch", "9"),
	})
	want := []lot{{name: "m", addr: "10.0.0.1:6379", epoch: 7},
		{name: "o", addr: "10.0.0.2:6380", epoch: 8, doubted: true, down: true},
		{name: "p", addr: "host.example:1", epoch: 9, doubted: true, chosen: true},
		{name: "q", addr: "[fe80::1]:1", epoch: 9, doubted: true, running: true},
		{name: "r", addr: "10.0.0.3:1", epoch: 9, doubted: true, running: true}}
	if err != nil || len(lots) != len(want) {
		t.Fatalf("got %+v, %v; want %+v", lots, err, want)
	}
	for i := range want {
		if g := lots[i]; g.name != want[i].name || g.addr != want[i].addr || g.epoch != want[i].epoch ||
			g.doubted != want[i].doubted || g.down != want[i].down || g.running != want[i].running || g.chosen != want[i].chosen {
			t.Errorf("got %+v; want %+v", g, want[i])
		}
	}
	for what, bad := range map[string]any{
		"no list":               "OK",
		"a row of one":          []any{row("name")},
		"a row that is a text":  []any{"name"},
		"no name":               []any{row("ip", "10.0.0.1", "port", "1", "config-epoch", "1")},
		"no port":               []any{row("name", "m", "ip", "10.0.0.1", "config-epoch", "1")},
		"port 0":                []any{row("name", "m", "ip", "10.0.0.1", "port", "0", "config-epoch", "1")},
		"port too high":         []any{row("name", "m", "ip", "10.0.0.1", "port", "65536", "config-epoch", "1")},
		"a port that is signed": []any{row("name", "m", "ip", "10.0.0.1", "port", "+1", "config-epoch", "1")},
		"a host with a blank":   []any{row("name", "m", "ip", "10.0.0.1 x", "port", "1", "config-epoch", "1")},
		"a host with a slash":   []any{row("name", "m", "ip", "/tmp/x", "port", "1", "config-epoch", "1")},
		"no host":               []any{row("name", "m", "ip", "", "port", "1", "config-epoch", "1")},
		"a negative epoch":      []any{row("name", "m", "ip", "10.0.0.1", "port", "1", "config-epoch", "-1")},
		"an epoch beyond int64": []any{row("name", "m", "ip", "10.0.0.1", "port", "1", "config-epoch", "9223372036854775808")},
	} {
		if lots, err := parseMasterEntries(bad); err == nil || len(lots) > 0 {
			t.Errorf("%s: got %+v, %v; want an error", what, lots, err)
		}
	}
	if lots, err := parseMasterEntries([]any{row("name", "m"), good}); err == nil || len(lots) != 1 {
		t.Errorf("one bad and one good: got %+v, %v; want the good one and an error", lots, err)
	}
	if got := parseReplicas([]any{good, row("ip", "x y"), "z", row("ip", "10.0.0.9", "port", "2")}); strings.Join(got, " ") != "10.0.0.1:6379 10.0.0.9:2" {
		t.Errorf("got replicas %v; want 10.0.0.1:6379 and 10.0.0.9:2", got)
	}
}
