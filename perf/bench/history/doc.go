// Package history judges what clients saw. A Log takes down every operation of every client
// while servers are killed, stopped and cut off; once all is quiet, the data are read back
// from the current master, and Check compares the two.
//
// # Classes
//
// Every operation ends in one of four classes, told by its reply alone (Classify):
//
//	OK       the server's own reply to it
//	Fail     an error that says it was not executed
//	Unknown  sent, and it may have been executed or not
//	Wrong    anything else: an error that nobody documents, a reply of the wrong shape, a
//	         connection that was closed although the client kept to the protocol
//
// # Rules
//
// Reports name a rule by its number; those that are missing are checked elsewhere.
//
//	I1   a reply that carries a token carries the one of its own request
//	I2   as many replies as requests, in order, and not a byte behind the last
//	I3   a connection that was not closed by the client stays open
//	I6   appends: (a) what was acknowledged is there, (b) nothing that nobody sent,
//	     (c) nothing that was refused, (d) nothing twice, (e) in each client's order;
//	     (g) a loss has no hole: behind a lost append of a reign nothing of it survives.
//	     Appends whose outcome is unknown are free, (f). The same of keys that are overwritten.
//	I7   a counter lies between what was acknowledged and that plus what is unknown
//	I8   one writer: no master takes a write after a later one has acknowledged one
//	I9   no byte discarded at the promotions means that no append was lost
//	I10  a read is no older than the client's own last write, and, where promised, than its last read
//	I11  transfers leave the sum as it is, at every look and at the end; no half of an EXEC
//	I12  MSET over several groups says OK only when every part was done, DEL counts them all
//	Q    an element of a queue is popped once, and only when somebody pushed it
//
// A rule forgives the loss of what was acknowledged within a Window: the declared interval before
// a crash in which replication, which is asynchronous, may not have happened yet. A planned
// switchover declares none. A Split is such an interval for one half of a group that was cut in
// two, and I8 begins again behind it. What is forgiven is counted (Verdict.Lost), never hidden.
//
// # What it refuses
//
// The rules are functions of a Run: no clock, socket or goroutine. The Log is the only
// part with a lock; it is bounded, and a run that fills it has failed (Log.Full), since a
// history with a hole proves nothing.
//
// The tests of this package take a correct history, spoil it in every way that a rule
// exists for, and fail when the spoiled one passes.
package history
