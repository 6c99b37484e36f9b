// Package scripts remembers what clients have had servers compile: the bodies that a pool has seen ([Store]), and which of
// them one connection has sent ([Loaded]), so that EVALSHA finds its script on whichever server it is sent to.
//
// A Store is shared by the workers of a pool and has a lock, which only commands about scripts take. A Loaded belongs to its
// link. Neither sends anything: what to send, and when a server's word proves that a body was compiled, is the caller's.
// It refuses to keep what is larger than a megabyte, and more than it was told in all.
package scripts
