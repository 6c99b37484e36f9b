package loop

import "huntaway/codec"

// clientAnswers: CLIENT, about the clients of this pool in this process.
var clientAnswers = map[string]localAnswer{
	"client|caching":       alwaysError(textNoCaching),
	"client|capa":          alwaysOK, // capabilities that are not known are to be ignored
	"client|getname":       answerGetName,
	"client|getredir":      alwaysInt(-1), // not tracking
	"client|help":          clientHelp,
	"client|id":            answerID,
	"client|import-source": alwaysRefuse(textNoImport),
	"client|info":          answerOwnLine,
	"client|kill":          answerKill,
	"client|list":          answerClientList,
	"client|no-evict":      answerOnOff,
	"client|no-touch":      answerOnOff,
	"client|pause":         answerPause,
	"client|reply":         answerClientReply,
	"client|setinfo":       answerLibrary,
	"client|setname":       answerSetName,
	"client|tracking":      answerTracking,
	"client|trackinginfo":  answerTrackingInfo,
	"client|unblock":       answerUnblock,
	"client|unpause":       answerUnpause,
}

func answerID(s *session, dst []byte, _ *codec.Request) []byte {
	return codec.AppendInt(dst, int64(s.client.id))
}

func answerGetName(s *session, dst []byte, _ *codec.Request) []byte {
	if s.client.name == "" {
		return codec.AppendNil(dst, s.proto.resp)
	}
	return codec.AppendBulk(dst, s.client.name)
}

func answerSetName(s *session, dst []byte, r *codec.Request) []byte {
	if text := nameError(r.Arg(2)); text != "" {
		return codec.AppendError(dst, text)
	}
	s.client.name = string(r.Arg(2))
	return codec.AppendSimple(dst, "OK")
}

// nameError returns the error that a connection's name deserves, or "".
func nameError(name []byte) string {
	switch {
	case !isName(name):
		return textClientName
	case len(name) > longestName:
		return textLongName
	}
	return ""
}

// answerLibrary answers CLIENT SETINFO LIB-NAME|LIB-VER text. Servers before 7.2 do not
// know it, and it is not about them.
func answerLibrary(s *session, dst []byte, r *codec.Request) []byte {
	var to *string
	switch {
	case is(r.Arg(2), "lib-name"):
		to = &s.client.lib[0]
	case is(r.Arg(2), "lib-ver"):
		to = &s.client.lib[1]
	default:
		return codec.AppendError(dst, "ERR Unrecognized option '"+quoted(r.Arg(2))+"'")
	}
	switch text := r.Arg(3); {
	case !isName(text):
		return codec.AppendError(dst, "ERR "+quoted(r.Arg(2))+
			" cannot contain spaces, newlines or special characters.")
	case len(text) > longestName:
		return codec.AppendError(dst, textLongName)
	default:
		*to = string(text)
	}
	return codec.AppendSimple(dst, "OK")
}

// answerOnOff answers CLIENT NO-EVICT and NO-TOUCH. A session is never evicted for what
// others use, and the links' requests touch keys whoever asked.
func answerOnOff(_ *session, dst []byte, r *codec.Request) []byte {
	if !is(r.Arg(2), "on") && !is(r.Arg(2), "off") {
		return codec.AppendError(dst, textSyntax)
	}
	return codec.AppendSimple(dst, "OK")
}

// answerTracking refuses to turn tracking on: the servers' invalidations reach the links,
// and would have to be told apart for each client.
func answerTracking(s *session, dst []byte, r *codec.Request) []byte {
	switch {
	case is(r.Arg(2), "off") && r.Len() == 3:
		return codec.AppendSimple(dst, "OK")
	case is(r.Arg(2), "on"):
		s.refuse(textNoTracking)
		return nil
	}
	return codec.AppendError(dst, textSyntax)
}

func answerTrackingInfo(s *session, dst []byte, _ *codec.Request) []byte {
	dst = codec.AppendMap(dst, s.proto.resp, 3)
	dst = codec.AppendBulk(dst, "flags")
	dst = codec.AppendSet(dst, s.proto.resp, 1)
	dst = codec.AppendBulk(dst, "off")
	dst = codec.AppendBulk(dst, "redirect")
	dst = codec.AppendInt(dst, -1)
	dst = codec.AppendBulk(dst, "prefixes")
	return codec.AppendArray(dst, 0)
}

var clientHelp = alwaysLines(
	"CLIENT <subcommand> [<arg> ...]. The clients are those of this pool of the proxy.",
	"GETNAME | SETNAME <name>", "    The name of this connection.",
	"ID", "    Its number, unique while the proxy runs.",
	"INFO", "    Its line of CLIENT LIST.",
	"KILL <addr> | KILL <option> <value> ...", "    Close connections.",
	"    Options: ID, ADDR, LADDR, TYPE, USER, and SKIPME yes|no (default yes).",
	"LIST [TYPE <type> | ID <id> ...]", "    One line per connection.",
	"PAUSE <ms> [WRITE|ALL] | UNPAUSE", "    Let the requests of all connections wait.",
	"REPLY ON|OFF|SKIP", "    Whether requests are answered.",
	"SETINFO LIB-NAME|LIB-VER <text>", "    What library the client is.",
	"UNBLOCK <id> [TIMEOUT|ERROR]", "    End the wait of a connection.",
	"HELP", "    This text.",
)
