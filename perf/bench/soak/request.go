package main

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"huntaway/perf/bench/rig"
)

// A verb is a kind of request.
type verb string

// The verbs, as flag -verbs spells them.
const (
	echo    verb = "echo"
	set     verb = "set"
	get     verb = "get"
	mget    verb = "mget"
	eval    verb = "eval"
	evalErr verb = "evalerr" // a script that returns an error with its token
	wrong   verb = "wrong"   // HGET of a string
	unknown verb = "unknown" // a command that does not exist
)

// keysPerClient is small enough for GET to find what SET has written.
const keysPerClient = 16

// mostKeys of one MGET.
const mostKeys = 8

// A request is what its reply is checked against.
type request struct {
	verb verb
	tok  string // unique
	keys []int  // of this client: one, or several of mget
}

// A script writes a client's requests. Owner: the client's goroutine.
type script struct {
	run    uint64 // the run's number
	client int    // the client's number
	conn   int    // the current connection's number
	seq    int    // of the last request
	verbs  []verb // to draw from
	random *rand.Rand
}

// pipeline draws up to 256 requests and returns them with their frames, one for each.
func (s *script) pipeline() ([]request, [][]byte) {
	n := 1 + s.random.IntN(256)
	requests, frames := make([]request, n), make([][]byte, n)
	for i := range n {
		requests[i], frames[i] = s.next()
	}
	return requests, frames
}

// next draws one request.
func (s *script) next() (request, []byte) {
	s.seq++
	t := token{s.run, s.client, s.conn, s.seq, s.random.Uint64()}
	r := request{verb: s.verbs[s.random.IntN(len(s.verbs))], tok: t.String(), keys: []int{s.random.IntN(keysPerClient)}}
	if r.verb == mget {
		for range s.random.IntN(mostKeys) {
			r.keys = append(r.keys, s.random.IntN(keysPerClient))
		}
	}
	return r, rig.AppendCommand(nil, s.words(r)...)
}

// words returns the command with its arguments.
func (s *script) words(r request) []string {
	key := s.key(r.keys[0])
	switch r.verb {
	case echo:
		return []string{"ECHO", r.tok}
	case set:
		v := value{s.run, s.client, r.keys[0], s.seq, s.size()}
		return []string{"SET", key, string(v.appendTo(nil))}
	case get:
		return []string{"GET", key}
	case eval:
		return []string{"EVAL", "return ARGV[1]", "1", key, r.tok}
	case evalErr:
		return []string{"EVAL", "return redis.error_reply('TOKEN '..ARGV[1])", "1", key, r.tok}
	case wrong:
		return []string{"HGET", key, r.tok}
	case unknown:
		return []string{"NOSUCH." + r.tok}
	}
	words := []string{"MGET"}
	for _, k := range r.keys {
		words = append(words, s.key(k))
	}
	return words
}

// key is spread over the groups by its number; no other client uses it.
func (s *script) key(k int) string {
	return fmt.Sprintf("k:%016x:%d:%d", s.run, s.client, k)
}

// size draws the length of a value: mostly short, at times longer than a socket's read,
// rarely longer than what a proxy keeps in one piece.
func (s *script) size() int {
	switch draw := s.random.IntN(1000); {
	case draw < 2:
		return 64<<10 + s.random.IntN(64<<10)
	case draw < 40:
		return 1<<10 + s.random.IntN(16<<10)
	}
	return s.random.IntN(200)
}

// verbsNamed reads a list such as "get,set".
func verbsNamed(list string) ([]verb, error) {
	var got []verb
	for name := range strings.SplitSeq(list, ",") {
		switch v := verb(name); v {
		case echo, set, get, mget, eval, evalErr, wrong, unknown:
			got = append(got, v)
		default:
			return nil, fmt.Errorf("-verbs: %q is unknown; want echo, set, get, mget, eval, evalerr, wrong, unknown", name)
		}
	}
	return got, nil
}
