package loop

import "huntaway/codec"

// A silence is what CLIENT REPLY has made of a session. While it is not talking, or has ever
// been silent, the session is in modeMuted, so that others are not asked.
type silence uint8

const (
	talking  silence = iota
	silent           // OFF: no request is answered
	skipping         // SKIP: the next request is not
)

// answerClientReply answers CLIENT REPLY ON|OFF|SKIP. Silence begins with the request that
// asks for it: it takes no slot.
func answerClientReply(s *session, dst []byte, r *codec.Request) []byte {
	switch {
	case is(r.Arg(2), "on"):
		s.proto.silence = talking
		return codec.AppendSimple(dst, "OK")
	case is(r.Arg(2), "off"):
		s.proto.silence = silent
	case !is(r.Arg(2), "skip"):
		return codec.AppendError(dst, textSyntax)
	case s.proto.silence != silent:
		s.proto.silence, s.proto.skipped = skipping, uint16(s.window.Behind())
	}
	s.mode |= modeMuted
	return nil
}

// skip ends a SKIP when the request that it was for has its slot. A request that stepped
// aside comes back before it has one, and is still the one.
func (s *session) skip() {
	if s.proto.silence == skipping && s.proto.skipped != uint16(s.window.Behind()) {
		s.proto.silence = talking
	}
}

// heard returns what the client hears of a reply: nothing when its request was said in
// silence.
func (s *session) heard(seq uint32, b []byte) []byte {
	if s.window.At(seq).mute {
		return nil
	}
	return b
}
