package loop_test

import (
	"fmt"
	"slices"
	"testing"

	"huntaway/perf/bench/rig"
)

// TestPubSubInOnePipeline: what a client causes behind its own SUBSCRIBE, in the same write,
// it hears of, as it does from a server: events of keys on any group, and what a script or a
// transaction publishes. Requests that change nothing do not wait for it.
func TestPubSubInOnePipeline(t *testing.T) {
	servers := startServers(t, 3, "--notify-keyspace-events", "KEA")
	st := play(t, scene{groups: alone(servers...)})
	const publishes = "return redis.call('PUBLISH', KEYS[1], 'v')"
	for round := range 40 {
		key := fmt.Sprintf("pipeline:%d", round)
		var channel, message, reply string
		var causes [][]string
		switch round % 4 {
		case 0:
			channel, message, reply = "__keyspace@0__:"+key, "set", "+OK\r\n"
			causes = [][]string{{"SET", key, "v"}}
		case 1:
			channel, message, reply = "__keyevent@0__:lpush", key, ":1\r\n"
			causes = [][]string{{"LPUSH", key, "v"}}
		case 2:
			channel, message, reply = key, "v", ":1\r\n"
			causes = [][]string{{"EVAL", publishes, "1", key}}
		default:
			channel, message, reply = "__keyspace@0__:"+key, "set", "*1\r\n+OK\r\n"
			causes = [][]string{{"MULTI"}, {"SET", key, "v"}, {"EXEC"}}
		}
		c := st.dial().resp3(t)
		all := rig.AppendCommand(nil, "SUBSCRIBE", channel)
		all = rig.AppendCommand(all, "GET", "pipeline:other")
		for _, cause := range causes {
			all = rig.AppendCommand(all, cause...)
		}
		if err := c.send(all); err != nil {
			t.Fatal(err)
		}
		c.wantFrame(t, push('>', "subscribe", channel, 1))
		c.wantFrame(t, "_\r\n")
		if len(causes) == 3 {
			c.wantFrame(t, "+OK\r\n")
			c.wantFrame(t, "+QUEUED\r\n")
		}
		got := []string{c.heard(t), c.heard(t)} // one from each connection to the server
		slices.Sort(got)
		want := []string{push('>', "message", channel, message), reply}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("round %d: got %q; want %q", round, got, want)
		}
		c.tell(t, "UNSUBSCRIBE")
		c.wantFrame(t, push('>', "unsubscribe", channel, 0))
		c.conn.Close()
	}
}
