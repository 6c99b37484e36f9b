package ha

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"huntaway/ha/failover"
	"huntaway/ha/vital"
	"huntaway/perf"
)

const (
	ordersMost = 64 // orders that may wait for one server

	// handRests is after how long an idle connection is not trusted any more: what stands
	// between may have forgotten it without a word.
	handRests = 5 * time.Second

	handoverPoll  = 5 * time.Millisecond   // of master_failover_state
	handoverMost  = 100 * time.Millisecond // that the target may take once the master is ready
	handoverGrace = 300 * time.Millisecond // that the server may take to notice that its time is over

	nowhere = "192.0.2.1:1" // RFC 5737: an address that nobody has
)

// An order is what a server is to be told to do.
type order struct {
	failover.Action
	group    string
	target   string    // address of Target, "" when it is nobody
	until    time.Time // when it is over
	keepFile bool      // no CONFIG REWRITE
}

// A hand carries out orders at one server, one after the other.
//
// Owner: its goroutine, which runs run.
type hand struct {
	// Fixed when made.
	network, addr string
	access        Access
	orders        chan order // bounded
	outcomes      chan<- outcome
	cancel        context.CancelFunc

	anew atomic.Bool // as a prober's

	// Owned by the goroutine.
	client *redis.Client // nil while there is no connection worth keeping
}

// run answers each order with one outcome, until ctx ends.
func (h *hand) run(ctx context.Context) {
	defer h.hangUp()
	for {
		select {
		case <-ctx.Done():
			return
		case o := <-h.orders:
			out := h.obey(ctx, o)
			select {
			case <-ctx.Done():
				return
			case h.outcomes <- out:
			}
		}
	}
}

// obey carries out one order. One that was lost with a connection that had been idle is given
// once more, on a new one: all of them may be given twice.
func (h *hand) obey(ctx context.Context, o order) outcome {
	if o.Op == failover.Handover {
		o.until = o.until.Add(handoverGrace)
	}
	ctx, cancel := context.WithDeadline(ctx, o.until)
	defer cancel()
	out := outcome{group: o.group, addr: h.addr}
	if h.anew.Swap(false) {
		h.hangUp()
	}
	fresh := h.client == nil
	out.ev = h.attempt(ctx, &o, &out)
	if err := out.ev.Err; err != nil && !fresh && classify(err) == faultLost {
		out.ev = h.attempt(ctx, &o, &out)
	}
	if out.note != "" {
		out.addr = h.addr + ": " + out.note
		out.note = "order partly carried out: " + o.Op.String()
	}
	return out
}

// attempt carries out an order over the connection there is, or a new one.
func (h *hand) attempt(ctx context.Context, o *order, out *outcome) failover.Event {
	if h.client == nil {
		h.client = redis.NewClient(h.options())
	}
	ev := failover.Event{Kind: failover.Done, ID: o.ID, Server: o.Server, Sent: perf.Now()}
	c := h.client.Conn()
	t := task{ctx: ctx, c: c, order: o, ev: &ev, more: h.orders, addr: h.addr, access: h.access}
	ev.Err = ops[o.Op](&t)
	_ = c.Close() // that gives it back to the client
	out.note, out.odd = t.note, append(out.odd, t.odd...)
	switch f := classify(ev.Err); {
	case ev.Err == nil:
	case f == faultLost, f == vital.FaultRefused, f.Silent():
		h.hangUp()
	}
	return ev
}

// options are those of a probe, but only the order's own time limit counts.
func (h *hand) options() *redis.Options {
	o := h.access.options(h.network, h.addr)
	o.ReadTimeout, o.WriteTimeout = time.Minute, time.Minute
	o.ConnMaxIdleTime = handRests
	return o
}

// hangUp gives the client away.
func (h *hand) hangUp() {
	if h.client != nil {
		_ = h.client.Close() // nothing is in flight, nothing is left to lose
		h.client = nil
	}
}

// A task is an order being carried out.
type task struct {
	ctx   context.Context
	c     speaker // one connection, so that one process carries out all of it
	order *order
	ev    *failover.Event // where the answer goes
	more  <-chan order    // other orders that wait for this one

	addr   string   // of the server
	access Access   // to another one
	note   string   // what did not work and need not
	odd    []oddity // what no monitor has written
}

// A speaker is a commander that has the library's commands as well.
type speaker interface {
	commander
	redis.Cmdable
}

// ops are the orders, by failover.Op. Delegate is for the arbiter. What Verify has found is wanted also when another
// process answers, so it looks by itself.
var ops = [...]func(*task) error{
	failover.Inspect:  (*task).inspect,
	failover.Identify: (*task).identify,
	failover.Detach:   byItself((*task).detach),
	failover.Follow:   byItself(func(t *task) error { return t.follow(t.order.target) }),
	failover.Promote:  byItself((*task).promote),
	failover.Verify:   (*task).verify,
	failover.Demote:   byItself((*task).demote),
	failover.Handover: (*task).handover,
	failover.Pause:    (*task).pause,
	failover.Unpause:  func(t *task) error { return t.c.Do(t.ctx, "CLIENT", "UNPAUSE").Err() },
	failover.Abort:    (*task).abort,
	failover.Delegate: func(*task) error { return errNoArbiter },
	failover.Rewrite:  (*task).record,
}

