package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"huntaway/ha"
	"huntaway/ha/failover"
	"huntaway/perf"
	"huntaway/perf/repeat"
)

// A puppet is an operator that answers by the name of the group: "gone" does not exist, "busy"
// refuses, "slow" ends after the order's time.
type puppet struct {
	mu   sync.Mutex
	said []string
}

func (p *puppet) obey(ctx context.Context, group string, words ...any) error {
	p.mu.Lock()
	p.said = append(p.said, fmt.Sprint(words...))
	p.mu.Unlock()
	switch group {
	case "gone":
		return fmt.Errorf("%w group \"gone\"; there are: alpha/one", ha.ErrUnknown)
	case "busy":
		return errors.New("the group is suspect")
	case "slow":
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func (p *puppet) Switchover(ctx context.Context, o ha.SwitchoverOrder) ([]string, error) {
	by := o.By
	o.By = ""
	err := p.obey(ctx, o.Group, fmt.Sprintf("switchover %+v by %v", o, by != ""))
	if o.DryRun && err == nil {
		return []string{"writes are held", "the master hands over"}, nil
	}
	return nil, err
}

func (p *puppet) Resolve(ctx context.Context, pool, group, master, _ string) error {
	return p.obey(ctx, group, "resolve ", pool, group, master)
}

func (p *puppet) Latch(ctx context.Context, pool, group, _ string) error {
	return p.obey(ctx, group, "latch ", pool, group)
}

func (p *puppet) Release(ctx context.Context, pool, group, _ string) error {
	return p.obey(ctx, group, "release ", pool, group)
}

// An office is an admin port before a puppet.
type office struct {
	*puppet
	addr   string
	log    *bytes.Buffer // of the admin port; see logged
	often  *repeat.Log   // writes into it
	server *http.Server  // the same pages, not started
}

// openOffice opens an admin port that shows a page and asks for a token, "" for none.
func openOffice(t *testing.T, page *statusPage, token string) *office {
	t.Helper()
	o := &office{puppet: &puppet{}, log: &bytes.Buffer{}}
	a := &admin{
		source: func(context.Context) (perf.Snapshot, error) { return perf.Snapshot{}, nil },
		status: func() *statusPage { return page }, orders: o.puppet, guard: newGuard(token),
		events: func() *eventPage {
			return &eventPage{Version: statusVersion, Events: []eventLine{{Time: time.Unix(1, 0), Pool: "alpha", Group: "one",
				From: "healthy", To: "suspect", What: "the master is silent", Why: "3 refused"}}}
		},
		log: slog.New(slog.NewTextHandler(o.log, nil)),
	}
	a.often = repeat.New(a.log)
	o.often = a.often
	t.Cleanup(a.often.Close)
	o.server = newAdminServer(a)
	s := httptest.NewServer(o.server.Handler)
	t.Cleanup(s.Close)
	o.addr = strings.TrimPrefix(s.URL, "http://")
	return o
}

// logged ends the log and returns it.
func (o *office) logged() string {
	o.often.Close()
	return o.log.String()
}

// post sends an order and returns the answer.
func (o *office) post(t *testing.T, page, kind, body string) (int, orderAnswer) {
	t.Helper()
	response, err := http.Post("http://"+o.addr+"/"+page, kind, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer orderAnswer
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Errorf("POST /%s: %s", page, text)
	}
	return response.StatusCode, answer
}

// TestOrders sends orders that are well and orders that are not.
func TestOrders(t *testing.T) {
	o := openOffice(t, &statusPage{}, "")
	for _, c := range []struct {
		page, kind, body string
		status           int
		says             string // in the error
	}{
		{"switchover", "application/json", `{"group":"one","to":"b:1","expect_master":"a:1"}`, 200, ""},
		{"switchover", "application/json; charset=utf-8", `{"pool":"alpha","group":"one","to":"b:1","expect_master":"a:1","fast":true,"dry_run":true}`, 200, ""},
		{"resolve", "application/json", `{"group":"one","master":"b:1"}`, 200, ""},
		{"latch", "application/json", `{"pool":"alpha","group":"one"}`, 200, ""},
		{"release", "application/json", `{"group":"one"}`, 200, ""},
		{"switchover", "application/json", `{"group":"one","expect_master":"a:1"}`, 400, `incomplete; it lacks \"to\", the`},
		{"switchover", "application/json", `{"group":"one","to":"b:1"}`, 400, `lacks \"expect_master\", the`},
		{"switchover", "application/json", `{"to":"b:1","expect_master":"a:1"}`, 400, `lacks \"group\", the`},
		{"switchover", "application/json", `{}`, 400, `lacks \"group\", the group's name; \"to\", the server that shall be master; \"expect_master\", the`},
		{"resolve", "application/json", `{"master":"b:1"}`, 400, `lacks \"group\", the`},
		{"latch", "application/json", `{}`, 400, `lacks \"group\", the group's name`},
		{"latch", "application/json", `null`, 400, `lacks \"group\", the`},
		{"release", "application/json", `{"pool":"alpha"}`, 400, `lacks \"group\", the`},
		{"resolve", "application/json", `{"group":"one"}`, 400, `\"master\"`},
		{"latch", "text/plain", `{"group":"one"}`, 400, "want application/json"},
		{"latch", "", `{"group":"one"}`, 400, "want application/json"},
		{"latch", "application/json", `{"grupp":"one"}`, 400, "grupp"},
		{"latch", "application/json", `{"group":"one"} {}`, 400, "something follows"},
		{"latch", "application/json", ``, 400, "EOF"},
		{"latch", "application/json", `{"group":"one","timeout_seconds":-1}`, 400, "timeout_seconds"},
		{"latch", "application/json", `{"group":"` + strings.Repeat("x", orderBytesMost) + `"}`, 400, "too large"},
		{"release", "application/json", `{"group":"gone"}`, 404, "there are: alpha/one"},
		{"switchover", "application/json", `{"group":"busy","to":"b:1","expect_master":"a:1"}`, 409, "suspect"},
		{"switchover", "application/json", `{"group":"slow","to":"b:1","expect_master":"a:1","timeout_seconds":0.05}`, 504, "deadline"},
	} {
		status, answer := o.post(t, c.page, c.kind, c.body)
		body := c.body[:min(len(c.body), 80)]
		if status != c.status || answer.OK != (c.status == 200) || !strings.Contains(fmt.Sprintf("%q", answer.Error), c.says) {
			t.Errorf("POST /%s %s: %d %+v; want %d and %q", c.page, body, status, answer, c.status, c.says)
		}
	}
	if n := len(o.said); n != 8 {
		t.Errorf("carried out: %d orders, %q; want the 8 that are complete", n, o.said)
	}
	mentions(t, "what was ordered", strings.Join(o.said, "\n"),
		"switchover {Pool: Group:one To:b:1 Expect:a:1 Fast:false DryRun:false By:} by true",
		"Fast:true DryRun:true", "resolve oneb:1", "latch alphaone", "release one")
	mentions(t, "the log", o.logged(), "order=switchover by=127.0.0.1:", "expect_master=a:1", "result=done",
		`result="the group is suspect"`, "dry_run=true", `request=latch from=127.0.0.1:`, "the order is incomplete")
}

// TestSlowBodies: a body that comes slowly is not awaited without end, whoever sends it, and an
// order that takes longer than its body may is not broken off for that.
func TestSlowBodies(t *testing.T) {
	o := openOffice(t, &statusPage{}, "s3cret")
	if o.server.ReadTimeout <= 0 {
		t.Error("got no time limit for the body of a request; want one")
	}
	hurried := httptest.NewUnstartedServer(nil)
	hurried.Config = o.server
	hurried.Config.ReadTimeout = 200 * time.Millisecond
	hurried.Start()
	defer hurried.Close()
	addr := strings.TrimPrefix(hurried.URL, "http://")
	for _, c := range []struct{ token, want string }{{"s3cret", "408 "}, {"wrong", "403 "}} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST /latch HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\nContent-Length: 100\r\n\r\n{", addr, c.token)
		conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		all, err := io.ReadAll(conn)
		if err != nil || !strings.HasPrefix(string(all), "HTTP/1.1 "+c.want) {
			t.Errorf("one byte of 100 with the token %q: %v, %.200q; want %sand the end of the connection", c.token, err, all, c.want)
		}
	}
	r, err := http.NewRequest("POST", hurried.URL+"/latch", strings.NewReader(`{"group":"slow","timeout_seconds":1}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer s3cret")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	if response.StatusCode != 504 || !strings.Contains(string(text), "deadline exceeded") {
		t.Errorf("an order that takes 1 s: %d %s; want 504, for its own time is over", response.StatusCode, text)
	}
}

// TestOrdersAreGuarded: what the guard refuses is not carried out, and is in the log.
func TestOrdersAreGuarded(t *testing.T) {
	o := openOffice(t, &statusPage{}, "s3cret")
	for _, page := range []string{"switchover", "resolve", "latch", "release"} {
		status, answer := o.post(t, page, "application/json", `{"group":"one","to":"a","master":"a"}`)
		if status != 401 || !strings.Contains(answer.Error, "Authorization: Bearer") {
			t.Errorf("POST /%s without the token: %d %+v; want 401, and what is missing", page, status, answer)
		}
		if status, _ := pageOf(t, o.addr, page); status != 405 {
			t.Errorf("GET /%s: status %d; want 405", page, status)
		}
	}
	if o.said != nil {
		t.Errorf("carried out: %q; want nothing", o.said)
	}
	mentions(t, "the log", o.logged(), "request refused", "status=401")
}

func pageOf(t *testing.T, addr, name string) (int, string) { return page(t, "http://"+addr+"/"+name) }

// TestStatesHaveNames: perf names the states of the failover machine as that does, and this
// package's tables name no other.
func TestStatesHaveNames(t *testing.T) {
	known := map[string]bool{}
	for i, name := range perf.CareStates {
		if got := failover.State(i).String(); got != name {
			t.Errorf("state %d: perf calls it %q; want %q", i, name, got)
		}
		known[name] = true
	}
	if got := failover.Handing; int(got) != len(perf.CareStates)-1 {
		t.Errorf("the last state is number %d; want %d", got, len(perf.CareStates)-1)
	}
	for i, name := range perf.Reasons {
		if got := ha.Reason(i + 1).String(); got != name {
			t.Errorf("reason %d: perf calls it %q; want %q", i+1, name, got)
		}
	}
	if int(ha.ReasonOther) != len(perf.Reasons) {
		t.Errorf("the last reason is number %d; want %d", ha.ReasonOther, len(perf.Reasons))
	}
	for state := ha.Unknown; state <= ha.Warming; state++ {
		var s perf.ServerSnapshot
		if describe(&s, &ha.ServerStatus{State: state}); s.State.String() != state.String() {
			t.Errorf("a server that is %s is %s in the metrics; want one word", state, s.State)
		}
	}
	for name := range remarks {
		if !known[name] {
			t.Errorf("a remark on %q, which is no state", name)
		}
	}
	for name := range underWay {
		if !known[name] {
			t.Errorf("%q is under way, and no state", name)
		}
	}
}
