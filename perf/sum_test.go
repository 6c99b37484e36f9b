package perf

import (
	"reflect"
	"testing"
)

// TestAddSumsEveryField sets each field of each struct to its own number and adds twice.
func TestAddSumsEveryField(t *testing.T) {
	var p, onePool PoolCounters
	fill(&onePool)
	p.Add(&onePool)
	p.Add(&onePool)
	checkDoubled(t, &p, &onePool)

	var c, oneCommand CommandCounters
	fill(&oneCommand)
	c.Add(&oneCommand)
	c.Add(&oneCommand)
	checkDoubled(t, &c, &oneCommand)

	var s, oneServer ServerCounters
	fill(&oneServer)
	s.Add(&oneServer)
	s.Add(&oneServer)
	checkDoubled(t, &s, &oneServer)
}

// fill gives each field of the struct behind p another value; histograms observe it.
func fill(p any) {
	v := reflect.ValueOf(p).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i).Addr().Interface().(type) {
		case *uint64:
			*f = uint64(i + 1)
		case *int64:
			*f = int64(i + 1)
		case *Histogram:
			f.Observe(int64(i+1) * 1000)
		}
	}
}

// checkDoubled compares got, field by field, with twice what one holds.
func checkDoubled(t *testing.T, got, one any) {
	t.Helper()
	g, o := reflect.ValueOf(got).Elem(), reflect.ValueOf(one).Elem()
	for i := range g.NumField() {
		name := g.Type().Name() + "." + g.Type().Field(i).Name
		switch field := g.Field(i).Interface().(type) {
		case uint64:
			if want := 2 * o.Field(i).Uint(); field != want {
				t.Errorf("%s = %d; want %d", name, field, want)
			}
		case int64:
			if want := 2 * o.Field(i).Int(); field != want {
				t.Errorf("%s = %d; want %d", name, field, want)
			}
		case Histogram:
			if field.Count != 2 || field.Sum != 2*o.Field(i).Interface().(Histogram).Sum {
				t.Errorf("%s = %d observations, sum %d; want both doubled", name, field.Count, field.Sum)
			}
		default:
			t.Errorf("%s is a %T, which Add cannot sum", name, field)
		}
	}
}
