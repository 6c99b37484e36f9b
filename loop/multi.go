package loop

import "huntaway/codec"

// A transaction is what a session has said since MULTI.
type transaction struct{}

// transact serves MULTI, EXEC, DISCARD, WATCH and UNWATCH outside of a transaction.
func (s *session) transact(_ *codec.Command, _ *codec.Request) {
	s.refuse(notServed(codec.Transaction))
}

// queue serves a request between MULTI and EXEC and reports whether it has.
func (s *session) queue(_ *codec.Command, _ *codec.Request) (served bool) { return false }

// dropTransaction forgets what was queued.
func (s *session) dropTransaction() { s.tx = nil }

// unpinned is called when the private link that the session held is gone.
func (s *session) unpinned() { s.mode &^= modePinned }
