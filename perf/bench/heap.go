package main

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A heap is what the Go runtime of a proxy says of its memory. It comes from
// /debug/pprof/heap?debug=1, which ends with runtime.MemStats.
type heap struct {
	alloc  int64           // bytes of live and not yet swept objects
	inUse  int64           // bytes of spans that hold objects
	cycles int             // collections so far
	pauses []time.Duration // stop-the-world time of each of the last 256 cycles, a ring
}

// heapOf asks for the figures. With gc "1" a collection runs first, so that alloc counts
// live objects only; with "0" none does.
func heapOf(admin, gc string) (heap, error) {
	url := "http://" + admin + "/debug/pprof/heap?debug=1&gc=" + gc
	client := http.Client{Timeout: 10 * time.Second}
	reply, err := client.Get(url)
	if err != nil {
		return heap{}, fmt.Errorf("huntaway's admin pages (asked for with HUNTAWAY_ADMIN_HTTP): %w", err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err == nil && reply.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: got %s; want 200 OK", url, reply.Status)
	}
	if err != nil {
		return heap{}, err
	}
	return parseHeap(string(text))
}

// parseHeap reads the lines "# Name = value" at the end of a heap profile.
func parseHeap(text string) (h heap, err error) {
	number := func(name string) int64 {
		_, rest, ok := strings.Cut(text, "\n# "+name+" = ")
		if !ok {
			err = fmt.Errorf("the heap profile has no line %q", "# "+name)
			return 0
		}
		line, _, _ := strings.Cut(rest, "\n")
		n, bad := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
		if bad != nil {
			err = fmt.Errorf("the heap profile's %s: %w", name, bad)
		}
		return n
	}
	h.alloc, h.inUse, h.cycles = number("HeapAlloc"), number("HeapInuse"), int(number("NumGC"))
	_, rest, _ := strings.Cut(text, "\n# PauseNs = [")
	list, _, _ := strings.Cut(rest, "]")
	for field := range strings.FieldsSeq(list) {
		ns, bad := strconv.ParseInt(field, 10, 64)
		if bad != nil {
			return h, fmt.Errorf("the heap profile's PauseNs: %w", bad)
		}
		h.pauses = append(h.pauses, time.Duration(ns))
	}
	if err == nil && len(h.pauses) == 0 {
		err = fmt.Errorf("the heap profile has no line %q", "# PauseNs")
	}
	return h, err
}

// since returns the pauses of the cycles after the first n, the oldest first. Cycles that
// the ring has forgotten are missing.
func (h heap) since(n int) []time.Duration {
	var got []time.Duration
	ring := len(h.pauses)
	for cycle := max(n, h.cycles-ring) + 1; cycle <= h.cycles; cycle++ {
		got = append(got, h.pauses[(cycle+ring-1)%ring])
	}
	return got
}
