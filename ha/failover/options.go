package failover

// Mode says who decides.
type Mode uint8

// The modes.
const (
	Observe Mode = iota
	Local
	Sentinel
)

var modeNames = [...]string{"observe", "local", "sentinel"}

// String returns the mode as the configuration spells it.
func (m Mode) String() string { return modeNames[m] }

// Options are a machine's timers and permissions; times are nanoseconds. Defaults fills in
// what is zero.
type Options struct {
	Mode Mode

	DownRefused int64 // refused for so long, at least three times, and the replicas' links are down: dead; 1 s
	DownSilence int64 // silent for so long, and the replicas hear nothing either: dead; 5 s
	DownMisconf int64 // MISCONF for so long, and a candidate that has none: dead; 10 s
	DownBusy    int64 // BUSY for so long: dead; 0: never
	Stall       int64 // Suspect for so long in sentinel mode: fence; 1 s
	Tilt        int64 // a gap between events longer than this is this process's own stall; 1 s

	LastLook int64 // how long the old master may take to prove itself before replicas are touched; 50 ms
	Revoke   int64 // how long a replica may take to follow nobody; who has more than the others may take twice DownSilence more; 200 ms
	Chain    int64 // how long a sibling may take to follow a new master that takes no write without one; 300 ms
	Promote  int64 // of Promoting, Proving and Verifying, each; for who has more than the others twice DownSilence more; 300 ms
	Writable int64 // how long a new master that others are to follow may answer NOREPLICAS before it is published all the same; 2 s
	Settle   int64 // of Settling; 10 s
	Hold     int64 // writes may be held before they fail (hold_timeout): a switchover is decided sooner; 2.5 s
	Drain    int64 // switchover: what is in flight may take; 2 s
	Handover int64 // switchover: FAILOVER may take: replicas report once a second; 1.8 s

	MinInterval int64 // between two failovers that the machine begins; 60 s
	HourlyCap   int   // failovers in an hour, then it is latched; 3
	MaxGap      int64 // bytes by which role n may be behind the best and still go first; 0
	WaitK       int   // writes are acknowledged by so many replicas (WAIT): promote only with quorum; 0: not asked
	SelfFence   bool  // hold a master that has fewer than half of its replicas in step
	DryRun      bool  // log what would be done, do nothing
}

// Defaults returns o with what is zero filled in.
func (o Options) Defaults() Options {
	const ms = int64(1e6)
	for _, f := range []struct {
		at *int64
		d  int64
	}{
		{&o.DownRefused, 1000 * ms}, {&o.DownSilence, 5000 * ms}, {&o.DownMisconf, 10000 * ms},
		{&o.Stall, 1000 * ms}, {&o.Tilt, 1000 * ms}, {&o.LastLook, 50 * ms}, {&o.Revoke, 200 * ms},
		{&o.Chain, 300 * ms}, {&o.Promote, 300 * ms}, {&o.Writable, 2000 * ms}, {&o.Settle, 10000 * ms},
		{&o.Hold, 2500 * ms}, {&o.Drain, 2000 * ms}, {&o.Handover, 1800 * ms}, {&o.MinInterval, 60000 * ms},
	} {
		if *f.at == 0 {
			*f.at = f.d
		}
	}
	if o.HourlyCap == 0 {
		o.HourlyCap = 3
	}
	return o
}
