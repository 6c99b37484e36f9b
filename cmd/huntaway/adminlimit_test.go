package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// serving starts the admin pages as the proxy does, and returns where.
func (o *office) serving(t *testing.T) string {
	t.Helper()
	ln := opened(t, tcpDoor("127.0.0.1:0"))
	go o.server.Serve(ln)
	t.Cleanup(func() { o.server.Close() })
	return ln.Addr().String()
}

// TestSilentAdminsKeepNobodyOut: however many connections say nothing, or half a request, there
// are no more than so many at once, and who asks is answered.
func TestSilentAdminsKeepNobodyOut(t *testing.T) {
	o := openOffice(t, &statusPage{OK: true}, "")
	at := o.serving(t)
	var held []net.Conn
	for i := range 5 * mostAdmins {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if i%2 == 0 {
			fmt.Fprint(c, "GET /status HTTP/1.1\r\nHost: ")
		}
		held = append(held, c)
	}
	if status, _ := page(t, "http://"+at+"/status"); status != 200 {
		t.Errorf("a request meanwhile: status %d; want 200", status)
	}
	closed := 0
	for _, c := range held[:len(held)-mostAdmins] {
		c.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.ReadAll(c); err == nil || !strings.Contains(err.Error(), "timeout") {
			closed++
		}
	}
	if want := len(held) - mostAdmins; closed != want {
		t.Errorf("%d of the oldest were closed; want %d", closed, want)
	}
}

// TestMetricsAreMadeOnceASecond, however many ask at once and in whatever form.
func TestMetricsAreMadeOnceASecond(t *testing.T) {
	var times, most, now atomic.Int64
	c := &cached{page: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		times.Add(1)
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, r.Header.Get("Accept"))
	})}
	get := func(accept string) string {
		r := httptest.NewRequest("GET", "/metrics", nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		c.ServeHTTP(w, r)
		if w.Code != 200 || w.Header().Get("Content-Type") != "text/plain" {
			t.Errorf("got %d, %q; want the page as it was made", w.Code, w.Header())
		}
		return w.Body.String()
	}
	var all sync.WaitGroup
	begun := time.Now()
	for range 100 {
		all.Go(func() {
			if got := get("a"); got != "a" {
				t.Errorf("got %q; want the page", got)
			}
		})
	}
	all.Wait()
	if may := int64(time.Since(begun)/pageAge) + 1; times.Load() > may || most.Load() > 1 {
		t.Errorf("made %d times for 100 requests, %d at once; want at most %d, and one", times.Load(), most.Load(), may)
	}
	for i := range 10 * mostForms {
		if want := fmt.Sprint(i); get(want) != want {
			t.Errorf("form %s: got another", want)
		}
	}
	if len(c.forms) > mostForms {
		t.Errorf("%d forms are kept; want at most %d", len(c.forms), mostForms)
	}
}

// TestHostIsChecked: at a loopback address a page is read under a name of this machine only, by
// whatever method; no request that came through an HTTP proxy gives an order.
func TestHostIsChecked(t *testing.T) {
	open, locked := openOffice(t, &statusPage{}, ""), openOffice(t, &statusPage{}, "s3cret")
	for _, c := range []struct {
		what, method, host, header string
		o                          *office
		want                       int
	}{
		{"an address", "GET", "127.0.0.1:22224", "", open, 200},
		{"a name of this machine", "GET", "localhost", "", open, 200},
		{"another address", "GET", "10.0.0.1:22224", "", open, 200},
		{"no name", "GET", "", "", open, 200},
		{"a stranger's name", "GET", "evil.example:22224", "", open, 421},
		{"a stranger's name, for an order", "POST", "evil.example", "", open, 421},
		{"a stranger's name that begins like ours", "GET", "localhost.evil.example", "", open, 421},
		{"any name with the token", "GET", "proxy.example", "Authorization: Bearer s3cret", locked, 200},
		{"any name with another token", "GET", "proxy.example", "Authorization: Bearer guess", locked, 421},
		{"an order through a proxy", "POST", "127.0.0.1", "X-Forwarded-For: 10.1.2.3", open, 403},
		{"an order through another", "POST", "127.0.0.1", "Via: 1.1 nginx", open, 403},
		{"an order through a third", "POST", "127.0.0.1", "Forwarded: for=10.1.2.3", open, 403},
	} {
		at := c.o.addr
		conn, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		path, version, host := "/status", "1.1", "Host: "+c.host+"\r\n"
		if c.method == "POST" {
			path = "/latch"
		}
		if c.host == "" {
			version, host = "1.0", ""
		}
		header := c.header
		if header != "" {
			header += "\r\n"
		}
		fmt.Fprintf(conn, "%s %s HTTP/%s\r\n%s%sContent-Length: 0\r\nConnection: close\r\n\r\n", c.method, path, version, host, header)
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		conn.Close()
		if response.StatusCode != c.want {
			t.Errorf("%s: status %d; want %d", c.what, response.StatusCode, c.want)
		}
	}
}

// TestRefusalsAreCutAndCounted: what a stranger sends fills no log, neither by its length nor by
// its number.
func TestRefusalsAreCutAndCounted(t *testing.T) {
	o := openOffice(t, &statusPage{}, "")
	for range 200 {
		r, _ := http.NewRequestWithContext(context.Background(), "POST", "http://"+o.addr+"/latch", nil)
		r.Host = strings.Repeat("evil", 2000) + ".example"
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if len(text) > 500 {
			t.Fatalf("the answer has %d bytes; want what was sent cut in it", len(text))
		}
	}
	if lines := strings.Count(o.logged(), "\n"); lines > 20 || len(o.logged()) > 20*1000 {
		t.Errorf("the log has %d lines, %d bytes; want a few short ones", lines, len(o.logged()))
	}
}

// TestSparedPages: however many ask for a page that is dear, and with whatever query, it is not made again
// before nine times as long has passed as it took; who has gone is not waited for.
func TestSparedPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const takes = 10 * time.Millisecond
		made := 0
		page := answered(func(w http.ResponseWriter, _ *http.Request) { made++; time.Sleep(takes); fmt.Fprint(w, "ok") })
		began := time.Now()
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				w := httptest.NewRecorder()
				page.ServeHTTP(w, httptest.NewRequest("GET", fmt.Sprintf("/?%d", i), nil))
				if w.Code != 200 || w.Body.String() != "ok" {
					t.Errorf("got %d %q; want the page", w.Code, w.Body)
				}
			})
		}
		all.Wait()
		if took, least := time.Since(began), 19*(idleShare+1)*takes; made != 20 || took < least {
			t.Errorf("got the page made %d times in %v; want 20 in no less than %v", made, took, least)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		for range 20 { // a turn that is free may be taken first
			page.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil).WithContext(gone))
		}
		if made != 20 {
			t.Error("the page was made for somebody who had gone")
		}
	})
}

// TestPageOfSomebodyGone: what was not made because who asked has gone is given to nobody else.
func TestPageOfSomebodyGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := &cached{page: spare(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(10 * time.Millisecond)
			fmt.Fprint(w, "ok")
		}))}
		ask := func(ctx context.Context, query string) string {
			w := httptest.NewRecorder()
			page.ServeHTTP(w, httptest.NewRequest("GET", "/?"+query, nil).WithContext(ctx))
			return w.Body.String()
		}
		ask(t.Context(), "a")
		hasty, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		ask(hasty, "b")
		if got := ask(t.Context(), "b"); got != "ok" {
			t.Errorf("got %q; want the page", got)
		}
	})
}
