package loop

import (
	"math"
	"strconv"
	"time"

	"huntaway/codec"
)

// connectionAnswers: the connection, and what makes a client believe that it talks to one
// stand-alone master.
var connectionAnswers = map[string]localAnswer{
	"asking":    alwaysError(textNoCluster),
	"cluster|*": alwaysError(textNoCluster),
	"echo":      answerEcho,
	"ping":      answerPing,
	"quit":      answerQuit,
	"readonly":  alwaysOK, // what it asks for, reads from replicas, is the pool's to allow
	"readwrite": alwaysOK,
	"reset":     answerReset,
	"role":      answerRole,
	"select":    answerSelect,
	"sentinel":  answerUnknown, // an array would make StackExchange.Redis take us for a Sentinel
	"time":      answerTime,
}

func answerPing(_ *session, dst []byte, r *codec.Request) []byte {
	switch r.Len() {
	case 1:
		return codec.AppendSimple(dst, "PONG")
	case 2:
		return codec.AppendBulk(dst, r.Arg(1))
	}
	return codec.AppendArity(dst, "ping")
}

func answerEcho(_ *session, dst []byte, r *codec.Request) []byte {
	return codec.AppendBulk(dst, r.Arg(1))
}

// answerQuit ends the session: replies that are owed are written first, requests behind it
// are never read.
func answerQuit(s *session, dst []byte, _ *codec.Request) []byte {
	s.lastWord(endQuit)
	return codec.AppendSimple(dst, "OK")
}

// answerReset makes the session what it was when it was opened. What CLIENT SETINFO said
// stays, as in Redis: it is about the library, not about the connection's state.
func answerReset(s *session, dst []byte, _ *codec.Request) []byte {
	skip := s.proto.silence == skipping
	s.leaveModes()
	if skip { // it was for this request
		s.proto.silence, s.proto.skipped, s.mode = skipping, uint16(s.window.Behind()), modeMuted
	}
	s.speak(dialect{resp: 2})
	s.estrange()
	s.client.name = ""
	return codec.AppendSimple(dst, "RESET")
}

// answerSelect moves the session to the links of another database. It is alone in its
// session, so what was asked before was asked of the one before.
func answerSelect(s *session, dst []byte, r *codec.Request) []byte {
	n, text := s.databaseOf(r.Arg(1))
	if text != "" {
		return codec.AppendError(dst, text)
	}
	to := dialect{s.proto.resp, n}
	if s.anchored(to) {
		return codec.AppendError(dst, textWatching)
	}
	s.speak(to)
	return codec.AppendSimple(dst, "OK")
}

// databaseOf reads the number of a database. text is the error, "" when there is none.
func (s *session) databaseOf(arg []byte) (db int32, text string) {
	n, ok := decimalOf(arg)
	switch {
	case !ok:
		return 0, textNotInt
	case n < math.MinInt32 || n > math.MaxInt32:
		return 0, textNotInt32
	case n < 0 || n >= int64(s.pw.opt.databases(len(s.pw.table.Groups))):
		return 0, textDBRange
	}
	return int32(n), ""
}

// anchored reports whether the session holds a link of another dialect: what it watches is
// watched there, and requests would go on to go there.
func (s *session) anchored(to dialect) bool { return s.pin != nil && s.pin.kind.dialect != to }

// answerTime gives the proxy's clock: seconds, and microseconds of the second.
func answerTime(_ *session, dst []byte, _ *codec.Request) []byte {
	now := time.Now().UnixMicro()
	return appendBulks(dst, strconv.FormatInt(now/1e6, 10), strconv.FormatInt(now%1e6, 10))
}

// answerRole says master, how far the replication stream of all groups has come, and no
// replicas: they are the pool's business. The offset is 0 while the masters cannot be asked.
func answerRole(s *session, _ []byte, _ *codec.Request) []byte {
	s.inquireFor(func(s *session, dst []byte, replies [][]byte) []byte {
		offset := int64(0)
		for _, reply := range replies {
			n, _ := numberBehind(reply, "\nmaster_repl_offset:")
			offset += n
		}
		dst = codec.AppendArray(dst, 3)
		dst = codec.AppendBulk(dst, "master")
		dst = codec.AppendInt(dst, offset)
		return codec.AppendArray(dst, 0)
	}, "INFO", "replication")
	return nil
}

func answerUnknown(s *session, _ []byte, r *codec.Request) []byte {
	s.refuseWith(codec.AppendUnknown(s.w.pad.scratch[:0], r))
	return nil
}
