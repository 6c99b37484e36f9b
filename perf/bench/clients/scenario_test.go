package clients

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"huntaway/perf/bench/rig"
)

// Figures that every scenario shares, those in other languages included.
const (
	pipelined  = 100                     // commands of a pipeline
	scanned    = 1000                    // keys of a scan
	bigBytes   = 8 << 20                 // of the big value
	lateBy     = 1200 * time.Millisecond // over a pool's default time-out
	blockFor   = 2 * time.Second         // of a BLPOP that gets nothing
	blockAtAll = 10 * time.Second        // of a BLPOP that gets its value
)

// A talker is a client in the scenario. Its methods return what went wrong.
type talker interface {
	ping(context.Context) error
	pipeline(context.Context) error
	transaction(context.Context) error
	watch(context.Context) error
	script(context.Context) error
	pubsub(context.Context) error
	pattern(context.Context) error
	blocking(context.Context) error
	timeout(context.Context) error
	scan(context.Context) error
	big(context.Context) error
	shapes(context.Context) error
	reconnect(context.Context) error
	close()
}

// scenario is the list of steps after connect; doc.go says what each one does.
var scenario = []struct {
	name string
	run  func(talker, context.Context) error
}{
	{"ping", talker.ping}, {"pipeline", talker.pipeline}, {"transaction", talker.transaction},
	{"watch", talker.watch}, {"script", talker.script}, {"pubsub", talker.pubsub},
	{"pattern", talker.pattern}, {"blocking", talker.blocking}, {"timeout", talker.timeout},
	{"scan", talker.scan}, {"big", talker.big}, {"shapes", talker.shapes},
	{"reconnect", talker.reconnect},
}

// speakers are the Go clients.
var speakers = []struct {
	name    string
	connect func(addr string) (talker, error)
}{
	{"go-redis", connectGoRedis},
	{"rueidis", connectRueidis},
	{"rueidis-nocache", connectUncached},
	{"redigo", connectRedigo},
}

// TestGoClients runs each Go client through the scenario, in each pool. Pools are
// independent of each other and take their turns at the same time. A proxy may refuse
// CLIENT TRACKING: rueidis then tells its users to do without its cache, which is what
// rueidis-nocache does.
func TestGoClients(t *testing.T) {
	for _, p := range set(t) {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			for _, s := range speakers {
				t.Run(s.name, func(t *testing.T) {
					p.empty(t)
					c, err := s.connect(p.addr)
					if errors.Is(err, rueidis.ErrNoCache) && p.name != "plain" {
						t.Skipf("SKIPPED, %s NOT TESTED WITH ITS CACHE: %v", s.name, err)
					}
					if err != nil {
						t.Fatalf("connect: %v", err)
					}
					defer c.close()
					perform(t, c)
				})
			}
		})
	}
}

// perform makes a subtest of each step.
func perform(t *testing.T, c talker) {
	for _, step := range scenario {
		t.Run(step.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := step.run(c, ctx); err != nil {
				t.Errorf("got %v; want no error", err)
			}
		})
	}
}

// want compares what a client returned, and passes an error on.
func want[V comparable](what string, got V, err error, want V) error {
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", what, err)
	case got != want:
		return fmt.Errorf("%s: got %.100q; want %.100q", what, fmt.Sprint(got), fmt.Sprint(want))
	}
	return nil
}

// first returns the first error that is one.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// refused checks that the server answered an error of that kind.
func refused(what string, err error, prefix string) error {
	if err == nil || !strings.HasPrefix(err.Error(), prefix) {
		return fmt.Errorf("%s: got %v; want an error that begins with %s", what, err, prefix)
	}
	return nil
}

// key returns the n-th of keys that spread over all groups.
func key(name string, n int) string { return name + ":" + strconv.Itoa(n) }

// bigValue is not one byte repeated, so that a piece out of place shows.
func bigValue() string {
	var b strings.Builder
	for i := 0; b.Len() < bigBytes; i++ {
		fmt.Fprintf(&b, "%015d\n", i)
	}
	return b.String()
}

// body is a script of the client's own, so that no server can know it yet.
func body(client string, n int) string {
	return fmt.Sprintf("redis.call('SET', KEYS[1], ARGV[1]) return redis.call('GET', KEYS[1]) .. ' %s %d'", client, n)
}

// later runs f when the pool's time-out for ordinary commands is over.
func later(f func() error) <-chan error {
	ended := make(chan error, 1)
	time.AfterFunc(lateBy, func() { ended <- f() })
	return ended
}

// once checks that every key was seen, and none twice.
func once(seen map[string]int, name string) error {
	for i := range scanned {
		if n := seen[key(name, i)]; n != 1 {
			return fmt.Errorf("key %s was seen %d times; want once", key(name, i), n)
		}
	}
	return want("keys seen", len(seen), nil, scanned)
}

// cut has every connection of the address closed but the one that asks.
func cut(addr string) error {
	_, err := rig.Call(addr, patience, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	if err != nil {
		return fmt.Errorf("CLIENT KILL: %w", err)
	}
	return nil
}

// recovers calls f until it succeeds: a client may report the loss once or a few times.
func recovers(ctx context.Context, f func() error) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("still not so: %w", err)
		case <-tick.C:
		}
	}
}
