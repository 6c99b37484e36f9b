package ha

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"huntaway/ha/failover"
	"huntaway/perf"
)

// TestDecisionLog: what was lost is told where a master is published, or when it is known to be
// something; a planned switchover worries nobody.
func TestDecisionLog(t *testing.T) {
	for _, c := range []struct {
		from, to failover.State
		loss     int64  // -2 for a lossy -1, -3 for an alarm
		want     string // the level, then lost_bytes with its value or "-"
	}{
		{failover.Healthy, failover.Suspect, -1, "WARN -"},
		{failover.Suspect, failover.Freezing, -1, "WARN -"},
		{failover.Promoting, failover.Verifying, -1, "WARN -"},
		{failover.Verifying, failover.Settling, -1, "INFO lost_bytes=-1"},
		{failover.Following, failover.Settling, -1, "INFO lost_bytes=-1"},
		{failover.Verifying, failover.Settling, 0, "INFO -"},
		{failover.Verifying, failover.Settling, 7, "WARN lost_bytes=7"},
		{failover.Settling, failover.Settling, -1, "INFO -"},
		{failover.Settling, failover.Healthy, -1, "INFO -"},
		{failover.Healthy, failover.Healthy, 7, "WARN lost_bytes=7"},
		{failover.Healthy, failover.Healthy, -2, "WARN lost_bytes=-1"},
		{failover.Suspect, failover.Suspect, -1, "INFO -"},
		{failover.Healthy, failover.Healthy, -3, "WARN -"},
		{failover.Stuck, failover.Stuck, -3, "WARN -"},
		{failover.Healthy, failover.Draining, -1, "INFO -"},
		{failover.Draining, failover.Handing, -1, "INFO -"},
		{failover.Handing, failover.Verifying, -1, "INFO -"},
		{failover.Handing, failover.Healthy, -1, "INFO -"},
		{failover.Handing, failover.Following, -1, "INFO -"},
		{failover.Handing, failover.Suspect, -1, "WARN -"},
	} {
		var out bytes.Buffer
		m := NewMonitor(Options{Logger: slog.New(slog.NewTextHandler(&out, nil))})
		m.note(Transition{What: "failover", Failover: &failover.Transition{From: c.from, To: c.to, What: "it",
			Loss: max(c.loss, -1), Lossy: c.loss == -2, Alarm: c.loss == -3}})
		level, lost, _ := strings.Cut(c.want, " ")
		said := "-"
		if _, after, found := strings.Cut(strings.TrimSpace(out.String()), "lost_bytes="); found {
			said = "lost_bytes=" + after
		}
		if !strings.Contains(out.String(), "level="+level+" ") || said != lost {
			t.Errorf("%v -> %v, loss %d: got %q; want %s", c.from, c.to, c.loss, out.String(), c.want)
		}
	}
}

// TestOdditiesAreLoud: what a client does to the monitors' keys is a warning, once a minute for each of them however
// often it is found and in whatever words, and an alarm in the newest ones; either says how often.
func TestOdditiesAreLoud(t *testing.T) {
	var out bytes.Buffer
	m := NewMonitor(Options{Logger: slog.New(slog.NewTextHandler(&out, nil))})
	w := &watch{o: PoolOptions{Name: "p"}, note: m.note}
	s := &groupDriver{group: "g"}
	w.groupDrivers = []*groupDriver{s}
	for i := range 1000 {
		w.wonder(s, oddity{key: "a", text: fmt.Sprint("a is odd ", i)})
		w.wonder(s, oddity{key: "b", text: fmt.Sprint("b is odd ", i)})
	}
	if got := strings.Count(out.String(), "\n"); got != 2 || strings.Count(out.String(), "level=WARN ") != 2 || !strings.Contains(out.String(), "a is odd 0\"") || !strings.Contains(out.String(), "b is odd 0\"") {
		t.Errorf("got %d lines, %.300q; want a warning of each", got, out.String())
	}
	if len(s.odd) != 2 || s.odd[0].told() != "a is odd 999; the last of 1000 such changes" || s.odd[1].told() != "b is odd 999; the last of 1000 such changes" {
		t.Errorf("got the alarms %+v; want the newest of both", s.odd)
	}
	s.odd[0].notedAt -= oddFor + 1
	w.wonder(s, oddity{key: "a", text: "a is odd"})
	if got := strings.Count(out.String(), "\n"); got != 3 || !strings.Contains(out.String(), "a is odd; the last of 1001 such changes") {
		t.Errorf("got %d lines after a minute; want another one, which says how many there were", got)
	}
}

// TestEventsAsTheyWereNoted: what has happened in the same moment stands among the events in the order in which it was noted, with
// times that never go back.
func TestEventsAsTheyWereNoted(t *testing.T) {
	m := NewMonitor(Options{Logger: slog.New(slog.DiscardHandler)})
	at := perf.Now()
	for i := range 40 {
		tr := Transition{At: at, What: fmt.Sprint(i), Addr: "a:1"}
		if i%3 != 0 {
			tr.Failover = &failover.Transition{}
		}
		m.note(tr)
	}
	all := m.Events()
	for i, e := range all {
		if e.What != fmt.Sprint(i) || i > 0 && e.Time.UTC().Before(all[i-1].Time.UTC()) {
			t.Fatalf("got %s at %v in place %d; want them as they were noted", e.What, e.Time, i)
		}
	}
}
