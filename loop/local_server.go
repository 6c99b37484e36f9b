package loop

import "huntaway/codec"

// serverAnswers: what a server is asked about itself.
var serverAnswers = map[string]localAnswer{
	"command":     answerCommand,
	"command|*":   answerCommand,
	"info":        answerSections,
	"lolwut":      answerLolwut,
	"module|help": moduleHelp,
	"module|list": answerModules,
}

func answerCommand(s *session, dst []byte, r *codec.Request) []byte {
	return s.pw.opt.Commands.AppendReply(dst, r, s.proto.resp)
}

// answerModules answers MODULE LIST with the modules that every master has, as the first one
// describes them; with none while the masters cannot be asked. Clients look here for what they
// may use.
func answerModules(s *session, _ []byte, _ *codec.Request) []byte {
	s.inquireFor(func(s *session, dst []byte, replies [][]byte) []byte {
		return appendModules(dst, s.proto.resp, replies)
	}, "MODULE", "LIST")
	return nil
}

// appendModules appends the modules that are in all replies to MODULE LIST, which are RESP2's.
func appendModules(dst []byte, resp uint8, replies [][]byte) []byte {
	count := map[string]int{}
	for _, reply := range replies {
		eachModule(reply, func(name string, _ []byte) { count[name]++ })
	}
	var common [][]byte
	if len(replies) > 0 {
		eachModule(replies[0], func(name string, fields []byte) {
			if count[name] == len(replies) {
				common = append(common, fields)
			}
		})
	}
	dst = codec.AppendArray(dst, len(common))
	for _, fields := range common {
		_, n, at, _ := codec.Header(fields)
		dst = codec.AppendMap(dst, resp, n/2)
		dst = append(dst, fields[at:]...)
	}
	return dst
}

// eachModule calls do with the name of each module in a reply, and with all that is said of it.
func eachModule(reply []byte, do func(name string, fields []byte)) {
	for at := codec.ArrayHeader(reply); at < len(reply); {
		n := codec.Size(reply[at:])
		if n == 0 {
			return
		}
		fields := reply[at : at+n]
		if _, behind := word(fields, codec.ArrayHeader(fields)); behind > 0 {
			if name, next := word(fields, behind); next > 0 {
				do(string(name), fields)
			}
		}
		at += n
	}
}

func answerLolwut(s *session, dst []byte, _ *codec.Request) []byte {
	return codec.AppendText(dst, s.proto.resp, "Huntaway ver. "+s.w.engine.opt.Version+"\n")
}

var moduleHelp = alwaysLines(
	"MODULE <subcommand>. Modules are the servers' own; the proxy has none.",
	"LIST", "    Those that every master has.",
	"HELP", "    This text.",
)
