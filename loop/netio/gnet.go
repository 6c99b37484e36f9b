package netio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"reflect"
	"slices"

	"github.com/panjf2000/gnet/v2"
	"github.com/panjf2000/gnet/v2/pkg/buffer/elastic"
	"github.com/panjf2000/gnet/v2/pkg/netpoll"
	"github.com/panjf2000/gnet/v2/pkg/queue"
	"golang.org/x/sys/unix"

	"huntaway/loop/memory"
	"huntaway/perf"
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

// ReadBuffer is what one read of a socket takes at most, per event loop.
const ReadBuffer = 64 << 10

// A Reactor is gnet's side of an engine.
type Reactor struct {
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

// A socket is a Conn over a gnet connection. Owner: the worker whose loop it is on.
type socket struct {
	conn      gnet.Conn // nil once closed
	owner     Endpoint
	epoll     int // the loop's epoll descriptor, -1 when reading cannot be suspended
	paused    bool
	pausedFor uint32         // what is waited for all the same
	rest      memory.Stretch // what the kernel has not taken of a large write; it is a user of the region
}

// An Endpoint is who a connection belongs to: a session or a link. It is called on the goroutine of the connection's event loop.
type Endpoint interface {
	// Opened gives it the connection, once and first.
	Opened(Conn)
	// Arrived gives it what was read, all of it. in is dead when it returns.
	Arrived(in []byte)
	// Closed tells that the connection is gone, once and last. polite: the peer has closed its half; cause is nil then.
	Closed(cause error, polite bool)
}

// NewReactor starts n event loops.
func NewReactor(n int, log *slog.Logger) (*Reactor, error) {
	r := &Reactor{opened: make(chan gnet.Conn, 1)}
	client, err := gnet.NewClient(r, gnet.WithNumEventLoop(n), gnet.WithReadBufferCap(ReadBuffer), gnet.WithLogger(gnetLog{log}))
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
func (r *Reactor) addLoop() error {
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

// epollOf returns the descriptor of the epoll instance that watches a connection, or -1.
// gnet has no way to suspend reading, so this reads a private field, and believes it only
// if the kernel agrees that the descriptor watches this connection.
func epollOf(c gnet.Conn) int {
	poller := pollerOf(c.EventLoop())
	if poller == nil {
		return -1
	}
	fd := private[int](poller, "fd")
	ev := unix.EpollEvent{Fd: int32(c.Fd()), Events: unix.EPOLLIN | unix.EPOLLPRI}
	if fd == nil || unix.EpollCtl(*fd, unix.EPOLL_CTL_MOD, c.Fd(), &ev) != nil {
		return -1
	}
	return *fd
}

// pollerOf returns the poller of an event loop, nil if gnet keeps it elsewhere.
func pollerOf(el gnet.EventLoop) *netpoll.Poller {
	if p := private[*netpoll.Poller](el, "poller"); p != nil {
		return *p
	}
	return nil
}

// private returns a field of the struct that x points to, nil if it has none of that name and type.
func private[T any](x any, name string) *T {
	v := reflect.Indirect(reflect.ValueOf(x))
	if v.Kind() != reflect.Struct {
		return nil
	}
	field := v.FieldByName(name)
	if !field.IsValid() || field.Type() != reflect.TypeFor[T]() {
		return nil
	}
	return (*T)(field.Addr().UnsafePointer())
}

// Suspends reports whether reading can be suspended on every loop.
func (r *Reactor) Suspends() bool { return !slices.Contains(r.epolls, -1) }

// GoBlind forgets the epoll descriptors, so that reading cannot be suspended. Called before the
// first connection is enrolled.
func (r *Reactor) GoBlind() {
	for i := range r.epolls {
		r.epolls[i] = -1
	}
}

// Post runs task on loop i, after the events that are waiting.
func (r *Reactor) Post(i int, task func()) {
	_ = r.loops[i].Execute(context.Background(), runnable(task)) // fails only when stopped
}

// Poster returns a function that posts task on loop i, for tasks that are posted all the
// time: gnet's Execute makes a closure for each, which was all the garbage there is under
// load (64 bytes per posted flush instead of 16, BenchmarkPost). It reads a private field
// and believes it only if its type is right; otherwise it posts as everybody does.
func (r *Reactor) Poster(i int, task func()) (post func()) {
	poller := pollerOf(r.loops[i])
	if poller == nil {
		return func() { r.Post(i, task) }
	}
	run := func(any) error {
		task()
		return nil
	}
	return func() { _ = poller.Trigger(queue.LowPriority, run, nil) } // fails only when stopped
}

// Turns makes task what loop i does in a turn, and returns what asks for one: a byte to the
// loop's anchor, so that it comes in the next round of events, as one of them. One turn may be
// asked for at a time.
func (r *Reactor) Turns(i int, task func()) (ask func()) {
	r.anchors[i].turn = task
	fd := int(r.peers[i].Fd())
	return func() { _, _ = unix.Write(fd, []byte{0}) } // fails only when stopped
}

// A runnable is a function that gnet can run.
type runnable func()

// Run calls the function.
func (f runnable) Run(context.Context) error {
	f()
	return nil
}

// Enroll hands a connection to loop i for its owner. It returns when the loop has it; must
// not be called on an event loop.
func (r *Reactor) Enroll(i int, c net.Conn, owner Endpoint) error {
	s := &socket{owner: owner, epoll: r.epolls[i]}
	result, err := r.loops[i].Enroll(gnet.NewContext(context.Background(), s), c)
	if err != nil {
		c.Close()
		return err
	}
	return (<-result).Err
}

// Stop ends the loops and closes every connection.
func (r *Reactor) Stop() error {
	err := r.client.Stop()
	for _, f := range r.peers {
		err = errors.Join(err, f.Close())
	}
	return err
}

// OnOpen gives an enrolled connection to its owner.
func (r *Reactor) OnOpen(c gnet.Conn) ([]byte, gnet.Action) {
	switch x := c.Context().(type) {
	case *socket:
		x.conn = c
		x.owner.Opened(x)
	case *anchor:
		r.opened <- c
	}
	return nil, gnet.None
}

// OnTraffic gives what has arrived to the connection's owner, all of it.
func (r *Reactor) OnTraffic(c gnet.Conn) gnet.Action {
	s, ok := c.Context().(*socket)
	if !ok {
		_, _ = c.Discard(-1)
		c.Context().(*anchor).turn()
		return gnet.None
	}
	in, _ := c.Peek(-1)
	s.owner.Arrived(in)
	if s.conn != nil {
		_, _ = c.Discard(-1)
	}
	return gnet.None
}

// OnClose tells the owner. The descriptor is still ours until it returns, and never after.
func (r *Reactor) OnClose(c gnet.Conn, cause error) gnet.Action {
	s, ok := c.Context().(*socket)
	if !ok || s.conn == nil {
		return gnet.None
	}
	polite := errors.Is(cause, io.EOF)
	if polite {
		cause = nil
	}
	s.owner.Closed(cause, polite)
	s.conn = nil
	s.dropRest()
	return gnet.None
}

// Write implements Conn. gnet gets what the socket does not take at once, and meets the
// error, if there is one, again.
func (s *socket) Write(b []byte) {
	if s.conn == nil || len(b) == 0 {
		return
	}
	if s.rest.Is() { // it is not to be overtaken
		_, _ = s.conn.Write(s.rest.Bytes())
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

// MostPushed is how much the kernel is offered of a large write in an event.
const MostPushed = 512 << 10

// WriteStretch implements Conn.
func (s *socket) WriteStretch(b memory.Stretch) (left bool) {
	if s.conn == nil {
		return false
	}
	if s.rest.Is() {
		s.Write(b.Bytes())
		return false
	}
	s.rest = b.Part(0)
	left, _ = s.Push()
	return left
}

// Push implements Conn.
func (s *socket) Push() (left, took bool) {
	if s.conn == nil || !s.rest.Is() {
		return false, false
	}
	if s.conn.OutboundBuffered() > 0 {
		return true, false
	}
	b := s.rest.Bytes()
	b = b[:min(len(b), MostPushed)]
	n := send(s.conn.Fd(), b)
	if s.rest.Skip(n); s.rest.Len() > 0 {
		return true, n == len(b)
	}
	s.dropRest()
	return false, true
}

// dropRest forgets what a large write has left.
func (s *socket) dropRest() {
	s.rest.Release()
}

// stayPaused suspends reading anew, which gnet resumes for what a write has left behind.
func (s *socket) stayPaused() {
	if s.paused && s.conn != nil && s.conn.OutboundBuffered() > 0 {
		s.interest(s.pausedFor)
	}
}

// Writev implements Conn.
func (s *socket) Writev(a, b []byte) {
	if s.conn != nil {
		_, _ = s.conn.Writev([][]byte{a, b})
		s.stayPaused()
	}
}

// Backlog implements Conn.
func (s *socket) Backlog() int {
	if s.conn == nil {
		return 0
	}
	return s.conn.OutboundBuffered() + s.rest.Len()
}

// Untaken implements Conn.
func (s *socket) Untaken() int { return s.queued(unix.TIOCOUTQ) }

// queued returns the length of one of the kernel's queues.
func (s *socket) queued(which uint) int {
	if s.conn == nil {
		return 0
	}
	return queued(s.conn.Fd(), which)
}

// Pause implements Conn. gnet turns reading on again when a backlog has drained; then one
// more event comes, and arrived pauses anew.
func (s *socket) Pause() { s.interest(0) }

// Await implements Conn: for an end without bytes gnet closes, and says that it was polite.
func (s *socket) Await() { s.interest(unix.EPOLLRDHUP) }

// Resume implements Conn.
func (s *socket) Resume() {
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

// Close implements Conn.
func (s *socket) Close() {
	if s.conn != nil {
		_ = s.conn.EventLoop().Close(s.conn)
	}
}

// Abort implements Conn. gnet writes what it has left before it closes: it must not get
// through.
func (s *socket) Abort() {
	if s.conn == nil {
		return
	}
	if s.Backlog() > 0 {
		_ = unix.Shutdown(s.conn.Fd(), unix.SHUT_WR)
	}
	_ = s.conn.SetLinger(0) // a unix socket has none, and nothing on its way
	s.Close()
}

// Waiting implements Conn.
func (s *socket) Waiting() int { return s.queued(unix.TIOCINQ) }

// Shut implements Conn.
func (s *socket) Shut() bool {
	return s.conn != nil && s.Backlog() == 0 && unix.Shutdown(s.conn.Fd(), unix.SHUT_WR) == nil
}

// Linger implements Conn: a duplicate of the descriptor keeps the connection open after
// gnet has closed its own. What was not written yet goes along: gnet would offer it to the
// kernel once more and cut it off in the middle.
func (s *socket) Linger() Conn {
	if s.conn == nil || s.rest.Is() { // a rest is a link's
		return nil
	}
	kept := private[elastic.Buffer](s.conn, "outboundBuffer")
	if kept == nil && s.conn.OutboundBuffered() > 0 {
		return nil
	}
	fd, err := s.conn.Dup()
	if err != nil {
		return nil
	}
	last := NewFarewell(fd, s.owner, perf.Now)
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

// Addresses implements Conn.
func (s *socket) Addresses() (remote, local string) {
	return addressText(s.conn.RemoteAddr()), addressText(s.conn.LocalAddr())
}
