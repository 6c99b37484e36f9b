package ha

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// A badge is a connection to a server that bears the name of a monitor, by which others see that
// it is active in a group.
type badge struct {
	addr   string
	client *redis.Client // it has this connection only
	conn   *redis.Conn
	number int64 // the server's own for the connection; 0: it does not tell
	seenAt int64 // when the server last answered there
}

// A commander is a connection, or whatever has some.
type commander interface {
	Do(ctx context.Context, args ...any) *redis.Cmd
}

// badgeOf is what the names of all badges in a group begin with.
func badgeOf(group string) string { return beatKey(url.QueryEscape(group)) + ":" }

// open opens a badge. The error is a server's own answer where connections cannot be named.
func (l *look) open(ctx context.Context, addr string) (*badge, error) {
	client := l.access.open("tcp", addr)
	b := &badge{addr: addr, client: client, conn: client.Conn()}
	err := b.conn.Do(ctx, "CLIENT", "SETNAME", badgeOf(l.group)+url.QueryEscape(l.id)).Err()
	if err == nil {
		if b.number, err = b.conn.Do(ctx, "CLIENT", "ID").Int64(); answeredBy(err) {
			err = nil // servers before Redis 5 do not know
		}
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *badge) close() {
	_ = b.conn.Close() // nothing is in flight, nothing is left to lose
	_ = b.client.Close()
}

// words are the heartbeat that stands for the badge. Older versions take all of it for a name.
func (b *badge) words(id string) string {
	if b.number == 0 {
		return id
	}
	return id + beatClient + strconv.FormatInt(b.number, 10)
}

// present returns another monitor that has a badge in the group at the server, "" when nobody has. It
// looks first, and mostly only, at the connection with that number, if it is not 0: the list of all
// of them may be long. The error is a server's own answer where that is not told.
func (l *look) present(ctx context.Context, c commander, number int64) (id string, err error) {
	if number != 0 {
		text, err := c.Do(ctx, "CLIENT", "LIST", "ID", number).Text()
		if err != nil && !answeredBy(err) {
			return "", err
		}
		if id := l.wornIn(text, keyLasts); err == nil && id != "" {
			return id, nil
		}
	}
	text, err := c.Do(ctx, "CLIENT", "LIST").Text()
	return l.wornIn(text, keyLasts), err
}

// wornIn returns whose badge is among the lines of CLIENT LIST, but for our own, and was used within most.
func (l look) wornIn(list string, most time.Duration) string {
	for line := range strings.Lines(list) {
		var name, idle string
		for field := range strings.FieldsSeq(line) {
			if key, value, _ := strings.Cut(field, "="); key == "name" {
				name = value
			} else if key == "idle" {
				idle = value
			}
		}
		escaped, ours := strings.CutPrefix(name, badgeOf(l.group))
		id, err := url.QueryUnescape(escaped)
		silent, bad := strconv.Atoi(idle)
		if ours && err == nil && bad == nil && id != "" && id != l.id && silent <= int(most/time.Second) {
			return id
		}
	}
	return ""
}
