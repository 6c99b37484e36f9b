package history

import "slices"

// A register is what is known of one key while its client's operations pass by in their
// order. Every key is written by one client only, so there is an order.
type register struct {
	floor   int64           // no read may show less
	sure    bool            // the key exists for certain
	cleared bool            // the key is gone for certain
	sent    map[int64]*Op   // every write of the whole run, by its version
	spread  bool            // written together with keys of other groups
	clears  []*Op           // every deletion of the whole run
	seen    map[int]reading // by connection, what was read last
}

// A reading is one read's result.
type reading struct {
	version int64
	op      *Op
}

// checkRegisters is I10 and I12, and (a) and (c) of I6 for keys that are overwritten.
func checkRegisters(j *judge) {
	all := map[string]*register{}
	at := func(key string) *register {
		r := all[key]
		if r == nil {
			r = &register{sent: map[int64]*Op{}, seen: map[int]reading{}}
			all[key] = r
		}
		return r
	}
	for _, op := range j.ops {
		for _, key := range op.written() {
			at(key).sent[op.Version] = op
		}
		for _, key := range op.cleared() {
			at(key).clears = append(at(key).clears, op)
		}
	}
	for _, op := range j.ops {
		switch op.Kind {
		case Set:
			j.write(at(op.Key), op)
		case Spread:
			for _, key := range op.Keys {
				j.write(at(key), op)
				at(key).spread = true
			}
		case Clear:
			j.clear(op, at)
		case Get:
			j.checkRead(op, at(op.Key))
		}
	}
	for key, r := range all {
		j.checkRegister(key, r)
	}
}

// clearedBehind tells whether the key was deleted by a request that stands behind the read and was
// sent before its reply was there: a replica may have executed the two in that order.
func (r *register) clearedBehind(read *Op) bool {
	return slices.ContainsFunc(r.clears, func(c *Op) bool { return c.Seq > read.Seq && c.Invoked <= read.Completed })
}

// cleared returns the keys that the operation deletes.
func (o *Op) cleared() []string {
	if o.Kind == Clear {
		return o.Keys
	}
	return nil
}

// written returns the keys whose version the operation sets.
func (o *Op) written() []string {
	switch o.Kind {
	case Set:
		return []string{o.Key}
	case Spread:
		return o.Keys
	}
	return nil
}

// write notes a version.
func (j *judge) write(r *register, op *Op) {
	switch {
	case op.Class == OK && !j.forgiven(op):
		r.floor, r.sure, r.cleared = op.Version, true, false
	case op.Class != Fail:
		r.cleared = false
	}
}

// clear notes a deletion, and compares the number that it was answered with.
func (j *judge) clear(op *Op, at func(string) *register) {
	if op.Class == Fail {
		return
	}
	sure := int64(0)
	for _, key := range op.Keys {
		r := at(key)
		if r.sure {
			sure++
		}
		clear(r.seen)
		r.floor, r.sure, r.cleared = 0, false, op.Class == OK && !j.forgiven(op)
	}
	if op.Class == OK && op.Version < sure {
		j.breaks("I12", "%s counts %d keys; want %d at least", op.name(), op.Version, sure)
	}
}

// checkRead is I1 and I10 for one read.
func (j *judge) checkRead(op *Op, r *register) {
	if op.Class != OK {
		return
	}
	if op.Version != 0 && op.Got != op.Key {
		j.breaks("I1", "%s got the value of %q", op.name(), op.Got)
		return
	}
	if refused := r.sent[op.Version]; op.Version != 0 && refused != nil && refused.Class == Fail {
		j.breaks("I6c", "%s shows %d, which was refused: %s", op.name(), op.Version, refused.Error)
	}
	// A replica may answer a read after it has got a write that stands behind it in the pipeline.
	if w := r.sent[op.Version]; op.Version != 0 && (w == nil || w.Invoked > op.Completed) {
		j.breaks("I6b", "%s shows %d, which nobody had sent by then", op.name(), op.Version)
	}
	if j.run.Promise.OwnWrites && op.Version < r.floor && !r.clearedBehind(op) {
		j.breaks("I10", "%s shows %d after the client's own write of %d", op.name(), op.Version, r.floor)
	}
	before, any := r.seen[op.Conn]
	if j.run.Promise.Monotonic && any && op.Version < before.version && !j.between(before.op, op) {
		j.breaks("I10", "%s shows %d after %s had shown %d", op.name(), op.Version, before.op.name(), before.version)
	}
	r.seen[op.Conn] = reading{op.Version, op}
}

// between tells whether a window lies between two reads: the earlier one may have seen what
// was lost then.
func (j *judge) between(a, b *Op) bool {
	for _, w := range j.run.Windows {
		if (w.Group == "" || w.Group == b.Group) && a.Completed >= w.From && b.Invoked >= w.From && a.Invoked <= w.To {
			return true
		}
	}
	return false
}

// checkRegister compares a key's last version with what the master holds.
func (j *judge) checkRegister(key string, r *register) {
	rule := "I6"
	if r.spread {
		rule = "I12"
	}
	got := j.run.Final.Registers[key]
	switch {
	case got < r.floor:
		j.breaks(rule, "%s is %d at the end; %d was acknowledged", key, got, r.floor)
	case got != 0 && r.sent[got] == nil:
		j.breaks("I6b", "%s is %d at the end, which nobody sent", key, got)
	case r.cleared && got != 0:
		j.breaks(rule, "%s is %d at the end; its deletion was acknowledged", key, got)
	case got != 0 && r.sent[got].Class == Fail:
		j.breaks("I6c", "%s is %d at the end, which was refused: %s", key, got, r.sent[got].Error)
	}
}
