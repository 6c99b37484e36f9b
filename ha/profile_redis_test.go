package ha

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"huntaway/shard"
)

// profiled is a pool of one group of the instances, the first as its master.
func profiled(t *testing.T, mode string, all ...*instance) ProfilePool {
	t.Helper()
	g := shard.Group{Name: "g", Label: "g", Weight: 1}
	for i, s := range all {
		role := shard.Replica
		if i == 0 {
			role = shard.Master
		}
		g.Servers = append(g.Servers, shard.Server{Addr: s.addr(), Role: role, Weight: 1})
	}
	table, err := shard.Build(shard.Spec{Hash: "xxh3", Distribution: "rendezvous", Groups: []shard.Group{g}})
	if err != nil {
		t.Fatal(err)
	}
	return ProfilePool{Name: "p", Mode: mode, Groups: table.Groups, DownAfter: 5 * time.Second, ConfigRewrite: true,
		Access: Access{Timeout: 10 * time.Second}}
}

// finds wants a finding with such words.
func finds(t *testing.T, found []Finding, w Weight, words string) {
	t.Helper()
	if !slices.ContainsFunc(found, func(f Finding) bool { return f.Weight == w && strings.Contains(f.Is, words) }) {
		t.Errorf("got %+v; want the %v %q", found, w, words)
	}
}

// TestProfileAdviceWorks runs the commands that are printed over servers as they come out of
// the box, until nothing is left to find.
func TestProfileAdviceWorks(t *testing.T) {
	m := launch(t)
	all := []*instance{m, launch(t).follows(m), launch(t).follows(m)}
	p := profiled(t, "local", all...)
	found := Profile(t.Context(), p)
	finds(t, found, Doubtful, "min-replicas-to-write")
	finds(t, found, Doubtful, "keeps nothing on disk")
	for _, f := range found {
		if f.Weight != Doubtful || !strings.Contains(f.Do, " CONFIG SET ") {
			t.Errorf("got %v %+v; want warnings with a CONFIG SET", f.Weight, f)
			continue
		}
		if out, err := exec.Command("sh", "-c", f.Do).CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "OK" {
			t.Errorf("%s: %s, %v; want OK", f.Do, out, err)
		}
	}
	if again := Profile(t.Context(), p); len(again) != 0 {
		t.Errorf("after all advice was taken: got %+v; want nothing", again)
	}
}

// TestProfileOfRights looks as a user who may only look.
func TestProfileOfRights(t *testing.T) {
	m := launch(t)
	m.must("ACL", "SETUSER", "watcher", "on", ">secret", "~*", "+@all", "-replicaof", "-client|kill", "-failover")
	p := profiled(t, "local", m)
	p.Access.User, p.Access.Password = "watcher", "secret"
	found := Profile(t.Context(), p)
	finds(t, found, Fatal, "watcher may not REPLICAOF NO ONE")
	finds(t, found, Fatal, "watcher may not CLIENT KILL TYPE NORMAL")
	finds(t, found, Doubtful, "watcher may not FAILOVER")
	for _, f := range found {
		if strings.Contains(f.Do, "ACL SETUSER") {
			if out, err := exec.Command("sh", "-c", f.Do).CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "OK" {
				t.Errorf("%s: %s, %v; want OK", f.Do, out, err)
			}
		}
	}
	if again := Profile(t.Context(), p); slices.ContainsFunc(again, func(f Finding) bool { return strings.Contains(f.Is, "may not") }) {
		t.Errorf("after the rights were given: got %+v; want none missing", again)
	}
	p.Mode = "observe"
	m.must("ACL", "SETUSER", "watcher", "-replicaof")
	if found := Profile(t.Context(), p); slices.ContainsFunc(found, func(f Finding) bool { return strings.Contains(f.Is, "may not") }) {
		t.Errorf("an observer: got %+v; want no right missing", found)
	}
	m.must("ACL", "SETUSER", "watcher", "-echo")
	finds(t, Profile(t.Context(), p), Doubtful, "watcher may not ECHO")
	m.must("ACL", "SETUSER", "watcher", "-ping")
	finds(t, Profile(t.Context(), p), Doubtful, "watcher may not PING")
	m.must("ACL", "SETUSER", "watcher", "-info")
	finds(t, Profile(t.Context(), p), Fatal, "watcher may not INFO")
	open := profiled(t, "observe", launch(t))
	open.Access.Password = "secret"
	finds(t, Profile(t.Context(), open), Doubtful, "it has no password")
	p.Access.Password = "wrong"
	finds(t, Profile(t.Context(), p), Fatal, "WRONGPASS")
}

// TestProfileOfRenamedCommands looks at a server whose redis.conf has renamed commands away.
func TestProfileOfRenamedCommands(t *testing.T) {
	m := launch(t)
	away := []string{"--rename-command", "REPLICAOF", "", "--rename-command", "SLAVEOF", "", "--rename-command", "CLIENT", "",
		"--rename-command", "FAILOVER", "NOFAILOVER"}
	r := launch(t, append(away, "--replicaof", "127.0.0.1 "+m.port)...)
	r.linked()
	p := profiled(t, "local", m, r)
	found := Profile(t.Context(), p)
	finds(t, found, Fatal, "it knows no command REPLICAOF")
	finds(t, found, Fatal, "it knows no command CLIENT")
	finds(t, found, Doubtful, "it knows no command FAILOVER")
	for _, f := range found {
		if f.Server != r.addr() && strings.Contains(f.Is, "knows no") || strings.Contains(f.Is, "is not told") {
			t.Errorf("got %+v; want nothing of the kind", f)
		}
	}
	p.Mode = "observe"
	if found := Profile(t.Context(), p); slices.ContainsFunc(found, func(f Finding) bool { return strings.Contains(f.Is, "knows no") }) {
		t.Errorf("an observer: got %+v; want none missing", found)
	}
	mute := launch(t, "--rename-command", "CONFIG", "")
	if found := Profile(t.Context(), profiled(t, "local", mute)); !slices.ContainsFunc(found, func(f Finding) bool {
		return strings.Contains(f.Is, "CONFIG GET is refused") && strings.Contains(f.Should, "rename-command")
	}) {
		t.Errorf("without CONFIG: got %+v; want that its settings are not told, and what would help", found)
	}
	mute = launch(t, "--rename-command", "INFO", "")
	finds(t, Profile(t.Context(), profiled(t, "observe", mute)), Fatal, "it knows no command INFO")
	mute = launch(t, "--rename-command", "COMMAND", "")
	finds(t, Profile(t.Context(), profiled(t, "observe", mute)), Doubtful, "it knows no command COMMAND")
}

// TestProfileOfRoles meets a file that is wrong about everybody.
func TestProfileOfRoles(t *testing.T) {
	m, stranger := launch(t), launch(t)
	r := launch(t).follows(m)
	p := profiled(t, "observe", r, m)
	found := Profile(t.Context(), p)
	finds(t, found, Doubtful, "it is the group's master, and the file says another one is")
	r.follows(stranger)
	finds(t, Profile(t.Context(), p), Doubtful, "it follows "+stranger.addr())
	p = profiled(t, "cluster", m)
	finds(t, Profile(t.Context(), p), Fatal, "it is not a node of a Redis Cluster")
	stranger.kill()
	p = profiled(t, "local", stranger)
	finds(t, Profile(t.Context(), p), Fatal, "no server of it is a master")
}
