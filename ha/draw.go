package ha

import (
	"strings"

	"github.com/redis/go-redis/v9"
)

// drawMost is how many keys of a server are drawn at random; some twice.
const drawMost = 24

// draw draws keys of a server at random, and returns how many different ones there were and how many of them the order's
// target has too: none when either may not be asked that.
func (t *task) draw() (drawn, shared int) {
	pipe := t.c.Pipeline()
	for range drawMost {
		pipe.RandomKey(t.ctx)
	}
	got, _ := pipe.Exec(t.ctx) // each has its own error
	keys := map[string]bool{}
	for _, each := range got {
		if key, err := each.(*redis.StringCmd).Result(); err == nil && !strings.HasPrefix(key, "huntaway:") {
			keys[key] = true
		}
	}
	if len(keys) == 0 {
		return 0, 0
	}
	c := t.access.open("tcp", t.order.target)
	defer c.Close()
	pipe = c.Pipeline()
	for key := range keys {
		pipe.Exists(t.ctx, key)
	}
	got, _ = pipe.Exec(t.ctx)
	for _, each := range got {
		n, err := each.(*redis.IntCmd).Result()
		if err != nil {
			return 0, 0
		}
		shared += int(n)
	}
	return len(keys), shared
}
