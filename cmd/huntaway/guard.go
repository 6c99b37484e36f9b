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
	host := hostOf(r.Host)
	peer, _, _ := net.SplitHostPort(r.RemoteAddr)
	switch {
	case !isLoopback(peer):
		return &refusal{http.StatusForbidden, fmt.Sprintf("orders from other machines (this one came from %s) need a token: set admin.token, and send it as \"Authorization: Bearer TOKEN\"", peer)}
	case r.Header.Get("Origin") != "":
		return &refusal{http.StatusForbidden, "orders from web pages (this one has an Origin) are refused; use huntaway or curl, or set admin.token"}
	case forwarded(r) != "":
		return &refusal{http.StatusForbidden, fmt.Sprintf("orders that come through an HTTP proxy (this one has %s) need a token: set admin.token", forwarded(r))}
	case !isLoopback(host):
		return &refusal{http.StatusForbidden, fmt.Sprintf("without admin.token orders must be addressed to this machine, such as http://127.0.0.1; this one was addressed to %q", cut(r.Host))}
	}
	return nil
}

// misled judges any request: one that reached a loopback address was addressed by a name that may
// be a stranger's, made to resolve to loopback, and his page in a browser here would read the
// answer. An address is nobody's name. With a token, who has it may use any.
func (g *guard) misled(r *http.Request) *refusal {
	if r.Host == "" {
		return nil // HTTP/1.0, which no browser speaks and load balancers do
	}
	at, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if at == nil || !isLoopback(hostOf(at.String())) || isLoopback(hostOf(r.Host)) || g.asks && g.refusesToken(r) == nil {
		return nil
	}
	if _, err := netip.ParseAddr(strings.Trim(hostOf(r.Host), "[]")); err == nil {
		return nil
	}
	return &refusal{http.StatusMisdirectedRequest, fmt.Sprintf("this is a loopback address, and it was asked for as %q; ask for it as 127.0.0.1 or localhost, or with the token of admin.token", cut(r.Host))}
}

// forwarded names the header by which a request shows that it comes through an HTTP proxy, which
// is on this machine while who sent it is not.
func forwarded(r *http.Request) string {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if r.Header.Get(name) != "" {
			return name
		}
	}
	return ""
}

// hostOf is "host:port" without the port.
func hostOf(addr string) string {
	if host, _, err := net.SplitHostPort(addr); err == nil {
		return host
	}
	return addr
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
