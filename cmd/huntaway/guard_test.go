package main

import (
	"net/http/httptest"
	"testing"
)

// TestGuard goes through who may order, with and without a token.
func TestGuard(t *testing.T) {
	const loopback, far = "127.0.0.1:50000", "10.1.2.3:50000"
	for _, c := range []struct {
		what, token, from, host, origin, auth string
		want                                  int // status of the refusal; 0 for none
	}{
		{"this machine", "", loopback, "127.0.0.1:22224", "", "", 0},
		{"this machine by name", "", loopback, "localhost:22224", "", "", 0},
		{"this machine by name, in capitals", "", loopback, "LOCALHOST", "", "", 0},
		{"IPv6", "", "[::1]:50000", "[::1]:22224", "", "", 0},
		{"IPv6 without a port", "", "[::1]:50000", "[::1]", "", "", 0},
		{"IPv4 in IPv6", "", "[::ffff:127.0.0.1]:50000", "127.0.0.1", "", "", 0},
		{"all of 127/8", "", "127.9.9.9:50000", "127.9.9.9:22224", "", "", 0},
		{"another machine", "", far, "127.0.0.1:22224", "", "", 403},
		{"another machine, that claims a token", "", far, "127.0.0.1:22224", "", "Bearer x", 403},
		{"a web page", "", loopback, "127.0.0.1:22224", "https://evil.example", "", 403},
		{"a web page of nobody", "", loopback, "127.0.0.1:22224", "null", "", 403},
		{"a name that was rebound", "", loopback, "evil.example:22224", "", "", 403},
		{"a name that looks like it", "", loopback, "localhost.evil.example", "", "", 403},
		{"an address that looks like it", "", loopback, "127.0.0.1.evil.example", "", "", 403},
		{"no host", "", loopback, "", "", "", 403},
		{"a peer that cannot be read", "", "pipe", "127.0.0.1", "", "", 403},
		{"the token", "s3cret", far, "proxy.example:22224", "", "Bearer s3cret", 0},
		{"the token, scheme in lower case", "s3cret", far, "proxy.example", "", "bearer s3cret", 0},
		{"the token through a page of our own", "s3cret", far, "proxy.example", "https://ops.example", "Bearer s3cret", 0},
		{"no token, from here", "s3cret", loopback, "127.0.0.1:22224", "", "", 401},
		{"an empty token", "s3cret", loopback, "127.0.0.1:22224", "", "Bearer ", 401},
		{"another scheme", "s3cret", loopback, "127.0.0.1", "", "Basic s3cret", 401},
		{"a wrong token", "s3cret", loopback, "127.0.0.1", "", "Bearer s3cre7", 403},
		{"the beginning of the token", "s3cret", loopback, "127.0.0.1", "", "Bearer s3cre", 403},
		{"more than the token", "s3cret", loopback, "127.0.0.1", "", "Bearer s3crets", 403},
	} {
		r := httptest.NewRequest("POST", "/switchover", nil)
		r.RemoteAddr, r.Host = c.from, c.host
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		if c.auth != "" {
			r.Header.Set("Authorization", c.auth)
		}
		got := newGuard(c.token).refuses(r)
		switch {
		case got == nil && c.want != 0:
			t.Errorf("%s: may order; want status %d", c.what, c.want)
		case got != nil && got.status != c.want:
			t.Errorf("%s: status %d (%s); want %d", c.what, got.status, got.why, c.want)
		case got != nil && len(got.why) < 40:
			t.Errorf("%s: says %q; want what would be right", c.what, got.why)
		}
	}
}
