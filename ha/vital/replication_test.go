package vital

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// What redis-server 7.0.15 answers, shortened to the lines that are read.
const (
	aReplica = "# Replication\r\nrole:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:6379\r\n" +
		"master_link_status:up\r\nmaster_last_io_seconds_ago:2\r\nmaster_sync_in_progress:0\r\n" +
		"slave_read_repl_offset:77\r\nslave_repl_offset:70\r\nslave_priority:100\r\nslave_read_only:1\r\n" +
		"connected_slaves:0\r\nmaster_failover_state:no-failover\r\nmaster_replid:abc\r\n" +
		"master_replid2:0000000000000000000000000000000000000000\r\nmaster_repl_offset:71\r\n" +
		"second_repl_offset:-1\r\n# Server\r\nrun_id:f00\r\n"
	aMaster = "# Replication\r\nrole:master\r\nconnected_slaves:3\r\n" +
		"slave0:ip=10.0.0.2,port=6380,state=online,offset=1064,lag=1\r\n" +
		"slave1:ip=10.0.0.3,port=6380,state=wait_bgsave,offset=0,lag=0\r\n" +
		"slave2:ip=::1,port=6381,state=online,offset=1050,lag=0\r\n" +
		"master_failover_state:waiting-for-sync\r\nmaster_replid:abc\r\nmaster_replid2:def\r\n" +
		"master_repl_offset:1064\r\nsecond_repl_offset:900\r\n"
)

func wellReplica() Replication {
	return Replication{Replica: true, ID: "abc", Offset: 70, LinkUp: true, RunID: "f00", SecondOffset: -1,
		Master: "10.0.0.1:6379", Silence: 2 * time.Second, Priority: 100, Failover: "no-failover"}
}

func TestParseReplication(t *testing.T) {
	syncing, writable, down := wellReplica(), wellReplica(), wellReplica()
	syncing.Syncing, writable.Writable = true, true
	unstreamed := wellReplica()
	unstreamed.Offset = 0
	down.LinkUp, down.LinkDown, down.Silence = false, 9*time.Second, -time.Second
	master := Replication{ID: "abc", Offset: 1064, SecondID: "def", SecondOffset: 900, Failover: "waiting-for-sync",
		Followers: []Follower{{"10.0.0.2:6380", 1064, time.Second}, {"[::1]:6381", 1050, 0}}}
	for _, tc := range []struct {
		name, text string
		want       Replication
		ok         bool
	}{
		{"replica", aReplica, wellReplica(), true},
		{"replica, bare line feeds", strings.ReplaceAll(aReplica, "\r", ""), wellReplica(), true},
		{"syncing", strings.ReplaceAll(aReplica, "progress:0", "progress:1"), syncing, true},
		{"writable", strings.ReplaceAll(aReplica, "read_only:1", "read_only:0"), writable, true},
		{"link down", strings.ReplaceAll(aReplica, "status:up\r\nmaster_last_io_seconds_ago:2",
			"status:down\r\nmaster_last_io_seconds_ago:-1\r\nmaster_link_down_since_seconds:9"), down, true},
		{"master", aMaster, master, true},
		{"replica from an append-only file", strings.NewReplacer("master_repl_offset:71", "master_repl_offset:0", "slave_repl_offset:70", "slave_repl_offset:1").Replace(aReplica), unstreamed, true},
		{"old master", "role:master\nmaster_replid:x\nmaster_repl_offset:5\n", Replication{ID: "x", Offset: 5, SecondOffset: -1}, true},
		{"garbled follower", "role:master\nslave0:what\nslave1:state=online,offset=x\n",
			Replication{SecondOffset: -1, Followers: []Follower{{Addr: ":"}}}, true},
		{"nothing", "", Replication{SecondOffset: -1}, false},
		{"no role", "redis_version:7.0.15\r\n", Replication{SecondOffset: -1}, false},
	} {
		if got, ok := ParseReplication(tc.text); !reflect.DeepEqual(got, tc.want) || ok != tc.ok {
			t.Errorf("%s: got %+v, %v; want %+v, %v", tc.name, got, ok, tc.want, tc.ok)
		}
	}
}

func TestKin(t *testing.T) {
	promoted := Replication{ID: "b", SecondID: "a"}
	for lineage, want := range map[string]bool{"a": true, "b": true, "c": false, "": true} {
		if got := promoted.Kin(lineage); got != want {
			t.Errorf("kin to %q: got %v; want %v", lineage, got, want)
		}
	}
	if fresh := (Replication{ID: "b"}); fresh.Kin("a") {
		t.Error("a server without a second lineage is kin to another one")
	}
}

func TestFaultNames(t *testing.T) {
	for f := range Fault(Faults) {
		if f.String() == "" {
			t.Errorf("fault %d has no name", f)
		}
		if got, want := f.Alive(), f != FaultRefused && f != FaultTimeout && f != FaultName && f != FaultLoading; got != want {
			t.Errorf("%v: got alive %v; want %v", f, got, want)
		}
	}
}
