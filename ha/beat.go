package ha

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"huntaway/ha/failover"
)

// Bounds on what is read of the keys that monitors write, which clients can write as well.
const (
	beatMost = 320 // a host's name, a slash, 16 characters and a number
	markMost = 20  // the digits of a 64-bit number

	beatClient = " client=" // between the name and the number in a heartbeat
)

// A beat is what a server has for a group's heartbeat and for its mark.
type beat struct {
	holder string        // the monitor that it names; "": none
	client int64         // of that one's badge on the master; 0: it names none
	what   string        // what is there instead of a heartbeat, "" when there is one or nothing
	left   time.Duration // how long it lasts yet
	mark   mark
}

// A mark is what a server has for a group's mark.
type mark struct {
	is   uint64 // the epoch; 0: none
	what string // what is there instead of one, "" when there is one or nothing
}

// by words who was heard.
func (b beat) by(addr string) string { return b.holder + ", by its heartbeat on " + addr }

// String says for people what is there.
func (m mark) String() string {
	switch {
	case m.what != "":
		return m.what
	case m.is == 0:
		return "it was gone"
	}
	return "it was " + strconv.FormatUint(m.is, 10)
}

// brief quotes for people what anybody may have written.
func brief(text any) string { return fmt.Sprintf("%.80q", fmt.Sprint(text)) }

// read reads both keys, no more of them than they should have. A heartbeat that lasts longer than
// that is none.
func (l *look) read(ctx context.Context, c *redis.Client, longest time.Duration) (b beat, err error) {
	if b, err = readHeartbeat(ctx, c, l.group, longest); err == nil {
		b.mark, err = readMark(fetch(ctx, c, markerKey(l.group), markMost))
	}
	return b, err
}

// readHeartbeat reads the one key, and how long it lasts.
func readHeartbeat(ctx context.Context, c speaker, group string, longest time.Duration) (b beat, err error) {
	words, err := fetch(ctx, c, beatKey(group), beatMost)
	left := c.PTTL(ctx, beatKey(group))
	switch {
	case beginsWith(err, "WRONGTYPE "):
		b.what = "it is no string"
	case err != nil:
		return b, err
	case beginsWith(left.Err(), "NOPERM "):
		if words != "" {
			b = readBeat(words, keyLasts, longest)
		}
	case left.Err() != nil:
		return b, left.Err()
	case left.Val() == -2: // there is none, or it has just expired
	default:
		b = readBeat(words, left.Val(), longest)
	}
	return b, nil
}

// fetch reads the beginning of a string, which is "" when there is none, or it all where older versions' rights
// allow no less.
func fetch(ctx context.Context, c commander, key string, most int) (string, error) {
	text, err := c.Do(ctx, "GETRANGE", key, 0, most).Text()
	if !beginsWith(err, "NOPERM ") {
		return text, err
	}
	if text, err = c.Do(ctx, "GET", key).Text(); errors.Is(err, redis.Nil) {
		return "", nil
	}
	return text, err
}

// readBeat reads a heartbeat that lasts for so long yet.
func readBeat(words string, left, longest time.Duration) (b beat) {
	holder, number, numbered := strings.Cut(words, beatClient)
	client, err := strconv.ParseInt(number, 10, 64)
	host, name, _ := strings.Cut(holder, "/")
	switch {
	case len(words) > beatMost:
		b.what = fmt.Sprintf("it has more than %d bytes", beatMost)
	case host == "" || len(name) != 16 || numbered && (err != nil || client <= 0) || strings.ContainsFunc(holder, unprintable):
		b.what = brief(words) + " is no monitor's name"
	case left < 0:
		b.what = "it never expires"
	case left > longest:
		b.what = fmt.Sprintf("it lasts another %v, and none lasts longer than %v", left, keyLasts)
	default:
		b.holder, b.client, b.left = holder, max(0, client), left
	}
	return b
}

// unprintable tells what cannot stand in a monitor's name.
func unprintable(r rune) bool { return r <= ' ' || r > '~' }

// readMark reads a mark, or what came instead.
func readMark(words string, err error) (m mark, _ error) {
	switch {
	case beginsWith(err, "WRONGTYPE "):
		return mark{what: "it is no string"}, nil
	case err != nil:
		return m, err
	case words == "":
		return m, nil
	}
	if m.is, err = strconv.ParseUint(words, 10, 64); err != nil || m.is >= failover.EpochMost {
		return mark{what: brief(words) + " is no epoch"}, nil
	}
	return m, nil
}

// writeMark puts a mark where was stood.
func writeMark(ctx context.Context, c commander, group string, epoch uint64, was mark) error {
	return replace(ctx, c, was.what != "", markerKey(group), epoch)
}

// replace sets one of the monitors' keys, with what SET takes behind the value. Something strange that stands there may be large,
// and is not freed while the server waits.
func replace(ctx context.Context, c commander, strange bool, key string, set ...any) error {
	if strange {
		if err := c.Do(ctx, "UNLINK", key).Err(); err != nil && !answeredBy(err) {
			return err
		}
	}
	return c.Do(ctx, append([]any{"SET", key}, set...)...).Err()
}

func markerKey(group string) string { return "huntaway:epoch:" + group }

// verify asks a new master what it is, and has it take a write: the group's mark, which is never
// lowered. A server without memory refuses that to replicas and masters alike, and one that is master takes
// a write that needs none: the mark is left by whoever looks at it next (heart.guard), and clients
// are served by a master that says OOM, as Redis does.
func (t *task) verify() error {
	if err := t.inspect(); err != nil {
		return err
	}
	if err := t.exchanged(&t.ev.Repl); err != nil {
		return replyError(err.Error())
	}
	was, err := readMark(fetch(t.ctx, t.c, markerKey(t.order.group), markMost))
	if err != nil {
		return err
	}
	t.ev.Mark.Epoch, t.ev.Found = t.order.Epoch, was.is
	switch counts := !t.order.Certain && failover.Credible(was.is, t.order.Epoch); {
	case counts && t.order.Anew:
		t.ev.Mark.Epoch = max(was.is+1, t.order.Epoch)
	case counts:
		t.ev.Mark.Epoch = max(was.is, t.order.Epoch)
	}
	if was.what != "" || was.is > t.ev.Mark.Epoch {
		t.odd = append(t.odd, oddity{key: markerKey(t.order.group), text: fmt.Sprintf("%s on %s is not the mark of epoch %d or before: %s; to be put right",
			markerKey(t.order.group), t.addr, t.ev.Mark.Epoch, was)})
	}
	err = writeMark(t.ctx, t.c, t.order.group, t.ev.Mark.Epoch, was)
	if !beginsWith(err, "OOM ") {
		return err
	}
	t.ev.Mark.Epoch = was.is
	if err := t.c.Do(t.ctx, "UNLINK", proofKey(t.order.group)).Err(); err != nil {
		return err
	}
	t.note = "the mark of the group's epoch could not be left: " + err.Error()
	return nil
}

// proofKey is a key that nobody has: to delete it is a write that changes nothing.
func proofKey(group string) string { return "huntaway:proof:" + group }
