package loop

import "huntaway/codec"

// local answers a command that needs no server.
func (s *session) local(cmd *codec.Command, r *codec.Request) {
	reply := s.w.scratch[:0]
	switch cmd.Name {
	case "ping":
		if r.Len() == 1 {
			reply = codec.AppendSimple(reply, "PONG")
		} else {
			reply = codec.AppendBulk(reply, r.Arg(1))
		}
	case "echo":
		reply = codec.AppendBulk(reply, r.Arg(1))
	case "quit":
		s.pw.counters.Local++
		s.answer(s.expect(slot{join: noJoin}), codec.AppendSimple(reply, "OK"))
		s.lastWord(endQuit)
		return
	default:
		s.refuse(refusedText(cmd))
		return
	}
	s.pw.counters.Local++
	s.answer(s.expect(slot{join: noJoin}), reply)
}
