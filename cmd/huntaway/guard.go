package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// A guard says who may change something through the admin port. With a token that is whoever
// has it. Without, it is programs on this machine; and because a browser on this machine runs
// programs of strangers, what comes from a web page is refused: it has an Origin, or, when the
// stranger's name was made to resolve to loopback, a Host that is no loopback name.
type guard struct {
	token [sha256.Size]byte // of the token, so that all comparisons are of one length
	asks  bool              // whether there is one
}

// newGuard returns the guard of a token, "" for none.
func newGuard(token string) *guard {
	return &guard{token: sha256.Sum256([]byte(token)), asks: token != ""}
}

// A refusal is why somebody may not, and the HTTP status that says so; nil: he may.
type refusal struct {
	status int
	why    string
}

// refuses judges a request.
func (g *guard) refuses(r *http.Request) *refusal {
	if g.asks {
		return g.refusesToken(r)
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	peer, _, _ := net.SplitHostPort(r.RemoteAddr)
	switch {
	case !isLoopback(peer):
		return &refusal{http.StatusForbidden, fmt.Sprintf("orders from other machines (this one came from %s) need a token: set admin.token, and send it as \"Authorization: Bearer TOKEN\"", peer)}
	case r.Header.Get("Origin") != "":
		return &refusal{http.StatusForbidden, "orders from web pages (this one has an Origin) are refused; use huntaway or curl, or set admin.token"}
	case !isLoopback(host):
		return &refusal{http.StatusForbidden, fmt.Sprintf("without admin.token orders must be addressed to this machine, such as http://127.0.0.1; this one was addressed to %q", r.Host)}
	}
	return nil
}

// refusesToken judges a request where a token is asked for.
func (g *guard) refusesToken(r *http.Request) *refusal {
	const want = "orders need \"Authorization: Bearer TOKEN\" with the value of admin.token"
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	sent := sha256.Sum256([]byte(strings.TrimSpace(token)))
	switch {
	case token == "" || !strings.EqualFold(scheme, "Bearer"):
		return &refusal{http.StatusUnauthorized, want}
	case subtle.ConstantTimeCompare(sent[:], g.token[:]) != 1:
		return &refusal{http.StatusForbidden, "the token is not that of admin.token; " + want}
	}
	return nil
}

// isLoopback tells whether a host is this machine and can be nothing else.
func isLoopback(host string) bool {
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}
