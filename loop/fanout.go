package loop

import "huntaway/codec"

// fanOut sends a command to every group and joins the replies.
func (s *session) fanOut(_ *codec.Command, _ *codec.Request) { s.refuse(notServed(codec.FanOut)) }
