package ha

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A norm is one line of redis.conf that failover goes by.
type norm struct {
	name  string                             // as CONFIG GET knows it
	older string                             // as servers before Redis 7 do; "" the same
	want  func(p *ProfilePool, n int) string // in a group of n servers; "" for whatever it is
	fits  func(value, want string) bool      // whether a value is as good as the wanted one
	why   string                             // what is lost otherwise
	when  func(p *ProfilePool, n int) bool   // whether it matters
}

// The profile. Sources: redis.conf of 7.0 for what each does; the figures follow from the
// monitor's timers (down_after 5s, hold_timeout 2.5s).
var norms = []norm{
	{"min-replicas-to-write", "min-slaves-to-write", wantMinReplicas, same, "so that of a group cut in two one half alone takes writes", protected},
	{"min-replicas-max-lag", "min-slaves-max-lag", always("2"), between(1, 2), "a master that lost its replicas stops taking writes after so many seconds, which must be less than down_after", protected},
	{"repl-ping-replica-period", "repl-ping-slave-period", always("1"), same, "replicas are the witnesses of a master's silence, and hear it only as often as it pings", replicated},
	{"repl-timeout", "", always("10"), between(5, 30), "a replica gives a silent master up after it, in seconds", replicated},
	{"repl-backlog-size", "", always("67108864"), atLeast, "what a replica misses in a failover must be in the backlog, or it copies everything: 60 seconds of writes, at least 64 MiB", replicated},
	{"replica-read-only", "slave-read-only", always("yes"), same, "what is written to a replica is lost, and nobody is told", replicated},
	{"replica-ignore-disk-write-errors", "", always("yes"), same, "a master that is given up because it cannot save (down_misconf) becomes a replica, and Redis ends a replica that cannot save at the next write that it is sent; yes: it goes on, with what it copies in memory alone", abandoned},
	{"busy-reply-threshold", "lua-time-limit", wantBusy, between(1, 3000), "a server in a long script says BUSY after so many milliseconds; until then it looks dead", decided},
	{"tcp-keepalive", "", always("30"), between(1, 60), "connections of clients and replicas that died without a word are found after so many seconds", anyway},
	{"client-output-buffer-limit", "", wantReplicaBuffer, replicaBuffer, "a replica that falls behind by less must not be cut off", replicated},
	{nameOutput, "", always("normal 0 0 0"), roomForReplies, "many clients share a connection, and all of them lose it when one of them is owed more; no limit, or 1 GiB and more", anyway},
	{nameOutput, "", always("pubsub 0 0 0"), roomForMessages, "likewise all who are subscribed, when more than that is published at once; no limit, or 1 GiB and more", anyway},
	{nameMemory, "", always("0"), noEviction, "likewise when the server closes what owes most of its memory", anyway},
}

// When a norm matters.

func replicated(_ *ProfilePool, n int) bool { return n > 1 }
func decided(p *ProfilePool, n int) bool    { return n > 1 && p.decided() }
func protected(p *ProfilePool, n int) bool  { return n > 2 && p.decided() }
func anyway(*ProfilePool, int) bool         { return true }

// abandoned is where a master is given up for want of a disk.
func abandoned(p *ProfilePool, n int) bool { return n > 1 && p.Mode == "local" && p.DownMisconf > 0 }

// What is wanted.

func always(value string) func(*ProfilePool, int) string {
	return func(*ProfilePool, int) string { return value }
}

// wantMinReplicas is half of the group: no two halves of it have a master with as many.
func wantMinReplicas(_ *ProfilePool, n int) string { return strconv.Itoa(n / 2) }

// wantBusy is less than what makes a silent master dead.
func wantBusy(p *ProfilePool, _ int) string {
	return strconv.FormatInt(min(3000, max(1000, p.DownAfter.Milliseconds()-2000)), 10)
}

// wantReplicaBuffer is Redis' own default.
func wantReplicaBuffer(*ProfilePool, int) string { return "replica 268435456 67108864 60" }

// What is as good.

func same(value, want string) bool { return value == want }

func atLeast(value, want string) bool { return wholeOf(value) >= wholeOf(want) }

