package main

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseCSV(t *testing.T) {
	const head = `"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"` + "\n"
	got, err := parseCSV(head + `"GET","35714.29","0.096","0.024","0.087","0.199","0.279","0.375"` + "\n")
	if want := (figure{35714.29, 0.087, 0.279}); got != want || err != nil {
		t.Errorf("parseCSV = %v, %v; want %v, nil", got, err, want)
	}
	for in, want := range map[string]string{
		head:                           "printed 1 lines",
		"":                             "printed 0 lines",
		`"test"` + "\n" + `"GET"`:      "no column",
		head + `"GET","x",1,1,1,1,1,1`: "invalid syntax",
	} {
		if _, err := parseCSV(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parseCSV(%q) = %v; want an error with %q", in, err, want)
		}
	}
}

func TestParseStat(t *testing.T) {
	const line = "42 (a b) c) S 1 42 42 0 -1 4194560 1000 0 0 0 250 50 0 0 20 0 1 0 100 0 0\n"
	if got, err := parseStat(line); got != 3*time.Second || err != nil {
		t.Errorf("parseStat = %v, %v; want 3s, nil", got, err)
	}
	if _, err := parseStat("42 (a) S 1"); err == nil {
		t.Error("parseStat of a short line succeeds; want an error")
	}
}

func TestOwnProcess(t *testing.T) {
	before, err := cpuTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	after := before
	for start := time.Now(); after == before && time.Since(start) < 10*time.Second; {
		if after, err = cpuTime(os.Getpid()); err != nil {
			t.Fatal(err)
		}
	}
	if after <= before {
		t.Errorf("cpuTime after 10 s of work = %v; want more than %v", after, before)
	}
	if rss, err := status(os.Getpid(), "VmRSS"); err != nil || rss < 1<<20 {
		t.Errorf("VmRSS = %d, %v; want at least a mebibyte", rss, err)
	}
	if _, err := status(os.Getpid(), "VmNone"); err == nil {
		t.Error("status of an unknown line succeeds; want an error")
	}
}

func TestParseStrace(t *testing.T) {
	const table = `% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.120000           3     40000           writev
 30.00    0.060000           2     30000     10000 read
 10.00    0.020000           1     20000         1 futex
------ ----------- ----------- --------- --------- ----------------
100.00    0.200000           2     90000     10001 total
`
	got, err := parseStrace(table)
	want := map[string]int{"writev": 40000, "read": 30000, "futex": 20000}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("parseStrace = %v, %v; want %v, nil", got, err, want)
	}
	c := callCount{Requests: 20000, Calls: got}
	if per, detail := c.perRequest(), c.detail(); per != 3.5 || detail != "writev 2.00, read 1.50, futex 1.00" {
		t.Errorf("per request %v, %q; want 3.5 without futex, and all in the detail", per, detail)
	}
	if _, err := parseStrace("strace: detached\n"); err == nil {
		t.Error("parseStrace of no table succeeds; want an error")
	}
}

func TestParseHeap(t *testing.T) {
	h, err := parseHeap("heap profile\n\n# runtime.MemStats\n# Alloc = 1\n# HeapAlloc = 1024\n# HeapInuse = 8192\n" +
		"# PauseNs = [6000 2000 3000 4000]\n# NumGC = 5\n")
	if err != nil || h.alloc != 1024 || h.inUse != 8192 || h.cycles != 5 {
		t.Errorf("parseHeap = %+v, %v; want 1024, 8192, 5 cycles", h, err)
	}
	// The fifth cycle has overwritten the first.
	for n, want := range map[int][]time.Duration{
		5: nil, 4: {6000}, 3: {4000, 6000}, 0: {2000, 3000, 4000, 6000},
	} {
		if got := h.since(n); !slices.Equal(got, want) {
			t.Errorf("since(%d) = %v; want %v", n, got, want)
		}
	}
	if _, err := parseHeap("heap profile\n"); err == nil {
		t.Error("parseHeap without MemStats succeeds; want an error")
	}
}

func TestParseFlags(t *testing.T) {
	s, err := parse([]string{"-subjects", "direct", "-mode", "groups", "-loads", "^get"})
	if err != nil || !s.runs("groups") || s.runs("matrix") || len(s.subjects) != 1 {
		t.Errorf("parse = %+v, %v; want mode groups with one subject", s, err)
	}
	for _, bad := range [][]string{
		{"-subjects", "redis"}, {"-subjects", "huntaway"}, {"-subjects", "direct", "-mode", "group"},
		{"-subjects", "direct", "-rounds", "0"}, {"-subjects", "direct", "-loads", "("},
		{"-subjects", "huntaway1", "-huntaway", "/does/not/exist"},
	} {
		if _, err := parse(bad); err == nil {
			t.Errorf("parse(%v) succeeds; want an error", bad)
		}
	}
}
