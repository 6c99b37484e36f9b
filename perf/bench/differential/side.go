package differential

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"time"

	"huntaway/perf/bench/rig"
)

// patience is how long a reply may take; the machine may be busy with something else.
const patience = 10 * time.Second

// A Side is one way to the servers.
type Side struct {
	Name    string
	Addr    string   // where requests go
	Servers []string // that hold the keys
}

// empty removes every key, function and script from the servers. Scripts are also known to
// the proxy, so they are removed through it.
func (s *Side) empty() error {
	for _, addr := range s.Servers {
		for _, command := range [][]string{{"FLUSHALL"}, {"FUNCTION", "FLUSH"}} {
			if _, err := rig.Call(addr, patience, command...); err != nil {
				return fmt.Errorf("%v on %s: %w", command, addr, err)
			}
		}
	}
	if _, err := rig.Call(s.Addr, patience, "SCRIPT", "FLUSH"); err != nil {
		return fmt.Errorf("SCRIPT FLUSH on %s: %w", s.Name, err)
	}
	return nil
}

// A talk is a connection to a side. Owner: one goroutine.
type talk struct {
	conn net.Conn
	in   *bufio.Reader
}

// dial opens a connection that speaks a version of the protocol.
func (s *Side) dial(resp int) (*talk, error) {
	conn, err := net.DialTimeout("tcp", s.Addr, patience)
	if err != nil {
		return nil, err
	}
	t := &talk{conn, bufio.NewReaderSize(conn, 64<<10)}
	if resp == 2 {
		return t, nil
	}
	hello, err := t.exchange(rig.AppendCommand(nil, "HELLO", "3"), 1, nil)
	if err == nil && !bytes.HasPrefix(hello[0], []byte("%")) {
		err = fmt.Errorf("%s answers HELLO 3 with %q", s.Name, hello[0])
	}
	if err != nil {
		conn.Close()
	}
	return t, err
}

// exchange writes bytes in pieces, cut where rnd says, and reads n replies. Those that came
// before an error are returned with it.
func (t *talk) exchange(out []byte, n int, rnd *rand.Rand) (replies [][]byte, err error) {
	if err := t.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	sent := make(chan error, 1)
	go func() { sent <- t.write(out, rnd) }()
	for len(replies) < n {
		reply, err := readReply(nil, t.in)
		if err != nil {
			t.conn.Close() // ends the writer
			<-sent
			return replies, err
		}
		replies = append(replies, reply)
	}
	return replies, <-sent
}

// write writes bytes in pieces; without rnd in one.
func (t *talk) write(out []byte, rnd *rand.Rand) error {
	for len(out) > 0 {
		n := len(out)
		if rnd != nil && rnd.IntN(3) > 0 {
			n = 1 + rnd.IntN(n)
		}
		if _, err := t.conn.Write(out[:n]); err != nil {
			return err
		}
		out = out[n:]
	}
	return nil
}

// readReply appends one reply of either protocol, the obvious way.
func readReply(dst []byte, in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadBytes('\n')
	if err != nil {
		return dst, err
	}
	if len(line) < 3 {
		return dst, fmt.Errorf("reply line %q; want a type and CRLF", line)
	}
	dst = append(dst, line...)
	n := number(line[1 : len(line)-2])
	switch line[0] {
	case '$', '=', '!':
		at := len(dst)
		dst = append(dst, make([]byte, max(n+2, 0))...)
		if n >= 0 {
			_, err = io.ReadFull(in, dst[at:])
		} else {
			dst = dst[:at]
		}
		return dst, err
	case '%', '|':
		n *= 2
	case '*', '~', '>':
	case '+', '-', ':', '_', '#', ',', '(':
		return dst, nil
	default:
		return dst, fmt.Errorf("reply line %.80q; want a type of RESP", line)
	}
	for range n {
		if dst, err = readReply(dst, in); err != nil {
			return dst, err
		}
	}
	return dst, nil
}
