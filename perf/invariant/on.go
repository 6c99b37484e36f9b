//go:build invariants

package invariant

import (
	"bytes"
	"fmt"
	"runtime"
	"sync/atomic"
)

// On tells whether the checks are compiled in.
const On = true

// Lighter returns a quarter of n, at least 1: what a test moves, where the race detector makes bytes
// ten times as dear and regions begin with so much less.
func Lighter(n int) int { return max(n/4, 1) }

// That panics with the formatted text when ok is false.
func That(ok bool, format string, args ...any) {
	if !ok {
		panic("invariant: " + fmt.Sprintf(format, args...))
	}
}

// Scribble overwrites b, whose lifetime has ended, so that a caller who kept a slice of
// it too long reads garbage at once instead of another client's bytes much later.
func Scribble(b []byte) {
	for i := range b {
		b[i] = 0xDB
	}
}

// An Owner remembers the goroutine that first called Check and refuses every other one.
// The zero value has no owner yet.
type Owner struct{ id atomic.Uint64 }

// Check panics unless it runs on the owner's goroutine.
func (o *Owner) Check(what string) {
	me := goroutine()
	if o.id.CompareAndSwap(0, me) {
		return
	}
	if is := o.id.Load(); is != me {
		panic(fmt.Sprintf("invariant: %s belongs to goroutine %d, called from %d", what, is, me))
	}
}

// Release lets the next goroutine that calls Check become the owner.
func (o *Owner) Release() { o.id.Store(0) }

// goroutine parses the number out of the first line of the stack, "goroutine 7 [running]:".
func goroutine() uint64 {
	var buf [40]byte
	line := buf[:runtime.Stack(buf[:], false)]
	line = bytes.TrimPrefix(line, []byte("goroutine "))
	var id uint64
	for _, c := range line {
		if c < '0' || c > '9' {
			break
		}
		id = id*10 + uint64(c-'0')
	}
	return id
}
