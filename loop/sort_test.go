package loop

import (
	"strings"
	"testing"

	"huntaway/shard"
)

// TestSortPatterns: a pattern that could leave the group is refused, one that cannot goes.
func TestSortPatterns(t *testing.T) {
	table, err := shard.Build(shard.Spec{HashTag: "{}", Groups: twoGroups(t).Groups})
	if err != nil {
		t.Fatal(err)
	}
	st := newTestWorker(t, PoolOptions{Table: table})
	server := st.linkTo(0, 0, int32(table.Locate([]byte("{u}list"))))
	c := st.client(0, 0)
	for _, tc := range []struct{ request, want string }{
		{"SORT {u}list", ""},
		{"SORT {u}list BY nosort GET #", ""},
		{"SORT {u}list BY {u}w_* GET {u}v_*->f", ""},
		{"SORT {u}list BY w_*", textSortBy},
		{"SORT {u}list LIMIT 0 10 GET # GET v_*", textSortGet},
		{"SORT_RO {u}list BY {other}*{x}", textSortBy},
	} {
		got := c.say(strings.Fields(tc.request)...)
		if tc.want == "" {
			if server.take() == "" {
				t.Errorf("%s: not sent; the client got %q", tc.request, got)
			}
			server.arrive("*0\r\n")
			c.take()
			continue
		}
		if want := "-" + tc.want + "\r\n"; got != want {
			t.Errorf("%s: got %q; want %q", tc.request, got, want)
		}
	}
}
