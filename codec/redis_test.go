package codec

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A redis is a connection to a redis-server of this test's own, the oracle for the table,
// the key finders and the answers to COMMAND.
type redis struct {
	t    testing.TB
	conn net.Conn
	in   *bufio.Reader
}

// startRedis starts a redis-server on a unix socket and ends it with the test.
func startRedis(t testing.TB) *redis {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("SKIPPED, NOTHING COMPARED: redis-server is not installed")
	}
	dir, err := os.MkdirTemp("", "codec")
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	server := exec.Command(path, "--port", "0", "--unixsocket", socket, "--save", "",
		"--appendonly", "no", "--dir", dir)
	log, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Kill()
		server.Wait()
		os.RemoveAll(dir)
	})
	awaitReady(t, log)
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(60 * time.Second))
	return &redis{t: t, conn: conn, in: bufio.NewReader(conn)}
}

// awaitReady reads the server's log until it accepts connections, and lets the rest go.
func awaitReady(t testing.TB, log io.Reader) {
	t.Helper()
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "ready to accept connections at") {
			go io.Copy(io.Discard, log)
			return
		}
	}
	t.Fatal("redis-server ended before it accepted connections")
}

// An errorReply is what the server says with '-'.
type errorReply string

// ask sends one command and returns its reply: string, int64, []any, nil or errorReply.
func (s *redis) ask(args ...string) any {
	s.t.Helper()
	if _, err := s.conn.Write(AppendCommand(nil, args...)); err != nil {
		s.t.Fatal(err)
	}
	v, err := readReply(s.in)
	if err != nil {
		s.t.Fatalf("%q: %v", args, err)
	}
	return v
}

// readReply reads one reply, of RESP3 as much as COMMAND uses.
func readReply(in *bufio.Reader) (any, error) {
	line, err := in.ReadString('\n')
	if err != nil || len(line) < 3 {
		return nil, errors.Join(err, fmt.Errorf("reply line %q", line))
	}
	rest := line[1 : len(line)-2]
	switch line[0] {
	case '+':
		return rest, nil
	case '-':
		return errorReply(rest), nil
	}
	n, err := strconv.ParseInt(rest, 10, 64)
	switch {
	case err != nil:
		return nil, err
	case line[0] == ':':
		return n, nil
	case n < 0:
		return nil, nil
	case line[0] == '$':
		text := make([]byte, n+2)
		_, err := io.ReadFull(in, text)
		return string(text[:n]), err
	case line[0] == '*', line[0] == '~':
		return readArray(in, int(n))
	case line[0] == '%':
		return readMap(in, int(n))
	}
	return nil, fmt.Errorf("reply line %q", line)
}

func readArray(in *bufio.Reader, n int) (any, error) {
	array := make([]any, 0, n)
	for range n {
		v, err := readReply(in)
		if err != nil {
			return array, err
		}
		array = append(array, v)
	}
	return array, nil
}

// readMap reads RESP3's map as go-redis does.
func readMap(in *bufio.Reader, n int) (any, error) {
	flat, err := readArray(in, 2*n)
	m := map[any]any{}
	for list, i := flat.([]any), 0; err == nil && i < 2*n; i += 2 {
		m[list[i]] = list[i+1]
	}
	return m, err
}

// requestOf makes a request as the scanner would.
func requestOf(args ...string) *Request {
	r := &Request{Frame: AppendArray(nil, len(args))}
	for _, a := range args {
		r.Frame = AppendBulk(r.Frame, a)
		end := len(r.Frame) - len(CRLF)
		r.spans = append(r.spans, span{uint32(end - len(a)), uint32(end)})
	}
	return r
}
