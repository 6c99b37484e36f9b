package loop

import (
	"crypto/sha256"
	"crypto/subtle"

	"huntaway/codec"
)

// authAnswers: who the client is.
var authAnswers = map[string]localAnswer{
	"auth":        answerAuth,
	"hello":       answerHello,
	"acl|cat":     answerACLCat,
	"acl|genpass": answerACLPass,
	"acl|getuser": answerACLUser,
	"acl|help":    aclHelp,
	"acl|list":    answerACLList,
	"acl|users":   answerACLUsers,
	"acl|whoami":  answerWhoAmI,
}

// defaultUser is the only user there is: a pool has a password, as with twemproxy.
const defaultUser = "default"

// mostTries is how many wrong passwords a connection may offer. Then it is closed; guesses says
// what happens to an address that goes on with others.
const mostTries = 10

// answerAuth answers AUTH password and AUTH user password.
func answerAuth(s *session, dst []byte, r *codec.Request) []byte {
	switch {
	case r.Len() > 3:
		return codec.AppendError(dst, textSyntax)
	case r.Len() == 2 && s.pw.opt.Password == "":
		return codec.AppendError(dst, textNoPassword)
	case r.Len() == 2 && s.proves([]byte(defaultUser), r.Arg(1)):
	case r.Len() == 3 && s.proves(r.Arg(1), r.Arg(2)):
	default:
		return codec.AppendError(dst, textWrongPass)
	}
	return codec.AppendSimple(dst, "OK")
}

// proves authenticates the session, or counts the attempt. Without a password any one is
// right, as for Redis' own default user.
func (s *session) proves(user, password []byte) bool {
	if s.isRight(user, password) {
		s.auth.passed, s.auth.tries = true, 0
		return true
	}
	s.guessed()
	if s.auth.tries++; s.auth.tries >= mostTries {
		s.lastWord(endAuth)
	}
	return false
}

// isRight reports whether a user has a password.
func (s *session) isRight(user, password []byte) bool {
	want := s.pw.opt.Password
	return string(user) == defaultUser && (want == "" || samePassword(password, want))
}

// samePassword compares digests, in a time that tells neither content nor length.
func samePassword(got []byte, want string) bool {
	a, b := sha256.Sum256(got), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// answerHello answers HELLO [version [AUTH user password] [SETNAME name]].
//
// It is alone in its session, so what was asked before is answered in the protocol that it
// was asked in.
func answerHello(s *session, dst []byte, r *codec.Request) []byte {
	resp, text := s.protocolOf(r, s.proto.resp)
	if text != "" {
		return codec.AppendError(dst, text)
	}
	g, text := greetingOf(r)
	if text != "" {
		return codec.AppendError(dst, text)
	}
	if g.user != nil && !s.proves(g.user, g.password) {
		return codec.AppendError(dst, textWrongPass)
	}
	if !s.auth.passed {
		return codec.AppendError(dst, textHelloNoAuth)
	}
	to := dialect{resp, s.proto.linkSet.db}
	if s.anchored(to) {
		return codec.AppendError(dst, textWatching)
	}
	if g.name != nil {
		s.client.name = string(g.name)
	}
	s.speak(to)
	return s.appendHello(dst)
}

// protocolOf returns the protocol that a HELLO asks for, now where it names none. text is the
// error, "" when there is none.
func (s *session) protocolOf(r *codec.Request, now uint8) (resp uint8, text string) {
	if r.Len() == 1 {
		return now, ""
	}
	version, ok := decimalOf(r.Arg(1))
	switch {
	case !ok:
		return now, textHelloVersion
	case version == 3 && s.pw.pool.isBefore(6):
		// What such a server says itself: of all refusals the one that every client which
		// can fall back to RESP2 understands. The list of arguments ends with the version,
		// because a password may follow, and clients put errors into logs.
		return now, "ERR unknown command '" + string(r.Arg(0)) + "', with args beginning with: '3' "
	case version != 2 && version != 3:
		return now, textNoProto
	}
	return uint8(version), ""
}

// greetOptions are the options of one HELLO; nil where not given.
type greetOptions struct{ user, password, name []byte }

// greetingOf reads the options of HELLO. text is the error, "" when there is none.
func greetingOf(r *codec.Request) (g greetOptions, text string) {
	for i := 2; i < r.Len(); {
		left := r.Len() - i - 1
		switch {
		case is(r.Arg(i), "auth") && left >= 2:
			g.user, g.password = r.Arg(i+1), r.Arg(i+2)
			i += 3
		case is(r.Arg(i), "setname") && left >= 1:
			g.name = r.Arg(i + 1)
			if text = nameError(g.name); text != "" {
				return g, text
			}
			i += 2
		default:
			return g, "ERR Syntax error in HELLO option '" + quoted(r.Arg(i)) + "'"
		}
	}
	return g, ""
}

// appendHello appends who we are.
func (s *session) appendHello(dst []byte) []byte {
	dst = codec.AppendMap(dst, s.proto.resp, 7)
	dst = codec.AppendBulk(dst, "server")
	dst = codec.AppendBulk(dst, "redis")
	dst = codec.AppendBulk(dst, "version")
	dst = codec.AppendBulk(dst, s.pw.pool.ServerVersion())
	dst = codec.AppendBulk(dst, "proto")
	dst = codec.AppendInt(dst, int64(s.proto.resp))
	dst = codec.AppendBulk(dst, "id")
	dst = codec.AppendInt(dst, int64(s.client.id))
	dst = codec.AppendBulk(dst, "mode")
	dst = codec.AppendBulk(dst, "standalone")
	dst = codec.AppendBulk(dst, "role")
	dst = codec.AppendBulk(dst, "master")
	dst = codec.AppendBulk(dst, "modules")
	return codec.AppendArray(dst, 0)
}
