package codec

import "errors"

// ErrShort means that the buffer ends inside a frame: read more and call again. It is the
// only error here that is nobody's fault.
var ErrShort = errors.New("codec: frame is not complete yet")

// A SyntaxError means that a stream is not RESP from here on.
type SyntaxError struct {
	Text   string // for the peer, without "-ERR ": "Protocol error: …"; "" when it deserves no answer
	Reason string // for counters and logs, one word or two
}

// Error returns the reason.
func (e *SyntaxError) Error() string { return "codec: " + e.Reason }

// The ways in which a request stream can be wrong. Texts are those of Redis where it has one.
var (
	errArgCount   = &SyntaxError{"Protocol error: invalid multibulk length", "argument count"}
	errBulkLength = &SyntaxError{"Protocol error: invalid bulk length", "bulk length"}
	errCountLine  = &SyntaxError{"Protocol error: too big mbulk count string", "count line"}
	errBulkLine   = &SyntaxError{"Protocol error: too big bulk count string", "bulk line"}
	errNoCRLF     = &SyntaxError{"Protocol error: expected CRLF after an argument", "no CRLF"}
	errQuotes     = &SyntaxError{"Protocol error: unbalanced quotes in request", "quotes"}
	errInlineNUL  = &SyntaxError{"Protocol error: NUL in an inline request", "inline NUL"}
	errUnauthArgs = &SyntaxError{"Protocol error: unauthenticated multibulk length", "unauthenticated size"}
	errUnauthBulk = &SyntaxError{"Protocol error: unauthenticated bulk length", "unauthenticated size"}

	// errOtherProtocol: HTTP, TLS, SSH, SMTP or a PROXY header on a Redis port. Redis
	// closes such a connection without a word, because a browser tricked into talking to
	// it must not get anything executed (CVE-2016-10517).
	errOtherProtocol = &SyntaxError{"", "other protocol"}
)

// notBulk is the error for an argument that begins with a byte other than '$'.
func notBulk(c byte) *SyntaxError { return &notBulks[c] }

var notBulks = func() (all [256]SyntaxError) {
	for c := range all {
		all[c] = SyntaxError{"Protocol error: expected '$', got '" + string([]byte{byte(c)}) + "'", "no bulk"}
	}
	return all
}()

// The ways in which a request can be more than the limits allow. Texts begin as those of Redis,
// and name the key of the configuration.
var (
	errManyArgs    = &SyntaxError{"Protocol error: invalid multibulk length, over limits.args", "argument count"}
	errLongBulk    = &SyntaxError{"Protocol error: invalid bulk length, over limits.bulk_bytes", "bulk length"}
	errLongRequest = &SyntaxError{"Protocol error: request too large, over limits.request_bytes", "request length"}
	errLongInline  = &SyntaxError{"Protocol error: too big inline request, over limits.inline_bytes", "inline length"}
)

// What is wrong with an argument that is over a limit of the servers: Redis' text where it has one.
var (
	ErrServersBulk  = errBulkLength
	ErrServersQuery = &SyntaxError{"Protocol error: invalid bulk length, over the server's client-query-buffer-limit", "bulk length"}
)

// The ways in which a reply stream can be wrong.
var (
	errReplyType   = &SyntaxError{"", "unknown reply type"}
	errReplyLength = &SyntaxError{"", "reply length"}
	errReplyDepth  = &SyntaxError{"", "reply nested too deep"}
	errReplyCRLF   = &SyntaxError{"", "reply without CRLF"}
	errReplyTold   = &SyntaxError{"", "reply announces too much"}
)
