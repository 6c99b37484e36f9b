package loop

import "huntaway/codec"

// A server pays for every command that it reads, and executes one without looking at anybody
// else meanwhile. So the names that it is told in one event travel together, as long as they are
// told in the same way, but not too many. It answers each of them; an error it gives once, for
// the whole command.
const (
	mostGathered  = 64       // names
	mostTellBytes = 16 << 10 // of them, but for the last
)

// utter tells the server something: a name at the end of this event, with others. What is told
// waits in the link until that is ready.
func (f *feed) utter(a ask) {
	if f.asks.Len() == 0 {
		f.asked = f.x.pw.w.now
	}
	if a.what == askMark {
		f.tellGathered()
		f.asks.Push(a)
		f.x.frame = codec.AppendCommand(f.x.frame[:0], "ping")
		f.l.utter(f.x.frame)
		return
	}
	if f.names > 0 && !f.gathers(&a) {
		f.tellGathered()
	}
	if f.names == 0 {
		f.x.pw.w.turns.gathering = append(f.x.pw.w.turns.gathering, f)
	}
	f.asks.Push(a)
	f.names++
	f.bytes += len(a.st.t.name)
}

// gathers reports whether a name may be told with those that are gathered. In a cluster a command
// is about one slot.
func (f *feed) gathers(a *ask) bool {
	last, kind := f.asks.At(f.asks.Behind()-1), a.st.t.kind
	return last.what == a.what && last.st.t.kind == kind && !last.st.single && !a.st.single &&
		f.names < mostGathered && f.bytes < mostTellBytes &&
		(kind != shardTopic || !f.x.pw.table.Slotted())
}

// tellGathered tells the server the names that have been gathered.
func (f *feed) tellGathered() {
	if f.names == 0 {
		return
	}
	from := f.asks.Behind() - uint32(f.names)
	first := f.asks.At(from)
	how := verbs[first.st.t.kind].join
	if first.what == askLeave {
		how = verbs[first.st.t.kind].leave
	}
	frame := codec.AppendBulk(codec.AppendArray(f.x.frame[:0], 1+f.names), how)
	for at := from; at != f.asks.Behind(); at++ {
		frame = codec.AppendBulk(frame, f.asks.At(at).st.t.name)
	}
	f.x.frame = frame
	first.names = f.names
	f.names, f.bytes = 0, 0
	f.l.utter(frame)
}

// askSingly takes an error for the answer to n asks. It may be for one name of them, which others
// are not to be refused for: so each is asked for anew, by itself.
func (f *feed) askSingly(n int, b []byte) {
	for range n {
		a := f.took()
		st := a.st
		if a.what == askLeave {
			st.denied(askLeave, b)
		} else {
			st.single, st.asked = true, 0
		}
		f.proven(a.claims)
		if a.what == askJoin && f.strands[st.t] == st && !st.isAsked() && st.needed() {
			st.ask()
		}
	}
}
