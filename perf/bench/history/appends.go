package history

// A fate is an append and where its value stands in the final list.
type fate struct {
	op *Op
	at int // index in the list; -1: it is not there
}

// checkAppends is I6, list by list.
func checkAppends(j *judge) {
	lists := map[string][]*Op{}
	for _, op := range j.ops {
		if op.Kind == Append {
			lists[op.Key] = append(lists[op.Key], op)
		}
	}
	for key, ops := range lists {
		fates := j.fates(key, ops)
		for i := range fates {
			j.checkFate(&fates[i])
		}
		j.checkOrder(key, fates)
		j.checkHoles(key, fates)
	}
}

// fates looks every append up in the final list, and finds what is there twice (d) and what
// nobody sent (b).
func (j *judge) fates(key string, ops []*Op) []fate {
	place := map[string]int{}
	for i, id := range j.run.Final.Lists[key] {
		if first, twice := place[id]; twice {
			j.breaks("I6d", "%s holds %q at %d and at %d", key, id, first, i)
			continue
		}
		place[id] = i
	}
	fates := make([]fate, len(ops))
	for i, op := range ops {
		at, there := place[op.Value]
		if !there {
			at = -1
		}
		fates[i] = fate{op, at}
		delete(place, op.Value)
	}
	for id, at := range place {
		j.breaks("I6b", "%s holds %q at %d, which nobody sent", key, id, at)
	}
	return fates
}

// checkFate is (a), what was acknowledged is there, and (c), what was refused is not.
func (j *judge) checkFate(f *fate) {
	switch {
	case f.op.Class == OK && f.at < 0:
		j.lost[f.op.Group]++
		if j.forgiven(f.op) {
			j.v.Lost++
		} else {
			j.breaks("I6a", "%s was acknowledged and is lost", f.op.name())
		}
	case f.op.Class == Fail && f.at >= 0:
		j.breaks("I6c", "%s was refused (%s) and is there at %d", f.op.name(), f.op.Error, f.at)
	}
}

// checkOrder is (e): what one client appended stands in the order in which it was sent.
func (j *judge) checkOrder(key string, fates []fate) {
	last := map[int]fate{}
	for _, f := range fates {
		if f.op.Class != OK || f.at < 0 {
			continue
		}
		if before, any := last[f.op.Client]; any && f.at < before.at {
			j.breaks("I6e", "%s holds %q at %d in front of %q at %d, which client %d sent earlier",
				key, f.op.Value, f.at, before.op.Value, before.at, f.op.Client)
		}
		last[f.op.Client] = f
	}
}

// checkHoles is (g). Replication loses the end of a stream: when an append is lost,
// everything that the same server did later in the same list is lost as well.
func (j *judge) checkHoles(key string, fates []fate) {
	latest := map[string]*Op{} // server -> the append that survived and was invoked last
	for _, f := range fates {
		if f.op.Server == "" || f.op.Class != OK || f.at < 0 {
			continue
		}
		if l := latest[f.op.Server]; l == nil || f.op.Invoked > l.Invoked {
			latest[f.op.Server] = f.op
		}
	}
	for _, f := range fates {
		if f.op.Server == "" || f.op.Class != OK || f.at >= 0 || j.reignsTwice(f.op.Server) {
			continue
		}
		if l := latest[f.op.Server]; l != nil && f.op.Completed < l.Invoked {
			j.breaks("I6g", "%s is lost from %s although %s, which the same server took later, is not", f.op.name(), key, l.name())
		}
	}
}

// reignsTwice tells whether a server was master more than once, so that what it took in its
// first reign may be gone while what it took in its second one is there.
func (j *judge) reignsTwice(server string) bool {
	n := 0
	for _, r := range j.run.Reigns {
		if r.Server == server {
			n++
		}
	}
	return n > 1
}
