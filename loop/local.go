package loop

import (
	"maps"
	"strings"

	"huntaway/codec"
)

// A localAnswer appends the whole reply to a request that needs no server. It returns nil
// when it has given the request its slot itself: because it refused, or because the reply
// takes a word of every worker (gather).
type localAnswer func(s *session, dst []byte, r *codec.Request) []byte

// localAnswers is by command ID, which is the same in every command table. A command with
// the policy Local and none here is refused; TestLocalCoversTable says that there is none.
var localAnswers []localAnswer

// localWork is by command ID what an answer is charged whose making takes longer than its
// length says, see spend.
var localWork []int

// init and not an initializer: an answer may end an event, the event admits what had to
// wait, and admit comes back here.
func init() {
	byName := map[string]localAnswer{}
	maps.Copy(byName, connectionAnswers)
	maps.Copy(byName, authAnswers)
	maps.Copy(byName, clientAnswers)
	maps.Copy(byName, serverAnswers)
	maps.Copy(byName, configAnswers)

	localAnswers = make([]localAnswer, codec.Default().Len())
	for _, cmd := range codec.Default().All() {
		f := byName[cmd.Name]
		if parent, _, isSub := strings.Cut(cmd.Name, "|"); f == nil && isSub {
			f = byName[parent+"|*"]
		}
		localAnswers[cmd.ID] = f
	}
	localWork = make([]int, codec.Default().Len())
	for name, work := range map[string]int{"acl|cat": workTable, "command|list": workTable, "config|get": workMatch, "client|info": workLine} {
		localWork[idOf(name)] = work
	}
}

// local answers a command that needs no server.
func (s *session) local(cmd *codec.Command, r *codec.Request) {
	var f localAnswer
	if int(cmd.ID) < len(localAnswers) {
		f = localAnswers[cmd.ID]
	}
	if f == nil {
		s.refuse(refusedText(cmd))
		return
	}
	switch repeats := inSet(repeating, cmd); {
	case repeats && len(r.Frame) > mostWordBytes && !s.mode.has(modeMedley):
		s.forward(cmd, r, s.pw.firstGroup()) // a server says it as well, and its replies come in pieces
		return
	case excessive(r) && (!repeats || len(r.Frame) > mostWordBytes):
		s.refuse(textExcessive)
		return
	}
	count := &s.pw.commands[cmd.ID]
	count.Calls++
	s.spend(localWork[cmd.ID])
	reply := f(s, s.w.pad.scratch[:0], r)
	if reply == nil {
		s.spend(workFrame)
		return
	}
	if reply[0] == '-' {
		count.Errors++
	}
	s.settleLocal(s.expect(slot{join: noJoin}), reply)
}

// What a request that is answered here may be: the work that its arguments make is done
// between two events, while everybody else waits.
const (
	mostWords     = 1024
	mostWordBytes = 64 << 10
)

// repeating are the commands whose answer is what was sent, which costs what a GET costs.
var repeating = commandSet("echo", "ping")

// hasLongWord reports whether a word of a request is longer than one that is copied here may be.
func hasLongWord(r *codec.Request) bool {
	if len(r.Frame) <= mostWordBytes {
		return false
	}
	for i := range r.Len() {
		if len(r.Arg(i)) > mostWordBytes {
			return true
		}
	}
	return false
}

// textLongWord is said to those of which one is.
const textLongWord = "ERR huntaway: the name of a channel, or a pattern, has more than 65536 bytes"

// excessive reports whether a request has more than an answer made here may be asked for.
func excessive(r *codec.Request) bool { return r.Len() > mostWords || len(r.Frame) > mostWordBytes }

// settleLocal gives a slot the reply that was made here for it.
func (s *session) settleLocal(seq uint32, reply []byte) {
	s.pw.counters.Local++
	if reply[0] == '-' {
		s.pw.counters.ErrorReplies++
	}
	s.answer(seq, reply)
}

// The makers of answers that depend on nothing.

func alwaysOK(_ *session, dst []byte, _ *codec.Request) []byte {
	return codec.AppendSimple(dst, "OK")
}

func alwaysError(text string) localAnswer {
	return func(_ *session, dst []byte, _ *codec.Request) []byte {
		return codec.AppendError(dst, text)
	}
}

func alwaysInt(n int64) localAnswer {
	return func(_ *session, dst []byte, _ *codec.Request) []byte {
		return codec.AppendInt(dst, n)
	}
}

// alwaysRefuse is for what exists and is not served: it counts as refused.
func alwaysRefuse(text string) localAnswer {
	return func(s *session, _ []byte, _ *codec.Request) []byte {
		s.refuse(text)
		return nil
	}
}

// alwaysLines is the form of every HELP.
func alwaysLines(lines ...string) localAnswer {
	return func(_ *session, dst []byte, _ *codec.Request) []byte {
		dst = codec.AppendArray(dst, len(lines))
		for _, l := range lines {
			dst = codec.AppendSimple(dst, l)
		}
		return dst
	}
}

// appendPairs appends a map whose names and values are bulk strings.
func (s *session) appendPairs(dst []byte, pairs []string) []byte {
	dst = codec.AppendMap(dst, s.proto.resp, len(pairs)/2)
	for _, one := range pairs {
		dst = codec.AppendBulk(dst, one)
	}
	return dst
}

// appendBulks appends an array of bulk strings.
func appendBulks(dst []byte, all ...string) []byte {
	dst = codec.AppendArray(dst, len(all))
	for _, one := range all {
		dst = codec.AppendBulk(dst, one)
	}
	return dst
}
