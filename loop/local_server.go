package loop

import "huntaway/codec"

// serverAnswers: what a server is asked about itself.
var serverAnswers = map[string]localAnswer{
	"command":     answerCommand,
	"command|*":   answerCommand,
	"info":        answerSections,
	"lolwut":      answerLolwut,
	"module|help": moduleHelp,
	"module|list": alwaysEmpty,
}

func answerCommand(s *session, dst []byte, r *codec.Request) []byte {
	return s.pw.opt.Commands.AppendReply(dst, r, s.resp)
}

// alwaysEmpty says that there are none: a proxy has no modules, and those of the servers
// are found by COMMAND.
func alwaysEmpty(_ *session, dst []byte, _ *codec.Request) []byte {
	return codec.AppendArray(dst, 0)
}

func answerLolwut(s *session, dst []byte, _ *codec.Request) []byte {
	return codec.AppendText(dst, s.resp, "Huntaway ver. "+s.w.engine.opt.Version+"\n")
}

var moduleHelp = alwaysLines(
	"MODULE <subcommand>. Modules are the servers' own; the proxy has none.",
	"LIST", "    None.",
	"HELP", "    This text.",
)
