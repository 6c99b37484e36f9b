package main

import (
	"reflect"
	"testing"

	"huntaway/config"
	"huntaway/ha/failover"
)

// TestLimitsReachTheDataPath: no limit of a file is forgotten on its way.
func TestLimitsReachTheDataPath(t *testing.T) {
	var from config.Limits
	v := reflect.ValueOf(&from).Elem()
	for i := range v.NumField() {
		v.Field(i).SetInt(int64(1000 + i))
	}
	p := threeGroups()
	p.Limits, p.Databases, p.AdminCommands = from, 7, true
	table, err := tableOf(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	opt, err := poolOptions(p, table)
	if err != nil {
		t.Fatal(err)
	}
	to := reflect.ValueOf(opt.Limits)
	for i := range to.NumField() {
		name := to.Type().Field(i).Name
		if got, want := to.Field(i).Int(), v.FieldByName(name).Int(); got != want {
			t.Errorf("%s: got %d; want %d", name, got, want)
		}
	}
	if opt.Databases != 7 || !opt.AdminCommands {
		t.Errorf("got %d databases, admin commands %v; want 7 and true", opt.Databases, opt.AdminCommands)
	}
}

// TestFailoverReachesTheMonitor: no key of failover is forgotten on its way.
func TestFailoverReachesTheMonitor(t *testing.T) {
	p := &config.Pool{Failover: "local", DownAfter: 1, DownRefused: 2, DownMisconf: 3, DownBusy: 4, FailoverInterval: 5,
		FailoversPerHour: 6, CandidateGap: 7, WaitReplicas: 8, SelfFence: true, FailoverDryRun: true}
	want := failover.Options{Mode: failover.Local, DownSilence: 1, DownRefused: 2, DownMisconf: 3, DownBusy: 4, MinInterval: 5,
		HourlyCap: 6, MaxGap: 7, WaitK: 8, SelfFence: true, DryRun: true}
	if got := watchOptions(p, nil); got.Failover != want || !got.NoRewrite {
		t.Errorf("got %+v, NoRewrite %v; want %+v and true", got.Failover, got.NoRewrite, want)
	}
	for mode, want := range map[string]failover.Mode{"observe": failover.Observe, "sentinel": failover.Sentinel, "cluster": failover.Observe} {
		if got := failoverOptions(&config.Pool{Failover: mode}).Mode; got != want {
			t.Errorf("failover = %q: got %v; want %v", mode, got, want)
		}
	}
}

// TestStateDir: the file's word counts most, then systemd's, then the home directory.
func TestStateDir(t *testing.T) {
	t.Setenv("HOME", "/home/h")
	t.Setenv("STATE_DIRECTORY", "")
	for _, tc := range []struct{ file, systemd, want string }{
		{"/f", "/s", "/f"}, {"", "/s:/s2", "/s"}, {"", "", "/home/h/.local/state/huntaway"},
	} {
		t.Setenv("STATE_DIRECTORY", tc.systemd)
		if got := stateDir(&config.Runtime{StateDir: tc.file}); got != tc.want {
			t.Errorf("file %q, STATE_DIRECTORY %q: got %q; want %q", tc.file, tc.systemd, got, tc.want)
		}
	}
}

// TestShardKnowsWhatConfigNames: whatever word config takes for a hash, a distribution or a read
// policy, a table and a pool can be made of it.
func TestShardKnowsWhatConfigNames(t *testing.T) {
	try := func(change func(*config.Pool)) {
		t.Helper()
		p := threeGroups()
		change(p)
		table, err := tableOf(p, nil)
		if err == nil {
			_, err = poolOptions(p, table)
		}
		if err != nil {
			t.Errorf("%s, %s, %s: %v; want it known", p.Hash, p.Distribution, p.ReadPolicy, err)
		}
	}
	for _, hash := range config.Hashes() {
		try(func(p *config.Pool) { p.Hash = hash })
	}
	for _, distribution := range config.Distributions() {
		try(func(p *config.Pool) { p.Distribution = distribution })
	}
	for _, policy := range config.ReadPolicies() {
		try(func(p *config.Pool) { p.ReadPolicy = policy })
	}
	if n := len(config.Hashes()); n != 13 {
		t.Errorf("%d hashes; want twemproxy's twelve and xxh3", n)
	}
}
