package loop

import (
	"golang.org/x/sys/unix"

	"huntaway/loop/memory"
)

// Unmapped returns options of an engine that gets no memory outside of the heap where refuses says
// so. With several workers it is called by all of them at once.
func Unmapped(o Options, refuses func() bool) Options {
	o.mapping = memory.Mapping{
		Get: func(n int) ([]byte, error) {
			if refuses() {
				return nil, unix.ENOMEM
			}
			return memory.SystemMapping.Get(n)
		},
		Grow: func(mem []byte, n int) ([]byte, error) {
			if refuses() {
				return nil, unix.EPERM
			}
			return memory.SystemMapping.Grow(mem, n)
		},
	}
	return o
}
