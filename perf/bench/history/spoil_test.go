package history

import (
	"math/rand/v2"
	"slices"
)

// A spoiler breaks one promise in a correct history.
type spoiler struct {
	name  string
	rules []string                    // one of them must be told
	spoil func(*rand.Rand, *Run) bool // false: there is nothing in this history to spoil
}

// spoilers has one or more for every rule.
var spoilers = []spoiler{
	{"swapped replies", []string{"I1"}, func(x *rand.Rand, r *Run) bool {
		a, b := pick(x, r, is(Echo, OK)), pick(x, r, is(Echo, OK))
		if a == nil || a == b {
			return false
		}
		a.Got, b.Got = b.Got, a.Got
		return true
	}},
	{"another key's value", []string{"I1"}, func(x *rand.Rand, r *Run) bool {
		op := pick(x, r, func(r *Run, op *Op) bool { return is(Get, OK)(r, op) && op.Version > 0 })
		if op == nil {
			return false
		}
		op.Got = "r:of somebody else"
		return true
	}},
	{"a reply too many", []string{"I2"}, func(x *rand.Rand, r *Run) bool { r.Conns[0].Received++; return true }},
	{"a reply too few", []string{"I2"}, func(x *rand.Rand, r *Run) bool { r.Conns[0].Received--; return true }},
	{"bytes behind the last reply", []string{"I2"}, func(x *rand.Rand, r *Run) bool {
		r.Conns[len(r.Conns)-1].Behind = "+OK\r\n"
		return true
	}},
	{"a closed connection", []string{"I3"}, func(x *rand.Rand, r *Run) bool { r.Conns[0].Broken = "EOF"; return true }},
	{"an error nobody documents", []string{"B1"}, func(x *rand.Rand, r *Run) bool {
		op := pick(x, r, func(*Run, *Op) bool { return true })
		op.Class, op.Error = Wrong, "ERR wat"
		return true
	}},
	{"a lost append", []string{"I6a"}, func(x *rand.Rand, r *Run) bool {
		op := pick(x, r, solid(Append))
		if op == nil {
			return false
		}
		return without(r, op.Key, op.Value)
	}},
	{"a phantom", []string{"I6b"}, func(x *rand.Rand, r *Run) bool {
		r.Final.Lists["l:shared"] = append(r.Final.Lists["l:shared"], "phantom")
		return pick(x, r, func(_ *Run, op *Op) bool { return op.Kind == Append && op.Key == "l:shared" }) != nil
	}},
	{"a refused append that is there", []string{"I6c"}, func(x *rand.Rand, r *Run) bool {
		op := pick(x, r, is(Append, Fail))
		if op == nil {
			return false
		}
		r.Final.Lists[op.Key] = append(r.Final.Lists[op.Key], op.Value)
		return true
	}},
	{"an append that is there twice", []string{"I6d"}, func(x *rand.Rand, r *Run) bool {
		op := pick(x, r, solid(Append))
		if op == nil {
			return false
		}
		r.Final.Lists[op.Key] = append(r.Final.Lists[op.Key], op.Value)
		return true
	}},
	{"two appends in the wrong order", []string{"I6e"}, func(x *rand.Rand, r *Run) bool {
		a := pick(x, r, solid(Append))
		b := pick(x, r, func(r *Run, op *Op) bool {
			return a != nil && solid(Append)(r, op) && op != a && op.Client == a.Client && op.Key == a.Key
		})
		if b == nil {
			return false
		}
		l := r.Final.Lists[a.Key]
		i, k := slices.Index(l, a.Value), slices.Index(l, b.Value)
		l[i], l[k] = l[k], l[i]
		return true
	}},
	{"a hole that a window forgives", []string{"I6g"}, spoilWithHole},
	{"a counter too low", []string{"I7"}, func(x *rand.Rand, r *Run) bool {
		r.Final.Counters["c"] = 0
		return pick(x, r, solid(Incr)) != nil
	}},
	{"a counter too high", []string{"I7"}, func(x *rand.Rand, r *Run) bool {
		r.Final.Counters["c"] += int64(len(r.Ops))
		return pick(x, r, func(_ *Run, op *Op) bool { return op.Kind == Incr }) != nil
	}},
	{"the old master takes a write", []string{"I8"}, func(x *rand.Rand, r *Run) bool { return spoilWriter(x, r) }},
	{"the old master takes a write and nobody was told of masters", []string{"I8"}, func(x *rand.Rand, r *Run) bool {
		done := spoilWriter(x, r)
		r.Reigns = nil
		return done
	}},
	{"a stranger takes a write", []string{"I8"}, func(x *rand.Rand, r *Run) bool {
		op := pick(x, r, func(_ *Run, op *Op) bool { return op.Server != "" })
		if op == nil {
			return false
		}
		op.Server = "stranger"
		return true
	}},
	{"appends lost, no byte lost", []string{"I9"}, func(x *rand.Rand, r *Run) bool {
		for i := range r.Reigns {
			r.Reigns[i].Loss = 0
		}
		return Check(r).Lost > 0
	}},
	{"a read older than the own write", []string{"I10"}, func(x *rand.Rand, r *Run) bool {
		return spoilRead(x, r, Promise{OwnWrites: true})
	}},
	{"a read older than the read before", []string{"I10"}, func(x *rand.Rand, r *Run) bool {
		return spoilRead(x, r, Promise{Monotonic: true})
	}},
	{"a read of what was never written", []string{"I6b"}, func(x *rand.Rand, r *Run) bool {
		op := pick(x, r, is(Get, OK))
		if op == nil {
			return false
		}
		op.Got, op.Version = op.Key, 1<<40
		return true
	}},
	{"a read of what was refused", []string{"I6c"}, func(x *rand.Rand, r *Run) bool {
		op := pick(x, r, func(r *Run, op *Op) bool { return is(Set, Fail)(r, op) })
		if op == nil {
			return false
		}
		r.Ops = append(r.Ops, Op{Client: op.Client, Conn: op.Conn, Seq: 1 << 30, Kind: Get, Key: op.Key, Group: "g",
			Got: op.Key, Version: op.Version, Invoked: 1 << 60, Completed: 1 << 60})
		return true
	}},
	{"half a transfer", []string{"I11"}, func(x *rand.Rand, r *Run) bool { r.Final.Banks["b"]--; return true }},
	{"a look at half a transfer", []string{"I11"}, func(x *rand.Rand, r *Run) bool {
		op := pick(x, r, is(Audit, OK))
		if op == nil {
			return false
		}
		op.Version++
		return true
	}},
	{"OK for half an MSET", []string{"I12"}, func(x *rand.Rand, r *Run) bool {
		op := pick(x, r, func(r *Run, op *Op) bool {
			return solid(Spread)(r, op) && r.Final.Registers[op.Keys[0]] == op.Version && !slices.ContainsFunc(r.Ops, func(o Op) bool {
				return o.Client == op.Client && o.Seq > op.Seq && o.Kind == Clear
			})
		})
		if op == nil {
			return false
		}
		delete(r.Final.Registers, op.Keys[x.IntN(len(op.Keys))])
		return true
	}},
	{"DEL counts too few", []string{"I12"}, func(x *rand.Rand, r *Run) bool {
		op := pick(x, r, func(r *Run, op *Op) bool { return is(Clear, OK)(r, op) && op.Version == 3 })
		if op == nil || len(r.Windows) > 0 {
			return false
		}
		op.Version = -1
		return certain(r, op)
	}},
	{"a deleted key that is back", []string{"I12", "I6b"}, func(x *rand.Rand, r *Run) bool {
		op := pick(x, r, func(r *Run, op *Op) bool {
			return solid(Clear)(r, op) && !slices.ContainsFunc(r.Ops, func(o Op) bool {
				return o.Client == op.Client && o.Seq > op.Seq && (o.Kind == Spread || o.Kind == Clear)
			})
		})
		if op == nil {
			return false
		}
		r.Final.Registers[op.Keys[0]] = 1
		return true
	}},
	{"an overwritten key that is older", []string{"I6"}, func(x *rand.Rand, r *Run) bool {
		op := pick(x, r, solid(Set))
		if op == nil {
			return false
		}
		delete(r.Final.Registers, op.Key)
		return true
	}},
	{"an element popped twice", []string{"Q"}, func(x *rand.Rand, r *Run) bool {
		op := pick(x, r, func(r *Run, op *Op) bool { return solid(Pop)(r, op) && op.Got != "" })
		if op == nil {
			return false
		}
		again := *op
		again.Seq, again.Invoked, again.Completed = 1<<30, 1<<60, 1<<60
		r.Ops = append(r.Ops, again)
		return true
	}},
	{"an element that nobody pushed", []string{"Q"}, func(x *rand.Rand, r *Run) bool {
		op := pick(x, r, is(Pop, OK))
		if op == nil {
			return false
		}
		op.Got = "phantom"
		return true
	}},
	{"an element that is gone", []string{"Q"}, func(x *rand.Rand, r *Run) bool {
		for i := range r.Ops {
			if r.Ops[i].Kind == Pop && r.Ops[i].Class == Unknown {
				r.Ops[i].Class = Fail
			}
		}
		op := pick(x, r, func(r *Run, op *Op) bool {
			return solid(Push)(r, op) && !slices.ContainsFunc(r.Ops, func(o Op) bool { return o.Kind == Pop && o.Got == op.Value })
		})
		if op == nil {
			return false
		}
		return without(r, "q", op.Value)
	}},
	{"an element that was taken and is left", []string{"Q"}, func(x *rand.Rand, r *Run) bool {
		op := pick(x, r, func(r *Run, op *Op) bool { return solid(Pop)(r, op) && op.Got != "" })
		if op == nil {
			return false
		}
		r.Final.Lists["q"] = append(r.Final.Lists["q"], op.Got)
		return true
	}},
}

