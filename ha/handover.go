package ha

import (
	"errors"
	"time"
)

// listed returns the target as the master lists it among its replicas.
func (t *task) listed() (host, port string, err error) {
	if err := t.inspect(); err != nil {
		return "", "", err
	}
	l := listing{master: t.c, repl: &t.ev.Repl, addr: t.addr, target: t.order.target, access: t.access}
	addr, err := l.find(t.ctx)
	if err != nil {
		return "", "", replyError(err.Error())
	}
	return splitAddr(addr)
}

// handover has a master give its place to the target, and waits until that is over. It stops
// waiting, though the server goes on, when another order comes: that is to abort it.
func (t *task) handover() error {
	host, port, err := t.listed()
	if err != nil {
		return err
	}
	ms := max(1, t.order.Within/int64(time.Millisecond))
	if err := t.c.Do(t.ctx, "FAILOVER", "TO", host, port, "TIMEOUT", ms).Err(); err != nil {
		return err
	}
	return t.handedOver()
}

// handedOver waits until a handover is over. One that the master has committed itself to and that the
// target does not take up is told about at once: whoever answers at the target's address later
// takes over, with whatever it has.
func (t *task) handedOver() error {
	var committed time.Time
	tick := time.NewTicker(handoverPoll)
	defer tick.Stop()
	for {
		if err := t.inspect(); err != nil {
			return err
		}
		switch r := &t.ev.Repl; {
		case r.Replica && r.Failover != "failover-in-progress": // until then the target is a replica too
			return nil
		case r.Failover == "no-failover":
			return replyError("the server gave the handover up and is still master: its target did not catch up in time")
		case len(t.more) > 0:
			return errors.New("interrupted in state " + r.Failover)
		case r.Failover != "failover-in-progress":
			committed = time.Time{}
		case committed.IsZero():
			committed = time.Now()
		case time.Since(committed) > handoverMost:
			return errors.New("the target has not taken over within " + handoverMost.String() + " of the master's being ready")
		}
		select {
		case <-t.ctx.Done():
			return t.ctx.Err()
		case <-tick.C:
		}
	}
}
