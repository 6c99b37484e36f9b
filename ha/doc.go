// Package ha knows which servers are well and tells the routing table.
//
// It probes every server of a pool on a connection of its own, keeps for each of them a
// small state machine, and from that decides which members of a group may serve reads
// now and, where auto_eject_hosts asks for it, which groups leave the ring. It measures how far
// each replica is behind, in bytes and in time, and publishes the time up to which a
// replica has everything (shard.Vitals.CoveredAt), on which read-your-writes rests.
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
// sequences under virtual time. The failover machine is meant to stand beside the Detector
// and to be fed the same events; what only it may do (promote, demote, name another master)
// nothing in here does.
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
// (wrong-master), a lag over the limits, a rejected password (auth-failed), MASTERDOWN, and a broken
// replication link while the master lives. What is a doubt: a probe that was not answered in time,
// BUSY, an error nobody knows, and anything that the master may still explain.
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
// Passive reports from the data path (a lost link, a READONLY) never condemn a server;
// they hurry the next probe and count as failures for auto-ejection. A table is never
// built from a remembered one: every change starts from Publisher.Table. Nothing here blocks an
// event loop: reports go through a bounded queue and are dropped and counted when it is full.
//
// # Goroutines
//
// Monitor.Run starts one watch goroutine per pool, which owns the pool's Detector and is the only
// one to publish tables, and one prober per server, which owns that server's client. All of them
// have ended when Run returns.
package ha
