package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"huntaway/perf/bench/rig"
)

// This file is F29: servers are given by name, and DNS fails or says something else.

// byName has servers with names. Proxies ask a DNS server of the case's own, in a mount
// namespace with another resolv.conf; the servers know each other by a file.
func byName(p *plan) {
	p.named = true
	p.redis = []string{"bind 127.0.0.1 127.0.0.2"}
}

// A nameServer answers questions for addresses of names. Owner: the field.
type nameServer struct {
	conn net.PacketConn

	mu    sync.Mutex // guards the following
	names map[string][4]byte
	how   answers
	asked int // questions since how was set
}

// answers is how a name server answers.
type answers string

const (
	right    answers = "right"
	noDomain answers = "NXDOMAIN"
	servFail answers = "SERVFAIL"
	noAnswer answers = "silence"
)

// newNameServer listens on port 53 of an address that no other run has.
func newNameServer(dir string) (*nameServer, error) {
	var all error
	for n := range 200 {
		conn, err := net.ListenPacket("udp4", fmt.Sprintf("127.53.%d.53:53", n))
		if err != nil {
			all = errors.Join(all, err)
			continue
		}
		s := &nameServer{conn: conn, names: map[string][4]byte{}, how: right}
		host, _, _ := net.SplitHostPort(conn.LocalAddr().String())
		text := "nameserver " + host + "\noptions timeout:1 attempts:1\n"
		if err := os.WriteFile(filepath.Join(dir, "resolv.conf"), []byte(text), 0o644); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		go s.serve()
		return s, nil
	}
	return nil, fmt.Errorf("port 53 on 127.53.0.0/16 (cases with DNS need root): %w", all)
}

// lead has a name lead to an address of 127.0.0.0/24, and writes it down for the servers.
func (s *nameServer) lead(dir, name string, last byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names[name] = [4]byte{127, 0, 0, last}
	text := "127.0.0.1 localhost\n"
	for each := range s.names {
		text += "127.0.0.1 " + each + "\n" // where they listen in any case
	}
	return os.WriteFile(filepath.Join(dir, "hosts"), []byte(text), 0o644)
}

// set changes how questions are answered.
func (s *nameServer) set(how answers) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.how, s.asked = how, 0
}

// questions tells how many came since set.
func (s *nameServer) questions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func (s *nameServer) serve() {
	b := make([]byte, 512)
	for {
		n, from, err := s.conn.ReadFrom(b)
		if err != nil {
			return
		}
		if reply := s.answer(b[:n]); reply != nil {
			_, _ = s.conn.WriteTo(reply, from) // who does not hear it asks again
		}
	}
}

// answer returns the reply to a question (RFC 1035, 4); nil for none.
func (s *nameServer) answer(q []byte) []byte {
	name, end := question(q)
	if end == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.how == noAnswer {
		return nil
	}
	reply := append([]byte(nil), q[:end]...)
	reply[2], reply[3] = 0x81, 0x80 // a reply, recursion desired and available
	for i := 6; i < 12; i++ {
		reply[i] = 0
	}
	addr, known := s.names[name]
	switch kind := binary.BigEndian.Uint16(q[end-4:]); {
	case s.how == servFail:
		reply[3] |= 2
	case s.how == noDomain, !known:
		reply[3] |= 3
	case kind == 1: // A
		reply[7] = 1
		reply = append(reply, 0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4) // the name in the question, a second
		reply = append(reply, addr[:]...)
	}
	return reply
}

// question returns the name that is asked for, and where the question ends; 0 when it is none.
func question(q []byte) (name string, end int) {
	at := 12
	var labels []string
	for at < len(q) && q[at] > 0 {
		size := int(q[at])
		if at+1+size >= len(q) {
			return "", 0
		}
		labels = append(labels, string(q[at+1:at+1+size]))
		at += 1 + size
	}
	if at+5 > len(q) {
		return "", 0
	}
	return strings.ToLower(strings.Join(labels, ".")), at + 5
}

