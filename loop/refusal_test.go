package loop

import (
	"testing"
	"time"
)

// TestRefusalEnds: a server refuses writes until it takes one of the kind that it refused, and has refused none for a while; what
// it takes of another kind, which needs no memory, proves nothing, and neither does another server.
func TestRefusalEnds(t *testing.T) {
	const set, del = 7, 8
	var r refusalLog
	at := func(n time.Duration) int64 { return int64(time.Hour + n) }
	for range 2 {
		r.note(&Refusal{Server: 1, Code: "OOM", Count: 2, last: at(0)}, set)
	}
	r.note(&Refusal{Server: 2, Code: "OOM", Count: 1, last: at(0)}, set)
	if got := r.lasting.Load(); got != set+1 {
		t.Errorf("lasting is %d; want the command that was refused", got)
	}
	if len(r.over(1, 0, at(refusalEvery/2))) > 0 {
		t.Error("over while it refuses others; want it to last")
	}
	if ended := r.over(1, 3, at(refusalEvery)); len(ended) != 1 || ended[0].Count != 7 || r.lasting.Load() == 0 {
		t.Errorf("got %+v; want an end, 7 writes, and the other server's to last", ended)
	}
	if ended := r.over(2, 0, at(refusalEvery)); len(ended) != 1 || ended[0].Count != 1 || r.lasting.Load() != 0 {
		t.Errorf("got %+v, lasting %d; want none to last", ended, r.lasting.Load())
	}
	for range 2 * refusalsMost {
		r.note(&Refusal{Server: 3, Code: "OOM", Count: 1, last: at(0)}, del)
		r.over(3, 0, at(refusalEvery))
	}
	r.note(&Refusal{Server: 4, Code: "MISCONF", Count: 1, last: at(0)}, del)
	if n := len(r.kept); n != refusalsMost || r.kept[n-1].Server != 4 {
		t.Errorf("%d are kept, the last of %+v; want the latest %d", n, r.kept[n-1], refusalsMost)
	}
}
