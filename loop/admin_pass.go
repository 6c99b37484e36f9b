package loop

import (
	"strings"

	"huntaway/codec"
)

// A pool with one group and AdminCommands is a Redis to operators too: what they ask of a
// server goes to the group's master as it stands.

// ownAnswers are the commands, or containers, that the proxy answers itself unless a pool
// passes operators' commands on: then the server's answer is meant.
var ownAnswers = []string{"acl", "config", "module"}

// barred are the commands that are never passed on, with the reason: they would change what
// a link means to all who share it. Of containers the sub-commands are barred too.
var barred = map[string]string{
	"himport":  "what it prepares belongs to a connection, which others share",
	"monitor":  "its stream has no end",
	"psync":    "its stream has no end",
	"sync":     "its stream has no end",
	"replconf": "it makes a replica of the connection, which others share",
}

// By ID: whether a command is for operators, and why it is never passed on.
var (
	operators []bool
	barredFor []string
)

func init() {
	operators = make([]bool, codec.Default().Len())
	barredFor = make([]string, codec.Default().Len())
	own := map[string]bool{}
	for _, name := range ownAnswers {
		own[name] = true
	}
	for _, cmd := range codec.Default().All() {
		parent, _, _ := strings.Cut(cmd.Name, "|")
		operators[cmd.ID] = cmd.Policy == codec.Refused || own[parent]
		barredFor[cmd.ID] = barred[parent]
	}
}

// forOperators reports whether a command is passed on for operators' sake. One that only a
// server has told of is when it was refused for that reason, or because its keys cannot be
// found, which in a pool with one group nobody needs to find.
func forOperators(cmd *codec.Command) bool {
	if int(cmd.ID) < len(operators) {
		return operators[cmd.ID]
	}
	parent, _, isSub := strings.Cut(cmd.Name, "|")
	if of := codec.Default().Lookup([]byte(parent)); isSub && of != nil {
		return operators[of.ID] && barredFor[of.ID] == ""
	}
	return cmd.Reason != "" && cmd.Flags&codec.FlagBlocking == 0
}

// administer serves an operator's command of a pool that allows them, and reports whether
// it has. Over several groups the answer of one server would not be an answer.
func (s *session) administer(cmd *codec.Command, r *codec.Request) (served bool) {
	if !s.pw.table.Alone() || !forOperators(cmd) {
		return false
	}
	if int(cmd.ID) < len(barredFor) && barredFor[cmd.ID] != "" {
		s.refuse("NOPERM huntaway: '" + cmd.Name + "' does not pass through a proxy: " +
			barredFor[cmd.ID] + "; send it to the server itself")
		return true
	}
	s.launch(cmd, r.Frame, 0, s.pw.marksOf(cmd)|s.urgency(cmd))
	return true
}

// urgency returns urgent for a command that servers take while a script runs for too long, to
// end it or themselves. It does not overtake what its client has said before.
func (s *session) urgency(cmd *codec.Command) marks {
	if cmd.Flags&codec.FlagAllowBusy != 0 && s.window.Len() == 0 {
		return urgent
	}
	return 0
}

// passable reports whether a command whose keys nobody can find may go to the one group
// there is, because they are there whatever they are.
func (s *session) passable(cmd *codec.Command) bool {
	return s.pw.table.Alone() && cmd.Flags&(codec.FlagAdmin|codec.FlagBlocking) == 0
}
