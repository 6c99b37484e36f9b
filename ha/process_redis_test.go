package ha

import (
	"strings"
	"testing"
	"time"

	"huntaway/ha/failover"
	"huntaway/ha/vital"
)

// TestOrderForAnotherProcess: what an order was meant for has ended, and another process answers at its address, whose data
// nobody has looked at: it is not made to copy anybody, nor master, over the connection that there was or over a new one.
func TestOrderForAnotherProcess(t *testing.T) {
	m, s := launch(t), launch(t)
	h := &hand{network: "tcp", addr: s.addr(), access: Access{Timeout: time.Second}}
	defer h.hangUp()
	id := func() string {
		t.Helper()
		r, err := inquire(t.Context(), s.Client)
		if err != nil {
			t.Fatal(err)
		}
		return r.RunID
	}
	give := func(op failover.Op, target int32, process string) error {
		return h.obey(t.Context(), order{group: "g", target: m.addr(), until: time.Now().Add(10 * time.Second),
			Action: failover.Action{Kind: failover.Order, Op: op, Target: target, RunID: process}}).ev.Err
	}
	for _, op := range []failover.Op{failover.Follow, failover.Demote, failover.Detach, failover.Promote} {
		was, to := id(), int32(1)
		if op == failover.Detach {
			to = -1
		}
		if err := give(failover.Inspect, -1, ""); err != nil {
			t.Fatal(err)
		}
		s.kill()
		s.start()
		s.must("SET", "k", "v")
		if err := give(op, to, was); err == nil || !strings.Contains(err.Error(), "another process answers") || classify(err) == vital.FaultOther {
			t.Errorf("%v: got %v; want that another process answers, in no server's words", op, err)
		}
		if r, _ := inquire(t.Context(), s.Client); r.Replica {
			t.Errorf("%v: got a replica of %s; want nobody's", op, r.Master)
		}
		if got := s.must("GET", "k"); got != "v" {
			t.Errorf("%v: got %v; want what it had", op, got)
		}
		if err := give(op, to, id()); err != nil {
			t.Errorf("%v: got %v for the process that answers; want none", op, err)
		}
		if op == failover.Follow || op == failover.Demote {
			s.linked()
		}
		s.must("REPLICAOF", "NO", "ONE")
	}
	if err := give(failover.Detach, 1, id()); err == nil || !strings.Contains(err.Error(), "it is no replica any more") {
		t.Errorf("detach from a master: got %v; want that it follows nobody", err)
	}
	if r, _ := inquire(t.Context(), s.Client); r.Replica {
		t.Errorf("detach from a master: got a replica of %s; want a master still", r.Master)
	}
}
