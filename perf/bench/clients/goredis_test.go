package clients

import (
	"context"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// goRedis is redis/go-redis v9, which opens with HELLO 3 and falls back in silence.
type goRedis struct {
	addr string
	c    *redis.Client
}

func connectGoRedis(addr string) (talker, error) {
	return goRedis{addr, redis.NewClient(&redis.Options{Addr: addr})}, nil
}

func (g goRedis) close() { g.c.Close() }

func (g goRedis) ping(ctx context.Context) error {
	got, err := g.c.Ping(ctx).Result()
	return want("PING", got, err, "PONG")
}

func (g goRedis) pipeline(ctx context.Context) error {
	replies, err := g.c.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range pipelined / 2 {
			p.Set(ctx, key("gp", i), i, 0)
			p.Get(ctx, key("gp", i))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range pipelined / 2 {
		got, err := replies[2*i+1].(*redis.StringCmd).Result()
		if err := want("GET", got, err, strconv.Itoa(i)); err != nil {
			return err
		}
	}
	return want("replies", len(replies), nil, pipelined)
}

func (g goRedis) transaction(ctx context.Context) error {
	var n *redis.IntCmd
	_, err := g.c.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Set(ctx, "{gt}:n", 41, 0)
		n = p.Incr(ctx, "{gt}:n")
		p.RPush(ctx, "{gt}:l", "a", "b")
		return nil
	})
	if err != nil {
		return err
	}
	return want("INCR in MULTI", n.Val(), n.Err(), 42)
}

func (g goRedis) watch(ctx context.Context) error {
	conflict := g.c.Watch(ctx, func(tx *redis.Tx) error {
		if err := g.c.Set(ctx, "{gw}:k", "other", 0).Err(); err != nil {
			return err
		}
		_, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error { return p.Set(ctx, "{gw}:k", "mine", 0).Err() })
		return err
	}, "{gw}:k")
	if conflict != redis.TxFailedErr {
		return fmt.Errorf("EXEC after a conflict: got %v; want %v", conflict, redis.TxFailedErr)
	}
	err := g.c.Watch(ctx, func(tx *redis.Tx) error {
		_, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error { return p.Append(ctx, "{gw}:k", "+mine").Err() })
		return err
	}, "{gw}:k")
	got, lost := g.c.Get(ctx, "{gw}:k").Result()
	return first(err, want("GET", got, lost, "other+mine"))
}

func (g goRedis) script(ctx context.Context) error {
	s := redis.NewScript(body("go-redis", 1))
	unknown := s.EvalSha(ctx, g.c, []string{"gs:0"}, "v").Err()
	if err := refused("EVALSHA of an unknown script", unknown, "NOSCRIPT"); err != nil {
		return err
	}
	for i := range 20 {
		got, err := s.Run(ctx, g.c, []string{key("gs", i)}, "v").Text()
		if err := want("EVALSHA, then EVAL", got, err, "v go-redis 1"); err != nil {
			return err
		}
	}
	sha, err := g.c.ScriptLoad(ctx, body("go-redis", 2)).Result()
	if err != nil {
		return err
	}
	for i := range 20 {
		got, err := g.c.EvalSha(ctx, sha, []string{key("gs", i)}, "w").Text()
		if err := want("EVALSHA after SCRIPT LOAD", got, err, "w go-redis 2"); err != nil {
			return err
		}
	}
	known, err := g.c.ScriptExists(ctx, sha, "0000000000000000000000000000000000000000").Result()
	return want("SCRIPT EXISTS", fmt.Sprint(known), err, "[true false]")
}

func (g goRedis) pubsub(ctx context.Context) error {
	s := g.c.Subscribe(ctx, "gchannel")
	defer s.Close()
	if _, err := s.Receive(ctx); err != nil {
		return fmt.Errorf("SUBSCRIBE: %w", err)
	}
	heard := func(m *redis.Message) string { return m.Channel + " " + m.Payload }
	if err := g.told(ctx, s, "gchannel", heard, "gchannel hello"); err != nil {
		return err
	}
	return g.leave(ctx, s, s.Unsubscribe, "gchannel")
}

