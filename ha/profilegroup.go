package ha

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"huntaway/ha/failover"
	"huntaway/ha/vital"
	"huntaway/shard"
)

// group judges one group by what its servers said.
func (j *judgement) group(g *shard.Group, all []*testimony) {
	for _, s := range all {
		j.reached(s)
		if s.err == nil {
			j.server(s, len(all))
		}
	}
	if j.pool.Mode != "cluster" {
		j.roles(g, all)
		j.twins(g, all)
		if len(all) == 2 && j.pool.decided() {
			j.noteGroup(Doubtful, g.Name, "it has two servers", "three: two cannot be both fenced and available. With min-replicas-to-write 1 it takes no writes while its replica is down; with 0, which is right for two, a master that is cut off goes on taking writes from whoever still reaches it, and they are lost")
		}
	}
}

// reached judges whether the server could be asked at all.
func (j *judgement) reached(s *testimony) {
	switch {
	case s.err == nil:
	case beginsWith(s.err, "NOPERM "):
		user := cmp.Or(j.pool.Access.User, "default")
		j.note(Fatal, s, "the user "+user+" may not INFO", "every probe asks it", s.command("ACL", "SETUSER", user, "+info"))
	case s.fault == vital.FaultAuth:
		j.note(Fatal, s, s.err.Error(), "server_password, and server_user if it is not the default one, as the server has them", "")
	case beginsWith(s.err, "ERR unknown command"):
		j.note(Fatal, s, "it knows no command INFO", "every probe asks it; leave its rename-command out of redis.conf", "")
	case s.fault == vital.FaultLoading:
		j.note(Doubtful, s, "it is loading its data", "ask again when it is done", "")
	case s.fault == vital.FaultName:
		j.note(Doubtful, s, s.err.Error(), "a name for which this host finds an address (DNS, /etc/hosts), or an address in the file", "")
	default:
		j.note(Doubtful, s, s.err.Error(), "a server that answers within "+j.pool.Access.Timeout.String(), "")
	}
}

// server judges one server for itself.
func (j *judgement) server(s *testimony, n int) {
	j.norms(s, n)
	j.allowed(s)
	j.age(s)
	j.clustered(s)
	if s.told["rdb_last_bgsave_status"] == "err" || s.told["aof_last_write_status"] == "err" {
		j.note(Doubtful, s, "its last save to disk failed", "a disk with room: such a server refuses writes with MISCONF", "")
	}
	if a := &j.pool.Access; a.Password != "" && a.User == "" && s.confErr == nil && s.conf["requirepass"] == "" {
		j.note(Doubtful, s, "it has no password, and server_password gives it one", "requirepass there, or no server_password (redis_auth) here: it serves everybody", "")
	}
	if s.conf["requirepass"] != "" && s.conf["masterauth"] == "" && n > 1 {
		j.note(Doubtful, s, "it has requirepass and no masterauth", "both: it could not follow another master", s.command("CONFIG", "SET", "masterauth", "PASSWORD"))
	}
}

// allowed judges what the monitor may do there.
func (j *judgement) allowed(s *testimony) {
	if s.rightsErr != nil {
		j.note(Doubtful, s, "what the user "+who(s, j.pool)+" may do is not told: "+s.rightsErr.Error(), "+acl|whoami +acl|dryrun would let it be looked at", "")
	}
	for _, r := range s.unknown {
		if r.name == "failover" && older(s.version(), "6.2") {
			continue // its age says so
		}
		j.note(r.weight, s, "it knows no command "+strings.ToUpper(r.args[0]), r.why+"; leave its rename-command out of redis.conf, and let ACLs say who may use it", "")
	}
	for _, l := range s.lacks {
		j.note(l.weight, s, l.is(s.user), l.why, s.command("ACL", "SETUSER", s.user, l.rule()))
	}
}

// who names the monitor's user there.
func who(s *testimony, p *ProfilePool) string {
	for _, name := range []string{s.user, p.Access.User} {
		if name != "" {
			return name
		}
	}
	return "default"
}

// age judges the version.
func (j *judgement) age(s *testimony) {
	switch v := s.version(); {
	case j.pool.Mode != "local":
	case older(v, "5"):
		j.note(Fatal, s, "it is Redis "+v, "5.0 or newer: promotion needs REPLICAOF and two replication ids", "")
	case older(v, "6.2"):
		j.note(Doubtful, s, "it is Redis "+v, "6.2 or newer has FAILOVER; without it a switchover needs --fast", "")
	}
}

