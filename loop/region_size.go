//go:build !invariants

package loop

// leastRegion is the size from which what a session keeps of its input lies in a region.
const leastRegion = 1 << 20
