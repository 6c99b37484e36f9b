package main

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"huntaway/perf/export"
	"huntaway/perf/repeat"
)

// admin is what the pages of the admin listener are made from.
type admin struct {
	source export.Source
	alive  func() bool      // whether every worker has ticked lately
	ready  func() []verdict // what a load balancer wants to know
	status func() *statusPage
	events func() *eventPage
	orders operator // who carries out what is ordered
	guard  *guard   // who may order
	log    *slog.Logger
	often  *repeat.Log // of log, for what strangers can cause
}

// A verdict is one line of /readyz.
type verdict struct {
	name string // what was looked at
	bad  string // what is wrong with it; "" when it is well
	note string // what else there is to say, for ?verbose
}

// mux returns the pages. Only POSTs change anything, and the guard stands before each of them.
func (a *admin) mux() http.Handler {
	m := http.NewServeMux()
	m.Handle("GET /metrics", a.metrics())
	m.HandleFunc("GET /livez", a.livez)
	m.HandleFunc("GET /healthz", a.livez)
	m.HandleFunc("GET /readyz", a.readyz)
	m.HandleFunc("GET /{$}", index)
	m.Handle("GET /status", answered(func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, http.StatusOK, a.status()) }))
	m.Handle("GET /events", answered(func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, http.StatusOK, a.events()) }))
	for name, carry := range a.takers() {
		m.HandleFunc("POST /"+name, func(w http.ResponseWriter, r *http.Request) { a.take(w, r, name, carry) })
	}
	m.Handle("GET /debug/pprof/", answered(pprof.Index))
	m.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	m.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	m.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	m.HandleFunc("POST /debug/pprof/symbol", pprof.Symbol)
	m.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return m
}

// metrics is the Prometheus page: the table of perf, the Go runtime and the process.
func (a *admin) metrics() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		export.NewCollector(a.source, build()),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return &cached{page: spare(promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		EnableOpenMetrics: true,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
	}))}
}

// livez is about this process alone: a dead server must not get a proxy restarted.
func (a *admin) livez(w http.ResponseWriter, _ *http.Request) {
	if !a.alive() {
		http.Error(w, "an event loop has not ticked for 5 s", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

// readyz tells whether clients should be sent here; with ?verbose it says why.
func (a *admin) readyz(w http.ResponseWriter, r *http.Request) {
	status, lines := http.StatusOK, ""
	for _, v := range a.ready() {
		sign, text := "+", cmp.Or(v.note, "ok")
		if v.bad != "" {
			status, sign, text = http.StatusServiceUnavailable, "-", v.bad
		}
		if v.bad != "" || r.URL.Query().Has("verbose") {
			lines += fmt.Sprintf("[%s] %s: %s\n", sign, v.name, text)
		}
	}
	if status == http.StatusOK {
		lines += "ok\n"
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprint(w, lines)
}

// index lists the pages.
func index(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(w, versionLine())
	fmt.Fprint(w, "\n/status\n/events\n/metrics\n/livez\n/readyz?verbose\n/debug/pprof/\n"+
		"\nPOST /switchover /resolve /latch /release: see huntaway switchover --help\n")
}

// newAdminServer returns the HTTP server of a. Profiles take half a minute to write, so the
// answer has no time limit; reading a request has, with its body, whether that is wanted or not.
func newAdminServer(a *admin) *http.Server {
	return &http.Server{
		ConnState:         new(lobby).state,
		Handler:           unhurried(a.guarded(a.mux())),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
	}
}

// guarded has the guard look at every request, whatever it is for.
func (a *admin) guarded(pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if no := a.guard.misled(r); no != nil {
			a.turnAway(r, "page", no)
			http.Error(w, no.why, no.status)
			return
		}
		pages.ServeHTTP(w, r)
	})
}

// turnAway writes down that somebody was refused what he wants, one of few words. He chooses how
// often, and under which host.
func (a *admin) turnAway(r *http.Request, what string, no *refusal) {
	from, _, _ := net.SplitHostPort(r.RemoteAddr)
	a.often.Say(slog.LevelWarn, repeat.Subject{What: "request refused", Whom: from + " " + what},
		"request", what, "from", r.RemoteAddr, "host", cut(r.Host), "status", no.status, "why", no.why)
}

// mostWords is how much of what somebody sent is repeated to anybody, in bytes.
const mostWords = 100

// cut shortens what somebody sent.
func cut(words string) string {
	if len(words) <= mostWords {
		return words
	}
	return strings.ToValidUTF8(words[:mostWords], "") + "…"
}

// unhurried lifts the time limit on reading from a request that has been read: when it passed, an
// answer that takes longer would be broken off.
func unhurried(pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength == 0 {
			isRead(w)
		}
		pages.ServeHTTP(w, r)
	})
}

// isRead lifts the time limit on reading: the request is there.
func isRead(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // fails without a connection only
}

// serveHTTP serves ln until the server is closed.
func serveHTTP(s *http.Server, ln net.Listener) error {
	if err := s.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
