package loop

import (
	"crypto/rand"
	"encoding/hex"

	"huntaway/codec"
)

// answerWhoAmI knows one user.
func answerWhoAmI(_ *session, dst []byte, _ *codec.Request) []byte {
	return codec.AppendBulk(dst, defaultUser)
}

// answerACLList describes the one user. Redis would show a digest of the password, which
// a client has no use for and a thief has.
func answerACLList(s *session, dst []byte, _ *codec.Request) []byte {
	if s.pw.opt.Password == "" {
		return appendBulks(dst, "user default on nopass ~* &* +@all")
	}
	return appendBulks(dst, "user default on ~* &* +@all")
}

// answerACLUsers names the one user.
func answerACLUsers(_ *session, dst []byte, _ *codec.Request) []byte {
	return appendBulks(dst, defaultUser)
}

// answerACLUser describes a user; nobody is told the digest of a password.
func answerACLUser(s *session, dst []byte, r *codec.Request) []byte {
	if string(r.Arg(2)) != defaultUser {
		return codec.AppendNil(dst, s.proto.resp)
	}
	flags := []string{"on"}
	if s.pw.opt.Password == "" {
		flags = append(flags, "nopass")
	}
	dst = codec.AppendMap(dst, s.proto.resp, 6)
	dst = codec.AppendBulk(dst, "flags")
	dst = codec.AppendSet(dst, s.proto.resp, len(flags))
	for _, f := range flags {
		dst = codec.AppendBulk(dst, f)
	}
	dst = codec.AppendBulk(dst, "passwords")
	dst = codec.AppendArray(dst, 0)
	for _, one := range []string{"commands", "+@all", "keys", "~*", "channels", "&*", "selectors"} {
		dst = codec.AppendBulk(dst, one)
	}
	return codec.AppendArray(dst, 0)
}

// mostPassBits is the longest password that ACL GENPASS makes, as in Redis.
const mostPassBits = 4096

// answerACLPass answers ACL GENPASS [bits] with hexadecimal digits, 4 bits each.
func answerACLPass(s *session, dst []byte, r *codec.Request) []byte {
	bits := int64(256)
	if r.Len() > 3 {
		return codec.AppendArity(dst, "acl|genpass")
	}
	if r.Len() == 3 {
		n, ok := decimalOf(r.Arg(2))
		switch {
		case !ok:
			return codec.AppendError(dst, textNotInt)
		case n < 1 || n > mostPassBits:
			return codec.AppendError(dst, textPassBits)
		}
		bits = n
	}
	random := make([]byte, (bits+7)/8)
	s.spend(workDraw * len(random))
	_, _ = rand.Read(random) // never fails: it ends the process instead
	return codec.AppendBulk(dst, hex.EncodeToString(random)[:(bits+3)/4])
}

// answerACLCat answers ACL CAT [category]. What is in a category the command table knows;
// asked as COMMAND LIST FILTERBY ACLCAT it has the same form.
func answerACLCat(s *session, dst []byte, r *codec.Request) []byte {
	if r.Len() == 2 {
		return appendBulks(dst, aclCategories...)
	}
	if r.Len() > 3 {
		return codec.AppendArity(dst, "acl|cat")
	}
	for _, c := range aclCategories {
		if is(r.Arg(2), c) {
			return appendCategory(dst, s.pw.opt.Commands, c)
		}
	}
	return codec.AppendError(dst, "ERR Unknown category '"+quoted(r.Arg(2))+"'")
}

// appendCategory appends the names of the commands in a category.
func appendCategory(dst []byte, all *codec.Commands, category string) []byte {
	frame := codec.AppendCommand(nil, "COMMAND", "LIST", "FILTERBY", "ACLCAT", category)
	var scan codec.Scanner
	var r codec.Request
	limits := codec.Limits{Args: 5, Bulk: len(frame), Request: len(frame), Inline: len(frame)}
	if _, err := scan.Next(frame, &r, &limits); err != nil {
		return codec.AppendArray(dst, 0)
	}
	return all.AppendReply(dst, &r, 2)
}

// aclCategories are Redis 7.0's, in its order.
var aclCategories = []string{
	"keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap",
	"hyperloglog", "geo", "stream", "pubsub", "admin", "fast", "slow", "blocking",
	"dangerous", "connection", "transaction", "scripting",
}

var aclHelp = alwaysLines(
	"ACL <subcommand> [<arg>]. The pool has one user, whose password is in its configuration.",
	"CAT [<category>]", "    The categories, or the commands in one.",
	"GENPASS [<bits>]", "    A random password.",
	"GETUSER <user>", "    What the user may do.",
	"LIST", "    The user.",
	"USERS", "    Its name.",
	"WHOAMI", "    Its name.",
	"HELP", "    This text.",
)
