package netio

import (
	"time"

	"golang.org/x/sys/unix"

	"huntaway/loop/memory"
)

// A Farewell is the Conn of a session whose client has closed its half of the connection: a
// duplicate of the descriptor. No event loop watches it, because the end that has been read
// would be an event for ever. What the kernel does not take at once is offered again whenever
// somebody looks at the backlog, which every tick does while there is one.
//
// Owner: the worker.
type Farewell struct {
	owner Endpoint
	now   func() int64
	fd    int           // -1 once closed
	left  memory.Buffer // what the kernel has not taken when it was first offered
	taken int           // bytes of left that it has taken since
	moved int64         // when it last took some of left, or left was empty
	mute  bool          // nothing more can be said: the client has gone, or reads nothing
}

// FarewellTime is how long a half-closed client may take nothing of its last replies: who reads
// slowly gets them all.
const FarewellTime = 10 * time.Second

// keepTaken is how many bytes that were taken may stay before the rest is moved to the front.
const keepTaken = 64 << 10

// NewFarewell takes over a descriptor. now is perf.Now, or a test's clock.
func NewFarewell(fd int, owner Endpoint, now func() int64) *Farewell {
	return &Farewell{owner: owner, fd: fd, now: now}
}

// Holds returns how many bytes of memory it keeps.
func (f *Farewell) Holds() int64 { return f.left.Holds() }

// keep adds what was kept to be written before there was a farewell. It is not offered yet:
// the kernel's answer could end a session that does not have its new Conn.
func (f *Farewell) keep(b []byte) {
	f.left.Add(b)
	f.moved = f.now()
}

func (f *Farewell) Pause()                  {}
func (f *Farewell) Await()                  {}
func (f *Farewell) Resume()                 {}
func (f *Farewell) Waiting() int            { return 0 }
func (f *Farewell) Shut() bool              { return false }
func (f *Farewell) Linger() Conn            { return nil }
func (f *Farewell) Push() (left, took bool) { return false, false }
func (f *Farewell) WriteStretch(b memory.Stretch) (left bool) {
	f.Write(b.Bytes())
	return false
}
func (f *Farewell) Untaken() int       { return queued(f.fd, unix.TIOCOUTQ) }
func (f *Farewell) Writev(a, b []byte) { f.Write(a); f.Write(b) }

func (f *Farewell) Addresses() (remote, local string) { return "", "" }

// Write implements Conn.
func (f *Farewell) Write(b []byte) {
	if f.Backlog() == 0 {
		b = b[f.offer(b):]
		f.moved = f.now()
	}
	switch {
	case f.mute:
		f.Close()
	case len(b) > 0:
		f.left.Add(b)
	}
}

// offer gives bytes to the kernel and returns how many it took.
func (f *Farewell) offer(b []byte) int {
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

// Backlog implements Conn. With nobody who would take it there is none.
func (f *Farewell) Backlog() int {
	if f.left.Len() == 0 {
		return 0
	}
	n := f.offer(f.left.Bytes()[f.taken:])
	f.taken += n
	now := f.now()
	if n > 0 {
		f.moved = now
	}
	f.mute = f.mute || now-f.moved > int64(FarewellTime)
	switch {
	case f.mute || f.taken == f.left.Len():
		f.left.Release()
		f.taken = 0
	case f.taken > keepTaken && f.taken > f.left.Len()/2:
		f.left.Cut(f.taken)
		f.taken = 0
	}
	return f.left.Len() - f.taken
}

// Close implements Conn.
func (f *Farewell) Close() {
	if f.fd < 0 {
		return
	}
	_ = unix.Close(f.fd)
	f.fd = -1
	f.left.Release()
	f.owner.Closed(nil, false)
}

// Abort implements Conn.
func (f *Farewell) Abort() {
	_ = unix.SetsockoptLinger(f.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}) // a unix socket has nothing on its way
	f.Close()
}