// inspect asks a server what it is. One that cannot save its data has said so.
func (t *task) inspect() error {
	var err error
	t.ev.Repl, err = inquire(t.ctx, t.c)
	if beginsWith(err, "MISCONF ") {
		t.ev.Fault = vital.FaultMisconf
		return nil
	}
	return err
}

// identify asks a server also what it holds.
func (t *task) identify() error {
	if err := t.inspect(); err != nil {
		return err
	}
	pipe := t.c.Pipeline()
	own := pipe.Exists(t.ctx, markerKey(t.order.group), beatKey(t.order.group), failover.LostKey(t.order.group))
	text := pipe.Info(t.ctx, "keyspace") // after what a server that loads refuses: it counts what is there so far
	_, _ = pipe.Exec(t.ctx)              // each has its own error
	if err := cmp.Or(text.Err(), loading(own.Err())); err != nil {
		return err
	}
	t.ev.Mark.Keys = keysIn(text.Val()) - own.Val()
	m, err := readMark(fetch(t.ctx, t.c, markerKey(t.order.group), markMost))
	t.ev.Mark.Epoch = m.is
	t.attend()
	if redis.IsMasterDownError(err) {
		return nil
	}
	return err
}

// attend asks who is active there. Who is not told takes nobody to be.
func (t *task) attend() {
	b, err := readHeartbeat(t.ctx, t.c, t.order.group, keyLasts)
	if err != nil || b.holder == "" {
		return
	}
	text, err := t.c.Do(t.ctx, "CLIENT", "LIST", "ID", max(b.client, 1)).Text() // who names none has none there
	by := look{group: t.order.group}.wornIn(text, beatLasts)
	t.ev.Beat, t.ev.Worn = int64(b.left), by == b.holder || answeredBy(err)
}

// loading returns an error that says that a server has not read all of its data yet, and nil for any other.
func loading(err error) error {
	if redis.IsLoadingError(err) {
		return err
	}
	return nil
}

// keysIn counts the keys of all databases: "db0:keys=3,expires=0,avg_ttl=0".
func keysIn(keyspace string) (n int64) {
	for line := range strings.Lines(keyspace) {
		if _, counts, ok := strings.Cut(line, ":keys="); ok && strings.HasPrefix(line, "db") {
			count, _, _ := strings.Cut(counts, ",")
			keys, _ := strconv.ParseInt(strings.TrimSpace(count), 10, 64)
			n += keys
		}
	}
	return n
}

// detach has a replica follow nobody, so that its offset stands still: it keeps its data and
// stays read-only.
func (t *task) detach() error {
	if t.order.Target >= 0 {
		if err := t.inspect(); err != nil {
			return err
		}
		if !t.ev.Repl.Replica {
			return errors.New("it is no replica any more: somebody has made it master")
		}
	}
	if err := t.follow(nowhere); err != nil {
		return err
	}
	if m, err := readMark(fetch(t.ctx, t.c, markerKey(t.order.group), markMost)); err == nil { // who serves no stale data does not tell
		t.ev.Mark.Epoch = m.is
	}
	return t.inspect()
}

// follow has a server replicate an address.
func (t *task) follow(addr string) error {
	host, port, err := splitAddr(addr)
	if err != nil {
		return err
	}
	return t.c.Do(t.ctx, "REPLICAOF", host, port).Err()
}

// byItself has an op carried out by the process that the order is for.
func byItself(op func(*task) error) func(*task) error {
	return func(t *task) error {
		if err := t.itself(); err != nil {
			return err
		}
		return op(t)
	}
}

// itself returns an error unless the process answers that the order is for: what another one has nobody has looked at.
func (t *task) itself() error {
	if t.order.RunID == "" {
		return nil
	}
	r, err := inquire(t.ctx, t.c)
	if beginsWith(err, "MISCONF ") {
		err = nil
	}
	return cmpErr(err, t.exchanged(&r))
}

// exchanged returns how a server that was inspected differs from the process that the order is for. It is no answer of the
// server's, which has refused nothing.
func (t *task) exchanged(r *vital.Replication) error {
	if want := t.order.RunID; want != "" && r.RunID != "" && want != r.RunID {
		return fmt.Errorf("another process answers: run id %s instead of %s", r.RunID, want)
	}
	return nil
}

// splitAddr takes an address apart that a replica is to follow.
func splitAddr(addr string) (host, port string, err error) {
	if addr == "" {
		return "", "", errGone
	}
	host, port, err = net.SplitHostPort(addr)
	if err != nil {
		return "", "", fmt.Errorf("%s cannot be followed: want host:port", addr)
	}
	return host, port, nil
}

