package ha

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"huntaway/shard"
)

// promoted waits until one of the replicas says it is a master, and returns it.
func (f *flock) promoted() *instance {
	t := f.all[0].t
	t.Helper()
	var who *instance
	within(t, 30*time.Second, "a promotion", func() bool {
		for _, i := range f.all[1:] {
			text, _ := i.Client.Info(context.Background(), "replication").Result()
			if strings.Contains(text, "role:master") {
				who = i
			}
		}
		return who != nil
	})
	return who
}

// TestSentinelsFollowACrash: real Sentinels object first, then name the promoted replica, then
// agree; and a Sentinel that slept through it changes nothing when it wakes.
func TestSentinelsFollowACrash(t *testing.T) {
	flock := launchFlock(t, "g")
	f := following(t, flock.addrs(), Access{}, groupOf("g", flock.all...))
	old := flock.all[0].addr()
	f.hears("g " + old + "@0 3/3")

	sleeper := flock.sentinels[2]
	sleeper.signal(syscall.SIGSTOP)
	defer sleeper.signal(syscall.SIGCONT)
	f.notesThat("sentinel lost [] " + sleeper.addr())
	flock.all[0].kill()
	heir := flock.promoted()
	f.hears("g "+old+"@0 down", "g "+heir.addr()+"@", "g "+heir.addr()+"@")

	sleeper.signal(syscall.SIGCONT)
	f.notesThat("sentinel answers [] " + sleeper.addr())
	within(t, 30*time.Second, "all three agree", func() bool {
		all := f.heard()
		last := all[len(all)-1]
		return strings.HasPrefix(last, "g "+heir.addr()+"@") && strings.HasSuffix(last, " 3/3")
	})
	f.rising()
}

// TestSentinelsDie: with two of three dead, and then all, nothing is announced.
func TestSentinelsDie(t *testing.T) {
	flock := launchFlock(t, "g")
	f := following(t, flock.addrs(), Access{}, groupOf("g", flock.all...))
	f.hears("g " + flock.all[0].addr() + "@0 3/3")
	for i, note := range []string{"2 of 3 answer", "1 of 3 answer", "no sentinel answers"} {
		flock.sentinels[i].kill()
		f.notesThat(note)
	}
	if err := f.s.delegate(t.Context(), flock.turn("g")); err == nil || !strings.Contains(err.Error(), flock.sentinels[2].addr()) {
		t.Errorf("got %v from delegating to dead Sentinels; want all of them named", err)
	}
	for _, h := range f.heard() {
		if !strings.HasPrefix(h, "g "+flock.all[0].addr()+"@0 ") || strings.Contains(h, "down") {
			t.Errorf("got %q; want the master that was", h)
		}
	}
}

// TestSentinelsAreOrdered: a delegated failover is begun, by the name that Sentinels know.
func TestSentinelsAreOrdered(t *testing.T) {
	flock := launchFlock(t, "mymaster")
	f := following(t, flock.addrs(), Access{}, groupOf("users", flock.all...))
	f.hears("users " + flock.all[0].addr() + "@0 3/3")
	if err := f.s.delegate(t.Context(), flock.turn("nobody")); err == nil || !strings.Contains(err.Error(), "does not know the group") {
		t.Errorf("got %v for a group that no Sentinel has; want a refusal", err)
	}
	flock.sentinels[0].kill()
	within(t, 20*time.Second, "a failover that was begun", func() bool { return f.s.delegate(t.Context(), flock.turn("users")) == nil })
	heir := flock.promoted()
	f.hears("users " + heir.addr() + "@")
	f.rising()
}

// TestSentinelPassword: Sentinels that ask for a password, and what a wrong one looks like.
func TestSentinelPassword(t *testing.T) {
	m := launch(t)
	s := launchSentinel(t, map[string]*instance{"g": m}, "requirepass hush")
	group := shard.Group{Name: "g", Weight: 1, Servers: []shard.Server{{Addr: m.addr(), Role: shard.Master, Weight: 1}}}
	following(t, []string{s.addr()}, Access{Password: "hush"}, group).hears("g " + m.addr() + "@0 1/1")
	following(t, []string{s.addr()}, Access{Password: "hushh"}, group).notesThat("WRONGPASS")
	following(t, []string{s.addr()}, Access{}, group).notesThat("NOAUTH")
}
