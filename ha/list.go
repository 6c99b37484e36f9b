package ha

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"huntaway/ha/failover"
	"huntaway/perf"
)

// listEvery is how often the master is looked at while the machine does not know the list of losses: nobody is told to copy that
// one before.
const listEvery = int64(100 * time.Millisecond)

// noList stands for what is under the list's key and is none.
const noList = "?"

// A list is what the list of losses on a master says.
type list struct {
	process string // the master's run id
	text    string
}

// hasten has the next look be then at the latest, if the machine has to know what the list of losses says before it tells servers
// to copy the master.
func (s *groupDriver) hasten(at int64) {
	if s.beatAt != 0 && s.machine.AwaitsLosses() {
		s.beatAt = min(s.beatAt, at)
	}
}

// spread has the next look be now when what was lost has changed: whoever acts next is to know it.
func (s *groupDriver) spread(i *failover.Intent) {
	if losses := i.Abandoned + i.Losses; losses != s.losses && s.beatAt != 0 {
		s.losses, s.beatAt = losses, perf.Now()
	}
}

// readList reads the list of losses on the master, has the machine hear what is news to it, and has the list say what the machine
// knows if this monitor is the one that acts. No process is told or believed anything that the connection does not lead to.
func (l *look) readList(ctx context.Context, c *redis.Client, alone bool) {
	if l.lost == nil {
		return
	}
	h := l.heart
	acts := alone && l.claim && l.lost.Known && (h.holds(l.master) || h.stood())
	text, err := fetchList(ctx, c, l.group)
	if err != nil || acts && l.lost.Instead(text) == "" || !acts && !l.lost.News(text) {
		return
	}
	conn := c.Conn()
	defer conn.Close()
	process, leads := l.leads(ctx, conn)
	if text, err = fetchList(ctx, conn, l.group); err != nil || !leads {
		return
	}
	is := list{process, text}
	if !acts {
		l.listed = &failover.Event{Kind: failover.Lost, Text: text}
		l.listed.Repl.RunID = process
		h.list = is
		return
	}
	if is.text = l.lost.Instead(text); is.text == "" {
		return
	}
	if err := l.writeList(ctx, conn, process, text, is.text); err == nil {
		h.list = is
	}
}

// writeList has the list say now what it should. That somebody else has changed what this monitor knows to have stood there is
// odd.
func (l *look) writeList(ctx context.Context, c commander, process, was, now string) (err error) {
	key := failover.LostKey(l.group)
	if err = replace(ctx, c, was == noList, key, now); err != nil {
		return err
	}
	if h := l.heart.list; h.process == process && h.text != was {
		found := brief(was)
		if was == "" {
			found = "gone"
		}
		l.odd = append(l.odd, oddity{key: key,
			text: fmt.Sprintf("%s on %s is not the list of losses that was left there: it was %s; put right", key, l.master, found)})
	}
	return nil
}

// fetchList reads the list, "" where there is none or it may not be read, noList where there is something else.
func fetchList(ctx context.Context, c commander, group string) (string, error) {
	text, err := fetch(ctx, c, failover.LostKey(group), failover.LostMost)
	switch {
	case beginsWith(err, "NOPERM "):
		return "", nil
	case beginsWith(err, "WRONGTYPE ") || err == nil && len(text) > failover.LostMost:
		return noList, nil
	}
	return text, err
}
