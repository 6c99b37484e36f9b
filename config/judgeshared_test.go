package config

import (
	"strings"
	"testing"
)

// said returns what is wrong with a file, "" for nothing.
func said(name, text string) string {
	c, err := Parse(name, []byte(text))
	if err != nil {
		return err.Error()
	}
	return c.Warnings.Error()
}

// pool writes a pool in TOML.
func pool(name, listen, rest string) string {
	return "[pools." + name + "]\nlisten = \"" + listen + "\"\n" + rest + "\n"
}

// TestOwnAddressAsServer: a server that is the process itself is refused where a request could go
// round; a pool behind another is not.
func TestOwnAddressAsServer(t *testing.T) {
	server := func(addr string) string { return `servers = ["` + addr + `:1"]` }
	for _, c := range []struct{ name, text, want string }{
		{"itself", pool("a", "127.0.0.1:7001", server("127.0.0.1:7001")), "server 127.0.0.1:7001 is where this pool listens"},
		{"itself among others", pool("a", "127.0.0.1:7001", `servers = ["10.0.0.1:6379:1", "127.0.0.1:7001:1"]`), "where this pool listens"},
		{"itself by a name", pool("a", "127.0.0.1:7001", server("localhost:7001")), "where this pool listens"},
		{"itself behind all addresses", pool("a", ":7001", server("127.0.0.1:7001")), "where this pool listens"},
		{"its socket", pool("a", "unix:/run/a.sock", server("/run/a.sock")), "where this pool listens"},
		{"each other", pool("a", "127.0.0.1:7001", server("127.0.0.1:7002")) + pool("b", "127.0.0.1:7002", server("127.0.0.1:7001")),
			`where pool "a" listens, whose requests come here`},
		{"in a ring of three", pool("a", "127.0.0.1:7001", server("127.0.0.1:7002")) + pool("b", "127.0.0.1:7002", server("127.0.0.1:7003")) +
			pool("c", "127.0.0.1:7003", server("127.0.0.1:7001")), `where pool "a" listens`},
		{"the admin port", pool("a", "127.0.0.1:7001", server("127.0.0.1:22224")), "server 127.0.0.1:22224 is admin.http of this very file"},
		{"a pool behind another", pool("a", "127.0.0.1:7001", server("127.0.0.1:7002")) + pool("b", "127.0.0.1:7002", server("10.0.0.1:6379")), ""},
		{"the port elsewhere", pool("a", "127.0.0.1:7001", server("10.0.0.1:7001")), ""},
		{"another loopback address", pool("a", "127.0.0.1:7001", server("127.0.0.2:7001")), ""},
		{"another socket", pool("a", "unix:/run/a.sock", server("/run/b.sock")), ""},
	} {
		if got := said("a.toml", c.text); (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: got\n%s\nwant %q", c.name, got, c.want)
		}
	}
	yaml := "a:\n  listen: 127.0.0.1:7001\n  redis: true\n  timeout: 400\n  servers:\n   - 127.0.0.1:7001:1\n"
	if got := said("a.yml", yaml); !strings.Contains(got, "a.yml:6:6: error") || !strings.Contains(got, "where this pool listens") {
		t.Errorf("twemproxy's format: got\n%s\nwant it refused with its place", got)
	}
}

