// Command soak is what "make soak" runs: it proves, as far as a test can, that every reply
// reaches the client that asked, and nobody else, while servers die, freeze and stall.
//
// Many clients send random pipelines of ECHO, SET, GET, MGET, EVAL and commands that must
// fail. Everything they send carries a token that names the run, the client, its
// connection and the request, so every reply that carries data tells whose it is:
//
//	sent                                  the reply must be
//	ECHO t                                t
//	EVAL "return ARGV[1]" 1 k t           t
//	EVAL "...error_reply(...)" 1 k t      -TOKEN t
//	SET k v                               +OK
//	GET k                                 nil, or a value written to k by this client
//	MGET k...                             the same, key by key
//	HGET k t                              nil or -WRONGTYPE
//	NOSUCH.t                              -ERR unknown command 'NOSUCH.t'
//	any of them                           or an error that the proxy documents
//
// Each client has keys of its own, and a value names its key, so a value under another key
// or of another client is a crossed reply. Nothing is assumed about which writes survive a
// fault: that is another test's business.
//
// A quarter of the clients are malicious: they have servers break lines in their errors, say
// replies that are long and deep, and answer with the words of a server that refuses. None of
// that may reach the others, and nothing of the others' may reach them.
//
// Meanwhile one goroutine, the nemesis, kills, freezes, stalls and cuts off servers, one
// at a time. Pipelines are also written in pieces, left half read by a client that goes
// away, or ended by a half-close, since those are the ways in which a slot or a descriptor
// is reused too soon.
//
// The run fails when a reply is crossed, malformed, missing or undocumented, when the proxy
// closes a connection that kept to the protocol, when clients are not served again after
// the last fault, and also when it proved nothing: no fault, no error, or too few replies.
// With -peace no server is hurt, and no error is excused.
//
// Goroutines: one per client and one to write its pipeline while it reads, the nemesis,
// and main. They share a tally behind a mutex, touched once per pipeline.
package main
