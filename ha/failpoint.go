package ha

// The points of a failover at which tests end or stop the process.
const (
	pointFrozen    = "after-freeze"   // the intent is on disk
	pointPromoting = "before-promote" // the candidate is about to be made master
	pointPromoted  = "after-promote"  // it is
	pointPublished = "after-publish"  // and the data path knows
)

// passing is called at each point. It does nothing but in tests and in binaries that are
// built with -tags failpoints.
var passing = func(string) {}