// between takes every number between two.
func between(least, most int64) func(string, string) bool {
	return func(value, _ string) bool { return least <= wholeOf(value) && wholeOf(value) <= most }
}

// replicaBuffer looks at the limits of replicas alone.
func replicaBuffer(value, want string) bool {
	least := outputLimits(want, "replica")
	return outputRoom(outputLimits(value, "replica", "slave"), wholeOf(least[0]), wholeOf(least[1]))
}

func wholeOf(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}

// norms compares a server with the profile.
func (j *judgement) norms(s *testimony, n int) {
	if s.conf == nil {
		way := "+config|get for the user would let them"
		if beginsWith(s.confErr, "ERR unknown command") {
			way = "without its rename-command in redis.conf they could be"
		}
		j.note(Doubtful, s, "CONFIG GET is refused: "+s.confErr.Error(), "its settings could not be compared with what failover goes by, and how large a request it takes is not known; "+way, "")
		return
	}
	for i := range norms {
		w := &norms[i]
		if !w.when(j.pool, n) {
			continue
		}
		name := w.name
		value, has := s.conf[name]
		if !has {
			name = cmp.Or(w.older, name)
			value, has = s.conf[name]
		}
		want := w.want(j.pool, n)
		if !has || w.fits(value, want) || value == want {
			continue
		}
		j.note(Doubtful, s, fmt.Sprintf("%s is %q", name, value), want+": "+w.why, s.command("CONFIG", "SET", name, want))
	}
	j.persistence(s, n)
}

// persistence warns of a server that would come back empty.
func (j *judgement) persistence(s *testimony, n int) {
	if n < 2 || s.conf["appendonly"] != "no" || s.conf["save"] != "" {
		return
	}
	is := `it keeps nothing on disk (appendonly no, save "")`
	if by := s.told["process_supervised"]; by != "" && by != "no" {
		is += ", and is supervised by " + by
	}
	j.note(Doubtful, s, is, "appendonly yes, or nothing that restarts it by itself: a master that is back before it is found dead is empty, and its replicas copy that",
		s.command("CONFIG", "SET", "appendonly", "yes"))
}

// alikeKeys are settings that a server must have like its neighbours, or a failover changes
// what clients see.
var alikeKeys = []string{"maxmemory", "maxmemory-policy", "databases", "notify-keyspace-events", "cluster-enabled", "proto-max-bulk-len"}

// alike warns of settings that differ between servers of the pool.
func (j *judgement) alike(told [][]*testimony) {
	for _, key := range alikeKeys {
		who := map[string][]string{}
		for _, g := range told {
			for _, s := range g {
				if value, has := s.conf[key]; has {
					who[value] = append(who[value], s.server.Addr)
				}
			}
		}
		if len(who) > 1 {
			j.noteGroup(Doubtful, "", key+" is "+spread(who), "the same on all servers of the pool: clients do not know which of them they talk to")
		}
	}
	versions := map[string][]string{}
	for _, g := range told {
		for _, s := range g {
			if s.err == nil {
				versions[s.version()] = append(versions[s.version()], s.server.Addr)
			}
		}
	}
	if len(versions) > 1 {
		j.noteGroup(Doubtful, "", "the version of Redis is "+spread(versions), "one version: a replica cannot load the data of a newer master, and clients are shown the lowest")
	}
}

// spread words who has which value, most of them first: `"1" on a, b; "2" on c`.
func spread(who map[string][]string) string {
	type share struct {
		value string
		on    []string
	}
	var all []share
	for value, on := range who {
		all = append(all, share{value, on})
	}
	slices.SortFunc(all, func(a, b share) int {
		return cmp.Or(cmp.Compare(len(b.on), len(a.on)), cmp.Compare(a.value, b.value))
	})
	var words []string
	for _, s := range all {
		on := strings.Join(s.on, ", ")
		if len(s.on) > 4 {
			on = fmt.Sprintf("%d servers", len(s.on))
		}
		words = append(words, fmt.Sprintf("%q on %s", s.value, on))
	}
	return strings.Join(words, "; ")
}
