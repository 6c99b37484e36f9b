package clients

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/rueidis"
)

// rue is redis/rueidis, which asks for a cluster first, insists on RESP3 and wants to cache
// replies (CLIENT TRACKING) unless told otherwise.
type rue struct {
	addr string
	c    rueidis.Client
}

func connectRueidis(addr string) (talker, error) {
	return newRue(addr, rueidis.ClientOption{InitAddress: []string{addr}})
}

// connectUncached is what rueidis tells its users to do where CLIENT TRACKING is refused.
func connectUncached(addr string) (talker, error) {
	return newRue(addr, rueidis.ClientOption{InitAddress: []string{addr}, DisableCache: true})
}

func newRue(addr string, o rueidis.ClientOption) (talker, error) {
	c, err := rueidis.NewClient(o)
	return rue{addr, c}, err
}

func (r rue) close() { r.c.Close() }

// call runs any command with any keys, as rueidis' builder would have it.
func (r rue) call(ctx context.Context, args ...string) rueidis.RedisResult {
	return r.c.Do(ctx, r.command(args...))
}

func (r rue) command(args ...string) rueidis.Completed { return r.c.B().Arbitrary(args...).Build() }

func (r rue) ping(ctx context.Context) error {
	got, err := r.call(ctx, "PING").ToString()
	return want("PING", got, err, "PONG")
}

func (r rue) pipeline(ctx context.Context) error {
	var commands rueidis.Commands
	for i := range pipelined / 2 {
		commands = append(commands, r.command("SET", key("up", i), strconv.Itoa(i)), r.command("GET", key("up", i)))
	}
	replies := r.c.DoMulti(ctx, commands...)
	for i := range pipelined / 2 {
		ok, lost := replies[2*i].ToString()
		got, err := replies[2*i+1].ToString()
		if err := first(want("SET", ok, lost, "OK"), want("GET", got, err, strconv.Itoa(i))); err != nil {
			return err
		}
	}
	return nil
}

func (r rue) transaction(ctx context.Context) error {
	replies := r.c.DoMulti(ctx, r.command("MULTI"), r.command("SET", "{ut}:n", "41"), r.command("INCR", "{ut}:n"), r.command("EXEC"))
	got, err := replies[3].ToArray()
	if err := want("replies of EXEC", len(got), err, 2); err != nil {
		return err
	}
	n, err := got[1].AsInt64()
	return want("INCR in MULTI", n, err, 42)
}

func (r rue) watch(ctx context.Context) error {
	return r.c.Dedicated(func(c rueidis.DedicatedClient) error {
		err := c.Do(ctx, r.command("WATCH", "{uw}:k")).Error()
		if err := first(err, r.call(ctx, "SET", "{uw}:k", "other").Error()); err != nil {
			return err
		}
		replies := c.DoMulti(ctx, r.command("MULTI"), r.command("SET", "{uw}:k", "mine"), r.command("EXEC"))
		if err := replies[2].Error(); !rueidis.IsRedisNil(err) {
			return fmt.Errorf("EXEC after a conflict: got %v; want nil", err)
		}
		return nil
	})
}

func (r rue) script(ctx context.Context) error {
	sha, err := r.call(ctx, "SCRIPT", "LOAD", body("rueidis", 2)).ToString()
	if err != nil {
		return fmt.Errorf("SCRIPT LOAD: %w", err)
	}
	unknown := r.call(ctx, "EVALSHA", "1111111111111111111111111111111111111111", "1", "us:0", "v").Error()
	if err := refused("EVALSHA of an unknown script", unknown, "NOSCRIPT"); err != nil {
		return err
	}
	s := rueidis.NewLuaScript(body("rueidis", 1))
	for i := range 20 {
		got, err := s.Exec(ctx, r.c, []string{key("us", i)}, []string{"v"}).ToString()
		if err := want("EVALSHA, then EVAL", got, err, "v rueidis 1"); err != nil {
			return err
		}
		got, err = r.call(ctx, "EVALSHA", sha, "1", key("us", i), "w").ToString()
		if err := want("EVALSHA after SCRIPT LOAD", got, err, "w rueidis 2"); err != nil {
			return err
		}
	}
	return nil
}

func (r rue) pubsub(ctx context.Context) error {
	b := r.c.B()
	return r.hears(ctx, b.Subscribe().Channel("uchannel").Build(), b.Unsubscribe().Channel("uchannel").Build(),
		"uchannel", "subscribe uchannel 1", " uchannel hello", "unsubscribe uchannel 0")
}

func (r rue) pattern(ctx context.Context) error {
	b := r.c.B()
	return r.hears(ctx, b.Psubscribe().Pattern("unews.*").Build(), b.Punsubscribe().Pattern("unews.*").Build(),
		"unews.art", "psubscribe unews.* 1", "unews.* unews.art hello", "punsubscribe unews.* 0")
}

