package main

import (
	"bytes"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// mostAdmins is how many connections the admin pages have at once. One more takes the place of the
// oldest that has not sent a request, or of one that rests between two: who opens connections and
// says nothing keeps nobody out, and takes no descriptor from clients.
const mostAdmins = 64

// A lobby is the connections of the admin pages that wait for a request, and how many there are
// in all. Its method is called by the server's goroutines.
type lobby struct {
	mu      sync.Mutex // guards the following
	waiting []net.Conn // the oldest first
	all     int
}

// state is the server's ConnState.
func (l *lobby) state(c net.Conn, s http.ConnState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at := slices.Index(l.waiting, c); at >= 0 {
		l.waiting = slices.Delete(l.waiting, at, at+1)
	}
	switch s {
	case http.StateNew:
		l.all++
		l.waiting = append(l.waiting, c)
		if l.all > mostAdmins {
			l.waiting[0].Close() // the server tells when it has gone
			l.waiting = slices.Delete(l.waiting, 0, 1)
		}
	case http.StateIdle:
		l.waiting = append(l.waiting, c)
	case http.StateClosed, http.StateHijacked:
		l.all--
	}
}

// idleShare is how many times as long as it took to make a page nobody makes it again.
const idleShare = 9

// A spared page is made by one goroutine at a time, and for a tenth of the time: however many ask, and with
// whatever query, the CPUs and locks that clients need are left alone. Who asks waits in line.
type spared struct {
	page   http.Handler
	turn   chan struct{} // who has put something in makes the page, or waits for its time
	freeAt time.Time     // when it may be made again; of who has the turn
}

func spare(page http.Handler) *spared { return &spared{page: page, turn: make(chan struct{}, 1)} }

// ServeHTTP makes the page when its time has come, unless nobody waits for it any more.
func (s *spared) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case s.turn <- struct{}{}:
	case <-r.Context().Done():
		return
	}
	defer func() { <-s.turn }()
	free := time.NewTimer(time.Until(s.freeAt))
	defer free.Stop()
	select {
	case <-free.C:
	case <-r.Context().Done():
		return
	}
	began := time.Now()
	s.page.ServeHTTP(w, r)
	s.freeAt = time.Now().Add(idleShare * time.Since(began))
}

// answered is a page that is made whole before it is written: how fast somebody reads is not how long it
// takes to make.
func answered(page http.HandlerFunc) http.Handler {
	s := spare(page)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := &made{status: http.StatusOK, header: http.Header{}}
		s.ServeHTTP(m, r)
		m.give(w)
	})
}

// pageAge is how old a page may be that is dear to make.
const pageAge = time.Second

// mostForms is how many forms of a page are kept: clients choose which they accept.
const mostForms = 8

// A cached page is made once a second at most for each form in which it is asked for, and by one
// goroutine at a time: however many ask, the CPUs that clients need are left alone.
type cached struct {
	page http.Handler

	mu    sync.Mutex // held while the page is made
	forms map[string]*made
}

// made is a page as it was given.
type made struct {
	at     time.Time
	status int
	header http.Header
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (m *made) Header() http.Header { return m.header }

// WriteHeader implements http.ResponseWriter.
func (m *made) WriteHeader(status int) { m.status = status }

// Write implements http.ResponseWriter.
func (m *made) Write(b []byte) (int, error) { return m.body.Write(b) }

// ServeHTTP answers with a page that is young enough.
func (c *cached) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.of(r).give(w)
}

// give writes the page.
func (m *made) give(w http.ResponseWriter) {
	for name, values := range m.header {
		w.Header()[name] = values
	}
	w.WriteHeader(m.status)
	w.Write(m.body.Bytes())
}

// of returns the page in the form that r asks for. What was made is not changed any more.
func (c *cached) of(r *http.Request) *made {
	form := r.URL.RawQuery + "\n" + r.Header.Get("Accept") + "\n" + r.Header.Get("Accept-Encoding")
	c.mu.Lock()
	defer c.mu.Unlock()
	if m := c.forms[form]; m != nil && time.Since(m.at) < pageAge {
		return m
	}
	if r.Context().Err() != nil {
		return &made{status: http.StatusServiceUnavailable} // nobody waits for it any more
	}
	m := &made{status: http.StatusOK, header: http.Header{}}
	c.page.ServeHTTP(m, r)
	if r.Context().Err() != nil {
		return m // it may not have been made for somebody who has gone, and is nobody else's
	}
	m.at = time.Now()
	if len(c.forms) >= mostForms || c.forms == nil {
		c.forms = map[string]*made{}
	}
	c.forms[form] = m
	return m
}
