//go:build invariants

package memory

// LeastRegion is small where invariants are checked: a region that has ended is not there any more,
// so that whoever still looks into it is found, and in every test that cuts a request in two.
const LeastRegion = 8 << 10
