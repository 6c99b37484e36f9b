package loop

import "huntaway/codec"

// A subscriber is what a session is subscribed to.
type subscriber struct{}

// pubSub serves the commands of publish and subscribe.
func (s *session) pubSub(_ *codec.Command, _ *codec.Request) { s.refuse(notServed(codec.PubSub)) }

// confined refuses what a subscribed session must not say and reports whether it has.
func (s *session) confined(_ *codec.Command, _ *codec.Request) (refused bool) { return false }

// dropSubscriptions ends the session's subscriptions.
func (s *session) dropSubscriptions() { s.sub = nil }