// within has a process see a file of the case's own in the place of one of the system's.
func (f *field) within(l rig.Launch, file, place string) rig.Launch {
	if f.dns == nil {
		return l
	}
	script := fmt.Sprintf("mount --bind %s %s && exec \"$0\" \"$@\"", filepath.Join(f.dir, file), place)
	l.Args = append([]string{"-m", "--propagation", "private", "sh", "-c", script, l.Path}, l.Args...)
	l.Path = "unshare"
	return l
}

// nameOfServer is what a server is called, without its port.
func (s *server) host() string {
	host, _, _ := strings.Cut(s.at, ":")
	return host
}

// outages by seed.
var outages = []answers{noDomain, servFail, noAnswer}

// outage has DNS fail, and waits until the proxy has noticed.
func (a *attack) outage() answers {
	how := outages[a.seed%3]
	a.dns.set(how)
	a.say("DNS answers with %s", how)
	a.wait(5 * time.Second)
	return how
}

// dnsOutage is F29: what is connected stays so, and what is lost comes back.
func dnsOutage(a *attack) error {
	g := a.groups[0]
	begun := a.log.Now()
	how := a.outage()
	a.wantNothingFailed(begun)
	for _, s := range g.servers {
		if _, err := s.call("CLIENT", "KILL", "TYPE", "normal"); err != nil {
			return err
		}
	}
	at := a.log.Now()
	if a.until("no write since every connection was closed", 5*time.Second, func() bool { return a.firstWrite(g, at+200e6) > 0 }) {
		a.figure("closed to first write, s", seconds(a.firstWrite(g, at)-at))
	}
	a.wait(3 * time.Second)
	asked := a.dns.questions()
	if again := g.servers[0].clientsAt("127.0.0.1", 0); asked > 0 && again > 1 { // one is ours
		a.bit("%d questions were answered with %s while %d connections to the master were made anew", asked, how, again-1)
	}
	a.wantNoFailover(g, g.servers[0])
	if st, ok := a.proxies[0].group(g.name); ok {
		for _, s := range st.Servers {
			if s.State != "in" {
				a.fail("%s is %s (%s) because of DNS", s.Addr, s.State, s.Reason)
			}
		}
	}
	a.dns.set(right)
	return nil
}

// dnsMoved is F29 with a name that leads elsewhere: that is followed, and nothing fails.
func dnsMoved(a *attack) error {
	g := a.groups[0]
	s := g.servers[a.seed%3]
	begun := a.log.Now()
	if err := a.dns.lead(a.dir, s.host(), 2); err != nil {
		return err
	}
	left := func() int { return s.clientsAt("127.0.0.1", time.Duration(a.log.Now()-begun)) }
	if a.until("connections to the old address", 8*time.Second, func() bool { return left() == 0 && s.clientsAt("127.0.0.2", 0) > 0 }) {
		took := seconds(a.log.Now() - begun)
		a.figure("changed to followed, s", took)
		a.bit("%d connections lead to the new address of %s", s.clientsAt("127.0.0.2", 0), s.name)
	}
	a.wait(2 * time.Second)
	a.wantNothingFailed(begun)
	a.wantNoFailover(g, g.servers[0])
	return nil
}

// clientsAt counts the ordinary clients that have connected to an address of a server at least
// so long ago.
func (s *server) clientsAt(addr string, age time.Duration) (n int) {
	text, err := s.call("CLIENT", "LIST", "TYPE", "normal")
	if err != nil {
		return -1
	}
	for line := range strings.Lines(text) {
		var old int
		if _, rest, ok := strings.Cut(line, " age="); ok {
			fmt.Sscan(rest, &old)
		}
		if strings.Contains(line, " laddr="+addr+":") && old >= int(age/time.Second) {
			n++
		}
	}
	return n
}

// dnsFailover is F29 with a master that dies meanwhile.
func dnsFailover(a *attack) error {
	g := a.groups[0]
	how := a.outage()
	at := a.crash(g.servers[0])
	a.forgive(g, at)
	a.wantFailover(g, g.servers[0], at, 10*time.Second)
	a.wait(2 * time.Second)
	a.wantReads(g, at)
	a.say("%d questions answered with %s", a.dns.questions(), how)
	if a.dns.questions() == 0 {
		a.fail("nobody asked DNS")
	}
	a.dns.set(right)
	return nil
}
