package ha

import (
	"context"
	"strings"
	"testing"
	"time"

	"huntaway/shard"
)

// TestLearnLimits: each server is asked anew, and one that does not tell is told apart from one that
// has no limits.
func TestLearnLimits(t *testing.T) {
	one := launch(t, "--proto-max-bulk-len", "1mb", "--client-query-buffer-limit", "2mb")
	two := launch(t, "--rename-command", "CONFIG", "")
	a, b := shard.Server{Addr: one.addr(), Network: "tcp"}, shard.Server{Addr: two.addr(), Network: "tcp"}
	gone := shard.Server{Addr: "127.0.0.1:1", Network: "tcp"}
	ask := func(want ServerLimits) {
		t.Helper()
		got := LearnLimits(context.Background(), []shard.Server{gone, a, b}, Access{Timeout: time.Minute})
		if len(got) != 3 || got[0] != (ServerLimits{}) || got[1] != want || got[2] != (ServerLimits{}) {
			t.Errorf("got %+v; want nothing, %+v, nothing", got, want)
		}
	}
	ask(ServerLimits{Known: true, Bulk: 1 << 20, Query: 2 << 20, Subscriptions: "33554432 8388608 60"})
	c := Access{}.complete().open("tcp", one.addr())
	defer c.Close()
	for name, value := range map[string]string{"proto-max-bulk-len": "3mb", "client-output-buffer-limit": "normal 8mb 4mb 10 pubsub 0 0 0", "maxmemory-clients": "4mb"} {
		if err := c.ConfigSet(t.Context(), name, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
	ask(ServerLimits{Known: true, Bulk: 3 << 20, Query: 2 << 20, Output: "8388608 4194304 10", Memory: "4194304"})
}

// TestRoomForReplies: no limit and a high one are room enough.
func TestRoomForReplies(t *testing.T) {
	for value, want := range map[string]bool{
		"normal 0 0 0 slave 1 1 1 pubsub 1 1 1": true,
		"normal 1073741824 1073741824 1":        true,
		"slave 0 0 0 normal 1073741823 0 0":     false,
		"normal 0 1073741823 60 slave 0 0 0":    false,
		"slave 0 0 0":                           true,
		"":                                      true,
		"normal":                                true,
		"pubsub 0 0 0 replica 0 0 0 normal 8388608 0 0": false,
	} {
		if got := roomForReplies(value, ""); got != want {
			t.Errorf("%q: got %t; want %t", value, got, want)
		}
		turned := strings.NewReplacer("normal", "pubsub", "pubsub", "normal").Replace(value)
		if got := roomForMessages(turned, ""); got != want {
			t.Errorf("%q: got %t; want %t", turned, got, want)
		}
	}
	for value, want := range map[string]bool{"0": true, "0%": true, "1": false, "5%": false, "": true, "x": true} {
		if got := noEviction(value, ""); got != want {
			t.Errorf("%q: got %t; want %t", value, got, want)
		}
	}
}
