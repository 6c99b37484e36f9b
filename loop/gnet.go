package loop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"syscall"
	"unsafe"

	"github.com/panjf2000/gnet/v2"
	"github.com/panjf2000/gnet/v2/pkg/buffer/elastic"
	"github.com/panjf2000/gnet/v2/pkg/logging"
	"github.com/panjf2000/gnet/v2/pkg/netpoll"
	"github.com/panjf2000/gnet/v2/pkg/queue"
	"golang.org/x/sys/unix"
)

// This file is the only one that knows gnet. What gnet 2.10.0 demands is kept here:
//
//   - level-triggered, default build tags, no LockOSThread: poll_opt frees memory that is
//     still in use, edge-triggered mode reads closed descriptors;
//   - no gnet listener: one failed accept would stop the whole engine, so connections are
//     accepted elsewhere and enrolled;
//   - after OnClose a connection's descriptor number may belong to somebody else: the
//     socket's conn is nil from then on, and every write looks at it;
//   - a write can call OnClose before it returns;
//   - everything is consumed in OnTraffic, so gnet's own inbound buffer never exists;
//   - the result of Enroll is never awaited on an event loop.

// readBuffer is what one read of a socket takes at most, per event loop.
const readBuffer = 64 << 10

// A reactor is gnet's side of an engine.
type reactor struct {
	gnet.BuiltinEventEngine
	client  *gnet.Client
	loops   []gnet.EventLoop
	anchors []*anchor  // by loop
	peers   []*os.File // the other ends of the anchors
	opened  chan gnet.Conn
	epolls  []int // by loop: its epoll descriptor, -1 when reading cannot be suspended
}

// An anchor is one end of a socket pair on a loop, kept open: it is how the loop is named, and
// how it is told that a turn is wanted.
type anchor struct {
	conn gnet.Conn
	turn func() // runs on the loop when a byte has come
}

// A socket is a wire over a gnet connection. Owner: the worker whose loop it is on.
type socket struct {
	conn      gnet.Conn // nil once closed
	owner     endpoint
	epoll     int // the loop's epoll descriptor, -1 when reading cannot be suspended
	paused    bool
	pausedFor uint32  // what is waited for all the same
	rest      stretch // what the kernel has not taken of a large write; it is a user of the region
}

// An endpoint is who a connection belongs to: a session or a link.
type endpoint interface {
	opened(wire)
	arrived(in []byte)
	closed(cause error, polite bool)
}

// newReactor starts n event loops.
func newReactor(n int, log logging.Logger) (*reactor, error) {
	r := &reactor{opened: make(chan gnet.Conn, 1)}
	client, err := gnet.NewClient(r, gnet.WithNumEventLoop(n), gnet.WithReadBufferCap(readBuffer), gnet.WithLogger(log))
	if err != nil {
		return nil, fmt.Errorf("making %d event loops: %w", n, err)
	}
	r.client = client
	if err := client.Start(); err != nil {
		return nil, fmt.Errorf("starting %d event loops: %w", n, err)
	}
	for range n {
		if err := r.addLoop(); err != nil {
			return nil, errors.Join(err, client.Stop())
		}
	}
	return r, nil
}

// addLoop enrols one end of a socket pair. gnet gives it to the loop with the fewest
// connections, which is one that has no anchor yet; the connection is the only way to get
// hold of the loop.
func (r *reactor) addLoop() error {
	ours, theirs, err := socketPair()
	if err != nil {
		return err
	}
	a := new(anchor)
	conn, err := r.client.EnrollContext(theirs, a)
	if err != nil {
		return fmt.Errorf("enrolling the first connection of an event loop: %w", err)
	}
	r.peers = append(r.peers, ours)
	<-r.opened
	for _, el := range r.loops {
		if el == conn.EventLoop() {
			return errors.New("two anchors on one event loop: gnet's balancing has changed")
		}
	}
	r.loops = append(r.loops, conn.EventLoop())
	a.conn = conn
	r.anchors = append(r.anchors, a)
	r.epolls = append(r.epolls, epollOf(conn))
	return nil
}

