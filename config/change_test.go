package config

import (
	"fmt"
	"strings"
	"testing"
)

// TestChanges: every key that differs is named once, with its effect and without secrets.
func TestChanges(t *testing.T) {
	old := parse(t, "a.toml", oneTOML+"timeout = \"400ms\"\npassword = \"marker-1\"\n[pools.gone]\nlisten = \"127.0.0.1:2\"\nservers = [\"h:1:1\"]\n")
	now := parse(t, "a.toml", `log.level = "debug"
[pools.alpha]
listen = ["127.0.0.1:22121", "unix:/tmp/a.sock"]
password = "marker-2"
timeout = "300ms"
servers = ["10.0.0.1:6379:1", "10.0.0.2:6379:1"]
server_connections = 2
limits.pipeline = 8

[pools."new one"]
listen = "127.0.0.1:3"
servers = ["h:1:1|1:1:m", "h:2:1|1:1:s"]
`)
	var got []string
	for _, c := range Changes(old, now) {
		got = append(got, c.String())
	}
	want := `log.level: info -> debug
pools.alpha.password: *** -> ***
pools.alpha.timeout: 400ms -> 300ms
pools.alpha.server_connections: 1 -> 2 (after a restart)
pools.alpha.limits.pipeline: 1024 -> 8
pools.alpha.listen: [127.0.0.1:22121] -> [127.0.0.1:22121 unix:/tmp/a.sock] (after a restart)
pools.alpha.groups: groups=1 servers=1 -> groups=2 servers=2
pools."new one":  -> groups=1 servers=2 (after a restart)
pools.gone: groups=1 servers=1 ->  (after a restart)`
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	if same := Changes(now, now); len(same) > 0 {
		t.Errorf("got %v; want nothing between equals", fmt.Sprint(same))
	}
}
