package loop

import (
	"bytes"
	"math/rand/v2"

	"huntaway/codec"
	"huntaway/loop/scripts"
)

// merge makes the reply of a command whose parts have all been answered without an error.
func (s *session) merge(e *entry, j *join, dst []byte) []byte {
	fits := true
	switch j.how {
	case codec.Sum:
		return codec.AppendInt(dst, j.sum)
	case codec.ArrayByKey:
		return s.weave(e, j, dst)
	case codec.Agree:
		dst, fits = j.agree(dst)
	case codec.Concat:
		dst, fits = j.concat(dst)
	case codec.And:
		dst, fits = j.and(dst, &s.pw.pool.scripts)
	case codec.Walk:
		dst, fits = walked(dst, j.parts[0].bytes(), step{uint64(j.counts[0]), uint64(j.sum)})
	default:
		return codec.AppendSimple(dst, "OK")
	}
	if !fits {
		return append(dst[:0], s.w.misfit(s, e)...)
	}
	return dst
}

// hear takes an error reply to a part. A server that has nothing to kill is no reason for
// an error when another has said something else.
func (j *join) hear(b []byte) {
	if j.how == codec.AnyOK && j.bad.Len() > 0 && codeIs(j.bad.Bytes(), "NOTBUSY") {
		j.bad.Clear()
	}
	j.spoil(b)
}

// agree returns the reply that all parts gave.
func (j *join) agree(dst []byte) (reply []byte, fits bool) {
	one := j.parts[0].bytes()
	for i := range j.targets {
		// A replica may have been left out.
		if b := j.parts[i].bytes(); len(b) > 0 && !bytes.Equal(one, b) {
			return dst, false
		}
	}
	return append(dst, one...), true
}

// concat returns the elements of all parts' arrays, as one of the first part's kind.
func (j *join) concat(dst []byte) (reply []byte, fits bool) {
	var kind byte
	total := 0
	for i := range j.targets {
		k, n, _, ok := codec.Header(j.parts[i].bytes())
		if !ok || i > 0 && k != kind {
			return dst, false
		}
		kind = k
		total += n
	}
	dst = codec.AppendArray(j.roomFor(dst), total)
	dst[len(dst)-len(codec.AppendArray(nil, total))] = kind
	for i := range j.targets {
		b := j.parts[i].bytes()
		_, _, next, _ := codec.Header(b)
		dst = append(dst, b[next:]...)
	}
	return dst, true
}

// and returns, per element, whether every part said 1 or the script is known here: it is
// loaded then where it is used.
func (j *join) and(dst []byte, known *scripts.Store) (reply []byte, fits bool) {
	_, n, _, ok := codec.Header(j.parts[0].bytes())
	if !ok || n != len(j.names) {
		return dst, false
	}
	j.counts = j.counts[:0]
	for range n {
		j.counts = append(j.counts, 1)
	}
	for i := range j.targets {
		if !j.mask(j.parts[i].bytes()) {
			return dst, false
		}
	}
	dst = codec.AppendArray(dst, n)
	for i, name := range j.names {
		if known.Body(name) != "" {
			j.counts[i] = 1
		}
		dst = codec.AppendInt(dst, j.counts[i])
	}
	return dst, true
}

// mask clears the counts of which the array in b says 0.
func (j *join) mask(b []byte) (fits bool) {
	_, n, next, ok := codec.Header(b)
	if !ok || n != len(j.counts) {
		return false
	}
	for i := range j.counts {
		b = b[next:]
		next = codec.Size(b)
		one, ok := codec.Integer(b[:next])
		if !ok {
			return false
		}
		if one == 0 {
			j.counts[i] = 0
		}
	}
	return true
}

// draw answers RANDOMKEY in two steps: every group is asked how many keys it has, and then
// one, drawn by that, for a key. Later requests of the session wait meanwhile, because they
// could change the answer.
func (s *session) draw(cmd *codec.Command) {
	s.w.pad.targets = s.pw.masters(s.w.pad.targets[:0])
	s.standAlone()
	s.spread(cmd, dbsizeFrame, 0)
}

var (
	dbsizeFrame    = codec.AppendCommand(nil, "DBSIZE")
	randomKeyFrame = codec.AppendCommand(nil, "RANDOMKEY")
)

// weighed takes a reply of either step of draw.
func (j *join) weighed(e *entry, b []byte) {
	for len(j.counts) < len(j.targets) {
		j.counts = append(j.counts, 0)
	}
	n, isSize := codec.Integer(b)
	switch {
	case isSize:
		j.counts[e.part] = n
	case !codec.IsNull(b):
		j.parts[0].Add(b)
	}
}

// drawNext asks a group for a key when none has been found yet, and reports whether there
// was one left to ask. A group is asked once: it may have been emptied meanwhile.
func (s *session) drawNext(e *entry, j *join) (asked bool) {
	if j.parts[0].len() > 0 {
		return false
	}
	part := j.heaviest(rand.Uint64())
	if part < 0 {
		return false
	}
	j.counts[part] = 0
	j.left = 1
	next := *e
	next.marks = isPart
	next.part, next.group, next.sent = uint16(part), j.targets[part].group, s.w.now
	s.pw.dispatch(s, &next, randomKeyFrame)
	return true
}

// heaviest draws a part by its count; -1 when all counts are 0.
func (j *join) heaviest(random uint64) int {
	var total int64
	for _, n := range j.counts {
		total += n
	}
	if total <= 0 {
		return -1
	}
	at := int64(random % uint64(total))
	for i, n := range j.counts {
		if at < n {
			return i
		}
		at -= n
	}
	return -1
}

// drawn is the reply to RANDOMKEY: a key, or null when every group is empty. A group that
// could not be asked may have had one.
func (s *session) drawn(j *join, dst []byte) []byte {
	switch {
	case j.parts[0].len() > 0:
		return append(dst, j.parts[0].bytes()...)
	case j.bad.Len() > 0:
		return append(dst, j.bad.Bytes()...)
	}
	return codec.AppendNil(dst, s.proto.resp)
}
