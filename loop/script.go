package loop

import "huntaway/codec"

// scriptAdmin serves SCRIPT and FUNCTION with their subcommands.
func (s *session) scriptAdmin(_ *codec.Command, _ *codec.Request) {
	s.refuse(notServed(codec.ScriptAdmin))
}
