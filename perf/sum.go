package perf

import "reflect"

// Add adds what another worker counted for the same pool.
func (c *PoolCounters) Add(o *PoolCounters) { sum(c, o) }

// Add adds what another worker counted for the same command.
func (c *CommandCounters) Add(o *CommandCounters) { sum(c, o) }

// Add adds what another worker counted for the same server, or another server's counters
// to make a group's.
func (c *ServerCounters) Add(o *ServerCounters) { sum(c, o) }

// sum adds each field of *src to the same field of *dst. It goes by reflection, so that a
// counter that is added to a struct is summed from its first day; it runs a few times per
// scrape and server (0.4 µs, BenchmarkAdd), never for a request.
func sum[T any](dst, src *T) {
	to, from := reflect.ValueOf(dst).Elem(), reflect.ValueOf(src).Elem()
	for i := range to.NumField() {
		t, f := to.Field(i), from.Field(i)
		switch t.Kind() {
		case reflect.Uint64:
			t.SetUint(t.Uint() + f.Uint())
		case reflect.Int64:
			t.SetInt(t.Int() + f.Int())
		default:
			t.Addr().Interface().(*Histogram).Add(f.Addr().Interface().(*Histogram))
		}
	}
}
