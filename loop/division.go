package loop

import (
	"huntaway/codec"
	"huntaway/loop/memory"
	"huntaway/shard"
)

// A division splits a large command in pieces. As long as nothing of it has been sent it begins anew
// when another table has come.
type division struct {
	splitter
	cmd   *codec.Command
	table *shard.Table // by which the keys have their groups
	keys  []int32      // indexes of arguments
	built int          // keys that are in their parts' frames
	done  int          // bytes of the next one that are
	to    []groupRef   // by part, once all frames are complete: where it goes
	e     entry        // then: that of a part
	sent  int          // parts that were
}

// keysAtOnce is for how many keys a group is found at once, and workKey the work for one.
const (
	keysAtOnce = 64
	workKey    = 32
)

// step implements piecework.
func (d *division) step(s *session, r *codec.Request) (done bool) {
	if d.table != s.pw.table && d.to == nil {
		d.drop()
		*d = division{cmd: d.cmd, table: s.pw.table}
		keys, err := d.cmd.Keys(r, make([]int32, 0, r.Len()))
		if err != nil {
			s.refuse(err.Error())
			return true
		}
		d.keys = keys
	}
	for len(d.owners) < len(d.keys) {
		if s.isTired() {
			return false
		}
		keys := d.keys[len(d.owners):]
		keys = keys[:min(len(keys), keysAtOnce)]
		if !d.assign(s.pw, r, keys) {
			s.forward(d.cmd, r, -1)
			return true
		}
		s.spend(workKey * len(keys))
	}
	if len(d.groups) == 1 {
		s.forwardAll(d.cmd, r, int(d.groups[0]), int(d.counts[0]))
		return true
	}
	return d.build(s, r) && d.send(s)
}

// build writes the parts' frames, and reports whether they are complete.
func (d *division) build(s *session, r *codec.Request) (all bool) {
	if len(d.frames) == 0 {
		d.begin(d.cmd, r)
	}
	for ; d.built < len(d.keys); d.built++ {
		raw := r.Raw(int(d.keys[d.built]), int(d.cmd.Step))
		d.done = s.copyOn(&d.frames[d.owners[d.built]], raw, d.done)
		if d.done < len(raw) {
			return false
		}
		d.done = 0
		s.spend(workKey)
	}
	return true
}

// send sends the parts, and reports whether all have been sent.
func (d *division) send(s *session) (all bool) {
	if d.to == nil {
		for _, group := range d.groups {
			d.to = append(d.to, s.pw.refTo(int(group)))
		}
		d.e = s.scatter(d.cmd, &d.splitter)
	}
	for ; d.sent < len(d.to); d.sent++ {
		if s.isTired() {
			return false
		}
		f := &d.frames[d.sent]
		copied := f.Len()
		if f.IsLarge() {
			copied = min(copied, memory.LeastStretch)
		}
		s.spend(workPart + copied/bytesPerWork)
		s.sendPart(d.cmd, &d.splitter, d.e, d.sent, d.to[d.sent])
		f.Release(s.w.arena)
	}
	return true
}

// holds implements piecework.
func (d *division) holds() (n int64) {
	for i := range d.frames {
		n += d.frames[i].Holds()
	}
	return n + 4*int64(cap(d.keys)) + 2*int64(cap(d.owners))
}

// drop implements piecework.
func (d *division) drop() { d.reset() }
