package clients

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/gomodule/redigo/redis"
)

// redigo is gomodule/redigo, which speaks RESP2 and says nothing when it connects.
type redigo struct {
	addr string
	p    *redis.Pool
}

func connectRedigo(addr string) (talker, error) {
	p := &redis.Pool{Dial: func() (redis.Conn, error) { return redis.Dial("tcp", addr) }}
	return redigo{addr, p}, nil
}

func (r redigo) close() { r.p.Close() }

// call uses a connection of the pool for one command.
func (r redigo) call(command string, args ...any) (any, error) {
	c := r.p.Get()
	defer c.Close()
	return c.Do(command, args...)
}

func (r redigo) ping(context.Context) error {
	got, err := redis.String(r.call("PING"))
	return want("PING", got, err, "PONG")
}

func (r redigo) pipeline(context.Context) error {
	c := r.p.Get()
	defer c.Close()
	for i := range pipelined / 2 {
		if err := first(c.Send("SET", key("rp", i), i), c.Send("GET", key("rp", i))); err != nil {
			return err
		}
	}
	if err := c.Flush(); err != nil {
		return err
	}
	for i := range pipelined / 2 {
		ok, err := redis.String(c.Receive())
		if err := want("SET", ok, err, "OK"); err != nil {
			return err
		}
		got, err := redis.String(c.Receive())
		if err := want("GET", got, err, strconv.Itoa(i)); err != nil {
			return err
		}
	}
	return nil
}

func (r redigo) transaction(context.Context) error {
	c := r.p.Get()
	defer c.Close()
	if err := first(c.Send("MULTI"), c.Send("SET", "{rt}:n", 41), c.Send("INCR", "{rt}:n")); err != nil {
		return err
	}
	got, err := redis.Values(c.Do("EXEC"))
	return want("EXEC", fmt.Sprint(got), err, "[OK 42]")
}

func (r redigo) watch(context.Context) error {
	c := r.p.Get()
	defer c.Close()
	_, err := c.Do("WATCH", "{rw}:k")
	_, lost := r.call("SET", "{rw}:k", "other")
	if err := first(err, lost, c.Send("MULTI"), c.Send("SET", "{rw}:k", "mine")); err != nil {
		return err
	}
	got, err := c.Do("EXEC")
	return want("EXEC after a conflict", got, err, nil)
}

func (r redigo) script(context.Context) error {
	c := r.p.Get()
	defer c.Close()
	s := redis.NewScript(1, body("redigo", 1))
	_, unknown := c.Do("EVALSHA", s.Hash(), 1, "rs:0", "v")
	if err := refused("EVALSHA of an unknown script", unknown, "NOSCRIPT"); err != nil {
		return err
	}
	loaded := redis.NewScript(1, body("redigo", 2))
	if err := loaded.Load(c); err != nil {
		return fmt.Errorf("SCRIPT LOAD: %w", err)
	}
	for i := range 20 {
		got, err := redis.String(s.Do(c, key("rs", i), "v"))
		if err := want("EVALSHA, then EVAL", got, err, "v redigo 1"); err != nil {
			return err
		}
		got, err = redis.String(c.Do("EVALSHA", loaded.Hash(), 1, key("rs", i), "w"))
		if err := want("EVALSHA after SCRIPT LOAD", got, err, "w redigo 2"); err != nil {
			return err
		}
	}
	return nil
}

func (r redigo) pubsub(context.Context) error {
	c := redis.PubSubConn{Conn: r.p.Get()}
	defer c.Close()
	if err := c.Subscribe("rchannel"); err != nil {
		return err
	}
	if err := heard(c, "subscribe rchannel 1"); err != nil {
		return err
	}
	if err := r.told("rchannel", 1); err != nil {
		return err
	}
	if err := first(heard(c, " rchannel hello"), c.Ping("x"), heard(c, "pong x"), c.Unsubscribe("rchannel"),
		heard(c, "unsubscribe rchannel 0")); err != nil {
		return err
	}
	return r.told("rchannel", 0)
}

