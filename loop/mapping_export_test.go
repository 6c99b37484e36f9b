package loop

import "golang.org/x/sys/unix"

// Unmapped returns options of an engine that gets no memory outside of the heap where refuses says
// so. With several workers it is called by all of them at once.
func Unmapped(o Options, refuses func() bool) Options {
	o.mapping = mapping{
		get: func(n int) ([]byte, error) {
			if refuses() {
				return nil, unix.ENOMEM
			}
			return systemMapping.get(n)
		},
		grow: func(mem []byte, n int) ([]byte, error) {
			if refuses() {
				return nil, unix.EPERM
			}
			return systemMapping.grow(mem, n)
		},
	}
	return o
}
