package main

import (
	"regexp"
	"strconv"
	"testing"
)

// TestReadYourWrites: with reads going to replicas, a client still reads what it has just
// written, every time; and once the replicas have caught up they serve it.
func TestReadYourWrites(t *testing.T) {
	s := perform(t, 2)
	s.replicaReads(t)                    // replicas are proven and serve
	writer := client(t, s.listen).Conn() // one connection: the promise is made to it
	defer writer.Close()
	for i := range 1000 {
		key, value := "counter:"+strconv.Itoa(i%7), strconv.Itoa(i)
		pipe := writer.Pipeline()
		pipe.Set(t.Context(), key, value, 0)
		same := pipe.Get(t.Context(), key) // sent before the write is answered
		if _, err := pipe.Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
		later, err := writer.Get(t.Context(), key).Result()
		if err != nil || same.Val() != value || later != value {
			t.Fatalf("write %d: got %q in the pipeline and %q after it, %v; want %q", i, same.Val(), later, err, value)
		}
	}
	before := s.replicaReads(t)
	eventually(t, "reads of the writer by a replica", func() bool {
		if got, err := writer.Get(t.Context(), "counter:0").Result(); err != nil || got != "994" {
			t.Fatalf("got %q, %v; want the last value", got, err)
		}
		return s.servedByReplicas(t) > before
	})
}

// replicaReads reads with a client that has written nothing until a replica has served, and
// returns how many reads replicas have served.
func (s *stage) replicaReads(t *testing.T) (n int) {
	t.Helper()
	reader := client(t, s.listen)
	was := s.servedByReplicas(t)
	eventually(t, "a read by a replica", func() bool {
		_ = reader.Get(t.Context(), "counter:0").Err() // there may be no such key yet
		n = s.servedByReplicas(t)
		return n > was
	})
	return n
}

var replicaLine = regexp.MustCompile(`huntaway_reads_total\{pool="alpha",target="replica"\} (\d+)`)

// servedByReplicas reads the metric.
func (s *stage) servedByReplicas(t *testing.T) int {
	t.Helper()
	_, text := page(t, "http://"+s.admin+"/metrics")
	m := replicaLine.FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no reads by replicas in the metrics:\n%.2000s", text)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