// socketPair returns two connected unix sockets.
func socketPair() (a *os.File, b net.Conn, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	a = os.NewFile(uintptr(fds[0]), "anchor")
	other := os.NewFile(uintptr(fds[1]), "anchor")
	defer other.Close()
	b, err = net.FileConn(other)
	return a, b, err
}

// epollOf returns the descriptor of the epoll instance that watches a connection, or -1.
// gnet has no way to suspend reading, so this reads a private field, and believes it only
// if the kernel agrees that the descriptor watches this connection.
func epollOf(c gnet.Conn) (fd int) {
	defer func() {
		if recover() != nil {
			fd = -1 // gnet's fields have other names: reading cannot be suspended
		}
	}()
	poller := reflect.ValueOf(c.EventLoop()).Elem().FieldByName("poller").Elem()
	fd = int(poller.FieldByName("fd").Int())
	ev := unix.EpollEvent{Fd: int32(c.Fd()), Events: unix.EPOLLIN | unix.EPOLLPRI}
	if unix.EpollCtl(fd, unix.EPOLL_CTL_MOD, c.Fd(), &ev) != nil {
		return -1
	}
	return fd
}

// goBlind forgets the epoll descriptors, so that reading cannot be suspended. Called before the
// first connection is enrolled.
func (r *reactor) goBlind() {
	for i := range r.epolls {
		r.epolls[i] = -1
	}
}

// post runs task on loop i, after the events that are waiting.
func (r *reactor) post(i int, task func()) {
	_ = r.loops[i].Execute(context.Background(), runnable(task)) // fails only when stopped
}

// poster returns a function that posts task on loop i, for tasks that are posted all the
// time: gnet's Execute makes a closure for each, which was all the garbage there is under
// load (64 bytes per posted flush instead of 16, BenchmarkPost). It reads a private field
// and believes it only if its type is right; otherwise it posts as everybody does.
func (r *reactor) poster(i int, task func()) (post func()) {
	poller := pollerOf(r.loops[i])
	if poller == nil {
		return func() { r.post(i, task) }
	}
	run := func(any) error {
		task()
		return nil
	}
	return func() { _ = poller.Trigger(queue.LowPriority, run, nil) } // fails only when stopped
}

// turns makes task what loop i does in a turn, and returns what asks for one: a byte to the
// loop's anchor, so that it comes in the next round of events, as one of them. One turn may be
// asked for at a time.
func (r *reactor) turns(i int, task func()) (ask func()) {
	r.anchors[i].turn = task
	fd := int(r.peers[i].Fd())
	return func() { _, _ = unix.Write(fd, []byte{0}) } // fails only when stopped
}

// pollerOf returns the poller of an event loop, nil if gnet keeps it elsewhere.
func pollerOf(el gnet.EventLoop) *netpoll.Poller {
	v := reflect.Indirect(reflect.ValueOf(el))
	if v.Kind() != reflect.Struct {
		return nil
	}
	field := v.FieldByName("poller")
	if !field.IsValid() || field.Type() != reflect.TypeFor[*netpoll.Poller]() {
		return nil
	}
	return (*netpoll.Poller)(field.UnsafePointer())
}

// A runnable is a function that gnet can run.
type runnable func()

// Run calls the function.
func (f runnable) Run(context.Context) error {
	f()
	return nil
}

// enroll hands a connection to loop i for its owner. It returns when the loop has it; must
// not be called on an event loop.
func (r *reactor) enroll(i int, c net.Conn, owner endpoint) error {
	s := &socket{owner: owner, epoll: r.epolls[i]}
	result, err := r.loops[i].Enroll(gnet.NewContext(context.Background(), s), c)
	if err != nil {
		c.Close()
		return err
	}
	return (<-result).Err
}

// stop ends the loops and closes every connection.
func (r *reactor) stop() error {
	err := r.client.Stop()
	for _, f := range r.peers {
		err = errors.Join(err, f.Close())
	}
	return err
}

// OnOpen gives an enrolled connection to its owner.
func (r *reactor) OnOpen(c gnet.Conn) ([]byte, gnet.Action) {
	switch x := c.Context().(type) {
	case *socket:
		x.conn = c
		x.owner.opened(x)
	case *anchor:
		r.opened <- c
	}
	return nil, gnet.None
}

