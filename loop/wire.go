package loop

// A wire is a connection as sessions and links see it. gnet's connections implement it in
// engine.go; tests implement it in memory.
//
// Every method runs on the worker's goroutine. write and writev may find out that the
// connection is broken and call lost of its owner before they return: look again at your
// wire (it is nil then) before you go on.
type wire interface {
	// write sends b or keeps what cannot be sent now. b is the caller's again afterwards.
	write(b []byte)
	// writev sends both, in order, with one system call.
	writev(a, b []byte)
	// writeStretch is write of bytes that stay where they are: what cannot be sent now is not
	// copied, and left tells that push is to be called for it.
	writeStretch(b stretch) (left bool)
	// push offers the kernel more of what writeStretch has left. left tells whether that was not
	// all, and took whether the kernel has taken what it was offered.
	push() (left, took bool)
	// backlog returns the bytes that were written and not yet taken by the kernel.
	backlog() int
	// untaken returns the bytes that the kernel has and the peer's has not acknowledged.
	untaken() int
	// pause stops reading; at most one more event may come.
	pause()
	// await is pause, but the owner hears when the peer closes its half, though what it has
	// sent before is not read any more then. It hears at once, unless the peer has sent more
	// than the kernel takes: the end stands behind that.
	await()
	// resume reads again.
	resume()
	// close closes at once; lost is called before it returns.
	close()
	// abort is close, but what the peer has not been sent yet is thrown away, and it is told
	// so (RST) where the connection allows.
	abort()
	// waiting returns the bytes that have come and were not read yet.
	waiting() int
	// shut closes our half: the peer finds its end behind what was written, and goes on being
	// heard. False, without effect, where that cannot be done.
	shut() bool
	// linger returns a wire on which the rest can be said after the peer has closed its
	// half, or nil. To be called from lost only.
	linger() wire
	// addresses returns the peer's and our address, for logs and CLIENT LIST.
	addresses() (remote, local string)
}
