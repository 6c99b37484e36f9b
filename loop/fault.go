package loop

import (
	"strconv"

	"huntaway/codec"
)

// A class says what a client may conclude from an error reply that was made here.
type class uint8

const (
	notExecuted class = iota // certainly did not run: safe to send again
	unknown                  // sent, and no answer came: may have run
)

// A fault is why a request gets an error from the proxy instead of a server's reply. The
// values below are all there are; their texts are what clients and people match on, and
// TestFaultTexts pins them.
type fault struct {
	class  class
	why    string
	server bool // names the server, not just the group
}

// Why a request was not executed, or may have been.
var (
	faultNoMaster   = &fault{notExecuted, "no master", false}
	faultNoReplica  = &fault{notExecuted, "no server can take the read", false}
	faultNoGroup    = &fault{notExecuted, "no group is in the ring", false}
	faultConnect    = &fault{notExecuted, "cannot connect", true}
	faultHoldFull   = &fault{notExecuted, "too many requests are waiting", false}
	faultHoldTime   = &fault{notExecuted, "no server took the request in time", false}
	faultAuth       = &fault{notExecuted, "the server refused our credentials", true}
	faultNoEcho     = &fault{notExecuted, "scripts, functions and modules need ECHO, which is not allowed to us", true}
	faultNoSelect   = &fault{notExecuted, "another database needs SELECT, which is not allowed to us", true}
	faultFull       = &fault{notExecuted, "the server has too many clients", true}
	faultRefused    = &fault{notExecuted, "the server refused the handshake", true}
	faultStranger   = &fault{notExecuted, "another process answers, which has yet to be looked at,", true}
	faultLost       = &fault{unknown, "connection lost", true}
	faultTimeout    = &fault{unknown, "timed out", true}
	faultSilent     = &fault{unknown, "the server has been silent for too long", true}
	faultDrips      = &fault{unknown, "a reply before it comes too slowly", true}
	faultReply      = &fault{unknown, "the server's reply makes no sense", true}
	faultSplitReply = &fault{unknown, "the parts of the reply do not fit together", false}
	faultPartly     = &fault{unknown, "parts of the command could not be sent", false}
	faultMoved      = &fault{notExecuted, "its keys have moved to several groups", false}

	// Of a Redis Cluster.
	faultUnowned     = &fault{notExecuted, "no server of the cluster owns the key's slot", false}
	faultRedirect    = &fault{notExecuted, "the cluster keeps naming other servers", false}
	faultMoving      = &fault{notExecuted, "its keys are being moved", false}
	faultClusterDown = &fault{notExecuted, "the cluster does not serve the key's slot", false}
)

// Texts of Redis that are given here word for word.
const (
	textCrossSlot   = "CROSSSLOT Keys in request don't hash to the same slot"
	textMaxClients  = "ERR max number of clients reached"
	textNoAuth      = "NOAUTH Authentication required."
	textGuessing    = "ERR huntaway: too many wrong passwords from this address; try again in a few seconds"
	textWrongPass   = "WRONGPASS invalid username-password pair or user is disabled."
	textNoPassword  = "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?"
	textHelloNoAuth = "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time"
	textNoProto     = "NOPROTO unsupported protocol version"
	textDBRange     = "ERR DB index is out of range"
	textNotInt      = "ERR value is not an integer or out of range"
	textSyntax      = "ERR syntax error"
	textNoCluster   = "ERR This instance has cluster support disabled"
)

// appendFault appends the error reply:
//
//	-TRYAGAIN huntaway: cannot connect to 10.0.0.1:6379 (group g1, pool alpha); not executed
//	-ERR huntaway: timed out after 400 ms on 10.0.0.1:6379 (group g1, pool alpha); the command may have been executed
//
// TRYAGAIN is a code that client libraries retry by themselves; ERR is one that they do not.
func appendFault(dst []byte, f *fault, at place) []byte {
	code := "-TRYAGAIN huntaway: "
	if f.class == unknown {
		code = "-ERR huntaway: "
	}
	dst = append(dst, code...)
	dst = append(dst, f.why...)
	if at.afterMS > 0 {
		dst = append(dst, " after "...)
		dst = strconv.AppendInt(dst, at.afterMS, 10)
		dst = append(dst, " ms"...)
	}
	if f.server && at.addr != "" {
		dst = append(dst, preposition(f)...)
		dst = append(dst, at.addr...)
	}
	dst = append(dst, " ("...)
	if at.group != "" {
		dst = append(dst, "group "...)
		dst = append(dst, at.group...)
		dst = append(dst, ", "...)
	}
	dst = append(dst, "pool "...)
	dst = append(dst, at.pool...)
	if f.class == unknown {
		dst = append(dst, "); the command may have been executed"...)
	} else {
		dst = append(dst, "); not executed"...)
	}
	return append(dst, codec.CRLF...)
}

// preposition joins a fault's reason and the server's address.
func preposition(f *fault) string {
	if f == faultConnect || f == faultLost {
		return " to "
	}
	return " on "
}

// A place is where a fault happened, as far as it is known.
type place struct {
	pool, group, addr string
	afterMS           int64 // how long the request had waited; 0 says nothing
}