// OnTraffic gives what has arrived to the connection's owner, all of it.
func (r *reactor) OnTraffic(c gnet.Conn) gnet.Action {
	s, ok := c.Context().(*socket)
	if !ok {
		_, _ = c.Discard(-1)
		c.Context().(*anchor).turn()
		return gnet.None
	}
	in, _ := c.Peek(-1)
	s.owner.arrived(in)
	if s.conn != nil {
		_, _ = c.Discard(-1)
	}
	return gnet.None
}

// OnClose tells the owner. The descriptor is still ours until it returns, and never after.
func (r *reactor) OnClose(c gnet.Conn, cause error) gnet.Action {
	s, ok := c.Context().(*socket)
	if !ok || s.conn == nil {
		return gnet.None
	}
	polite := errors.Is(cause, io.EOF)
	if polite {
		cause = nil
	}
	s.owner.closed(cause, polite)
	s.conn = nil
	s.dropRest()
	return gnet.None
}

// write implements wire. gnet gets what the socket does not take at once, and meets the
// error, if there is one, again.
func (s *socket) write(b []byte) {
	if s.conn == nil || len(b) == 0 {
		return
	}
	if s.rest.of != nil { // it is not to be overtaken
		_, _ = s.conn.Write(s.rest.bytes())
		s.dropRest()
		if s.conn == nil {
			return
		}
	}
	if s.conn.OutboundBuffered() == 0 {
		b = b[send(s.conn.Fd(), b):]
	}
	if len(b) > 0 {
		_, _ = s.conn.Write(b) // an error has closed the connection, and OnClose has told
		s.stayPaused()
	}
}

// mostPushed is how much the kernel is offered of a large write in an event.
const mostPushed = 512 << 10

// writeStretch implements wire.
func (s *socket) writeStretch(b stretch) (left bool) {
	if s.conn == nil {
		return false
	}
	if s.rest.of != nil {
		s.write(b.bytes())
		return false
	}
	b.of.retain()
	s.rest = b
	left, _ = s.push()
	return left
}

// push implements wire.
func (s *socket) push() (left, took bool) {
	if s.conn == nil || s.rest.of == nil {
		return false, false
	}
	if s.conn.OutboundBuffered() > 0 {
		return true, false
	}
	b := s.rest.bytes()
	b = b[:min(len(b), mostPushed)]
	n := send(s.conn.Fd(), b)
	if s.rest.from += n; s.rest.len() > 0 {
		return true, n == len(b)
	}
	s.dropRest()
	return false, true
}

// dropRest forgets what a large write has left.
func (s *socket) dropRest() {
	if of := s.rest.of; of != nil {
		s.rest = stretch{}
		of.release()
	}
}

// stayPaused suspends reading anew, which gnet resumes for what a write has left behind.
func (s *socket) stayPaused() {
	if s.paused && s.conn != nil && s.conn.OutboundBuffered() > 0 {
		s.interest(s.pausedFor)
	}
}

