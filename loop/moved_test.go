package loop

import (
	"testing"

	"huntaway/shard"
)

// TestShrinkWhileDialing: a reload takes a group away while a request for it waits for the
// link. The request is looked for anew, not at the place that it had.
func TestShrinkWhileDialing(t *testing.T) {
	two := twoGroups(t)
	k := keysOf(t, two)
	st := newTestWorker(t, PoolOptions{Table: two})
	server, c := st.linkTo(0, 0, 0), st.client(0, 0)
	got(t, "while the second server is dialed", c.say("INCR", k[1]), "")

	st.e.pools[0].Publish(testTable(t, shard.Group{Name: "g1", Servers: two.Groups[0].Servers}))
	st.run()
	got(t, "sent to the group that is left", server.take(), frames("INCR "+k[1]))
	server.arrive(":1\r\n")
	got(t, "reply", c.take(), ":1\r\n")
}
