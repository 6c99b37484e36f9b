// Package invariant holds checks that cost nothing in a release build.
//
// Built with the tag "invariants" (make test does, under the race detector) a broken
// check panics with what was expected; built without it every function here is empty
// and is compiled away. So the data path may state its contracts in code: who owns a
// value, that a request is settled once, that a slice of the loop's read buffer is dead
// when the event ends.
//
// It refuses to be used for input: what a client or a server sends is never an invariant.
package invariant
