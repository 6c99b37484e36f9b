package loop

import (
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"huntaway/codec"
	"huntaway/perf/repeat"
)

// Who guesses at passwords is slowed down by his address, for a new connection costs him
// nothing. A client with the right password at the same address waits in the same line.
const (
	freeGuesses  = 20                     // wrong passwords of an address that slow nobody down
	guessEvery   = 100 * time.Millisecond // between two that are looked at, from then on
	guessForgets = time.Second            // one wrong password is forgotten
	mostTurns    = 5 * time.Second        // the longest wait: who comes later is told to try again
	mostGuessers = 1 << 12                // addresses that are told apart; the others are one
)

// guesses is who has given a pool wrong passwords lately. Its lock is taken by who is about to
// authenticate, while there is such an address, and by who has just failed to.
type guesses struct {
	some atomic.Bool // there are guessers

	mu     sync.Mutex // guards the following
	byHost map[string]*guesser
}

// A guesser is an address from which wrong passwords came.
type guesser struct {
	wrong int   // that are not forgotten
	since int64 // when the first of them is forgotten
	turn  int64 // when the last in line may be looked at
}

// host returns what of a client's address it cannot choose anew for each connection: its port
// is left out, and of an IPv6 address the half that is the client's own. Unix sockets are one.
func (s *session) host() string {
	if s.client.from == "" {
		s.client.from = hostOf(s.client.peer)
	}
	return s.client.from
}

// hostOf is host for an address with a port.
func hostOf(peer string) string {
	host, _, err := net.SplitHostPort(peer)
	if err != nil {
		return "unix"
	}
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() && !a.Is4In6() {
		prefix, _ := a.WithZone("").Prefix(64) // fails for lengths an address does not have
		return prefix.String()
	}
	return host
}

// of returns the guesser of an address, nil when it is not known as one. Called with the lock.
func (g *guesses) of(host string, now int64) *guesser {
	x := g.byHost[host]
	if x == nil && len(g.byHost) >= mostGuessers {
		x = g.byHost[""]
	}
	if x == nil {
		return nil
	}
	if forgotten := int((now - x.since) / int64(guessForgets)); forgotten > 0 {
		x.wrong -= min(forgotten, x.wrong)
		x.since += int64(forgotten) * int64(guessForgets)
	}
	return x
}

// wrong counts a wrong password.
func (g *guesses) wrong(host string, now int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	x := g.of(host, now)
	if x == nil {
		if len(g.byHost) >= mostGuessers-1 {
			g.forget(now)
		}
		if len(g.byHost) >= mostGuessers-1 {
			host = "" // there is room for this one
		}
		x = &guesser{since: now}
		if g.byHost == nil {
			g.byHost = map[string]*guesser{}
		}
		g.byHost[host] = x
		g.some.Store(true)
	}
	x.wrong++
}

// forget lets go of those whose wrong passwords are all forgotten.
func (g *guesses) forget(now int64) {
	for host := range g.byHost {
		if x := g.of(host, now); x.wrong == 0 {
			delete(g.byHost, host)
		}
	}
	g.some.Store(len(g.byHost) > 0)
}

// turn says when a password from an address is looked at, 0 for at once, and whether the line
// is too long for that.
func (g *guesses) turn(host string, now int64) (at int64, full bool) {
	if !g.some.Load() {
		return 0, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	x := g.of(host, now)
	if x == nil || x.wrong < freeGuesses {
		return 0, false
	}
	if x.turn-now > int64(mostTurns) {
		return 0, true
	}
	x.turn = max(x.turn, now) + int64(guessEvery)
	return x.turn, false
}

// awaitsTurn makes a request with which a client wants to authenticate wait for its turn, and
// reports whether it has, or has been refused. Every wait is one the client's own address asked for.
func (s *session) awaitsTurn(cmd *codec.Command, r *codec.Request) bool {
	if r.Len() < 2 || cmd.Name != "auth" && cmd.Name != "hello" {
		return false
	}
	if s.auth.turn != 0 && s.w.now >= s.auth.turn {
		s.auth.turn = 0
		return false
	}
	if s.auth.turn == 0 {
		at, full := s.pw.pool.guesses.turn(s.host(), s.w.now)
		switch {
		case full:
			s.refuseWith(codec.AppendError(s.w.pad.scratch[:0], textGuessing))
			s.lastWord(endAuth)
			return true
		case at == 0:
			return false
		}
		s.auth.turn = at
		s.pw.turns = append(s.pw.turns, waiter{s.index, s.gen})
	}
	s.putBack(r)
	s.stop(stopPause)
	return true
}

// tickTurns lets those go on whose turn has come.
func (pw *poolWorker) tickTurns() {
	left := pw.turns[:0]
	for _, r := range pw.turns {
		s := pw.w.registry.sessions[r.session]
		switch {
		case s == nil || s.gen != r.gen || s.auth.turn == 0:
		case pw.w.now < s.auth.turn:
			left = append(left, r)
		default:
			s.release(stopPause)
		}
	}
	pw.turns = left
}

// guessed counts a wrong password of the session's.
func (s *session) guessed() {
	host := s.host()
	s.pw.pool.guesses.wrong(host, s.w.now)
	s.w.engine.often.Say(slog.LevelWarn, repeat.Subject{What: "wrong password", Whom: s.pw.opt.Name + " " + host},
		"pool", s.pw.opt.Name, "from", s.client.peer)
}