// send offers bytes to a socket that never blocks, and returns how many it took. It does not
// tell the scheduler of the call, which takes the thread's place away meanwhile (a send on
// loopback delivers, and lasts for 10 us), and goes round the layer of files: 0.90 x the CPU
// of a request with 50 clients, 0.94 x for MGET (bench -loads '^(get|mget)$', 5 rounds).
func send(fd int, b []byte) int {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))),
		uintptr(len(b)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// writev implements wire.
func (s *socket) writev(a, b []byte) {
	if s.conn != nil {
		_, _ = s.conn.Writev([][]byte{a, b})
		s.stayPaused()
	}
}

// backlog implements wire.
func (s *socket) backlog() int {
	if s.conn == nil {
		return 0
	}
	return s.conn.OutboundBuffered() + s.rest.len()
}

// untaken implements wire.
func (s *socket) untaken() int { return s.queued(unix.TIOCOUTQ) }

// queued returns the length of one of the kernel's queues.
func (s *socket) queued(which uint) int {
	if s.conn == nil {
		return 0
	}
	return queued(s.conn.Fd(), which)
}

// queued returns the length of one of the kernel's queues of a descriptor.
func queued(fd int, which uint) int {
	n, err := unix.IoctlGetInt(fd, which)
	if err != nil {
		return 0 // only when closed
	}
	return n
}

// pause implements wire. gnet turns reading on again when a backlog has drained; then one
// more event comes, and arrived pauses anew.
func (s *socket) pause() { s.interest(0) }

// await implements wire: for an end without bytes gnet closes, and says that it was polite.
func (s *socket) await() { s.interest(unix.EPOLLRDHUP) }

// resume implements wire.
func (s *socket) resume() {
	if s.paused {
		s.interest(unix.EPOLLIN | unix.EPOLLPRI)
	}
}

// interest changes what the loop waits for on this connection, besides that it can write.
func (s *socket) interest(read uint32) {
	if s.conn == nil || s.epoll < 0 {
		return
	}
	s.paused, s.pausedFor = read&unix.EPOLLIN == 0, read
	if s.conn.OutboundBuffered() > 0 {
		read |= unix.EPOLLOUT
	}
	ev := unix.EpollEvent{Fd: int32(s.conn.Fd()), Events: read}
	_ = unix.EpollCtl(s.epoll, unix.EPOLL_CTL_MOD, s.conn.Fd(), &ev) // fails only when closed
}

// close implements wire.
func (s *socket) close() {
	if s.conn != nil {
		_ = s.conn.EventLoop().Close(s.conn)
	}
}

// abort implements wire. gnet writes what it has left before it closes: it must not get
// through.
func (s *socket) abort() {
	if s.conn == nil {
		return
	}
	if s.backlog() > 0 {
		_ = unix.Shutdown(s.conn.Fd(), unix.SHUT_WR)
	}
	_ = s.conn.SetLinger(0) // a unix socket has none, and nothing on its way
	s.close()
}

// waiting implements wire.
func (s *socket) waiting() int { return s.queued(unix.TIOCINQ) }

// shut implements wire.
func (s *socket) shut() bool {
	return s.conn != nil && s.backlog() == 0 && unix.Shutdown(s.conn.Fd(), unix.SHUT_WR) == nil
}

// linger implements wire: a duplicate of the descriptor keeps the connection open after
// gnet has closed its own. What was not written yet goes along: gnet would offer it to the
// kernel once more and cut it off in the middle.
func (s *socket) linger() wire {
	if s.conn == nil || s.rest.of != nil { // a rest is a link's
		return nil
	}
	kept := unwritten(s.conn)
	if kept == nil && s.conn.OutboundBuffered() > 0 {
		return nil
	}
	fd, err := s.conn.Dup()
	if err != nil {
		return nil
	}
	last := newFarewell(fd, s.owner)
	for kept != nil && !kept.IsEmpty() {
		pieces, _ := kept.Peek(-1)
		n := 0
		for _, p := range pieces {
			last.keep(p)
			n += len(p)
		}
		_, _ = kept.Discard(n)
	}
	return last
}

// unwritten returns the buffer of what gnet has not written of a connection, nil if gnet keeps
// it elsewhere. It is the connection's: valid until OnClose returns.
func unwritten(c gnet.Conn) *elastic.Buffer {
	v := reflect.Indirect(reflect.ValueOf(c))
	if v.Kind() != reflect.Struct {
		return nil
	}
	field := v.FieldByName("outboundBuffer")
	if !field.IsValid() || field.Type() != reflect.TypeFor[elastic.Buffer]() {
		return nil
	}
	return (*elastic.Buffer)(field.Addr().UnsafePointer())
}

// addresses implements wire.
func (s *socket) addresses() (remote, local string) {
	return addressText(s.conn.RemoteAddr()), addressText(s.conn.LocalAddr())
}

// addressText prints an address; that of an unnamed unix socket is empty.
func addressText(a net.Addr) string {
	if a == nil {
		return ""
	}
	return a.String()
}

// keepAlive turns TCP keepalive on or off.
func keepAlive(c syscall.Conn, on int) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE, on)
	})
	return errors.Join(err, failed)
}
