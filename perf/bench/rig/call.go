package rig

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Ping asks a server or a proxy for a PONG; nil when it came.
func Ping(addr string) error {
	reply, err := Call(addr, time.Second, "PING")
	if err == nil && reply != "PONG" {
		err = fmt.Errorf("answered %q to PING", reply)
	}
	return err
}

// Call sends one command on a connection of its own and returns the reply, which must be
// a string or a number. An error reply is an error.
func Call(addr string, within time.Duration, args ...string) (string, error) {
	conn, err := net.DialTimeout("tcp", addr, within)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(within)); err != nil {
		return "", err
	}
	if _, err := conn.Write(AppendCommand(nil, args...)); err != nil {
		return "", err
	}
	return readScalar(bufio.NewReader(conn))
}

// AppendCommand appends the multi-bulk frame of a command to b.
func AppendCommand(b []byte, args ...string) []byte {
	b = fmt.Appendf(b, "*%d\r\n", len(args))
	for _, a := range args {
		b = fmt.Appendf(b, "$%d\r\n", len(a))
		b = append(b, a...)
		b = append(b, "\r\n"...)
	}
	return b
}

// readScalar reads a reply that is no array.
func readScalar(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimSuffix(line, "\r\n")
	switch {
	case line == "$-1":
		return "", nil
	case strings.HasPrefix(line, "+"), strings.HasPrefix(line, ":"):
		return line[1:], nil
	case strings.HasPrefix(line, "-"):
		return "", fmt.Errorf("error reply: %s", line[1:])
	case strings.HasPrefix(line, "$"):
		return readBulk(r, line[1:])
	}
	return "", fmt.Errorf("got reply line %q; want a string or a number", line)
}

func readBulk(r *bufio.Reader, length string) (string, error) {
	n, err := strconv.Atoi(length)
	if err != nil || n < 0 {
		return "", fmt.Errorf("got bulk length %q; want a number", length)
	}
	text := make([]byte, n+2)
	if _, err := io.ReadFull(r, text); err != nil {
		return "", err
	}
	return string(text[:n]), nil
}
