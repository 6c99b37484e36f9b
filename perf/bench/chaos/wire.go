package main

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A side is who connects through a wire. Replicas bind their connections to a source address
// of their own (bind-source-addr), so the two can be told apart.
type side int

// The sides.
const (
	proxies  side = iota // from 127.0.0.1: proxies, Sentinels and this program
	replicas             // from 127.0.1.0/24
	sides                // how many there are
)

// A weather is what a wire does to one side's connections.
type weather int32

// The weathers.
const (
	clear   weather = iota
	silent          // bytes are swallowed both ways and nothing is closed: a cut cable, a host that is gone
	mute            // what the server says is swallowed: the way back is cut
	deaf            // what the server should hear is swallowed
	garbled         // bytes of replies are changed
	slow            // every piece waits for lateness
	refused         // connections are closed as soon as they are made, and so are those that there were
)

// lateness is how long a piece waits in slow weather.
const lateness = 300 * time.Millisecond

// A wire stands between a server and all who talk to it. Everybody, replicas too, knows the
// server by the wire's address.
type wire struct {
	addr   string                 // where it listens
	target atomic.Pointer[string] // the server
	ln     net.Listener
	sky    [sides]atomic.Int32 // a weather each
	bites  atomic.Int64        // pieces that bad weather touched
	trap   atomic.Pointer[trip]
	closed atomic.Bool

	mu    sync.Mutex // guards pairs
	pairs map[*pair]bool
}

// A pair is one connection through a wire.
type pair struct {
	side     side
	from, to net.Conn
	stranded atomic.Bool // it swallows everything for ever
}

// A trip is something that happens when a client of the wire sends certain bytes.
type trip struct {
	bytes []byte
	do    func()
}

// setTrip has do happen once, before a piece with these bytes reaches the server. The piece does not.
func (w *wire) setTrip(bytes string, do func()) { w.trap.Store(&trip{[]byte(bytes), do}) }

// strand leaves the connections of a side open for ever and silent, as if the host behind
// them had lost its memory; new connections are well.
func (w *wire) strand(of side) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for p := range w.pairs {
		if p.side == of {
			p.stranded.Store(true)
		}
	}
}

// newWire listens on addr and passes everything on to target until it is closed.
func newWire(addr, target string) (*wire, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listening for a wire: %w", err)
	}
	w := &wire{addr: addr, ln: ln, pairs: map[*pair]bool{}}
	w.aim(target)
	go w.accept()
	return w, nil
}

// aim has new connections go to another server.
func (w *wire) aim(target string) { w.target.Store(&target) }

// set changes the weather of some sides. Bad weather for new connections is met by those that
// exist already, too; with clear, connections that lost bytes are closed, since their streams
// cannot go on.
func (w *wire) set(s weather, of ...side) {
	for _, each := range of {
		was := weather(w.sky[each].Swap(int32(s)))
		if s == refused || was != clear && was != slow {
			w.closeAll(each)
		}
	}
}

func (w *wire) closeAll(of side) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for p := range w.pairs {
		if p.side == of {
			p.from.Close()
			p.to.Close()
		}
	}
}

// close ends the wire and its connections.
func (w *wire) close() {
	w.closed.Store(true)
	w.ln.Close()
	for s := range sides {
		w.closeAll(s)
	}
}

func (w *wire) accept() {
	for {
		from, err := w.ln.Accept()
		if err != nil {
			return
		}
		s := proxies
		if strings.HasPrefix(from.RemoteAddr().String(), "127.0.1.") {
			s = replicas
		}
		if weather(w.sky[s].Load()) == refused {
			w.bites.Add(1)
			from.Close()
			continue
		}
		go w.join(s, from)
	}
}

// join connects one client to the server. While it rains nothing is dialled: what is
// swallowed needs no server.
func (w *wire) join(s side, from net.Conn) {
	to, err := net.DialTimeout("tcp", *w.target.Load(), 2*time.Second)
	if err != nil {
		from.Close()
		return
	}
	p := &pair{side: s, from: from, to: to}
	w.mu.Lock()
	w.pairs[p] = true
	w.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { w.carry(p, from, to) })
	both.Go(func() { w.carry(p, to, from) })
	both.Wait()
	w.mu.Lock()
	delete(w.pairs, p)
	w.mu.Unlock()
}

// carry copies one direction, as the weather allows, and ends both when it ends.
func (w *wire) carry(p *pair, from, to net.Conn) {
	defer p.from.Close()
	defer p.to.Close()
	piece := make([]byte, 64<<10)
	for {
		n, err := from.Read(piece)
		if n > 0 && w.lets(p, from, piece[:n]) {
			if _, err := to.Write(piece[:n]); err != nil {
				return
			}
		}
		if err != nil {
			w.sitOut(p.side)
			return
		}
	}
}

// sitOut waits while nobody can hear that a connection has ended.
func (w *wire) sitOut(s side) {
	for weather(w.sky[s].Load()) == silent && !w.closed.Load() {
		time.Sleep(10 * time.Millisecond)
	}
}

// lets does to a piece what the weather does, and tells whether it goes on its way.
func (w *wire) lets(p *pair, from net.Conn, piece []byte) bool {
	back := from == p.to
	if t := w.trap.Load(); t != nil && !back && bytes.Contains(piece, t.bytes) && w.trap.CompareAndSwap(t, nil) {
		w.bites.Add(1)
		t.do()
		return false
	}
	switch s := weather(w.sky[p.side].Load()); {
	case p.stranded.Load(), s == silent, s == mute && back, s == deaf && !back:
		w.bites.Add(1)
		return false
	case s == garbled && back:
		w.garble(piece)
	case s == slow && back:
		w.bites.Add(1)
		time.Sleep(lateness)
	}
	return true
}

// garble spoils the type of a reply. What may be the rest of a long value is left alone:
// nobody could tell that it was changed.
func (w *wire) garble(piece []byte) {
	switch piece[0] {
	case '+', '-', ':', '*', '$':
		if len(piece) < 4<<10 {
			piece[0] = 'x'
			w.bites.Add(1)
		}
	}
}
