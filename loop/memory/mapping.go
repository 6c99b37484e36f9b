package memory

import "golang.org/x/sys/unix"

// A Mapping is how memory outside of the heap is got. It may be refused at any time, by a limit on
// what the process may map (RLIMIT_AS, vm.max_map_count) or on what it may call.
type Mapping struct {
	Get  func(n int) ([]byte, error)             // n bytes
	Grow func(mem []byte, n int) ([]byte, error) // the same, moved perhaps, as n bytes
}

// SystemMapping is that of the system.
var SystemMapping = Mapping{
	Get: func(n int) ([]byte, error) {
		return unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_NORESERVE)
	},
	Grow: func(mem []byte, n int) ([]byte, error) { return unix.Mremap(mem, n, unix.MREMAP_MAYMOVE) },
}

// unmap gives memory back. Where that would take one mapping more than there may be, as it does in
// the middle of one, the pages go and their addresses stay.
func unmap(mem []byte) {
	if unix.Munmap(mem) != nil {
		_ = unix.Madvise(mem, unix.MADV_DONTNEED)
	}
}
