package main

import (
	"fmt"
	"strings"
	"testing"
)

// TestStatusNamesRefusedWrites: a server that is up and refuses what clients write is not all well, until it takes writes again.
func TestStatusNamesRefusedWrites(t *testing.T) {
	c := troupe(t)
	listen, addr := free(t), c.groups[0][0]
	file := written(t, "huntaway.toml", fmt.Sprintf("[log]\nformat = \"json\"\n[admin]\nhttp = %q\n[pools.alpha]\nlisten = %q\ntimeout = \"5s\"\npassword = \"p\"\nservers = [\"%s:1\"]\n",
		free(t), listen, addr))
	proxy := running(t, file)
	status := func() string { return huntaway(t, "status", "-c", file).stdout }
	eventually(t, "all to be well", func() bool { return strings.Contains(status(), "all is well") })
	server, user := client(t, addr), client(t, listen)
	user.Options().Password = "p"
	for _, trouble := range []struct{ parameter, value, code, advice string }{
		{"maxmemory", "1", "OOM", "raise maxmemory there"},
		{"min-replicas-to-write", "5", "NOREPLICAS", "min-replicas-to-write says"},
	} {
		if err := server.ConfigSet(t.Context(), trouble.parameter, trouble.value).Err(); err != nil {
			t.Fatal(err)
		}
		if err := user.Set(t.Context(), "k", "v", 0).Err(); err == nil {
			t.Fatalf("%s %s: the write was taken; want it refused", trouble.parameter, trouble.value)
		}
		mentions(t, "status", status(), addr, "it refuses writes, and clients are told so: "+trouble.code, trouble.advice)
		proxy.says(fmt.Sprintf(`"msg":"server refuses writes","server":%q,"pool":"alpha","reply":"%s `, addr, trouble.code))
		if err := server.ConfigSet(t.Context(), trouble.parameter, "0").Err(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "all to be well again", func() bool {
			return user.Set(t.Context(), "k", "v", 0).Err() == nil && strings.Contains(status(), "all is well")
		})
		proxy.says(`"msg":"server takes writes again","after":`)
		mentions(t, "events", huntaway(t, "events", "-c", file).stdout, addr+"  the server refuses writes ("+trouble.code+")",
			addr+"  the server takes writes again ("+trouble.code+": 1 write refused in ")
	}
}
