// Package codec is RESP as this proxy accepts it: the framing of requests and replies, the
// command table, where a command's keys stand, how replies of a split command are joined,
// and the wording of errors.
//
// # Framing
//
// A request is a multi-bulk of bulks, or one inline line:
//
//	*2\r\n $3\r\n GET\r\n $3\r\n key\r\n        GET key\r\n
//
// Scanner finds its end and its arguments in place. It is resumable: each byte is looked at
// once however the bytes arrive, and it never reserves memory for a length that was only
// announced. ReplyScanner does the same for replies, but needs no buffer at all: it is a
// state machine over bytes, so a large reply can be passed on while it arrives.
//
// "Not there yet" (ErrShort) and "wrong" (*SyntaxError) are different things. After a
// SyntaxError the rest of the stream cannot be trusted: say the error and close.
//
// # Memory
//
// Everything that is returned aliases the buffer it was found in and dies with it. An
// inline request is the exception: it is rewritten as a multi-bulk into the Request's own
// buffer, valid until the Request is scanned into again.
//
// # What it refuses
//
// No I/O, no clock, no goroutine, no lock, no panic on input. Nothing here knows of
// sessions, servers or groups.
//
// Sources: the Redis serialization protocol specification (RESP2 and RESP3), the command
// reference, and networking.c of Redis 7.0 for the wording of protocol errors.
package codec