// TestSharedServers: pools that share servers are refused where one of them would not see what
// the other does to them.
func TestSharedServers(t *testing.T) {
	const (
		pair  = "[[pools.%.groups]]\nname = \"g\"\nmaster = \"10.0.0.1:6379\"\nsecondary = \"10.0.0.2:6379\"\n"
		alone = "[[pools.%.groups]]\nname = \"g\"\nmaster = \"10.0.0.1:6379\"\n"
		other = "[[pools.%.groups]]\nname = \"g\"\nmaster = \"10.0.0.3:6379\"\nsecondary = \"10.0.0.4:6379\"\n"
		local = "failover = \"local\"\nhold_timeout = \"3s\"\n"
		eject = "auto_eject_hosts = true\n"
		seen  = "sentinels = [\"10.0.0.9:26379\"]\n"
	)
	two := func(a, b string) string {
		return pool("a", "127.0.0.1:7001", strings.ReplaceAll(a, "%", "a")) + pool("b", "127.0.0.1:7002", strings.ReplaceAll(b, "%", "b"))
	}
	for _, c := range []struct{ name, text, want string }{
		{"one decides, the other knows one server", two(local+pair, alone), `writes of pool "b" would still go to the old master`},
		{"the same, the other way round", two(alone, local+pair), `writes of pool "a" would still go to the old master`},
		{"both decide", two(local+pair, local+pair), "two would decide about one master"},
		{"one decides, Sentinel for the other", two(local+pair, seen+pair), "two would decide about one master"},
		{"Sentinel for one, the other knows one server", two(seen+pair, alone), "would still go to the old master"},
		{"one decides, the other ejects", two(local+pair, eject+pair), "is taken off the ring here"},
		{"one decides, the other follows", two(local+pair, pair), ""},
		{"Sentinel for both", two(seen+pair, seen+pair), ""},
		{"a cluster's node", two("failover = \"cluster\"\nservers = [\"10.0.0.1:6379:1\"]\n", alone), "a node of a Redis Cluster for one of them"},
		{"nobody decides", two(alone, alone), ""},
		{"nothing shared", two(local+pair, local+other), ""},
	} {
		got := said("a.toml", c.text)
		if strings.Contains(got, ": error: ") != (c.want != "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: got\n%s\nwant %q", c.name, got, c.want)
		}
	}
}

// TestAddressesThatAreURLs: the scheme is what is wrong, wherever an address stands, and the rest
// is said as it would be right.
func TestAddressesThatAreURLs(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{pool("a", "127.0.0.1:1", `servers = ["tls://10.0.0.1:6379:1"]`), "TLS (tls://) is not served (host:port without TLS"},
		{pool("a", "tls://127.0.0.1:1", `servers = ["10.0.0.1:6379:1"]`), "TLS (tls://) is not served"},
		{pool("a", "127.0.0.1:1", "[[pools.a.groups]]\nname = \"g\"\nmaster = \"rediss://10.0.0.1:6379\""), "TLS (rediss://) is not served"},
		{pool("a", "127.0.0.1:1", "[[pools.a.groups]]\nname = \"g\"\nmaster = \"redis://u:p@10.0.0.1:6379/0\""), `an address is no URL (redis://) (write "10.0.0.1:6379")`},
		{pool("a", "127.0.0.1:1", "sentinels = [\"redis://10.0.0.1:26379\"]\nservers = [\"10.0.0.1:6379:1\"]"), `write "10.0.0.1:26379"`},
		{"[admin]\nhttp = \"http://127.0.0.1:9000\"\n" + pool("a", "127.0.0.1:1", `servers = ["10.0.0.1:6379:1"]`), `write "127.0.0.1:9000"`},
		{pool("a", "127.0.0.1:1", `servers = ["unix:///run/redis.sock:1"]`), `write the path alone, "/run/redis.sock:1"`},
	} {
		if got := said("a.toml", c.text); !strings.Contains(got, c.want) || strings.Contains(got, "port") && strings.Contains(got, "not a number") {
			t.Errorf("%s: got\n%s\nwant %q", c.text, got, c.want)
		}
	}
}

// TestRefusedValuesAreNotJudged: what stands for a value that was refused is nobody's, so nothing
// is said of it.
func TestRefusedValuesAreNotJudged(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"a.yml", "a:\n  listen: 127.0.0.1:7001\n  redis: true\n  timeout: \"400ms\"\n  servers:\n   - 10.0.0.1:6379:1\n"},
		{"a.yml", "a:\n  listen: 127.0.0.1:7001\n  redis: true\n  timeout: soon\n  servers:\n   - 10.0.0.1:6379:1\n"},
		{"a.toml", pool("a", "127.0.0.1:7001", "servers = [\"10.0.0.1:6379:1\"]\n[pools.a.limits]\nbulk_bytes = \"much\"\nrequest_bytes = \"1MiB\"")},
		{"a.toml", pool("a", "127.0.0.1:7001", "servers = [\"10.0.0.1:6379:1\"]\n[pools.a.limits]\noutput_soft_bytes = \"64mb\"\noutput_bytes = \"1MiB\"")},
	} {
		var n int
		if _, err := Parse(c.name, []byte(c.text)); err != nil {
			n = len(err.(Problems))
		}
		if n != 1 {
			t.Errorf("%s: got %d problems\n%s\nwant the one value", c.text, n, said(c.name, c.text))
		}
	}
}
