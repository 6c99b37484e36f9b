package main

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestCgroupMemory reads limits as they stand on machines and in containers.
func TestCgroupMemory(t *testing.T) {
	for _, tc := range []struct {
		name, own string
		files     map[string]string
		want      int64
	}{
		{"none", "0::/user.slice\n", nil, math.MaxInt64},
		{"unlimited", "0::/a\n", map[string]string{"a/memory.max": "max\n"}, math.MaxInt64},
		{"its own", "0::/a/b\n", map[string]string{"a/b/memory.max": "1000\n", "a/memory.max": "max\n"}, 1000},
		{"of the one above", "0::/a/b\n", map[string]string{"a/b/memory.max": "1000\n", "a/memory.max": "900\n"}, 900},
		{"in a container", "0::/../../x\n", map[string]string{"memory.max": "700\n"}, 700},
		{"first version", "5:cpu:/\n4:memory:/docker/x\n", map[string]string{"memory/docker/x/memory.limit_in_bytes": "500\n"}, 500},
	} {
		root := t.TempDir()
		own := filepath.Join(root, "own")
		if err := os.WriteFile(own, []byte(tc.own), 0o600); err != nil {
			t.Fatal(err)
		}
		for name, text := range tc.files {
			at := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := cgroupMemory(own, root); got != tc.want {
			t.Errorf("%s: got %d; want %d", tc.name, got, tc.want)
		}
	}
}

// TestMappable: what the limits leave beside what is mapped.
func TestMappable(t *testing.T) {
	const none = math.MaxInt64
	statm := filepath.Join(t.TempDir(), "statm")
	if err := os.WriteFile(statm, []byte("300 20 10 5 0 100 0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	size := int64(os.Getpagesize())
	for _, tc := range []struct {
		name     string
		as, data int64
		statm    string
		want     int64
	}{
		{"unlimited", none, none, statm, none},
		{"address space", 1000 * size, none, statm, 700 * size},
		{"data", none, 1000 * size, statm, 900 * size},
		{"the lesser", 1000 * size, 500 * size, statm, 400 * size},
		{"exceeded", 100 * size, none, statm, 0},
		{"not known", 100 * size, none, statm + ".none", 100 * size},
	} {
		limit := func(resource int) int64 {
			return map[int]int64{unix.RLIMIT_AS: tc.as, unix.RLIMIT_DATA: tc.data}[resource]
		}
		if got := mappableBy(limit, tc.statm); got != tc.want {
			t.Errorf("%s: got %d; want %d", tc.name, got, tc.want)
		}
	}
}

// TestMemoryForClients: what is configured, or something that this process may use.
func TestMemoryForClients(t *testing.T) {
	if got := memoryForClients(5); got != 5 {
		t.Errorf("got %d of 5 configured; want 5", got)
	}
	if got := memoryForClients(0); got <= 0 || got > machineMemory()/2 {
		t.Errorf("got %d; want at most half of the machine's %d", got, machineMemory())
	}
}