// promote makes a server master, in one transaction. That its file could not be rewritten or
// its clients not be closed makes it no less a master.
func (t *task) promote() error {
	passing(pointPromoting)
	extras := []string{"CONFIG REWRITE", "CLIENT KILL TYPE normal SKIPME yes"}
	if t.order.keepFile {
		extras = extras[1:]
	}
	refused, err := t.ascend(extras)
	if refused != nil {
		_, err = t.ascend(slices.DeleteFunc(extras, func(e string) bool { return refused[e] != nil }))
		for what, why := range refused {
			t.note = strings.TrimSuffix(what+" was refused and left out: "+why.Error()+"; "+t.note, "; ")
		}
	}
	if err == nil {
		passing(pointPromoted)
	}
	return err
}

// ascend runs the transaction of promote, with those commands behind that a master is one without. Of them it returns the ones
// that the server has not taken, with its words, if it has taken the promotion itself: then nothing was done.
func (t *task) ascend(extras []string) (refused map[string]error, err error) {
	tx := t.c.TxPipeline()
	crown := tx.Do(t.ctx, "REPLICAOF", "NO", "ONE")
	more := map[string]*redis.Cmd{}
	for _, e := range extras {
		var args []any
		for _, word := range strings.Fields(e) {
			args = append(args, word)
		}
		more[e] = tx.Do(t.ctx, args...)
	}
	_, err = tx.Exec(t.ctx)
	aborted := beginsWith(crown.Err(), "EXECABORT ")
	for what, cmd := range more {
		switch why := cmd.Err(); {
		case why == nil || beginsWith(why, "EXECABORT "):
		case aborted && answeredBy(why):
			if refused == nil {
				refused = map[string]error{}
			}
			refused[what] = why
		case crown.Err() == nil:
			t.note = what + ": " + why.Error()
		}
	}
	switch {
	case crown.Err() != nil:
		return refused, crown.Err()
	case crown.Val() == nil:
		return nil, cmpErr(err, replyError("EXEC did not answer for REPLICAOF NO ONE"))
	}
	return nil, nil
}

// cmpErr returns the first error that is one.
func cmpErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// rewrite has a server that was made a replica write that into its redis.conf, or it would start
// as a master again, with old data. It is a replica all the same when it cannot.
func (t *task) rewrite() {
	if t.order.keepFile {
		return
	}
	if err := t.c.Do(t.ctx, "CONFIG", "REWRITE").Err(); err != nil {
		t.note = "CONFIG REWRITE: " + err.Error()
	}
}

// record has a server write what it is into its redis.conf, provided that it is what it should
// be, before and after. One that was started without a file has nothing to put right.
func (t *task) record() error {
	if t.order.keepFile {
		return nil
	}
	if err := t.proper(); err != nil {
		return err
	}
	err := t.c.Do(t.ctx, "CONFIG", "REWRITE").Err()
	if beginsWith(err, "ERR The server is running without a config file") {
		t.note = "CONFIG REWRITE: " + err.Error()
		return nil
	}
	return cmpErr(err, t.proper())
}

// proper returns how a server differs from what the order takes it for: a replica of its target,
// or a master where there is none.
func (t *task) proper() error {
	err := t.inspect()
	switch r := &t.ev.Repl; {
	case err != nil:
		return err
	case t.order.Target < 0 && r.Replica:
		return replyError("it is a replica of " + r.Master)
	case t.order.Target >= 0 && !r.Replica:
		return replyError("it is no replica of " + t.order.target)
	}
	return nil
}

// demote makes a server that thinks it is master a replica. Between the pause and the end of
// its clients' connections it takes no write that would be thrown away. Servers before 6.2
// know no such pause, and are not the worse for its absence than they are.
func (t *task) demote() error {
	paused := t.c.Do(t.ctx, "CLIENT", "PAUSE", 5000, "WRITE").Err()
	if paused != nil && !answeredBy(paused) {
		return paused
	}
	err := t.follow(t.order.target)
	if err == nil {
		t.rewrite()
		err = t.c.Do(t.ctx, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes").Err()
	}
	if paused == nil {
		resumed := t.c.Do(t.ctx, "CLIENT", "UNPAUSE").Err()
		err = cmpErr(err, resumed)
	}
	return err
}

// answeredBy tells whether err is a server's own answer.
func answeredBy(err error) bool {
	var answered redis.Error
	return errors.As(err, &answered)
}

// pause holds the server's writes for as long as the order may take.
func (t *task) pause() error {
	ms := max(1, t.order.Within/int64(time.Millisecond))
	return t.c.Do(t.ctx, "CLIENT", "PAUSE", ms, "WRITE").Err()
}

// abort ends a handover that has not come to its end; that there is none is as good.
func (t *task) abort() error {
	err := t.c.Do(t.ctx, "FAILOVER", "ABORT").Err()
	if beginsWith(err, "ERR No failover in progress") {
		return nil
	}
	return err
}
