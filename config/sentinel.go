package config

import (
	"fmt"
	"strings"
)

// Where a Sentinel listens when nothing is said (redis.io/docs/latest/operate/oss_and_stack/management/sentinel).
const portOfSentinel = "26379"

// judgeSentinels wants Sentinels for failover by them and for no other, and somebody whom
// they can name.
func (r *reader) judgeSentinels(d *poolDraft) {
	p := &d.pool
	at, key := d.spot(d.known, "failover"), join(d.path, "failover")
	switch {
	case p.Failover != failoverSentinel && len(p.Sentinels) > 0:
		r.fail(at, key, fmt.Sprintf("sentinels are given, and failover is %q", p.Failover),
			"leave one of the two out, or write sentinel")
		return
	case p.Failover != failoverSentinel:
		return
	case !d.namesSentinels():
		r.fail(at, key, "failover by Sentinel without sentinels", r.howToSentinels())
	}
	for _, g := range d.groups {
		if len(g.members) == 1 && !g.partial {
			r.warn(g.at, g.path, fmt.Sprintf("%s has no replica that Sentinel could make its master", g.title()),
				"only servers that stand in this file are followed: name the replicas too")
		}
	}
}

// namesSentinels tells whether the file gives any, be they right or wrong.
func (d *poolDraft) namesSentinels() bool {
	e := d.known["sentinels"]
	return e != nil && (e.value.shape != list || len(e.value.items) > 0)
}

func (r *reader) howToSentinels() string {
	if r.format == Nutcracker {
		return `"sentinels:" and below it lines like "- 10.0.2.90:26379"`
	}
	return `sentinels = ["10.0.2.90:26379", "10.0.2.91:26379", "10.0.2.92:26379"]`
}

// addresses reads one address of a server or a list of them, each of them once.
func (r *reader) addresses(field *[]string, e *entry, key string) {
	*field = nil
	if e.value.shape == list && len(e.value.items) == 0 {
		return
	}
	seen := map[string]span{}
	for _, v := range r.texts(e, key) {
		text := v.text
		if r.format == Nutcracker {
			text = withoutWeight(text)
		}
		addr, bad := parseAddress(text)
		if bad != nil {
			r.reject(v.at, key, bad)
			continue
		}
		if at, twice := seen[strings.ToLower(addr)]; twice {
			r.fail(v.at, key, addr+" is given twice", r.first(at))
			continue
		}
		seen[strings.ToLower(addr)] = v.at
		*field = append(*field, addr)
	}
}

// setAddresses reads addresses with blanks between them, which is how a row's text has them.
func setAddresses(field *[]string, text string) *wrong {
	*field = nil
	for word := range strings.FieldsSeq(text) {
		addr, bad := parseAddress(word)
		if bad != nil {
			return bad
		}
		*field = append(*field, addr)
	}
	return nil
}

// parseAddress reads "host:port" of a server somewhere, or "host" alone for a Sentinel's port.
func parseAddress(text string) (addr string, bad *wrong) {
	if bad := schemed(text); bad != nil {
		return "", bad
	}
	host, port, given := splitPort(text)
	if !given || strings.HasSuffix(text, "]") {
		host, port = text, portOfSentinel
	}
	if host == "" || host == "*" {
		return "", &wrong{fmt.Sprintf("%q names no host", text), `"host:port"`}
	}
	if !strings.HasPrefix(host, "[") && strings.Contains(host, ":") {
		return "", &wrong{fmt.Sprintf("%q is not host:port", text), `"10.0.2.90:26379"; an IPv6 address in brackets, "[::1]:26379"`}
	}
	if n, bad := parsePort(port); bad == nil && n == 0 {
		return "", &wrong{"port 0 is out of range", "1 to 65535"}
	}
	bad = joinAddress(&addr, host, port)
	return addr, bad
}

// withoutWeight takes the weight and the name off a line like "10.0.2.90:26379:1 s1", as
// twemproxy's notes have them: they mean nothing.
func withoutWeight(line string) string {
	line, _, _ = strings.Cut(line, " ")
	rest, weight, ok := splitPort(line)
	bare := rest[strings.LastIndexByte(rest, ']')+1:]
	if !ok || !strings.Contains(bare, ":") || weight == "" || strings.Trim(weight, "0123456789") != "" {
		return line
	}
	return rest
}
