package main

import (
	"context"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// memoryForClients returns how many bytes clients may make the process hold: what the
// configuration says, or half of what the process may use. The other half is for what the
// garbage collector has not found yet, and for everything else.
func memoryForClients(configured int64) int64 {
	if configured > 0 {
		return configured
	}
	return min(machineMemory(), cgroupMemory("/proc/self/cgroup", "/sys/fs/cgroup"), debug.SetMemoryLimit(-1)) / 2
}

// How large the process may be besides what clients make it hold: what the collector has not
// found yet and what is copied on its way, and what a connection costs that holds little.
const (
	besidesClients = 256 << 20
	besidesClient  = 64 << 10
)

// limitHeap keeps Go's soft limit of the heap, of which it knows by itself only a share of what is
// live, where what clients hold and the rest of the process come to at most, until ctx is over.
// What was large and is given back is then collected before much more is taken, and goes back to
// the system. What of that is outside of the heap the heap may not be as well. It does nothing where
// the limit is set already.
func limitHeap(ctx context.Context, forClients int64, clients func() int, outside func() int64) {
	if debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return
	}
	defer debug.SetMemoryLimit(math.MaxInt64)
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for set := int64(0); ; {
		want := heapLimit(forClients-min(forClients, outside()), clients())
		if set == 0 || max(want-set, set-want) >= besidesClients/16 { // to change it stops the world
			set = want
			debug.SetMemoryLimit(set)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// heapLimit is the limit with so many connections.
func heapLimit(forClients int64, clients int) int64 {
	besides := besidesClients + besidesClient*int64(clients)
	if forClients > math.MaxInt64-besides {
		return math.MaxInt64
	}
	return forClients + besides
}

// machineMemory returns the bytes of memory that the machine has.
func machineMemory() int64 {
	var about unix.Sysinfo_t
	if unix.Sysinfo(&about) != nil {
		return math.MaxInt64
	}
	return int64(about.Totalram) * int64(about.Unit)
}

// cgroupMemory returns the least limit of the cgroup that the process is in, and of those above
// it; of the second version, or the first.
func cgroupMemory(own, mounted string) int64 {
	least := int64(math.MaxInt64)
	lines, _ := os.ReadFile(own) // without there is no limit
	for line := range strings.Lines(string(lines)) {
		_, controllers, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, dir, _ := strings.Cut(controllers, ":")
		switch controllers {
		case "":
			least = min(least, limitAbove(mounted, dir, "memory.max"))
		case "memory":
			least = min(least, limitAbove(path.Join(mounted, "memory"), dir, "memory.limit_in_bytes"))
		}
	}
	return least
}

// limitAbove returns the least number in the files of a name in dir and the directories above
// it, below a root. In a container dir may not be there, and the root stands for it.
func limitAbove(root, dir, name string) int64 {
	least := int64(math.MaxInt64)
	for {
		text, _ := os.ReadFile(path.Join(root, dir, name)) // "max", or no file: no limit
		if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 {
			least = min(least, n)
		}
		if dir == "/" || dir == "." || dir == "" {
			return least
		}
		dir = path.Dir(dir)
	}
}
