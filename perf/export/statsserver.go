package export

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"huntaway/perf"
)

// Limits of a StatsServer.
const (
	// MaxAnswers is how many connections are answered at once. One more takes the place of the
	// oldest that has not said what it wants; while none is like that it waits to be accepted.
	MaxAnswers = 16
	// AnswerTime is how long one connection may take over all.
	AnswerTime = 5 * time.Second
	// requestBytes is the longest HTTP request that is read.
	requestBytes = 8 << 10
	// silence is how long a client that has sent nothing is given before it is taken for
	// one that speaks twemproxy's protocol, which is to connect and to read.
	silence = 50 * time.Millisecond
)

// A StatsServer shows a Source as twemproxy shows its statistics: whoever connects gets one
// JSON object, and the connection is closed. Who asks by HTTP gets the same by HTTP, which
// the original cannot.
type StatsServer struct {
	// Fixed by NewStatsServer.

	source  Source
	version string
	host    string

	slots   chan struct{}  // one element per connection being answered
	answers sync.WaitGroup // the same, to be waited for

	mu     sync.Mutex // guards the following
	asking []net.Conn // those that have not said what they want, the oldest first
}

// NewStatsServer returns a StatsServer that names version as its own.
func NewStatsServer(source Source, version string) *StatsServer {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return &StatsServer{source: source, version: version, host: host, slots: make(chan struct{}, MaxAnswers)}
}

// Serve answers the connections of ln until ln is closed, waits for those being answered,
// and returns nil; any other end of accepting is an error. Accept errors that pass, like
// the lack of a descriptor, are waited out.
func (s *StatsServer) Serve(ln net.Listener) error {
	defer s.answers.Wait()
	for {
		conn, err := ln.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			if passing, ok := err.(interface{ Temporary() bool }); !ok || !passing.Temporary() {
				return err
			}
			time.Sleep(silence)
			continue
		}
		s.enter(conn)
		s.answers.Add(1)
		go s.answer(conn)
	}
}

// enter gives a connection a slot, and takes it from the oldest that is still asking if there is
// none: who connects and says nothing, or half of it, keeps nobody out.
func (s *StatsServer) enter(conn net.Conn) {
	select {
	case s.slots <- struct{}{}:
	default:
		s.mu.Lock()
		if len(s.asking) > 0 {
			s.asking[0].Close()
			s.asking = s.asking[1:]
		}
		s.mu.Unlock()
		s.slots <- struct{}{}
	}
	s.mu.Lock()
	s.asking = append(s.asking, conn)
	s.mu.Unlock()
}

// asked notes that a connection has said what it wants.
func (s *StatsServer) asked(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asking = slices.DeleteFunc(s.asking, func(c net.Conn) bool { return c == conn })
}

// answer serves one connection and closes it.
func (s *StatsServer) answer(conn net.Conn) {
	defer s.answers.Done()
	defer func() { <-s.slots }()
	defer conn.Close()
	defer s.asked(conn)
	conn.SetReadDeadline(time.Now().Add(silence))
	r := bufio.NewReader(io.LimitReader(conn, requestBytes))
	var request *http.Request
	if speaksHTTP(r) {
		conn.SetDeadline(time.Now().Add(AnswerTime))
		var err error
		if request, err = http.ReadRequest(r); err != nil {
			return
		}
	}
	s.asked(conn)
	body, err := s.render()
	conn.SetDeadline(time.Now().Add(AnswerTime))
	switch {
	case request != nil:
		answerHTTP(conn, request, body, err)
	case err == nil:
		conn.Write(body)
	}
	hangUp(conn)
}

// speaksHTTP tells whether the client has begun an HTTP request before the read deadline.
// The line of a GET or HEAD is known by four bytes; nothing else has an answer.
func speaksHTTP(r *bufio.Reader) bool {
	begin, err := r.Peek(4)
	return err == nil && (bytes.Equal(begin, []byte("GET ")) || bytes.Equal(begin, []byte("HEAD")))
}

// render asks the Source and makes the JSON.
func (s *StatsServer) render() ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), SourceTime)
	defer cancel()
	snapshot, err := s.source(ctx)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	head := perf.StatsHead{Source: s.host, Version: s.version, Uptime: now.Sub(perf.Started()), Now: now}
	return perf.AppendStats(nil, head, &snapshot), nil
}

// answerHTTP sends body, or what kept it from being made.
func answerHTTP(conn net.Conn, request *http.Request, body []byte, failed error) {
	response := http.Response{
		StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Close: true, Request: request,
		Header: http.Header{"Content-Type": {"application/json"}},
	}
	if failed != nil {
		response.StatusCode = http.StatusServiceUnavailable
		response.Header.Set("Content-Type", "text/plain; charset=utf-8")
		body = []byte("the workers did not answer: " + failed.Error() + "\n")
	}
	response.ContentLength = int64(len(body))
	response.Body = io.NopCloser(bytes.NewReader(body))
	response.Write(conn)
}

// hangUp ends our side and reads away what the client still sends. A socket that is closed
// with unread bytes is reset, and a reset destroys what the client has not read yet.
func hangUp(conn net.Conn) {
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	conn.SetReadDeadline(time.Now().Add(time.Second))
	io.Copy(io.Discard, io.LimitReader(conn, requestBytes))
}
