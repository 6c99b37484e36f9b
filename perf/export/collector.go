package export

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"huntaway/perf"
)

// SourceTime is how long a Source may take before a scrape fails.
const SourceTime = 2 * time.Second

// A Source asks the workers for everything counted so far. It must return when ctx ends.
// loop.Engine.Snapshot is one. Called by several goroutines.
type Source func(ctx context.Context) (perf.Snapshot, error)

// A Collector shows the figures of a Source to Prometheus. It has no state but the
// descriptions; register it once per Source.
type Collector struct {
	source Source
	build  perf.Build
	desc   map[string]*prometheus.Desc // by family name
}

// NewCollector returns a Collector of all families of perf.Families.
func NewCollector(source Source, build perf.Build) *Collector {
	c := &Collector{source: source, build: build, desc: map[string]*prometheus.Desc{}}
	for i := range perf.Families {
		f := &perf.Families[i]
		c.desc[f.Name] = prometheus.NewDesc(f.Name, f.Help+".", f.Labels(), nil)
	}
	return c
}

// Describe sends the description of each family.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range c.desc {
		ch <- d
	}
}

// Collect asks the Source and sends every figure. If the Source fails, so does the scrape.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), SourceTime)
	defer cancel()
	s, err := c.source(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(prometheus.NewInvalidDesc(err), err)
		return
	}
	s.Each(&c.build, func(f *perf.Family, g *perf.Figure, at perf.Point, values []string) {
		d := c.desc[f.Name]
		var m prometheus.Metric
		var err error
		if f.Kind == perf.Timing {
			m, err = timing(d, f.Scope, g.Timing(at), values)
		} else {
			m, err = prometheus.NewConstMetric(d, valueType(f.Kind), g.Read(at), values...)
		}
		if err != nil {
			m = prometheus.NewInvalidMetric(d, err)
		}
		ch <- m
	})
}

// valueType is Prometheus' word for a kind that is no histogram.
func valueType(k perf.Kind) prometheus.ValueType {
	if k == perf.Counter {
		return prometheus.CounterValue
	}
	return prometheus.GaugeValue
}

// The buckets shown: 1.024 µs to 17.2 s. What is outside has a meaning for no alert, and
// each bucket is one more series.
const (
	firstBucket = 5
	lastBucket  = 53
)

// timing makes a histogram of the scope in seconds. Figures of servers, which may be many,
// show every second bucket: whole octaves.
func timing(d *prometheus.Desc, scope perf.Scope, h *perf.Histogram, values []string) (prometheus.Metric, error) {
	step := 1
	if scope == perf.ServerScope {
		step = 2
	}
	buckets := make(map[float64]uint64, (lastBucket-firstBucket)/step+1)
	var below uint64
	for i, n := range h.Buckets[:lastBucket+1] {
		below += n
		if i >= firstBucket && (i-firstBucket)%step == 0 {
			buckets[float64(perf.Bound(i))/1e9] = below
		}
	}
	return prometheus.NewConstHistogram(d, h.Count, float64(h.Sum)/1e9, buckets, values...)
}