func (r redigo) pattern(context.Context) error {
	c := redis.PubSubConn{Conn: r.p.Get()}
	defer c.Close()
	if err := first(c.PSubscribe("rnews.*"), heard(c, "psubscribe rnews.* 1"), r.told("rnews.art", 1),
		heard(c, "rnews.* rnews.art hello"), c.PUnsubscribe("rnews.*"), heard(c, "punsubscribe rnews.* 0")); err != nil {
		return err
	}
	return r.told("rnews.art", 0)
}

// told publishes to that many subscribers.
func (r redigo) told(channel string, subscribers int) error {
	n, err := redis.Int(r.call("PUBLISH", channel, "hello"))
	return want("PUBLISH", n, err, subscribers)
}

// heard receives one frame of a subscriber and compares it.
func heard(c redis.PubSubConn, what string) error {
	switch m := c.ReceiveWithTimeout(patience).(type) {
	case error:
		return fmt.Errorf("waiting for %q: %w", what, m)
	case redis.Subscription:
		return want("subscription", fmt.Sprintf("%s %s %d", m.Kind, m.Channel, m.Count), nil, what)
	case redis.Message:
		return want("message", fmt.Sprintf("%s %s %s", m.Pattern, m.Channel, m.Data), nil, what)
	case redis.Pong:
		return want("pong", "pong "+m.Data, nil, what)
	default:
		return fmt.Errorf("got a %T; want %q", m, what)
	}
}

func (r redigo) blocking(context.Context) error {
	pushed := later(func() error { _, err := r.call("RPUSH", "rb", "late"); return err })
	got, err := redis.Strings(r.call("BLPOP", "rb", int(blockAtAll/time.Second)))
	return first(want("BLPOP", fmt.Sprint(got), err, "[rb late]"), <-pushed)
}

func (r redigo) timeout(context.Context) error {
	got, err := r.call("BLPOP", "rb:never", int(blockFor/time.Second))
	return want("BLPOP of nothing", got, err, nil)
}

func (r redigo) scan(context.Context) error {
	for i := range scanned {
		if _, err := r.call("SET", key("rscan", i), i); err != nil {
			return err
		}
	}
	seen := map[string]int{}
	for cursor := "0"; ; {
		page, err := redis.Values(r.call("SCAN", cursor, "MATCH", "rscan:*", "COUNT", 100))
		if err != nil {
			return err
		}
		var keys []string
		if _, err := redis.Scan(page, &cursor, &keys); err != nil {
			return err
		}
		for _, k := range keys {
			seen[k]++
		}
		if cursor == "0" {
			return once(seen, "rscan")
		}
	}
}

func (r redigo) big(context.Context) error {
	v := bigValue()
	if _, err := r.call("SET", "rbig", v); err != nil {
		return err
	}
	got, err := redis.String(r.call("GET", "rbig"))
	return want("GET", got, err, v)
}

func (r redigo) shapes(context.Context) error {
	_, lost := r.call("HSET", "rh", "f", "v")
	_, err := r.call("ZADD", "rz", "1.5", "a", "2", "b")
	if err := first(lost, err); err != nil {
		return err
	}
	h, err := redis.StringMap(r.call("HGETALL", "rh"))
	if err := want("HGETALL", fmt.Sprint(h), err, "map[f:v]"); err != nil {
		return err
	}
	z, err := redis.Strings(r.call("ZRANGE", "rz", 0, -1, "WITHSCORES"))
	return want("ZRANGE WITHSCORES", fmt.Sprint(z), err, "[a 1.5 b 2]")
}

func (r redigo) reconnect(ctx context.Context) error {
	if err := cut(r.addr); err != nil {
		return err
	}
	return recovers(ctx, func() error { return r.ping(ctx) })
}