// clustered judges whether the server is in a cluster exactly if the pool says so.
func (j *judgement) clustered(s *testimony) {
	enabled := s.told["cluster_enabled"] == "1"
	switch {
	case enabled && j.pool.Mode != "cluster":
		j.note(Fatal, s, "it is a node of a Redis Cluster", `failover = "cluster": a single node answers MOVED for most keys, and cannot be told whom to follow`, "")
	case !enabled && j.pool.Mode == "cluster":
		j.note(Fatal, s, "it is not a node of a Redis Cluster (cluster-enabled no)", `another failover than "cluster", or another server`, "")
	case enabled && s.assigned == "0":
		j.note(Fatal, s, "it has no slots and knows no node that has any", "a node of the right cluster in the file: it has left that, or none has been made", s.command("CLUSTER", "NODES"))
	case enabled && s.cluster != "" && s.cluster != "ok":
		j.note(Fatal, s, "its cluster's state is "+s.cluster, "ok: some slots are served by nobody, and it refuses requests", s.command("CLUSTER", "NODES"))
	case enabled && s.served != "" && s.served != strconv.Itoa(shard.Slots):
		j.note(Doubtful, s, "of its cluster's slots "+s.served+" are served", strconv.Itoa(shard.Slots)+": requests for the keys of the others fail", s.command("CLUSTER", "NODES"))
	}
}

// roles judges who is master of the group and who follows whom.
func (j *judgement) roles(g *shard.Group, all []*testimony) {
	masters := mastersOf(all)
	if len(masters) == 0 {
		j.noteGroup(Fatal, g.Name, "no server of it is a master that answers", "one: nothing can be written")
		return
	}
	master := masters[0]
	if len(masters) > 1 {
		if master = j.rightful(g, masters, all); master == nil {
			return
		}
	}
	if master.server.Role != shard.Master {
		j.note(Doubtful, master, "it is the group's master, and the file says another one is", "Huntaway goes by what the servers say; write it into the file, so that a start without servers is right too", "")
	}
	follows := 0
	for _, s := range all {
		if s.err == nil && s != master && !s.master() {
			follows += j.follows(s, master)
		}
	}
	if follows == 0 && len(all) > 1 && j.pool.decided() {
		j.noteGroup(Doubtful, g.Name, "no replica could take the place of "+master.server.Addr, "one that follows it and is in step")
	}
}

// mastersOf picks those who say they are masters.
func mastersOf(all []*testimony) (masters []*testimony) {
	for _, s := range all {
		if s.master() {
			masters = append(masters, s)
		}
	}
	return masters
}

// rightful finds the one master that the group's replicas follow, if it is one.
func (j *judgement) rightful(g *shard.Group, masters, all []*testimony) (right *testimony) {
	followed := 0
	for _, m := range masters {
		if slices.ContainsFunc(all, func(s *testimony) bool {
			return s.err == nil && !s.master() && j.same(s.repl.Master, m.server.Addr)
		}) {
			right = m
			followed++
		}
	}
	if followed != 1 {
		j.noteGroup(Fatal, g.Name, "several of its servers are masters: "+addresses(masters), "one: make the others follow it with REPLICAOF, after a look at their data, which that throws away. "+j.pool.chooses(g.Name))
		return nil
	}
	for _, m := range masters {
		if m != right {
			want, how := m.replicating(right)
			j.note(Doubtful, m, "it is a master too, that no server of the group follows", want, how)
		}
	}
	return right
}

// replicating says what it means that a server follows the master of its group, and which command has it do that; none while that
// one was taken without data which the server may be the last to have.
func (s *testimony) replicating(master *testimony) (want, how string) {
	if strings.Contains(master.losses, "left ") {
		return fmt.Sprintf("to be left as it is until huntaway resolve --group %s: it may be the last to have what %s was taken without (%s there says what: %s), and who follows another server throws away what it has",
			s.group, master.server.Addr, failover.LostKey(s.group), brief(master.losses)), ""
	}
	host, port, _ := net.SplitHostPort(master.server.Addr)
	return "a replica of " + master.server.Addr + "; what it holds alone is lost by that, so compare them first", s.command("REPLICAOF", host, port)
}

