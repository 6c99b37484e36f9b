//go:build !invariants

package memory

// LeastRegion is the size from which what a session keeps of its input lies in a region.
const LeastRegion = 1 << 20
