package ha

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"huntaway/ha/failover"
)

// TestOddStateFiles: a state file that is damaged, is another group's, or is gone with its directory is told of loudly, with what
// to do; the group goes on.
func TestOddStateFiles(t *testing.T) {
	foreign, err := seal(failover.Intent{Group: "g", Epoch: 3, Master: "10.9.9.9:6379", RunID: "r", Lineage: "l", Offset: 7})
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		text []byte
		says string
	}{
		"damaged":         {[]byte(`{"x":`), "is damaged"},
		"another group's": {foreign, "10.9.9.9:6379; if "},
	} {
		tr := cast(t, 1, func(o *PoolOptions) {
			if err := os.WriteFile(filepath.Join(o.StateDir, "p@g.json"), c.text, 0o600); err != nil {
				t.Fatal(err)
			}
		})
		tr.said(c.says)
		loud := false
		for _, e := range tr.m.Events() {
			loud = loud || e.level() == slog.LevelWarn && strings.Contains(e.String(), c.says)
		}
		if !loud {
			t.Errorf("%s: it is said as if nothing were the matter; want a warning: %s", what, tr.describe())
		}
	}
	tr := cast(t, 1, nil)
	tr.settled(0, "[1]")
	eventually(t, "the state directory is gone", func() bool { // a file may be written there meanwhile
		return os.RemoveAll(tr.o.StateDir) == nil
	})
	for _, each := range tr.all {
		each.must("PING")
	}
	if err := tr.m.Latch(t.Context(), "p", "g", "a test"); err == nil || !strings.Contains(err.Error(), "start it again") {
		t.Errorf("latched without a state directory: %v; want what to do", err)
	}
}
