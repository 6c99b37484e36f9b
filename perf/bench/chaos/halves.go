package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"huntaway/perf/bench/rig"
)

// Halves are a network that can be cut in two: two network namespaces on one bridge, which has
// a namespace of its own. This program reaches both by a link to each, which is never cut.
// Owner: the field; close removes everything.
type halves struct {
	name string // what the names of its namespaces begin with
	each [2]place
}

// A place is where processes stand.
type place struct {
	host      string // its address, by which everybody reaches it
	namespace string // of the network; "": the one this program is in
	ports     func(n int) ([]int, error)
}

// at is the address of a port there.
func (p place) at(port int) string { return net.JoinHostPort(p.host, strconv.Itoa(port)) }

// here is where processes stand unless a case needs a network of its own.
func here() place { return place{host: "127.0.0.1", ports: rig.FreePorts} }

// madeHalves counts, so that their names differ.
var madeHalves atomic.Int64

// namespacePrefix stands in front of the process id in the names of namespaces.
const namespacePrefix = "chaos-"

// newHalves makes the network. Addresses are of 198.18.0.0/15, which RFC 2544 keeps for tests.
func newHalves() (*halves, error) {
	sweepNamespaces()
	number := int(madeHalves.Add(1))
	h := &halves{name: fmt.Sprintf("%s%d-%d", namespacePrefix, os.Getpid(), number)}
	prefix, err := freeNet(os.Getpid() + number)
	if err != nil {
		return nil, err
	}
	ports := countedPorts()
	commands := []string{
		"netns add " + h.bridge(),
		"-n " + h.bridge() + " link add name bridge type bridge",
		"-n " + h.bridge() + " link set bridge up",
	}
	for i := range h.each {
		h.each[i] = place{host: fmt.Sprintf("%s.%d", prefix, i+1), namespace: fmt.Sprintf("%s-%c", h.name, 'a'+i), ports: ports}
		outside := fmt.Sprintf("hw%d%c%d", os.Getpid(), 'a'+i, number%100)
		commands = append(commands, h.attach(i, prefix, outside)...)
	}
	for _, c := range commands {
		if err := ip(c); err != nil {
			return nil, errors.Join(fmt.Errorf("making two network namespaces, which takes root and the program ip (package iproute2): %w", err), h.close())
		}
	}
	return h, nil
}

// attach are the orders that make one half: a link to the bridge, and one to this program's
// network. Who has which hardware address is written down, so that while the bridge is down
// packets vanish and nobody is told, as with a broken cable between two switches.
func (h *halves) attach(i int, prefix, outside string) []string {
	p, other, mine := h.each[i], 2-i, fmt.Sprintf("%s.%d", prefix, 101+i)
	in := "-n " + p.namespace + " "
	port := fmt.Sprintf("port%d", i)
	return []string{
		"netns add " + p.namespace,
		in + "link set lo up",
		in + fmt.Sprintf("link add name far address 02:00:00:00:00:0%d type veth peer name %s netns %s", i+1, port, h.bridge()),
		"-n " + h.bridge() + " link set " + port + " master bridge up",
		in + "addr add " + p.host + "/24 dev far",
		in + "link set far up",
		in + fmt.Sprintf("neigh replace %s.%d lladdr 02:00:00:00:00:0%d dev far nud permanent", prefix, other, other),
		fmt.Sprintf("link add name %s type veth peer name near netns %s", outside, p.namespace),
		in + "link set near up",
		"addr add " + mine + "/32 dev " + outside,
		"link set " + outside + " up",
		"route add " + p.host + "/32 dev " + outside + " src " + mine,
		in + "route add " + mine + "/32 dev near",
	}
}

func (h *halves) bridge() string { return h.name + "-bridge" }

// cut lets no packet pass from one half to the other.
func (h *halves) cut() error { return ip("-n " + h.bridge() + " link set bridge down") }

// heal undoes cut.
func (h *halves) heal() error { return ip("-n " + h.bridge() + " link set bridge up") }

// close removes the namespaces, and with them every link.
func (h *halves) close() error {
	var all error
	for _, name := range []string{h.each[0].namespace, h.each[1].namespace, h.bridge()} {
		if _, err := os.Stat(filepath.Join("/run/netns", name)); err == nil {
			all = errors.Join(all, ip("netns del "+name))
		}
	}
	return all
}

// sweepNamespaces removes what a program left that was killed.
func sweepNamespaces() {
	left, _ := filepath.Glob("/run/netns/" + namespacePrefix + "*")
	for _, path := range left {
		owner, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(path), namespacePrefix), "-")
		if pid, err := strconv.Atoi(owner); err == nil && processState(pid) == 0 {
			_ = ip("netns del " + filepath.Base(path)) // another one may have done it by now
		}
	}
}

// freeNet finds the first three numbers of a network that nothing on this machine is in.
func freeNet(from int) (string, error) {
	taken, err := net.InterfaceAddrs()
	if err != nil {
		return "", fmt.Errorf("looking for addresses in use: %w", err)
	}
	for n := range 512 {
		n = (n + from) % 512
		prefix := fmt.Sprintf("198.%d.%d", 18+n/256, n%256)
		if !slices.ContainsFunc(taken, func(a net.Addr) bool { return strings.HasPrefix(a.String(), prefix+".") }) {
			return prefix, nil
		}
	}
	return "", errors.New("198.18.0.0/15 is in use")
}

// countedPorts gives ports one after the other: in new namespaces all are free. Servers of a
// group are told apart by their ports, so the two have none in common.
func countedPorts() func(n int) ([]int, error) {
	last := 7000
	return func(n int) (some []int, err error) {
		for range n {
			last++
			some = append(some, last)
		}
		return some, nil
	}
}

// ip runs the program of that name.
func ip(order string) error {
	text, err := exec.Command("ip", strings.Fields(order)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", order, err, strings.TrimSpace(string(text)))
	}
	return nil
}
