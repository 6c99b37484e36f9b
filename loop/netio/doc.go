// Package netio is the connections of the data path: event loops that bring bytes, and the [Conn] of a session or a link. It is
// the only package that knows gnet, and one file of it does.
//
// A [Reactor] has event loops; each has the connections that were enrolled there ([Reactor.Enroll]), and calls their
// [Endpoint] on its own goroutine, which is the only one that may call a Conn. What a Conn does not get rid of it keeps, and says so
// ([Conn.Backlog]); reading can be suspended and resumed. A client that has closed its half is written to all the same
// (see [Conn.Linger]).
//
// It refuses to interpret anything: bytes in, bytes out, in order, and one call of Closed at the end.
package netio