// is selects operations of a kind and class.
func is(k Kind, c Class) func(*Run, *Op) bool {
	return func(_ *Run, op *Op) bool { return op.Kind == k && op.Class == c }
}

// solid selects acknowledged operations that no window forgives.
func solid(k Kind) func(*Run, *Op) bool {
	return func(r *Run, op *Op) bool {
		return op.Kind == k && op.Class == OK && !(&judge{run: r}).forgiven(op)
	}
}

// pick draws one of the operations that are selected, nil when there is none.
func pick(x *rand.Rand, r *Run, which func(*Run, *Op) bool) *Op {
	var some []*Op
	for i := range r.Ops {
		if which(r, &r.Ops[i]) {
			some = append(some, &r.Ops[i])
		}
	}
	if len(some) == 0 {
		return nil
	}
	return some[x.IntN(len(some))]
}

// without takes a value out of a final list; false when it is not there.
func without(r *Run, key, value string) bool {
	l := r.Final.Lists[key]
	i := slices.Index(l, value)
	if i >= 0 {
		r.Final.Lists[key] = slices.Delete(l, i, i+1)
	}
	return i >= 0
}

// certain tells whether the keys of a deletion surely existed before it.
func certain(r *Run, clear *Op) bool {
	sure := false
	ops := slices.Clone(r.Ops)
	slices.SortFunc(ops, func(a, b Op) int { return a.Seq - b.Seq })
	for i := range ops {
		op := &ops[i]
		if op.Client != clear.Client || op.Seq >= clear.Seq {
			continue
		}
		switch {
		case op.Kind == Spread && op.Class == OK:
			sure = true
		case op.Kind == Clear && op.Class != Fail:
			sure = false
		}
	}
	return sure
}

