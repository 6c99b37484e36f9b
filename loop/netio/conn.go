package netio

import "huntaway/loop/memory"

// A Conn is a connection as sessions and links see it. gnet's connections implement it in
// gnet.go; tests implement it in memory.
//
// Every method runs on the goroutine of its event loop. Write and Writev may find out that the
// connection is broken and call Closed of its [Endpoint] before they return: look again at your
// Conn (it is nil then) before you go on.
type Conn interface {
	// Write sends b or keeps what cannot be sent now. b is the caller's again afterwards.
	Write(b []byte)
	// Writev sends both, in order, with one system call.
	Writev(a, b []byte)
	// WriteStretch is Write of bytes that stay where they are: what cannot be sent now is not
	// copied, and left tells that Push is to be called for it.
	WriteStretch(b memory.Stretch) (left bool)
	// Push offers the kernel more of what WriteStretch has left. left tells whether that was not
	// all, and took whether the kernel has taken what it was offered.
	Push() (left, took bool)
	// Backlog returns the bytes that were written and not yet taken by the kernel.
	Backlog() int
	// Untaken returns the bytes that the kernel has and the peer's has not acknowledged.
	Untaken() int
	// Pause stops reading; at most one more event may come.
	Pause()
	// Await is Pause, but the owner hears when the peer closes its half, though what it has
	// sent before is not read any more then. It hears at once, unless the peer has sent more
	// than the kernel takes: the end stands behind that.
	Await()
	// Resume reads again.
	Resume()
	// Close closes at once; Closed is called before it returns.
	Close()
	// Abort is Close, but what the peer has not been sent yet is thrown away, and it is told
	// so (RST) where the connection allows.
	Abort()
	// Waiting returns the bytes that have come and were not read yet.
	Waiting() int
	// Shut closes our half: the peer finds its end behind what was written, and goes on being
	// heard. False, without effect, where that cannot be done.
	Shut() bool
	// Linger returns a Conn on which the rest can be said after the peer has closed its
	// half, or nil. To be called from Closed only.
	Linger() Conn
	// Addresses returns the peer's and our address, for logs and CLIENT LIST.
	Addresses() (remote, local string)
}
