package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// memoryForClients returns how many bytes clients may make the process hold: what the
// configuration says, or half of what the process may use. The other half is for what the
// garbage collector has not found yet, and for everything else. Of what may be mapped it is never more than that half:
// Go's runtime ends the process when the kernel refuses it memory.
func memoryForClients(configured int64) int64 {
	if configured > 0 {
		return min(configured, mappable()/2)
	}
	return min(machineMemory(), cgroupMemory("/proc/self/cgroup", "/sys/fs/cgroup"), debug.SetMemoryLimit(-1), mappable()) / 2
}

// mappable returns how many bytes the process may map besides those it had mapped when that was first asked for: Go's
// runtime reserves much that it does not use.
var mappable = sync.OnceValue(func() int64 { return mappableBy(limitOf, "/proc/self/statm") })

// limitOf returns what the process may have of a resource (getrlimit(2)).
func limitOf(resource int) int64 {
	var lim unix.Rlimit
	if unix.Getrlimit(resource, &lim) != nil || lim.Cur > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(lim.Cur)
}

// mappableBy is mappable with the limits that limit returns, and with what is mapped in a file like /proc/self/statm:
// pages, of all kinds first, of data and stack sixth (proc_pid_statm(5)).
func mappableBy(limit func(resource int) int64, statm string) int64 {
	text, _ := os.ReadFile(statm) // without it nothing counts as mapped
	pages := append(strings.Fields(string(text)), make([]string, 6)...)
	least := int64(math.MaxInt64)
	for resource, field := range map[int]int{unix.RLIMIT_AS: 0, unix.RLIMIT_DATA: 5} {
		if most := limit(resource); most != math.MaxInt64 {
			n, _ := strconv.ParseInt(pages[field], 10, 64) // 0 where it is missing
			least = min(least, max(most-n*int64(os.Getpagesize()), 0))
		}
	}
	return least
}

// enoughMemory refuses to serve where so little may be mapped that a handful of clients could end the process.
func enoughMemory(mappable int64) error {
	if mappable >= besidesClients {
		return nil
	}
	return fmt.Errorf("the limits of address space and data leave room for %d MiB, and a proxy needs %d MiB: raise them (ulimit -v and -d, LimitAS, LimitDATA)",
		mappable>>20, besidesClients>>20)
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
