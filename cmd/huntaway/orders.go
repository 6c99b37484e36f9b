package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"huntaway/ha"
)

// An operator carries out what is ordered: ha.Monitor. Each method returns when the order has
// ended, or with the error of ctx when that is over first; the order then goes on.
type operator interface {
	Switchover(context.Context, ha.SwitchoverOrder) (plan []string, err error)
	Resolve(ctx context.Context, pool, group, master, by string) error
	Latch(ctx context.Context, pool, group, by string) error
	Release(ctx context.Context, pool, group, by string) error
}

const (
	orderBytesMost = 64 << 10         // of the body of an order
	orderTime      = 30 * time.Second // how long an order may take unless it says otherwise
	orderTimeMost  = 10 * time.Minute // likewise, whatever it says
)

// A taker carries out one kind of order.
type taker func(context.Context, order) (plan []string, err error)

// errIncomplete is in the errors of orders that lack something.
var errIncomplete = errors.New("the order is incomplete")

// takers are the kinds of orders by their pages.
func (a *admin) takers() map[string]taker {
	return map[string]taker{
		"switchover": func(ctx context.Context, o order) ([]string, error) {
			return a.orders.Switchover(ctx, ha.SwitchoverOrder{
				Pool: o.Pool, Group: o.Group, To: o.To, Expect: o.Expect, Fast: o.Fast, DryRun: o.DryRun, By: o.By})
		},
		"resolve": func(ctx context.Context, o order) ([]string, error) {
			return nil, a.orders.Resolve(ctx, o.Pool, o.Group, o.Master, o.By)
		},
		"latch": func(ctx context.Context, o order) ([]string, error) {
			return nil, a.orders.Latch(ctx, o.Pool, o.Group, o.By)
		},
		"release": func(ctx context.Context, o order) ([]string, error) {
			return nil, a.orders.Release(ctx, o.Pool, o.Group, o.By)
		},
	}
}

// lacks says what an order of that kind must name and does not, nil when it is complete. Who
// orders must say what he takes the group for: an order that comes late, or twice, or to another
// proxy than was meant, would undo somebody else's.
func (o *order) lacks(name string) error {
	switchover, resolve := name == "switchover", name == "resolve"
	var missing []string
	for _, field := range [...]struct {
		wanted       bool
		value, words string
	}{
		{true, o.Group, `"group", the group's name`},
		{switchover, o.To, `"to", the server that shall be master`},
		{switchover, o.Expect, `"expect_master", the server that is master now`},
		{resolve, o.Master, `"master", the server that is master`},
	} {
		if field.wanted && field.value == "" {
			missing = append(missing, field.words)
		}
	}
	if missing == nil {
		return nil
	}
	return fmt.Errorf("%w; it lacks %s", errIncomplete, strings.Join(missing, "; "))
}

// take answers one order, and writes a line of the log whoever ordered and however it ended.
func (a *admin) take(w http.ResponseWriter, r *http.Request, name string, carry taker) {
	if no := a.guard.refuses(r); no != nil {
		a.turnAway(r, name, no)
		if no.status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Bearer realm="huntaway"`)
		}
		answerJSON(w, no.status, orderAnswer{Error: no.why})
		return
	}
	o, err := readOrder(w, r)
	if err == nil {
		err = o.lacks(name)
	}
	if err != nil {
		a.turnAway(r, name, &refusal{statusOfRequest(err), cut(err.Error())})
		answerJSON(w, statusOfRequest(err), orderAnswer{Error: err.Error()})
		return
	}
	isRead(w)
	o.By = actor(o.By, r.RemoteAddr)
	ctx, cancel := context.WithTimeout(r.Context(), o.patience())
	defer cancel()
	begun := time.Now()
	plan, err := carry(ctx, o)
	level, result := slog.LevelInfo, "done"
	if err != nil {
		level, result = slog.LevelWarn, err.Error()
	}
	a.log.Log(context.Background(), level, "order", "order", name, "by", o.By, "pool", cut(o.Pool), "group", cut(o.Group),
		"to", cut(cmp.Or(o.To, o.Master)), "expect_master", cut(o.Expect), "dry_run", o.DryRun, "fast", o.Fast,
		"result", result, "took", time.Since(begun))
	if err != nil {
		answerJSON(w, statusOfError(err), orderAnswer{Plan: plan, Error: err.Error()})
		return
	}
	answerJSON(w, http.StatusOK, orderAnswer{OK: true, Plan: plan})
}

// readOrder reads the body of an order.
func readOrder(w http.ResponseWriter, r *http.Request) (o order, err error) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "application/json" {
		return o, fmt.Errorf("the content type is %q; want application/json", kind)
	}
	from := json.NewDecoder(http.MaxBytesReader(w, r.Body, orderBytesMost))
	from.DisallowUnknownFields()
	if err := from.Decode(&o); err != nil {
		return o, fmt.Errorf("the order is not as it should be: %w", err)
	}
	if _, err := from.Token(); !errors.Is(err, io.EOF) {
		return o, errors.New("something follows the order; want one JSON object")
	}
	if o.Timeout < 0 {
		return o, fmt.Errorf("timeout_seconds is %v; want 0 or more", o.Timeout)
	}
	return o, nil
}

// patience is how long an order may take.
func (o *order) patience() time.Duration {
	d := time.Duration(min(o.Timeout, orderTimeMost.Seconds()) * float64(time.Second))
	return cmp.Or(d, orderTime)
}

// actor words who ordered: what he says of himself is a claim, where he came from is not.
func actor(claim, from string) string {
	if claim == "" {
		return from
	}
	if len(claim) > 100 {
		claim = claim[:100]
	}
	return fmt.Sprintf("%q at %s", claim, from)
}

// statusOfRequest sorts why an order could not be understood.
func statusOfRequest(err error) int {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return http.StatusRequestTimeout
	}
	return http.StatusBadRequest
}

// statusOfError sorts why an order was not carried out.
func statusOfError(err error) int {
	switch {
	case errors.Is(err, ha.ErrUnknown):
		return http.StatusNotFound
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return http.StatusGatewayTimeout
	}
	return http.StatusConflict
}

// answerJSON writes an answer.
func answerJSON(w http.ResponseWriter, status int, answer any) {
	text, err := json.MarshalIndent(answer, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(append(text, '\n'))
}
