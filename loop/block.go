package loop

import "huntaway/codec"

// block serves a command that may wait at the server.
func (s *session) block(_ *codec.Command, _ *codec.Request) { s.refuse(notServed(codec.Blocking)) }
