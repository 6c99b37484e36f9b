package config

import (
	"fmt"
	"strconv"
	"strings"
)

// A member is one server as the file gives it, before it is known what its group is.
type member struct {
	server Server
	at     span
	label  string // what twemproxy would hash onto the ring for it
	gid    int    // 0: its own group
	share  int    // the group's weight on the ring
	roled  bool   // the line says gid, share and role
}

const (
	plainLine = `"host:port:weight [name]"`
	roledLine = `"host:port:weight|gid:group-weight:role [name]"`
)

// portOfMemcached is left out of ring labels by twemproxy, for libmemcached's sake.
const portOfMemcached = 11211

// parseLine reads a server line of twemproxy or of the first Huntaway, from its end to its
// start as they do: names hold no blank, hosts may hold colons.
func parseLine(text string) (member, *wrong) {
	address, name, bad := splitName(text)
	if bad != nil {
		return member{}, bad
	}
	m := member{server: Server{Name: name, Role: RoleMaster}}
	address, group, roled := cutLast(address, '|')
	host, weight, ok := splitPort(address)
	if !ok {
		return member{}, &wrong{fmt.Sprintf("%q is no server line", text), plainLine + " or " + roledLine}
	}
	if !strings.ContainsAny(host, ":/") {
		return member{}, &wrong{fmt.Sprintf("%q lacks the port or the weight", address), plainLine}
	}
	if m.server.Weight, bad = parseWeight("weight", weight); bad != nil {
		return member{}, bad
	}
	if bad = m.locate(host); bad != nil {
		return member{}, bad
	}
	m.share = m.server.Weight
	if roled {
		bad = m.join(group)
	}
	return m, bad
}

// parseMember reads "host:port [name]" or "/path [name]", as master, secondary and
// replicas take it.
func parseMember(text string) (member, *wrong) {
	address, name, bad := splitName(text)
	if bad != nil {
		return member{}, bad
	}
	m := member{server: Server{Name: name, Weight: 1}}
	return m, m.locate(address)
}

// splitName cuts the name off.
func splitName(text string) (address, name string, bad *wrong) {
	if bad := setText(new(string), text); bad != nil {
		return "", "", bad
	}
	if bad := schemed(text); bad != nil {
		return "", "", bad
	}
	address, name, named := cutLast(text, ' ')
	switch {
	case named && name == "":
		return "", "", &wrong{"a blank at the end, and no name after it", "remove it"}
	case strings.ContainsRune(address, ' '):
		return "", "", &wrong{fmt.Sprintf("more than one blank in %q", text), "one blank before the name, none in it"}
	}
	return address, name, nil
}

// cutLast cuts text at the last sep.
func cutLast(text string, sep byte) (before, after string, found bool) {
	i := strings.LastIndexByte(text, sep)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+1:], true
}

// Heaviest server or group; package shard adds weights up in 32 bits.
const heaviest = 1 << 20

// parseWeight reads 1 to heaviest.
func parseWeight(what, text string) (int, *wrong) {
	n, bad := parseNumber(text)
	switch {
	case bad != nil:
		return 0, &wrong{what + " " + bad.text, plainLine + " or " + roledLine}
	case n < 1:
		return 0, &wrong{fmt.Sprintf("%s %d is too little", what, n), "at least 1"}
	case n > heaviest:
		return 0, &wrong{fmt.Sprintf("%s %d is too much", what, n), fmt.Sprintf("at most %d", heaviest)}
	}
	return int(n), nil
}

// locate sets the address and the label that follows from it. An unnamed unix socket's
// label ends in a colon: twemproxy counts one for a port that is not there.
func (m *member) locate(address string) *wrong {
	label := address
	if strings.HasPrefix(address, "/") {
		m.server.Addr, label = address, address+":"
		if strings.Contains(address, ":") {
			return &wrong{fmt.Sprintf("colon in the path %q", address), "a unix socket has no port"}
		}
		if bad := parsePath(address); bad != nil {
			return bad
		}
	} else if bad := m.locateTCP(address); bad != nil {
		return bad
	} else if strings.HasSuffix(m.server.Addr, ":"+strconv.Itoa(portOfMemcached)) {
		label, _, _ = cutLast(address, ':')
	}
	m.label = label
	if m.server.Name != "" {
		m.label = m.server.Name
	}
	return nil
}

func (m *member) locateTCP(address string) *wrong {
	if path, is := strings.CutPrefix(address, "unix:"); is && strings.HasPrefix(path, "/") {
		return &wrong{fmt.Sprintf("%q is no server's address", address), fmt.Sprintf("write the path alone, %q; unix: is for listen", path)}
	}
	host, port, ok := splitPort(address)
	if !ok {
		return &wrong{fmt.Sprintf("%q has no port", address), `"host:port"`}
	}
	if host == "" || host == "*" {
		return &wrong{fmt.Sprintf("%q names no host", address), plainLine}
	}
	if n, bad := parsePort(port); bad != nil || n == 0 {
		return &wrong{fmt.Sprintf("port %q is out of range", port), "1 to 65535"}
	}
	return joinAddress(&m.server.Addr, host, port)
}

// join reads "gid:group-weight:role".
func (m *member) join(text string) *wrong {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return &wrong{fmt.Sprintf("%q is not gid:group-weight:role", text), roledLine}
	}
	gid, bad := parseNumber(parts[0])
	if bad != nil || gid < 0 {
		return &wrong{fmt.Sprintf("gid %q is not a number", parts[0]), "0 stands alone, servers of equal gid hold the same data"}
	}
	if m.share, bad = parseWeight("group weight", parts[1]); bad != nil {
		return bad
	}
	if len(parts[2]) != 1 || !strings.Contains("mns", parts[2]) {
		return &wrong{fmt.Sprintf("unknown role %q", parts[2]), "m (master), n (secondary) or s (replica)"}
	}
	m.gid, m.server.Role, m.roled = int(gid), parts[2][0], true
	return nil
}

// line writes a member of a group as a server line that parseLine reads back.
func (s Server) line(gid, share int) string {
	text := fmt.Sprintf("%s:%d|%d:%d:%c", s.Addr, s.Weight, gid, share, s.Role)
	if s.Name != "" {
		text += " " + s.Name
	}
	return text
}