// hears joins, publishes to the channel, leaves, and checks what arrives on the way: the
// three messages.
func (r rue) hears(ctx context.Context, join, leave rueidis.Completed, channel string, messages ...string) error {
	c, release := r.c.Dedicate()
	defer release()
	heard := make(chan string, 8)
	c.SetPubSubHooks(rueidis.PubSubHooks{
		OnMessage: func(m rueidis.PubSubMessage) { heard <- m.Pattern + " " + m.Channel + " " + m.Message },
		OnSubscription: func(s rueidis.PubSubSubscription) {
			heard <- fmt.Sprintf("%s %s %d", s.Kind, s.Channel, s.Count)
		},
	})
	if err := c.Do(ctx, join).Error(); err != nil {
		return fmt.Errorf("joining: %w", err)
	}
	if err := first(awaits(ctx, heard, messages[0]), r.told(ctx, channel, 1), awaits(ctx, heard, messages[1])); err != nil {
		return err
	}
	if err := c.Do(ctx, leave).Error(); err != nil {
		return fmt.Errorf("leaving: %w", err)
	}
	return first(awaits(ctx, heard, messages[2]), r.told(ctx, channel, 0))
}

// awaits receives one message.
func awaits(ctx context.Context, heard <-chan string, message string) error {
	select {
	case got := <-heard:
		return want("message", got, nil, message)
	case <-ctx.Done():
		return fmt.Errorf("waiting for message %q: %w", message, ctx.Err())
	}
}

// told publishes to that many subscribers.
func (r rue) told(ctx context.Context, channel string, subscribers int64) error {
	n, err := r.call(ctx, "PUBLISH", channel, "hello").ToInt64()
	return want("PUBLISH", n, err, subscribers)
}

func (r rue) blocking(ctx context.Context) error {
	pushed := later(func() error { return r.call(ctx, "RPUSH", "ub", "late").Error() })
	got, err := r.c.Do(ctx, r.c.B().Blpop().Key("ub").Timeout(blockAtAll.Seconds()).Build()).AsStrSlice()
	return first(want("BLPOP", fmt.Sprint(got), err, "[ub late]"), <-pushed)
}

func (r rue) timeout(ctx context.Context) error {
	err := r.c.Do(ctx, r.c.B().Blpop().Key("ub:never").Timeout(blockFor.Seconds()).Build()).Error()
	if !rueidis.IsRedisNil(err) {
		return fmt.Errorf("BLPOP of nothing: got %v; want nil", err)
	}
	return nil
}

func (r rue) scan(ctx context.Context) error {
	for i := range scanned {
		if err := r.call(ctx, "SET", key("uscan", i), "1").Error(); err != nil {
			return err
		}
	}
	seen := map[string]int{}
	for page := (rueidis.ScanEntry{}); ; {
		var err error
		page, err = r.call(ctx, "SCAN", strconv.FormatUint(page.Cursor, 10), "MATCH", "uscan:*", "COUNT", "100").AsScanEntry()
		if err != nil {
			return err
		}
		for _, k := range page.Elements {
			seen[k]++
		}
		if page.Cursor == 0 {
			return once(seen, "uscan")
		}
	}
}

func (r rue) big(ctx context.Context) error {
	v := bigValue()
	if err := r.call(ctx, "SET", "ubig", v).Error(); err != nil {
		return err
	}
	got, err := r.call(ctx, "GET", "ubig").ToString()
	return want("GET", got, err, v)
}

// shapes asks for the frames of RESP3 themselves; with a cache it also sees to it that a
// cached reply is dropped when somebody else writes the key.
func (r rue) shapes(ctx context.Context) error {
	if err := first(r.call(ctx, "HSET", "uh", "f", "v").Error(), r.call(ctx, "ZADD", "uz", "1.5", "a", "2", "b").Error()); err != nil {
		return err
	}
	h, err := r.call(ctx, "HGETALL", "uh").ToMessage()
	if err := want("HGETALL is a map", h.IsMap(), err, true); err != nil {
		return err
	}
	z, err := r.call(ctx, "ZRANGE", "uz", "0", "-1", "WITHSCORES").ToArray()
	if err := want("ZRANGE WITHSCORES pairs", len(z), err, 2); err != nil {
		return err
	}
	pair, err := z[0].ToArray()
	if err := want("length of a pair", len(pair), err, 2); err != nil {
		return err
	}
	return first(want("score is a double", pair[1].IsFloat64(), nil, true), r.cached(ctx))
}

// cached reads through the client's cache until a write of somebody else shows.
func (r rue) cached(ctx context.Context) error {
	read := func() (string, error) {
		return r.c.DoCache(ctx, r.c.B().Get().Key("uc").Cache(), time.Hour).ToString()
	}
	if err := r.call(ctx, "SET", "uc", "old").Error(); err != nil {
		return err
	}
	got, err := read()
	if err := want("GET through the cache", got, err, "old"); err != nil {
		return err
	}
	if err := r.call(ctx, "SET", "uc", "new").Error(); err != nil {
		return err
	}
	return recovers(ctx, func() error {
		got, err := read()
		return want("GET through the cache after SET", got, err, "new")
	})
}

func (r rue) reconnect(ctx context.Context) error {
	if err := cut(r.addr); err != nil {
		return err
	}
	return recovers(ctx, func() error { return r.ping(ctx) })
}
