package ha

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"huntaway/ha/vital"
)

// A listing is the question under which address a master lists one of its replicas. FAILOVER TO looks that up
// letter by letter, and the master then connects there. It need not be the address that we know:
// of a server that was named, has several addresses, or is behind a translation of addresses, the master lists what
// the replica announces, or where its connection comes from.
type listing struct {
	master commander // a connection to it
	repl   *vital.Replication
	addr   string // of the master, as we know it
	target string // of the replica, likewise
	access Access
}

// dialedFor is how long an address under which a replica is listed may take to answer.
const dialedFor = 300 * time.Millisecond

// find returns the address. It goes by what the target says of itself: what it announces, or from where it is connected to
// the master, which lists that connection too. What it announces may have been set since it connected.
func (l *listing) find(ctx context.Context) (addr string, err error) {
	if addr, is := l.known(ctx); is {
		return addr, nil
	}
	c := l.access.open("tcp", l.target)
	defer c.Close()
	host, ports, err := l.announced(ctx, c)
	if err == nil && host != "" && l.lists(net.JoinHostPort(host, ports[0])) {
		return net.JoinHostPort(host, ports[0]), nil
	}
	if err == nil {
		host, err = l.peer(ctx, c)
	}
	if err != nil {
		return "", l.refused("which of them it is could not be found out: " + err.Error())
	}
	for _, port := range ports {
		if addr = net.JoinHostPort(host, port); host != "" && l.lists(addr) {
			return addr, nil
		}
	}
	return "", l.refused("which of them it is cannot be told")
}

// proven is find, and looks whether that address leads to the target. One that nothing comes back from may be of a
// network that the servers have for themselves; where nobody listens, or somebody else does, a handover would come to
// nothing, with all writes held meanwhile.
func (l *listing) proven(ctx context.Context) (addr string, err error) {
	if addr, err = l.find(ctx); err != nil {
		return "", err
	}
	if _, is := l.known(ctx); is {
		return addr, nil
	}
	ctx, cancel := context.WithTimeout(ctx, dialedFor)
	defer cancel()
	there, here := l.access.open("tcp", addr), l.access.open("tcp", l.target)
	defer there.Close()
	defer here.Close()
	r, err := inquire(ctx, there)
	if classify(err) == vital.FaultRefused {
		return "", l.refused("it is listed as " + addr + ", where nobody accepts connections")
	}
	own, ownErr := inquire(ctx, here)
	if err == nil && ownErr == nil && r.RunID != own.RunID {
		return "", l.refused("it is listed as " + addr + ", where another server answers")
	}
	return addr, nil
}

// known returns an address of the target that the master lists, as far as we know its addresses.
func (l *listing) known(ctx context.Context) (addr string, is bool) {
	if l.lists(l.target) {
		return l.target, true
	}
	host, port, _ := net.SplitHostPort(l.target)
	if net.ParseIP(host) != nil {
		return "", false
	}
	ips, _ := net.DefaultResolver.LookupHost(ctx, host) // an unknown name is nobody's
	for _, ip := range ips {
		if addr = net.JoinHostPort(ip, port); l.lists(addr) {
			return addr, true
		}
	}
	return "", false
}

func (l *listing) lists(addr string) bool {
	return slices.ContainsFunc(l.repl.Followers, func(f vital.Follower) bool { return f.Addr == addr })
}

// announced returns as what the target asks its masters to list it: the address, "" when that is where its connection comes
// from, and the port, before the one on which it listens. Who may not ask that takes it to be as in the table.
func (l *listing) announced(ctx context.Context, c *redis.Client) (host string, ports []string, err error) {
	_, own, _ := net.SplitHostPort(l.target)
	var conf [3]string
	for i, name := range [...]string{"replica-announce-ip", "replica-announce-port", "port"} {
		said, err := c.ConfigGet(ctx, name).Result()
		if err != nil && !answeredBy(err) {
			return "", nil, err
		}
		conf[i] = said[name]
	}
	for _, port := range [...]string{conf[1], conf[2], own} {
		if port != "" && port != "0" {
			ports = append(ports, port)
		}
	}
	return conf[0], ports, nil
}

// peer returns from where the target's connection to the master comes, as both say: "" when they do not agree.
func (l *listing) peer(ctx context.Context, c *redis.Client) (host string, err error) {
	mine, err := c.Do(ctx, "CLIENT", "LIST", "TYPE", "MASTER").Text()
	if err != nil {
		return "", err
	}
	theirs, err := l.master.Do(ctx, "CLIENT", "LIST", "TYPE", "REPLICA").Text()
	if err != nil {
		return "", err
	}
	there := clientFields(theirs, "addr")
	for _, at := range clientFields(mine, "laddr") {
		if slices.Contains(there, at) {
			host, _, err = net.SplitHostPort(at)
			return host, err
		}
	}
	return "", nil
}

// clientFields returns one field of each line of CLIENT LIST.
func clientFields(list, name string) (values []string) {
	for field := range strings.FieldsSeq(list) {
		if key, value, _ := strings.Cut(field, "="); key == name {
			values = append(values, value)
		}
	}
	return values
}

// refused words that the target cannot be named to FAILOVER, and what ends that.
func (l *listing) refused(why string) error {
	var lists []string
	for _, f := range l.repl.Followers {
		lists = append(lists, f.Addr)
	}
	host, port, _ := net.SplitHostPort(l.target)
	return fmt.Errorf("the master %s does not list %s among its replicas (%s), and FAILOVER takes no other address: %s; "+
		"CONFIG SET replica-announce-ip %s and replica-announce-port %s there, then CLIENT KILL TYPE master, or switch over with --fast, which needs no such list",
		l.addr, l.target, strings.Join(lists, ", "), why, host, port)
}
