package loop

import (
	"time"

	"golang.org/x/sys/unix"

	"huntaway/perf"
)

// A farewell is the wire of a session whose client has closed its half of the connection: a
// duplicate of the descriptor. No event loop watches it, because the end that has been read
// would be an event for ever. What the kernel does not take at once is offered again whenever
// somebody looks at the backlog, which every tick does while there is one.
//
// Owner: the worker.
type farewell struct {
	owner endpoint
	fd    int    // -1 once closed
	left  buffer // what the kernel has not taken when it was first offered
	taken int    // bytes of left that it has taken since
	moved int64  // perf.Now when it last took some of left, or left was empty
	mute  bool   // nothing more can be said: the client has gone, or reads nothing
}

// farewellTime is how long a half-closed client may take nothing of its last replies: who reads
// slowly gets them all.
const farewellTime = 10 * time.Second

// newFarewell takes over a descriptor.
func newFarewell(fd int, owner endpoint) *farewell { return &farewell{owner: owner, fd: fd} }

// keep adds what was kept to be written before there was a farewell. It is not offered yet:
// the kernel's answer could end a session that does not have its new wire.
func (f *farewell) keep(b []byte) {
	f.left.add(b)
	f.moved = perf.Now()
}

func (f *farewell) pause()                  {}
func (f *farewell) await()                  {}
func (f *farewell) resume()                 {}
func (f *farewell) waiting() int            { return 0 }
func (f *farewell) shut() bool              { return false }
func (f *farewell) linger() wire            { return nil }
func (f *farewell) push() (left, took bool) { return false, false }
func (f *farewell) writeStretch(b stretch) (left bool) {
	f.write(b.bytes())
	return false
}
func (f *farewell) untaken() int       { return queued(f.fd, unix.TIOCOUTQ) }
func (f *farewell) writev(a, b []byte) { f.write(a); f.write(b) }

func (f *farewell) addresses() (remote, local string) { return "", "" }

// write implements wire.
func (f *farewell) write(b []byte) {
	if f.backlog() == 0 {
		b = b[f.offer(b):]
		f.moved = perf.Now()
	}
	switch {
	case f.mute:
		f.close()
	case len(b) > 0:
		f.left.add(b)
	}
}

// offer gives bytes to the kernel and returns how many it took.
func (f *farewell) offer(b []byte) int {
	if f.fd < 0 || f.mute || len(b) == 0 {
		return 0
	}
	n, err := unix.SendmsgN(f.fd, b, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	if err != nil {
		f.mute = err != unix.EAGAIN && err != unix.EINTR
		return 0
	}
	return n
}

// backlog implements wire. With nobody who would take it there is none.
func (f *farewell) backlog() int {
	if f.left.len() == 0 {
		return 0
	}
	n := f.offer(f.left.bytes()[f.taken:])
	f.taken += n
	now := perf.Now()
	if n > 0 {
		f.moved = now
	}
	f.mute = f.mute || now-f.moved > int64(farewellTime)
	switch {
	case f.mute || f.taken == f.left.len():
		f.left.release()
		f.taken = 0
	case f.taken > keepAnswered && f.taken > f.left.len()/2:
		f.left.cut(f.taken)
		f.taken = 0
	}
	return f.left.len() - f.taken
}

// close implements wire.
func (f *farewell) close() {
	if f.fd < 0 {
		return
	}
	_ = unix.Close(f.fd)
	f.fd = -1
	f.left.release()
	f.owner.closed(nil, false)
}

// abort implements wire.
func (f *farewell) abort() {
	_ = unix.SetsockoptLinger(f.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}) // a unix socket has nothing on its way
	f.close()
}
