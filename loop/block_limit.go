package loop

import (
	"math"
	"strconv"
	"time"

	"huntaway/codec"
)

// A server that is asked to wait may take this much longer than it was asked to, if the
// pool's timeout is not longer.
const leastGrace = 2 * time.Second

// waitLimit says how long a server may take to answer a request that may wait, in ns: what
// the request allows and some more. 0 is for ever; so is what cannot be read, because the
// server says at once what is wrong with it.
func (pw *poolWorker) waitLimit(cmd *codec.Command, r *codec.Request) int64 {
	wait, ok := allowedWait(cmd, r)
	if !ok {
		return 0
	}
	return wait + max(int64(pw.opt.Timeout), int64(leastGrace))
}

// allowedWait returns the time that the client allows, in ns; false for any.
func allowedWait(cmd *codec.Command, r *codec.Request) (wait int64, ok bool) {
	at, unit := waitArgument(cmd, r)
	switch {
	case at == 0:
		return 0, false
	case unit == time.Millisecond:
		ms, good := decimalOf(r.Arg(at))
		return ms * int64(unit), good && ms > 0 && ms < math.MaxInt64/2/int64(unit)
	}
	seconds, err := strconv.ParseFloat(string(r.Arg(at)), 64)
	if err != nil || !(seconds > 0 && seconds < math.MaxInt64/2/float64(unit)) {
		return 0, false
	}
	return int64(seconds * float64(unit)), true
}

// waitArgument returns where in a request its time stands, and in which unit; 0: nowhere, or
// the command was learnt from a server and it is not known where.
func waitArgument(cmd *codec.Command, r *codec.Request) (at int, unit time.Duration) {
	switch cmd.Name {
	case "blpop", "brpop", "bzpopmin", "bzpopmax", "brpoplpush", "blmove":
		return r.Len() - 1, time.Second
	case "blmpop", "bzmpop":
		return 1, time.Second
	case "xread", "xreadgroup":
		return blockOption(r), time.Millisecond
	}
	return 0, 0
}

// blockOption returns where the time of XREAD and XREADGROUP stands; 0: nowhere.
func blockOption(r *codec.Request) (at int) {
	for i := 1; i+1 < r.Len(); i++ {
		switch arg := r.Arg(i); {
		case is(arg, "block"):
			return i + 1
		case is(arg, "streams"):
			return 0
		case is(arg, "group"):
			i += 2
		case is(arg, "count"):
			i++
		}
	}
	return 0
}

// leastElapsed is how long a client must have waited before its request is given to another
// server with less time than the client said.
const leastElapsed = 10 * time.Millisecond

// shorten takes what the client has waited already off the time in its request, which is
// about to be given to a server. False: the time is over.
func (pw *poolWorker) shorten(b *blocked, frame []byte) (rest []byte, ok bool) {
	elapsed := pw.w.now - max(b.e.sent, b.timed)
	if elapsed < int64(leastElapsed) {
		return frame, true
	}
	var scan codec.Scanner
	r := &pw.w.pad.again
	if _, err := scan.Next(frame, r, &pw.opt.limits); err != nil {
		return frame, true
	}
	cmd := pw.opt.Commands.Find(r)
	if cmd == nil {
		return frame, true
	}
	wait, limited := allowedWait(cmd, r)
	if !limited {
		return frame, true
	}
	at, unit := waitArgument(cmd, r)
	left := max(wait-elapsed, 0) / int64(time.Millisecond)
	b.timed = pw.w.now
	b.waitLimit -= wait - left*int64(time.Millisecond)
	rest = codec.AppendArray(nil, r.Len())
	for i := range r.Len() {
		arg := r.Arg(i)
		if i == at {
			arg = strconv.AppendFloat(nil, float64(left)*float64(time.Millisecond)/float64(unit), 'f', -1, 64)
		}
		rest = codec.AppendBulk(rest, arg)
	}
	return rest, left > 0
}
