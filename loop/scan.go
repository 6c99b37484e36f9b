package loop

import "huntaway/codec"

// scan serves SCAN over all groups.
func (s *session) scan(_ *codec.Command, _ *codec.Request) { s.refuse(notServed(codec.Scan)) }
