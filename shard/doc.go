// Package shard knows which servers a key belongs to.
//
// A key goes through four steps, and Table.Locate is all of them:
//
//	key ──▶ hash tag ──▶ hash ──▶ ring ──▶ group ──▶ server
//	        tag.go       hash.go   ring.go   Table     Group.Master for a write,
//	        "{}" leaves  a number  who has             Group.Reader for a read
//	        "user" of              that
//	        "{user}:1"             number
//
// # Placement
//
// With a hash and a distribution of twemproxy's, every key goes where twemproxy 0.5.0 as
// Debian builds it for amd64 sends it, bit for bit. TestPlacement holds it against the real
// nutcracker. What one would not expect there:
//
//   - The ring is laid in the order of the labels, the shorter first, whatever the order of
//     the configuration (byLabel). Under modula this decides everything.
//   - crc16 keeps 32 bits and is no CRC-16; crc32 keeps 15 bits of the CRC-32, and crc32a is
//     the true one; the 64-bit FNVs are cut to 32 bits.
//   - Bytes from 0x80 are negative in one_at_a_time, the FNVs and the end of hsieh.
//   - ketama counts a group's points in 32-bit floating point, and their number depends on
//     how many groups there are, so an ejection changes everybody's.
//   - An empty hash tag is no hash tag; the empty key hashes to 0; random ignores weights.
//
// New pools default to xxh3 with rendezvous, which is faster, spreads better and moves
// fewer keys when the groups change; see the type rendezvous.
//
// # Labels
//
// A group's identity on the ring is its Label, and nothing else of it: not its members, not
// their order, not its place in the configuration. For a plain twemproxy line the label is
// what Label returns. For a group of several servers it is the group's name, or whatever
// the configuration says: the seed of 2013 hashed the name (or address) of the last line of
// each group, and config sets just that as the label for pools that must keep its placement.
//
// # Slots
//
// The table of a Redis Cluster has no ring: 16384 slots, whose owners the cluster names. Build
// makes it from Spec.Slots; who follows the cluster makes the next one in the same way, and
// Inherit carries over what probes have found. Commands are bound to one slot there, not to
// one group, and a lone group of such a table is not all there is (Slotted, Alone).
//
// # Tables
//
// A Table is immutable. Build makes one from a Spec, all of whose faults it reports at once;
// WithMaster, WithHold, WithReaders, WithEjected and Inherit make the next from the one before, sharing
// what is the same, so a failover copies a few hundred bytes and no ring. Publishing tables,
// and deciding what should be in them, is for others. Servers have dense IDs that last as
// long as the pool (IDs), which is what per-server state elsewhere is indexed by.
//
// # What it refuses
//
// It opens no connection, reads no clock, starts no goroutine, takes no lock and logs
// nothing. It does not know what a command is. It never moves a key because a server died:
// only WithEjected does, and only twemproxy's users ask for it.
//
// # Memory
//
// Locate, every Hash and Reader allocate nothing and keep no reference to the key. A key may
// alias any buffer; Explain copies it. Vitals are the only thing here that changes after it
// was published: atomics with one writer.
package shard
