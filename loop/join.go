package loop

import (
	"slices"

	"huntaway/codec"
	"huntaway/loop/memory"
	"huntaway/loop/scripts"
)

// A join waits for the replies to the parts of one command and makes one of them.
//
// Owner: the worker. It belongs to a slot from scatter until the last part has settled, or
// until the session is gone.
type join struct {
	how   codec.Join
	left  int         // parts that have not settled
	parts []partReply // by part: its reply, where more than a number must be kept of it
	merging
	owners []uint16 // by key: its part
	sum    int64
	ok     bool // AnyOK: one said so
	// Of commands that do not follow keys, see spread.
	targets []target         // by part: where it went
	counts  []int64          // by part, Draw: its keys. By element, And: whether all said 1
	names   []scripts.Digest // by element, And: the scripts that were asked for
	ran     bool             // some part was executed, or may have been
	writes  bool             // the command changes data
	bad     memory.Buffer    // the first error reply; it becomes the whole command's
}

// joins are a worker's by index.
type joins struct {
	all  []join
	free []int32
}

// newJoin returns the index of a join for the parts in sp.
func (w *worker) newJoin(cmd *codec.Command, sp *splitter) int32 {
	at := w.joinOf(cmd, len(sp.groups))
	w.joins.all[at].owners = append(w.joins.all[at].owners, sp.owners...)
	return at
}

// changesServers are commands that change no data and leave something behind all the same, where they ran.
var changesServers = exactSet("script|load", "script|flush", "script|kill", "function|kill")

// joinOf returns the index of a join for n parts of a command.
func (w *worker) joinOf(cmd *codec.Command, n int) int32 {
	var at int32
	if n := len(w.joins.free); n > 0 {
		at = w.joins.free[n-1]
		w.joins.free = w.joins.free[:n-1]
	} else {
		at = int32(len(w.joins.all))
		w.joins.all = append(w.joins.all, join{})
	}
	j := &w.joins.all[at]
	j.how, j.left, j.sum, j.ran, j.ok = cmd.Join, n, 0, false, false
	j.writes = cmd.Flags&codec.FlagWrite != 0 || inSet(changesServers, cmd)
	j.owners, j.targets, j.counts, j.names = j.owners[:0], j.targets[:0], j.counts[:0], j.names[:0]
	for len(j.parts) < n {
		j.parts = append(j.parts, partReply{})
	}
	return at
}

// dropJoin makes a join free for the next command. An unusually long one is forgotten.
func (w *worker) dropJoin(at int32) {
	j := &w.joins.all[at]
	for i := range j.parts {
		j.parts[i].rest()
	}
	j.bad.Rest()
	j.merging.drop(w)
	if cap(j.owners) > 1024 {
		*j = join{}
	}
	w.joins.free = append(w.joins.free, at)
}

// releaseJoins drops the joins of a session that has gone.
func (s *session) releaseJoins() {
	for p := s.window.First(); p != s.window.Behind(); p++ {
		if sl := s.window.At(p); sl.join != noJoin {
			s.w.dropJoin(sl.join)
		}
	}
}

// joinReply takes the server's reply to a part.
func (s *session) joinReply(e *entry, b []byte) {
	j := &s.w.joins.all[s.window.At(e.seq).join]
	switch {
	case b[0] == '-' && e.marks.has(toReplica):
	case b[0] == '-':
		j.hear(b)
	default:
		j.ran = true
		if len(b) > worthCharging {
			s.w.burden(s, int64(len(b)))
		}
		if !j.collect(s.w, e, b) {
			j.spoil(s.w.misfit(s, e))
		}
	}
	s.joined(e, j)
}

// collect takes what the command's reply will be made of. False: b is of the wrong type.
func (j *join) collect(w *worker, e *entry, b []byte) (fits bool) {
	switch j.how {
	case codec.ArrayByKey, codec.Agree, codec.Concat, codec.And, codec.Walk:
		j.parts[e.part].keep(w, b)
	case codec.Sum:
		n, ok := codec.Integer(b)
		j.sum += n
		return ok
	case codec.Draw:
		j.weighed(e, b)
	case codec.AnyOK:
		j.ok = true
	}
	return true
}

// joinFault takes the fault of a part that got no reply.
func (s *session) joinFault(e *entry, f *fault, reply []byte) {
	j := &s.w.joins.all[s.window.At(e.seq).join]
	if e.marks.has(toReplica) {
		s.joined(e, j)
		return
	}
	if f.class == unknown {
		j.ran = true
		j.bad.Clear() // of several errors the one that says "may have been executed" counts
	}
	j.spoil(reply)
	s.joined(e, j)
}

// spoil makes b the reply of the whole command, unless another error came first.
func (j *join) spoil(b []byte) {
	if j.bad.Len() == 0 {
		j.bad.Add(b)
	}
}

// joined counts a part, and answers the command with the last one.
func (s *session) joined(e *entry, j *join) {
	if j.left--; j.left > 0 || j.how == codec.Draw && s.drawNext(e, j) {
		return
	}
	reply := s.w.pad.scratch[:0]
	switch {
	case j.how == codec.Draw:
		reply = s.drawn(j, reply)
	case j.ok:
		reply = codec.AppendSimple(reply, "OK")
	case j.bad.Len() > 0 && j.writes && j.ran && codeIs(j.bad.Bytes(), "TRYAGAIN"):
		// "not executed" is true of one part only: the client must not simply try again.
		reply = appendFault(reply, faultPartly, place{pool: s.pw.opt.Name})
	case j.bad.Len() > 0:
		reply = append(reply, j.bad.Bytes()...)
	case j.isLarge():
		s.mergeLater(e)
		return
	default:
		reply = s.merge(e, j, reply)
	}
	at := s.window.At(e.seq).join
	s.window.At(e.seq).join = noJoin
	s.w.dropJoin(at)
	s.pw.settled(e)
	if len(reply) >= worthWeighing {
		s.weigh(len(reply))
	}
	s.answer(e.seq, reply)
}

// weave puts the elements of the parts' arrays back into the order of the request's keys.
func (s *session) weave(e *entry, j *join, dst []byte) []byte {
	at := s.w.pad.cursors[:0]
	for range j.parts {
		at = append(at, 0)
	}
	s.w.pad.cursors = at
	for part := range j.parts {
		at[part] = codec.ArrayHeader(j.parts[part].bytes())
	}
	dst = j.roomFor(dst)
	start := len(dst)
	dst = codec.AppendArray(dst, len(j.owners))
	for _, part := range j.owners {
		rest := j.parts[part].bytes()[at[part]:]
		n := codec.Size(rest)
		if n == 0 {
			return append(dst[:start], s.w.misfit(s, e)...)
		}
		dst = append(dst, rest[:n]...)
		at[part] += n
	}
	return dst
}

// roomFor makes room in dst for all that the parts have said.
func (j *join) roomFor(dst []byte) []byte {
	return slices.Grow(dst, maxHeader+j.said())
}

// said returns how many bytes of the parts' replies are kept.
func (j *join) said() (n int) {
	for i := range j.parts {
		n += j.parts[i].len()
	}
	return n
}

// maxHeader is the length of an array's header at most.
const maxHeader = 32

// misfit is the error for parts whose replies do not fit together.
func (w *worker) misfit(s *session, e *entry) []byte {
	return appendFault(nil, faultSplitReply, s.pw.place(e.group, nil))
}

// codeIs reports whether an error reply begins with the code.
func codeIs(b []byte, code string) bool { return string(codec.ErrorCode(b)) == code }
