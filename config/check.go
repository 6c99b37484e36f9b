package config

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
)

// mostHoldTimeout is longer than clients wait: a minute is Lettuce's default, and most others have less.
const mostHoldTimeout = time.Minute

// judgePool checks what one pool's values say together.
func (r *reader) judgePool(d *poolDraft) {
	p, l := &d.pool, &d.pool.Limits
	if p.Timeout == 0 {
		r.warn(d.spot(d.known, "timeout"), join(d.path, "timeout"),
			"no time-out: a dead server will hang its clients", "400ms to 2s suit most; none is twemproxy's default")
	}
	if p.HoldTimeout > mostHoldTimeout {
		r.warn(d.spot(d.known, "hold_timeout"), join(d.path, "hold_timeout"),
			fmt.Sprintf("without a master requests wait for %s, and no client does: who gives up and tries again adds to what waits (hold_bytes)",
				durationText(p.HoldTimeout)), "keep it under the clients' own time-out; 2.5s bridges a crash")
	}
	if p.AutoEjectHosts {
		r.warn(d.spot(d.known, "auto_eject_hosts"), join(d.path, "auto_eject_hosts"),
			"when a server fails its keys move to the others, and back later: data other than a cache will seem lost", "")
	}
	if e := d.known["server_password"]; p.ServerUser != "" && !p.ServerPassword.IsSet() && (e == nil || e.value.text == "") {
		r.fail(d.spot(d.known, "server_user"), join(d.path, "server_user"), "server_user without server_password", "")
	}
	limits := join(d.path, "limits")
	if l.BulkBytes > l.RequestBytes {
		r.fail(d.spot(d.limits, "bulk_bytes"), join(limits, "bulk_bytes"), fmt.Sprintf(
			"one argument of %s cannot fit a request of %s", sizeText(l.BulkBytes), sizeText(l.RequestBytes)), "raise request_bytes or lower this")
	}
	if l.OutputSoftBytes > l.OutputBytes {
		r.fail(d.spot(d.limits, "output_soft_bytes"), join(limits, "output_soft_bytes"), fmt.Sprintf(
			"the soft limit of %s is over the hard one of %s", sizeText(l.OutputSoftBytes), sizeText(l.OutputBytes)), "raise output_bytes or lower this")
	}
	r.judgeMemory(d.spot(d.limits, "max_memory"), join(limits, "max_memory"), l.MaxMemory)
	r.judgeReaders(d)
	r.judgeSentinels(d)
	r.judgeCluster(d)
}

// leastMemory is what a handful of clients with small requests make the process hold.
const leastMemory = 1 << 20

// judgeMemory warns of so little memory for clients that they are closed for next to nothing.
func (r *reader) judgeMemory(at span, key string, most int64) {
	if most > 0 && most < leastMemory {
		r.warn(at, key, fmt.Sprintf("clients are closed as soon as they hold more than %s together, which a handful does with small requests", sizeText(most)), "256MiB, or 0B for half of what the process may use")
	}
}

// judgeReaders warns of groups that can serve no reads.
func (r *reader) judgeReaders(d *poolDraft) {
	if d.pool.ReadPolicy != "replica-only" || d.pool.Failover == FailoverCluster {
		return
	}
	for _, g := range d.groups {
		if len(g.members) == 1 {
			r.warn(g.at, g.path, fmt.Sprintf("%s has no replica, and read_policy is replica-only: its reads will fail", g.title()),
				"prefer-replica falls back to the master")
		}
	}
}

// A listener is one address of the whole configuration, with its place.
type listener struct {
	Listen
	key    string
	at     span
	shared bool // SO_REUSEPORT
}

// judgeListeners checks the listening addresses of all pools and of the admin side.
func (r *reader) judgeListeners(c *Config, drafts []*poolDraft, places map[string]span) {
	c.giveWay()
	all := c.adminListeners()
	for i := range all {
		all[i].at = places[all[i].key]
		if host, _, _ := net.SplitHostPort(all[i].Address); all[i].at != (span{}) && !loopback(host) {
			r.warn(all[i].at, all[i].key, "reachable from other machines, and it asks nobody for a password",
				"127.0.0.1, or a network that only operators reach")
		}
	}
	for _, d := range drafts {
		for i, l := range d.pool.Listen {
			all = append(all, listener{l, join(d.path, "listen"), d.listens[i], d.pool.ReusePort})
		}
	}
	for i, l := range all {
		if _, port, _ := net.SplitHostPort(l.Address); port == "0" && l.Network == "tcp" {
			r.warn(l.at, l.key, "port 0: the kernel will choose one that clients do not know", "")
		}
		for _, before := range all[:i] {
			if l.collides(before) {
				r.fail(l.at, l.key, fmt.Sprintf("%s collides with %s of %s", l.Listen, before.Listen, before.key), r.where(before.at))
				break
			}
		}
	}
}

// giveWay switches off the admin listeners of a nutcracker.yml that are where a pool listens:
// nobody asked for them there.
func (c *Config) giveWay() {
	if c.Format != Nutcracker {
		return
	}
	for _, p := range c.Pools {
		for _, l := range p.Listen {
			for _, at := range []*string{&c.Admin.HTTP, &c.Admin.Stats} {
				if *at != "" && (listener{Listen: l}).collides(listener{Listen: Listen{Network: "tcp", Address: *at}}) {
					*at = ""
				}
			}
		}
	}
}

// where words the place of a listener, which may be a default.
func (r *reader) where(at span) string {
	if at == (span{}) {
		return "that is its default"
	}
	return r.first(at)
}

// adminListeners returns the admin side's addresses.
func (c *Config) adminListeners() []listener {
	var all []listener
	for i := range adminSection.rows {
		w := &adminSection.rows[i]
		if w.kind != kindAddress {
			continue
		}
		if address := *w.at(&c.Admin).(*string); address != "" {
			all = append(all, listener{Listen: Listen{Network: "tcp", Address: address}, key: "admin." + w.name})
		}
	}
	return all
}

// loopback tells whether a host can only be reached from this machine.
func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// collides tells whether the kernel would refuse to bind both: the same address, or the
// same port on all addresses and on one.
func (l listener) collides(o listener) bool {
	if l.Network != o.Network || l.shared && o.shared {
		return false
	}
	if l.Network == "unix" {
		return l.Address == o.Address
	}
	host, port, _ := net.SplitHostPort(l.Address)
	other, otherPort, _ := net.SplitHostPort(o.Address)
	return port == otherPort && port != "0" && (host == other || covers(host, other) || covers(other, host))
}

// covers tells whether a is "all addresses" and b one of them. "::" takes IPv4 as well.
func covers(a, b string) bool {
	return a == "" || a == "::" || a == "0.0.0.0" && !strings.Contains(b, ":")
}
