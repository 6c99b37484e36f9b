package ha

import (
	"context"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestRestartUnseen: a master starts again while no proxy looks, and its replicas follow it by themselves before one does.
// With the group's data it gets the writes without waiting for down_after, whatever its replication id is, and nothing is
// said to be lost that is not; when it is empty whoever may have the data is waited for.
func TestRestartUnseen(t *testing.T) {
	const doubtful, gone = "whether it lacks anything cannot be told", "has come back as master without all that it had"
	for _, c := range []struct {
		name   string
		args   []string // of all servers
		signal syscall.Signal
		keeps  bool
		says   string // of what is lost, or may be; "": nothing
	}{
		{"append-only file", []string{"--appendonly", "yes", "--appendfsync", "always"}, syscall.SIGKILL, true, doubtful},
		{"dump", []string{"--save", "3600 1"}, syscall.SIGTERM, true, ""},
		{"nothing", nil, syscall.SIGKILL, false, gone},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := []*instance{launch(t, c.args...)}
			for range 2 {
				all = append(all, launch(t, c.args...).follows(all[0]))
			}
			all[0].replicated(2)
			tr := castOf(t, all, func(o *PoolOptions) { o.Failover.DownSilence = int64(time.Hour) })
			tr.settled(0, "[1 2]")
			tr.await("the group's mark", func() bool { return all[0].must("EXISTS", markerKey("g")) == int64(1) })
			all[0].must("RPUSH", "list", "a", "b", "c")
			all[0].replicated(2)
			tr.stop()
			all[0].restart(c.signal)
			want := map[bool][]string{true: {"a", "b", "c"}, false: {}}[c.keeps]
			for _, each := range all[1:] {
				eventually(t, each.addr()+" has what the master has", func() bool {
					return each.lineage() == all[0].lineage() && slices.Equal(each.list(), want)
				})
				each.linked()
			}
			tr.begin()
			if c.keeps {
				tr.settled(0, "[1 2]")
			} else {
				tr.await("an alarm", func() bool { return tr.alarmed(c.says) })
			}
			for _, e := range tr.m.Events() {
				if f := e.Failover; f != nil && (f.Loss > 0 || f.Lossy && c.says == "" || f.Publishes()) {
					t.Errorf("got %+v; want no loss told, and nobody else made master", f)
				}
			}
			if c.says != "" && !tr.alarmed(c.says) {
				t.Errorf("got the alarms %q; want %q", tr.state().Alarms, c.says)
			}
			if held := tr.Table().Groups[0].Held; held == c.keeps {
				t.Errorf("got held %t with data kept %t; want one of them", held, c.keeps)
			}
		})
	}
}

// restart ends a server by a signal and starts it again.
func (i *instance) restart(s syscall.Signal) {
	i.t.Helper()
	i.signal(s)
	_ = i.cmd.Wait()
	i.start()
}

// lineage returns a server's replication id, "" when it does not answer.
func (i *instance) lineage() string {
	text, _ := i.Client.Info(context.Background(), "replication").Result()
	_, id, _ := strings.Cut(text, "master_replid:")
	id, _, _ = strings.Cut(id, "\r")
	return id
}
