// Package vital holds what a probe of a redis-server brings: an answer, or what kept it from
// coming. The detector, the failover machine and the driver of package ha share these words.
//
// It parses INFO and knows nothing else: no clock, no socket, no goroutine. What a server
// says of itself is input like any other; a text without a role is refused, and fields that
// are missing or garbled have their zero values.
package vital
