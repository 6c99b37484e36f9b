package main

import (
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
	addr   string // where it listens
	target string // the server
	ln     net.Listener
	sky    [sides]atomic.Int32 // a weather each
	bites  atomic.Int64        // pieces that bad weather touched
	closed atomic.Bool

	mu    sync.Mutex // guards pairs
	pairs map[*pair]bool
}

// A pair is one connection through a wire.
type pair struct {
	side     side
	from, to net.Conn
}

// newWire listens on addr and passes everything on to target until it is closed.
func newWire(addr, target string) (*wire, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listening for a wire: %w", err)
	}
	w := &wire{addr: addr, target: target, ln: ln, pairs: map[*pair]bool{}}
	go w.accept()
	return w, nil
}

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
	to, err := net.DialTimeout("tcp", w.target, 2*time.Second)
	if err != nil {
		from.Close()
		return
	}
	p := &pair{s, from, to}
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

// lets does to a piece what the weather does, and tells whether it goes on its way. back is a
// piece of a reply.
func (w *wire) lets(p *pair, from net.Conn, piece []byte) bool {
	back := from == p.to
	switch s := weather(w.sky[p.side].Load()); {
	case s == silent, s == mute && back, s == deaf && !back:
		w.bites.Add(1)
		return false
	case s == garbled && back:
		w.bites.Add(1)
		garble(piece)
	case s == slow && back:
		w.bites.Add(1)
		time.Sleep(lateness)
	}
	return true
}

// garble changes what frames a reply: its first byte and one further on.
func garble(piece []byte) {
	piece[0] ^= 0x15
	piece[len(piece)/2] ^= 0x41
}
