package export

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"

	"huntaway/perf"
)

var build = perf.Build{Version: "1.2.3", Revision: "abc", Go: "go1.26"}

// fixed is a Source of one pool with a flat server and a group of two.
func fixed(context.Context) (perf.Snapshot, error) {
	p := perf.PoolSnapshot{
		Name:     "alpha",
		Commands: []perf.CommandCount{{Name: "GET", Calls: 7, Errors: 2}},
		Groups: []perf.GroupSnapshot{
			{Name: "one", Servers: []perf.ServerSnapshot{{Name: "one", Role: 'm', State: perf.StateIn, Up: true}}},
			{Name: "1", Servers: []perf.ServerSnapshot{
				{Name: "127.0.0.1:2", Role: 'm', State: perf.StateOut}, {Name: "127.0.0.1:3", Role: 's'}}},
		},
	}
	p.Counters.ClientEOF = 5
	for _, ns := range []int64{100, 1024, 1025, 100e9} {
		p.Counters.Latency.Observe(ns)
		p.Groups[0].Servers[0].Counters.Latency.Observe(ns)
	}
	return perf.Snapshot{Pools: []perf.PoolSnapshot{p}}, nil
}

// TestExpositionIsCleanAndComplete runs what promtool check metrics runs, and demands every
// family of the table.
func TestExpositionIsCleanAndComplete(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(NewCollector(fixed, build))
	problems, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(families), len(perf.Families); got != want {
		t.Errorf("got %d families; want the %d of the table", got, want)
	}
}

// TestExpositionText pins names, labels and values as a scraper reads them.
func TestExpositionText(t *testing.T) {
	want := `
# HELP huntaway_backend_up 1 when the server answers, 0 when it does not or is not ready.
# TYPE huntaway_backend_up gauge
huntaway_backend_up{group="1",pool="alpha",server="127.0.0.1:2"} 0
huntaway_backend_up{group="1",pool="alpha",server="127.0.0.1:3"} 0
huntaway_backend_up{group="one",pool="alpha",server="one"} 1
# HELP huntaway_build_info Always 1; the labels say which program is running.
# TYPE huntaway_build_info gauge
huntaway_build_info{goversion="go1.26",revision="abc",version="1.2.3"} 1
# HELP huntaway_commands_total Commands by whether the client got an error reply.
# TYPE huntaway_commands_total counter
huntaway_commands_total{command="GET",outcome="error",pool="alpha"} 2
huntaway_commands_total{command="GET",outcome="ok",pool="alpha"} 5
`
	err := testutil.CollectAndCompare(NewCollector(fixed, build), strings.NewReader(want),
		"huntaway_backend_up", "huntaway_build_info", "huntaway_commands_total")
	if err != nil {
		t.Error(err)
	}
}

// TestHistogramsAreCumulative checks a pool's buckets and the coarser ones of a server.
func TestHistogramsAreCumulative(t *testing.T) {
	for family, buckets := range map[string]int{
		"huntaway_command_duration_seconds":         lastBucket - firstBucket + 1,
		"huntaway_backend_request_duration_seconds": (lastBucket-firstBucket)/2 + 1,
	} {
		text, err := testutil.CollectAndFormat(NewCollector(fixed, build), expfmt.TypeTextPlain, family)
		if err != nil {
			t.Fatal(err)
		}
		lines := linesOfFirst(string(text), family+"_bucket")
		if got := len(lines) - 1; got != buckets {
			t.Errorf("%s has %d finite buckets; want %d", family, got, buckets)
		}
		if got := lines[0]; !strings.HasSuffix(got, `le="1.024e-06"} 2`) {
			t.Errorf("%s: first bucket is %s; want 2 observations up to 1.024 µs", family, got)
		}
		if got := lines[len(lines)-2]; !strings.HasSuffix(got, `le="17.179869184"} 3`) {
			t.Errorf("%s: last finite bucket is %s; want 3 observations up to 17.2 s", family, got)
		}
		if got := lines[len(lines)-1]; !strings.HasSuffix(got, `le="+Inf"} 4`) {
			t.Errorf("%s: last bucket is %s; want all 4 observations", family, got)
		}
	}
}

// linesOfFirst returns the lines that begin with name up to the first le="+Inf" that has
// observations: the buckets of one histogram.
func linesOfFirst(text, name string) (lines []string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, name) {
			continue
		}
		lines = append(lines, line)
		if strings.Contains(line, `le="+Inf"`) {
			if !strings.HasSuffix(line, " 0") {
				return lines
			}
			lines = nil
		}
	}
	return lines
}

// TestScrapeFailsWithItsSource demands an error instead of figures that stand still.
func TestScrapeFailsWithItsSource(t *testing.T) {
	cause := errors.New("worker 2 does not answer")
	registry := prometheus.NewRegistry()
	registry.MustRegister(NewCollector(func(context.Context) (perf.Snapshot, error) {
		return perf.Snapshot{}, cause
	}, build))
	families, err := registry.Gather()
	if err == nil || !strings.Contains(err.Error(), cause.Error()) {
		t.Errorf("got %d families, error %v; want the error %q", len(families), err, cause)
	}
}