// spoilWriter has the first master take a write behind the first one of the second.
func spoilWriter(x *rand.Rand, r *Run) bool {
	first := func(server string) *Op {
		ops := slices.Clone(r.Ops)
		slices.SortFunc(ops, func(a, b Op) int { return int(a.Completed - b.Completed) })
		for i := range ops {
			if ops[i].Server == server && ops[i].Group == "g" {
				return &ops[i]
			}
		}
		return nil
	}
	a, b := first("s0"), first("s1")
	if a == nil || b == nil {
		return false
	}
	late := *a
	late.Kind, late.Key, late.Class, late.Seq = Transfer, "b", OK, 1<<30
	late.Invoked, late.Completed = b.Completed+1, b.Completed+2
	r.Ops = append(r.Ops, late)
	return true
}

// spoilWithHole takes an append out of the midst of what a server did, inside a window.
func spoilWithHole(x *rand.Rand, r *Run) bool {
	op := pick(x, r, func(r *Run, op *Op) bool {
		return solid(Append)(r, op) && op.Server != "" && slices.ContainsFunc(r.Ops, func(o Op) bool {
			return solid(Append)(r, &o) && o.Server == op.Server && o.Key == op.Key && o.Invoked > op.Completed
		})
	})
	if op == nil {
		return false
	}
	r.Windows = append(r.Windows, Window{"g", op.Completed, op.Completed})
	return without(r, op.Key, op.Value)
}

// spoilRead makes one read show nothing although that promise forbids it.
func spoilRead(x *rand.Rand, r *Run, p Promise) bool {
	r.Promise = p
	for _, i := range x.Perm(len(r.Ops)) {
		op := &r.Ops[i]
		if op.Kind != Get || op.Class != OK || op.Version == 0 || len(r.Windows) > 0 {
			continue
		}
		if p.OwnWrites && !slices.ContainsFunc(r.Ops, func(o Op) bool { return is(Set, OK)(r, &o) && o.Key == op.Key && o.Seq < op.Seq }) {
			continue
		}
		if p.Monotonic && !slices.ContainsFunc(r.Ops, func(o Op) bool {
			return is(Get, OK)(r, &o) && o.Key == op.Key && o.Seq < op.Seq && o.Version > 0
		}) {
			continue
		}
		op.Version = 0
		return true
	}
	return false
}
