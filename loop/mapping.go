package loop

import (
	"log/slog"

	"golang.org/x/sys/unix"

	"huntaway/perf/repeat"
)

// A mapping is how memory outside of the heap is got. It may be refused at any time, by a limit on
// what the process may map (RLIMIT_AS, vm.max_map_count) or on what it may call.
type mapping struct {
	get  func(n int) ([]byte, error)             // n bytes
	grow func(mem []byte, n int) ([]byte, error) // the same, moved perhaps, as n bytes
}

// systemMapping is that of the system.
var systemMapping = mapping{
	get: func(n int) ([]byte, error) {
		return unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_NORESERVE)
	},
	grow: func(mem []byte, n int) ([]byte, error) { return unix.Mremap(mem, n, unix.MREMAP_MAYMOVE) },
}

// unmap gives memory back. Where that would take one mapping more than there may be, as it does in
// the middle of one, the pages go and their addresses stay.
func unmap(mem []byte) {
	if unix.Munmap(mem) != nil {
		_ = unix.Madvise(mem, unix.MADV_DONTNEED)
	}
}

// sayRefused tells that a large request is on the heap. cause may be nil.
func (w *worker) sayRefused(why string, cause error) {
	w.engine.often.Say(slog.LevelWarn, repeat.Subject{What: "large request on the heap", Whom: why},
		"why", why, "cause", cause, "worker", w.id, "regions", len(w.regions),
		"hint", "it is slow, and others wait: raise RLIMIT_AS or vm.max_map_count, or allow mmap and mremap")
}