func (g goRedis) pattern(ctx context.Context) error {
	s := g.c.PSubscribe(ctx, "gnews.*")
	defer s.Close()
	if _, err := s.Receive(ctx); err != nil {
		return fmt.Errorf("PSUBSCRIBE: %w", err)
	}
	heard := func(m *redis.Message) string { return m.Pattern + " " + m.Channel + " " + m.Payload }
	if err := g.told(ctx, s, "gnews.art", heard, "gnews.* gnews.art hello"); err != nil {
		return err
	}
	return g.leave(ctx, s, s.PUnsubscribe, "gnews.*")
}

// told publishes and checks what the subscriber hears.
func (g goRedis) told(ctx context.Context, s *redis.PubSub, channel string, heard func(*redis.Message) string, hears string) error {
	n, err := g.c.Publish(ctx, channel, "hello").Result()
	if err := want("PUBLISH", n, err, 1); err != nil {
		return err
	}
	m, err := s.ReceiveMessage(ctx)
	if err != nil {
		return err
	}
	return want("message", heard(m), nil, hears)
}

// leave unsubscribes, and checks that nobody is there to hear.
func (g goRedis) leave(ctx context.Context, s *redis.PubSub, unsubscribe func(context.Context, ...string) error, channel string) error {
	if err := unsubscribe(ctx, channel); err != nil {
		return err
	}
	if _, err := s.Receive(ctx); err != nil {
		return fmt.Errorf("UNSUBSCRIBE: %w", err)
	}
	n, err := g.c.Publish(ctx, channel, "anyone?").Result()
	return want("PUBLISH after UNSUBSCRIBE", n, err, 0)
}

func (g goRedis) blocking(ctx context.Context) error {
	pushed := later(func() error { return g.c.RPush(ctx, "gb", "late").Err() })
	got, err := g.c.BLPop(ctx, blockAtAll, "gb").Result()
	return first(want("BLPOP", fmt.Sprint(got), err, "[gb late]"), <-pushed)
}

func (g goRedis) timeout(ctx context.Context) error {
	if err := g.c.BLPop(ctx, blockFor, "gb:never").Err(); err != redis.Nil {
		return fmt.Errorf("BLPOP of nothing: got %v; want %v", err, redis.Nil)
	}
	return nil
}

func (g goRedis) scan(ctx context.Context) error {
	_, err := g.c.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range scanned {
			p.Set(ctx, key("gscan", i), i, 0)
		}
		return nil
	})
	if err != nil {
		return err
	}
	seen := map[string]int{}
	keys := g.c.Scan(ctx, 0, "gscan:*", 100).Iterator()
	for keys.Next(ctx) {
		seen[keys.Val()]++
	}
	return first(keys.Err(), once(seen, "gscan"))
}

func (g goRedis) big(ctx context.Context) error {
	v := bigValue()
	if err := g.c.Set(ctx, "gbig", v, 0).Err(); err != nil {
		return err
	}
	got, err := g.c.Get(ctx, "gbig").Result()
	return want("GET", got, err, v)
}

// shapes looks at the reply as it came as well: go-redis accepts both protocols.
func (g goRedis) shapes(ctx context.Context) error {
	if err := first(g.c.HSet(ctx, "gh", "f", "v").Err(),
		g.c.ZAdd(ctx, "gz", redis.Z{Score: 1.5, Member: "a"}, redis.Z{Score: 2, Member: "b"}).Err()); err != nil {
		return err
	}
	h, err := g.c.HGetAll(ctx, "gh").Result()
	if err := want("HGETALL", fmt.Sprint(h), err, "map[f:v]"); err != nil {
		return err
	}
	z, err := g.c.ZRangeWithScores(ctx, "gz", 0, -1).Result()
	if err := want("ZRANGE WITHSCORES", fmt.Sprint(z), err, "[{1.5 a} {2 b}]"); err != nil {
		return err
	}
	raw, err := g.c.Do(ctx, "HGETALL", "gh").Result()
	return want("HGETALL as it came", fmt.Sprintf("%T", raw), err, "map[interface {}]interface {}")
}

func (g goRedis) reconnect(ctx context.Context) error {
	if err := cut(g.addr); err != nil {
		return err
	}
	return recovers(ctx, func() error { return g.ping(ctx) })
}
