// Package ha knows which servers are well, and who is master, and tells the routing table.
//
// It probes every server of a pool on a connection of its own, keeps for each of them a
// small state machine, and from that decides which members of a group may serve reads
// now and, where auto_eject_hosts asks for it, which groups leave the ring. It measures how far
// each replica is behind, in bytes and in time, and publishes the time up to which a
// replica has everything (shard.Vitals.CoveredAt), on which read-your-writes rests. For each
// group of two servers and more it runs the failover machine of package failover, which decides
// who takes writes.
//
// # Core and driver
//
//	     sockets, clock, goroutines            no socket, no clock, no goroutine
//	┌────────── driver.go ──────────┐        ┌────────── Detector ──────────┐
//	│ prober, one per server  ──────┼─Event─▶│ Step: one event in,          │
//	│ LinkUp, LinkFailed, Demoted ──┼─Event─▶│       what to do out         │
//	│ one watch goroutine per pool ◀┼─Action─│                              │
//	└──────────────┬────────────────┘        └──────────────────────────────┘
//	               ▼ Publisher.Publish: one new shard.Table
//
// The core is a function of its events, so its tests are scripts (testdata/*.txt) and random
// sequences under virtual time. So is failover.Machine, of which there is one for each group
// beside the Detector. Each has a group driver, and is fed the same events:
//
//	prober ──┐                     ┌─▶ Publisher: a table with another master, or held;
//	LinkUp … ├─▶ watch ─▶ group driver ─┤   connections closed (Fence), in-flight awaited (Drain)
//	arbiter ─┤            Machine  ├─▶ hand, one per server: REPLICAOF, FAILOVER, CLIENT PAUSE …
//	operator ┘     ▲               ├─▶ state store: the intent, on disk before a server is touched
//	               └── outcome ────┴─▶ log, Events
//
// # Who decides
//
// PoolOptions.Failover says who names masters: somebody else (observe), this process (local), or
// Redis Sentinel, which an arbiter follows. In modes other than observe a group is held from
// Watch until its machine has found out who is master, for the configured one may have been
// replaced in an earlier life.
//
// In mode local the active monitor wears a badge at the master: a connection named
// huntaway:monitor:GROUP:NAME, used every second while the group is well. A monitor that sees another's
// takes its own off and promotes nobody; two that put one on together both take it off. A badge that was
// not used for 10 s is none. A group gets its machine after the first look. Two monitors that start while
// the master is dead do not find each other.
//
// Who wears one there wears one at every other server of the group too, and goes on while the master is dead. So another
// monitor sees whether somebody is at work on the failover. What it waits for before it begins one itself: while a badge
// is seen it does nothing; when half of the other servers and more tell their connections, and nobody's badge is
// there in two looks, it decides, for whoever wore one has ended: his connections are closed when he is killed. A badge that
// stands still is of a process that may go on, or of a host that is gone: then, and where servers
// do not tell, or a version was heard that wears none there, the other one is waited for 15 s from when it was last heard; after
// 4 s the replicas are kept from copying whoever comes up in the master's place. A process that has stood still, and would begin
// a failover, gathers its evidence anew for some seconds, and takes its badges off the other servers meanwhile: who has seen
// all the time that the master is dead need not wait for it.
//
// The heartbeat is a key on the master, huntaway:monitor: and the group's name, which lasts 4 s, four times its
// interval, and is renewed with the badge's use; 10 s where servers name no connections. It tells older versions, which know nothing else, and names the badge's
// connection, so that CLIENT LIST ID finds it. Clients can write and delete it, so who wears a badge
// puts it right and believes nothing of it; who wears none believes one in the right form that expires
// within 10 s, for 6 s while it could put its own there, and otherwise for as long as it is renewed. An
// older version that has the key stands down when a newer one puts its own there. Where a
// server refuses to name or to list connections the key decides alone, and Status says so. The mark,
// huntaway:epoch:, is put right as well, by who wears the badge, once his machine knows the epoch: it asks for the mark
// when it begins and when it has followed a master that it has not made one, and believes a later one then only. Who hears
// another monitor by its badge at the master takes the mark there for the epoch when he has read the same in three looks: what a
// client writes does not stay for so long.
//
// The list of losses, huntaway:lost:, says what masters were taken without (failover.LostKey): who wears the badge keeps it what
// his machine knows, and all others hear what it says. The machine orders no copy of a master that somebody else has made one
// before it has heard the list there, so the master is looked at ten times a second until then.
//
// # What is on disk
//
// A stateStore keeps, in the state directory, a file POOL@GROUP.json for each group, with the intent
// and its SHA-256, written to a temporary file, synced and renamed; and POOL.lock, which one
// process holds and which contains the name that its badges and heartbeats bear, the same after a restart. A
// file that is damaged is reported and treated as absent. Who decides by himself may not begin
// a failover that he cannot write down; the other modes go on. A disk may hang: a write that it
// has not answered after 1.9 s has failed, for its group alone, and ends whenever the disk lets it;
// until then that group writes nothing. While a group is well its intent is written anew every
// minute in mode local, so that a disk that takes nothing any more is noticed before it matters.
//
// # What servers are told
//
// Orders go over connections of their own, which are closed after five idle seconds, each
// order with a deadline of its own. A server's orders are carried out one after the other;
// all of them may be given twice. A promotion that went through but for CONFIG REWRITE or for
// closing its clients' connections is one, with a warning. Of keys, only huntaway:monitor:,
// huntaway:epoch: and huntaway:lost: with the group's name are ever written, all in database 0.
//
// A group of one server has no machine. Groups that are on unix sockets cannot be failed over
// by this process: no replica can be told to follow a path.
//
// # The life of a replica
//
//	            one good probe                    a doubt
//	unknown ───────────────────▶ in ─────────────────────────▶ suspect
//	   │                         ▲ ▲ ◀─────────────────────────  │
//	   │ condemned               │ │        one good probe       │ a second doubt,
//	   │          enough good    │ │ condemned                   │ or condemned
//	   │          probes, hold   │ ▼                             │
//	   │          is over        │ out ◀─────────────────────────┘
//	   └────────────────────────▶│  │ ▲
//	                             │  │ │ doubt or condemned
//	            one good probe   │  ▼ │
//	                             warming
//
// Leaving is immediate, coming back is earned. The table of transitions stands at State.
//
// What condemns at once: a refused connection (down), LOADING, a full resynchronisation
// (syncing), the wrong role, a replica that accepts writes, another lineage than the master's
// (wrong-master), a lag over the limits, a rejected password (auth-failed), MASTERDOWN, a broken
// replication link while the master lives, and that there was none since the server was started
// (unsynced): what it holds is then of any age, if it holds anything. What is a doubt: a probe that was
// not answered in time, a name that leads nowhere (unresolved), BUSY, an error nobody knows, and
// anything that the master may still explain.
//
// # Who answers at an address
//
// The table names the process that each server of a group was when it was last looked at
// (shard.Table.Process, a run_id). A new link of the data path asks which one it has got, hangs up on any
// other, and reports it (Exchanged); that is a lost link to the detector and the machine, and has
// the server asked anew, over new connections. What the answer means is carried out first: reads go elsewhere, the
// group is held. Only then does the table name the new process; the one at the master's address when the
// group is held no longer. Groups of one server and a Redis Cluster's take whoever answers.
//
// # A dead master does not take its replicas along
//
// A replica with a broken link is condemned only by evidence that its master has been
// alive since the link broke: a master that is dead acknowledges no write, so the replica
// lacks nothing that could be missed but the asynchronous tail, and it goes on serving. Until
// the master's next probe is in (it is sent at once) the replica is suspect and serves.
// A master that comes back alone takes its unlinked replicas out, until they are linked again.
// While the master cannot be asked, lag is measured against its last answer, or, when it
// never answered, against the furthest replica. A replica that was too far behind
// before stays out.
//
// When a group has neither a master that is well nor a replica that is, replicas that are
// merely silent keep serving (the last resort): it is as likely that this process stood
// still. A probe that took far longer to come back than its time limit proves just that,
// and is not counted.
//
// # Whose data they are
//
// The machine says which data are the group's: the lineage that it has accepted, at first that of the state file, and the one that
// this carries on (Own). Who has others serves no reads, whoever he follows: a replica that has copied a process without the data
// that came up at its master's address. What an order has found of that counts as a probe's answer does. While such a process
// answers the master counts as dead, so that replicas that still have the data go on serving. In mode observe whoever is
// master has the group's data.
//
// # Covered time
//
// For each INFO of a master the time it was sent and the offset it reported are kept.
// A replica at offset O has every write that the master had acknowledged before
// the latest such time whose offset is not above O. With probes every 500 ms this trails the
// truth by up to as much; a replica that has caught up with the newest sample has a lag of 0.
// The figure is as old as the last probe: a server that restarts with older data
// between two probes, with no link of the data path to notice, is believed for that long.
//
// # What each timer means
//
//	ProbeInterval  500 ms   from one probe of a server to its next
//	fast interval  a fifth  the same for a server in doubt, warming, or never seen; and
//	                        the least distance of two probes, whoever asks for one
//	ProbeTimeout   500 ms   dial, handshake and answer together
//	flap window    60 s     a replica that goes out again within it of its return is flapping
//	hold           10 s     what a flapping replica waits at least before it returns; doubles
//	                        up to 5 min; waived while the master is not well
//	RetryTimeout   30 s     how long an ejected group stays out of the ring at least; it then
//	                        returns with the first good probe
//
// # What it refuses
//
// Passive reports from the data path (a lost link, a READONLY, a silence) never condemn a server
// and never promote one; they hurry the next probe, may have a group held, and count as failures
// for auto-ejection. A replica whose link broke serves no reads until that probe is answered,
// where another server can: it may have been started anew, without its data. A table is never
// built from a remembered one: every change starts from Publisher.Table. Nothing here blocks an
// event loop: reports go through a bounded queue and are dropped and counted when it is full.
//
// # Redis Cluster
//
// A pool whose servers are a Redis Cluster has no failover machines: the cluster decides. A
// survey asks all nodes that are known for CLUSTER NODES: every ten probe intervals, every
// 250 ms while a master with slots does not answer, and when the data path has met a MOVED or
// lost a link, or a node has another role than the table says, but never twice within 100 ms.
// A topology settles what they say: a node is believed about itself, a slot is its whose claim has
// the highest epoch, and never an older claim than one that was believed. The detector goes on
// judging who may serve reads. A group that gives slots away is marked Moving, and its master
// serves all its reads.
//
// # Goroutines
//
// Monitor.Run starts one watch goroutine per pool, which owns the pool's Detector, its group drivers
// and their machines, and is the only one to publish tables. That one starts
//
//	a prober      per server; owns the client that probes it
//	a hand        per server that was given an order; owns the client for that
//	the arbiter's in mode sentinel, and in a Redis Cluster, where it starts a short one for each
//	              node it asks
//	a short one   for each fence, drain, write of an intent and look for other monitors; it
//	              ends at its deadline
//
// What they bring goes to the watch through channels. All of them have ended when Run returns. Only
// what is inside a call to a disk that hangs may outlive it, one goroutine for each group. A
// pool that is watched anew, by a reload, hands its group drivers on between the end of the old watch
// and the beginning of the new one; what was under way counts as failed.
package ha
