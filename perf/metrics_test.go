package perf

import (
	"bytes"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestEveryCounterHasARow raises each field of each counted struct alone and demands that
// some figure of the table shows it.
func TestEveryCounterHasARow(t *testing.T) {
	s := sample()
	p := &s.Pools[0]
	for _, counted := range []any{&s.Config, &p.Counters, &p.Commands[0], &p.Groups[0].Care, &p.Groups[0].Servers[0].Counters} {
		v := reflect.ValueOf(counted).Elem()
		for i := range v.NumField() {
			if v.Field(i).Kind() == reflect.String {
				continue
			}
			v.SetZero()
			before := reading(s)
			raise(v.Field(i).Addr().Interface())
			if reflect.DeepEqual(reading(s), before) {
				t.Errorf("%s.%s has no row in Families", v.Type().Name(), v.Type().Field(i).Name)
			}
		}
		v.SetZero()
	}
}

// raise adds one to the counter behind p.
func raise(p any) {
	switch f := p.(type) {
	case *uint64:
		*f++
	case *int64:
		*f++
	case *Histogram:
		f.Observe(1000)
	case *bool:
		*f = true
	case *time.Time:
		*f = time.Unix(1, 0)
	case *time.Duration:
		*f += time.Second
	}
}

// reading is every figure of s by family and labels.
func reading(s *Snapshot) map[string]float64 {
	figures := map[string]float64{}
	s.Each(&Build{}, func(f *Family, g *Figure, at Point, values []string) {
		key := f.Name + "{" + strings.Join(values, ",") + "}"
		if f.Kind == Timing {
			figures[key] = float64(g.Timing(at).Count)
			return
		}
		figures[key] = g.Read(at)
	})
	return figures
}

// sample has a pool with a flat server and with a group of two.
func sample() *Snapshot {
	return &Snapshot{Pools: []PoolSnapshot{{
		Name:     "alpha",
		Commands: []CommandCount{{Name: "GET", Calls: 7, Errors: 2}},
		Groups: []GroupSnapshot{
			{Name: "one", Servers: []ServerSnapshot{{Addr: "127.0.0.1:1", Name: "one", Role: 'm'}}},
			{Name: "1", Servers: []ServerSnapshot{
				{Addr: "127.0.0.1:2", Name: "127.0.0.1:2", Role: 'm', State: StateIn, Up: true},
				{Addr: "127.0.0.1:3", Name: "127.0.0.1:3", Role: 's', EjectedAt: time.UnixMicro(1234567890123456)},
			}},
		},
	}}}
}

// TestFamiliesAreWellFormed checks what the types of the table cannot.
func TestFamiliesAreWellFormed(t *testing.T) {
	seen := map[string]bool{}
	name := regexp.MustCompile(`^huntaway_[a-z]+(_[a-z]+)*$`)
	for i := range Families {
		f := &Families[i]
		if !name.MatchString(f.Name) || seen[f.Name] {
			t.Errorf("%q is no name, or stands twice", f.Name)
		}
		seen[f.Name] = true
		if got, want := strings.HasSuffix(f.Name, "_total"), f.Kind == Counter; got != want {
			t.Errorf("%s is a %s: name ends in _total: %t; want %t", f.Name, f.Kind, got, want)
		}
		if f.Help == "" || strings.HasSuffix(f.Help, ".") {
			t.Errorf("%s: help %q; want a sentence without a full stop", f.Name, f.Help)
		}
		checkFigures(t, f)
	}
}

// checkFigures demands a label value for each figure of a family with a label, and a reader
// of the family's kind.
func checkFigures(t *testing.T, f *Family) {
	t.Helper()
	if f.Label == "" && len(f.Figure) != 1 {
		t.Errorf("%s has %d figures and no label; want one figure", f.Name, len(f.Figure))
	}
	for _, g := range f.Figure {
		if (g.Value == "") != (f.Label == "") {
			t.Errorf("%s: value %q for label %q; want both or none", f.Name, g.Value, f.Label)
		}
		if (g.Timing != nil) != (f.Kind == Timing) || (g.Read != nil) == (f.Kind == Timing) {
			t.Errorf("%s{%s}: wants exactly one reader, of its kind", f.Name, g.Value)
		}
	}
}

// TestEstimates checks the two figures that are computed.
func TestEstimates(t *testing.T) {
	for _, c := range []struct {
		counters         ServerCounters
		queued, inFlight float64
	}{
		{ServerCounters{}, 0, 0},
		{ServerCounters{QueueBytes: 90}, 90, 0}, // no size known yet: a byte is a request
		{ServerCounters{QueueBytes: 90, InFlight: 3, Requests: 10, RequestBytes: 400}, 3, 120},
	} {
		if got := queued(&c.counters); got != c.queued {
			t.Errorf("queued(%+v) = %v; want %v", c.counters, got, c.queued)
		}
		if got := inFlightBytes(&c.counters); got != c.inFlight {
			t.Errorf("inFlightBytes(%+v) = %v; want %v", c.counters, got, c.inFlight)
		}
	}
}

// TestListingNamesEveryFamily checks the page that huntaway metrics prints: a paragraph for each,
// that fits a terminal.
func TestListingNamesEveryFamily(t *testing.T) {
	var b bytes.Buffer
	if err := WriteListing(&b); err != nil {
		t.Fatal(err)
	}
	names := 0
	for line := range strings.Lines(b.String()) {
		if len(line) > columns+1 {
			t.Errorf("got a line of %d columns, %q; want %d at most", len(line), line, columns)
		}
		if strings.HasPrefix(line, "huntaway_") {
			names++
		}
	}
	if names != len(Families) {
		t.Errorf("got %d families; want %d", names, len(Families))
	}
	_, text, _ := strings.Cut(b.String(), "huntaway_client_disconnects_total  (counter)\n")
	text, _, _ = strings.Cut(text, "\nhuntaway_")
	for _, want := range []string{"labels: pool,reason=eof |error |protocol", "twemproxy: client_eof,client_err"} {
		if !strings.Contains(text, want) {
			t.Errorf("got %q for client_disconnects; want %q in it", text, want)
		}
	}
}

// TestOneStateAtATime: of the states of a group and of a server exactly one is shown as 1.
func TestOneStateAtATime(t *testing.T) {
	s := sample()
	for i, state := range CareStates {
		s.Pools[0].Groups[0].Care.State = state
		for j := range stateNames {
			s.Pools[0].Groups[0].Servers[0].State = ServerState(j)
			figures := reading(s)
			for family, one := range map[string]string{"huntaway_group_state{alpha,one,": CareStates[i], "huntaway_backend_state{alpha,one,one,": stateNames[j]} {
				sum := 0.0
				for key, value := range figures {
					if strings.HasPrefix(key, family) {
						sum += value
					}
				}
				if sum != 1 || figures[family+one+"}"] != 1 {
					t.Errorf("%s%s} is %v, and all of them %v together; want 1 and 1", family, one, figures[family+one+"}"], sum)
				}
			}
		}
	}
}
