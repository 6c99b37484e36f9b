package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"huntaway/perf/bench/rig"
)

// fillBatch is how many keys are written before their replies are read; their replies
// (5 bytes each) always fit the socket's buffer.
const fillBatch = 2000

// fill puts every key that the load may ask for into every server, so that each request
// finds its key wherever a subject places it.
func (st *stand) fill(l load) error {
	errs := make(chan error, len(st.servers))
	for _, s := range st.servers {
		go func() { errs <- fillServer(s.Addr, l) }()
	}
	var all error
	for range st.servers {
		all = errors.Join(all, <-errs)
	}
	return all
}

// fillServer writes the keys as redis-benchmark spells them.
func fillServer(addr string, l load) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	replies := bufio.NewReader(conn)
	value := strings.Repeat("x", l.size)
	var batch []byte
	for from := 0; from < l.space; from += fillBatch {
		to := min(from+fillBatch, l.space)
		batch = batch[:0]
		for key := from; key < to; key++ {
			batch = rig.AppendCommand(batch, "SET", fmt.Sprintf("key:%012d", key), value)
		}
		if _, err := conn.Write(batch); err != nil {
			return err
		}
		if err := wantOK(replies, to-from); err != nil {
			return fmt.Errorf("filling %s: %w", addr, err)
		}
	}
	return nil
}

// wantOK reads n replies of +OK.
func wantOK(r *bufio.Reader, n int) error {
	for range n {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if !bytes.Equal(line, []byte("+OK\r\n")) {
			return fmt.Errorf("got %q to SET; want +OK", line)
		}
	}
	return nil
}
