// Package memory is what the data path keeps bytes and values in: slabs that are lent, regions outside of Go's heap, rings, and
// the log of frames that a link may need again.
//
// Nothing here is safe for several goroutines: a worker has an [Arena], and what came out of that is the worker's.
// Two things are done elsewhere: memory that nobody refers to any more is given back to the system on a goroutine of its own
// where it is much (region.unmap), and [Arena.OutsideHeap] may be read by anybody.
//
// Whose bytes are whose: what [Buffer.Bytes], [Intake.Bytes], [FrameLog.Frame] and [Stretch.Bytes] return is dead after the next change of
// what it came from, or when the event ends, whichever is first. What has to last an event and no longer is an orphan
// ([Arena.Orphan], [Arena.Lend]); what has to last longer is copied, or referred to where it lies in a region ([Arena.StretchOf], [Arena.Keep]).
//
// It refuses nothing by itself: who takes memory has to have charged it before, and [Intake.Growth] says how much of Go's heap
// that will be.
package memory
