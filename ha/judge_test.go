package ha

import "testing"

// TestBrokenLink: a replica whose link is broken is out as soon as its master was seen alive after
// that, serves on while the master is known to be dead, and is doubted while nobody knows.
func TestBrokenLink(t *testing.T) {
	master := &server{}
	for _, tc := range []struct {
		what              string
		master            *server
		down, alive, dead int64
		want              verdict
	}{
		{"the link is well", master, 0, 7, 7, verdict{good, ReasonNone}},
		{"there is no master", nil, 5, 7, 0, verdict{good, ReasonNone}},
		{"the master has answered since", master, 5, 5, 0, verdict{condemned, ReasonLink}},
		{"it has, and has died", master, 5, 6, 7, verdict{condemned, ReasonLink}},
		{"it has died since", master, 5, 4, 5, verdict{good, ReasonNone}},
		{"nobody has asked it since", master, 5, 4, 4, verdict{doubted, ReasonLink}},
	} {
		g := &group{master: tc.master, masterLife: masterLife{tc.alive, tc.dead}}
		if got := g.judgeLink(&server{linkDownAt: tc.down}); got != tc.want {
			t.Errorf("%s: got %v; want %v", tc.what, got, tc.want)
		}
	}
}