// chooses says what a running proxy does about several masters.
func (p *ProfilePool) chooses(group string) string {
	if p.Mode == "sentinel" {
		return "Until then huntaway run takes the one that the Sentinels name"
	}
	return "Until then huntaway run takes the one whose data the others carry on, or the only one that holds keys, or the one that replicas follow " +
		"or that was made master last (the key huntaway:epoch:" + group + " says so); where these point at different ones writes fail until huntaway resolve --group " + group
}

func addresses(all []*testimony) string {
	var words []string
	for _, s := range all {
		words = append(words, s.server.Addr)
	}
	return strings.Join(words, ", ")
}

// follows judges a replica, and returns 1 when it could become master.
func (j *judgement) follows(s, master *testimony) int {
	switch {
	case s.repl.Master == nowhere:
		j.note(Doubtful, s, "it follows nobody ("+nowhere+"): a proxy has told it to keep what it has", "huntaway status of that one says why, and what ends it; who follows another server throws away what it has", "")
	case !j.same(s.repl.Master, master.server.Addr):
		want, how := s.replicating(master)
		j.note(Doubtful, s, "it follows "+s.repl.Master+", which is not the group's master "+master.server.Addr+": what it serves may be other data", want, how)
	case s.repl.Syncing:
		j.note(Doubtful, s, "it is copying its master's data", "a little time: it serves no reads and cannot be promoted before it has them", "")
	case s.repl.Unsynced():
		j.note(Doubtful, s, "it has had no link to its master since it was started", "a link that is up: until then what it holds is what it was started with, so it serves no reads and cannot be promoted; a copy begins repl-diskless-sync-delay after it is asked for, else both logs say why", "")
	case !s.repl.LinkUp:
		j.note(Doubtful, s, fmt.Sprintf("it has lost its master (link down for %v)", s.repl.LinkDown), "a link that is up: it serves no reads and cannot be promoted; its own log says why", "")
	case s.repl.Priority == 0:
		j.note(Doubtful, s, "replica-priority is 0", "more than 0, unless it is never to become master", s.command("CONFIG", "SET", "replica-priority", "100"))
	default:
		if err := j.named(master, s); err != nil {
			j.note(Doubtful, s, "a switchover to it fails: "+err.Error(), "an address that the master knows it by", "")
		}
		return 1
	}
	return 0
}

// twins finds one process under two addresses.
func (j *judgement) twins(g *shard.Group, all []*testimony) {
	seen := map[string]*testimony{}
	for _, s := range all {
		id := s.repl.RunID
		if s.err != nil || id == "" {
			continue
		}
		if other := seen[id]; other != nil {
			j.note(Fatal, s, "it is the same process as "+other.server.Addr, "a server of its own: this one is no second copy of the data", "")
		}
		seen[id] = s
	}
}

// shared finds one process in two groups, whose addresses need not tell it: each would have its own idea of who is master
// there. Groups of one server may share theirs, as in the file.
func (j *judgement) shared(told [][]*testimony) {
	if j.pool.Mode == "cluster" {
		return
	}
	type place struct {
		s      *testimony
		amidst int // servers of its group
	}
	seen := map[string]place{}
	for _, g := range told {
		for _, s := range g {
			id := s.repl.RunID
			if s.err != nil || id == "" {
				continue
			}
			other, is := seen[id]
			at := other.s
			switch {
			case !is:
				seen[id] = place{s, len(g)}
			case at.group == s.group: // twins tells
			case len(g) == 1 && other.amidst == 1:
				j.note(Doubtful, s, "it is the same process as "+at.server.Addr+" of group "+at.group, "a server of its own, unless it is meant to be two groups in one server", "")
			default:
				j.note(Fatal, s, "it is the same process as "+at.server.Addr+" of group "+at.group, "a server of one group only: two would decide about it, and what one writes there the other may have overwritten", "")
			}
		}
	}
}

// sameServer tells whether two addresses lead to the same host and port, as far as names can
// be resolved from here.
func sameServer(ctx context.Context, a, b string) bool {
	if strings.EqualFold(a, b) {
		return true
	}
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB {
		return false
	}
	ips, _ := net.DefaultResolver.LookupHost(ctx, hostA) // an unknown name is nobody's
	more, _ := net.DefaultResolver.LookupHost(ctx, hostB)
	return slices.ContainsFunc(ips, func(ip string) bool { return slices.Contains(more, ip) })
}
