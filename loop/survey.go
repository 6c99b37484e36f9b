package loop

import (
	"huntaway/codec"
	"huntaway/shard"
)

// A survey finds out, in pieces, whether the very many keys of a request may be in one command. Then
// the request is admitted.
type survey struct {
	cmd    *codec.Command
	table  *shard.Table // by which the keys have their homes
	keys   []int32      // indexes of arguments
	looked int          // at so many of them
	home   int          // of the first
	apart  bool         // another one's is not the same
}

// leastSurvey is from how many words on a request is surveyed: to find the groups of a million keys
// takes as long as to serve ten thousand GETs.
const leastSurvey = 1 << 10

// surveys reports whether a request is surveyed first. One that is split is looked at as it is.
func (s *session) surveys(cmd *codec.Command, r *codec.Request) bool {
	if cmd == nil || !s.auth.passed || s.pw.table.Alone() || !s.mayWait(r) || cmd.Policy == codec.Split && s.tx == nil {
		return false
	}
	return !lone(cmd, r)
}

// step implements piecework.
func (v *survey) step(s *session, r *codec.Request) (done bool) {
	if v.table != s.pw.table {
		*v = survey{cmd: v.cmd, table: s.pw.table}
		v.keys, _ = v.cmd.Keys(r, make([]int32, 0, r.Len())) // what is wrong with them is said later
	}
	for v.looked < len(v.keys) && !v.apart {
		if s.isTired() {
			return false
		}
		keys := v.keys[v.looked:]
		keys = keys[:min(len(keys), keysAtOnce)]
		for _, k := range keys {
			home := s.pw.homeOf(r.Arg(int(k)))
			if v.looked == 0 {
				v.home = home
			}
			v.apart = v.apart || home != v.home
			v.looked++
		}
		s.spend(workKey * len(keys))
	}
	s.input.unfinished, s.input.surveyed = nil, v
	s.judge(v.cmd, r)
	s.input.surveyed = nil
	return s.input.unfinished == nil // it may be queued, in pieces as well
}

// holds implements piecework.
func (v *survey) holds() int64 { return 4 * int64(cap(v.keys)) }

// drop implements piecework.
func (v *survey) drop() {}

// keysOf returns the indexes of the keys of the request that is being admitted.
func (s *session) keysOf(cmd *codec.Command, r *codec.Request) ([]int32, error) {
	if v := s.input.surveyed; v != nil && v.cmd == cmd && len(v.keys) > 0 {
		return v.keys, nil
	}
	keys, err := cmd.Keys(r, s.w.pad.keys[:0])
	s.w.pad.keys = keys
	return keys, err
}

// apart reports whether keys of the request that is being admitted, by the indexes of their
// arguments, cannot be in one command.
func (s *session) apart(r *codec.Request, keys []int32) bool {
	if s.input.surveyed != nil {
		return s.input.surveyed.apart
	}
	if len(keys) < 2 {
		return false
	}
	home := s.pw.homeOf(r.Arg(int(keys[0])))
	for _, k := range keys[1:] {
		if s.pw.homeOf(r.Arg(int(k))) != home {
			return true
		}
	}
	return false
}

// groupOf is poolWorker.groupOf for the request that is being admitted.
func (s *session) groupOf(cmd *codec.Command, r *codec.Request, group int) (at int, text string) {
	v := s.input.surveyed
	switch {
	case v == nil || len(v.keys) == 0:
		return s.pw.groupOf(cmd, r, group)
	case v.apart:
		return noGroup, textCrossSlot
	}
	s.w.pad.keys = append(s.w.pad.keys[:0], v.keys[0]) // the others are where it is
	return s.pw.oneGroup(s.pw.table.Locate(r.Arg(int(v.keys[0]))), group)
}
