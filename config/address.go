package config

import (
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// longestPath is what fits sockaddr_un with its terminating zero (unix(7)).
const longestPath = 107

// setAddress reads an optional "host:port".
func setAddress(field *string, text string) *wrong {
	if text == "" || text == "off" {
		*field = ""
		return nil
	}
	if bad := schemed(text); bad != nil {
		return bad
	}
	host, port, ok := splitPort(text)
	if !ok {
		return &wrong{fmt.Sprintf("%q has no port", text), `"host:port", or "off"`}
	}
	return joinAddress(field, host, port)
}

// schemed refuses an address that is written as a URL, and says what of it is served.
func schemed(text string) *wrong {
	scheme, rest, is := strings.Cut(text, "://")
	switch {
	case !is:
		return nil
	case scheme == "unix":
		return &wrong{fmt.Sprintf("%q is a URL", text), fmt.Sprintf("write the path alone, %q", rest)}
	case scheme == "tls", scheme == "rediss", scheme == "ssl":
		return &wrong{fmt.Sprintf("TLS (%s://) is not served", scheme), "host:port without TLS; for the way between machines use a tunnel, such as stunnel"}
	}
	rest, _, _ = strings.Cut(rest, "/")
	_, host, userinfo := strings.Cut(rest, "@")
	if !userinfo {
		host = rest
	}
	return &wrong{fmt.Sprintf("an address is no URL (%s://)", scheme), fmt.Sprintf("write %q", host)}
}

// splitPort splits at the last colon.
func splitPort(text string) (host, port string, ok bool) {
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		return "", "", false
	}
	return text[:i], text[i+1:], true
}

// joinAddress checks a host (empty: all addresses) and a port (0: the kernel's choice) and
// writes them as package net takes them.
func joinAddress(field *string, host, port string) *wrong {
	n, bad := parsePort(port)
	if bad != nil {
		return bad
	}
	bare, bad := parseHost(host)
	if bad != nil {
		return bad
	}
	*field = net.JoinHostPort(bare, strconv.Itoa(n))
	return nil
}

// parsePort reads 0 to 65535.
func parsePort(text string) (int, *wrong) {
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0, &wrong{fmt.Sprintf("port %q is not a number", text), "1 to 65535"}
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0, &wrong{fmt.Sprintf("port %s is out of range", text), "1 to 65535"}
	}
	return int(n), nil
}

// parseHost returns a host name or address without brackets. An empty one is all
// addresses, as is twemproxy's "*".
func parseHost(text string) (string, *wrong) {
	if text == "*" {
		return "0.0.0.0", nil
	}
	bare := text
	if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		bare = text[1 : len(text)-1]
		if !strings.Contains(bare, ":") {
			return "", &wrong{fmt.Sprintf("%q is no IPv6 address", text), `brackets are for addresses like "[::1]"`}
		}
	}
	if strings.Contains(bare, ":") {
		if a, err := netip.ParseAddr(bare); err != nil || !a.Is6() {
			return "", &wrong{fmt.Sprintf("%q is no IPv6 address", bare), `"host:port"; an IPv6 address in brackets, "[::1]:6379"`}
		}
		return bare, nil
	}
	if strings.ContainsFunc(bare, notInHost) {
		return "", &wrong{fmt.Sprintf("%q is no host name or address", text), "letters, digits, dots, hyphens"}
	}
	return bare, nil
}

func notInHost(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
		r == '.' || r == '-' || r == '_')
}

// parsePath checks the path of a unix socket.
func parsePath(path string) *wrong {
	switch {
	case !strings.HasPrefix(path, "/"):
		return &wrong{fmt.Sprintf("%q is not an absolute path", path), `start it with "/"`}
	case len(path) > longestPath:
		return &wrong{fmt.Sprintf("the path has %d bytes", len(path)), "the kernel takes at most 107"}
	case strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7F }):
		return &wrong{fmt.Sprintf("control character in %q", path), ""}
	}
	return nil
}

// parseListen reads "host:port", "unix:/path?mode=0660" or twemproxy's "/path 0660".
func parseListen(text string) (Listen, *wrong) {
	if bad := schemed(text); bad != nil {
		return Listen{}, bad
	}
	if rest, ok := strings.CutPrefix(text, "unix:"); ok {
		path, option, given := strings.Cut(rest, "?")
		if !given {
			return listenUnix(path, "0")
		}
		mode, known := strings.CutPrefix(option, "mode=")
		if !known {
			return Listen{}, &wrong{fmt.Sprintf("unknown option %q of a socket", "?"+option), `"unix:/path?mode=0660"`}
		}
		return listenUnix(path, mode)
	}
	if strings.HasPrefix(text, "/") {
		if i := strings.LastIndexByte(text, ' '); i >= 0 {
			return listenUnix(text[:i], text[i+1:])
		}
		return listenUnix(text, "0")
	}
	host, port, ok := splitPort(text)
	if !ok {
		return Listen{}, &wrong{fmt.Sprintf("%q has no port", text), `"host:port" or "/path/of.sock 0660"`}
	}
	l := Listen{Network: "tcp"}
	bad := joinAddress(&l.Address, host, port)
	return l, bad
}

func listenUnix(path, mode string) (Listen, *wrong) {
	if strings.Contains(mode, "?mode=") {
		return Listen{}, &wrong{fmt.Sprintf("two modes in %q", path+"?mode="+mode), `"unix:/path?mode=0660"`}
	}
	n, err := strconv.ParseUint(mode, 8, 32)
	if err != nil || n > 0o777 {
		return Listen{}, &wrong{fmt.Sprintf("%q is no file mode", mode), "three octal digits, like 0660"}
	}
	if strings.Contains(path, "?mode=") {
		return Listen{}, &wrong{fmt.Sprintf("two modes in %q", path), `"unix:/path?mode=0660"`}
	}
	return Listen{Network: "unix", Address: path, Mode: fs.FileMode(n)}, parsePath(path)
}

// String returns the address as a file spells it.
func (l Listen) String() string {
	if l.Network != "unix" {
		return l.Address
	}
	if l.Mode == 0 {
		return "unix:" + l.Address
	}
	return fmt.Sprintf("unix:%s?mode=%04o", l.Address, uint32(l.Mode))
}
