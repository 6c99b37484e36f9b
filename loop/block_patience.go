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

// patience says how long a server may take to answer a request that may wait, in ns: what
// the request allows and some more. 0 is for ever; so is what cannot be read, because the
// server says at once what is wrong with it.
func (pw *poolWorker) patience(cmd *codec.Command, r *codec.Request) int64 {
	wait, ok := allowedWait(cmd, r)
	if !ok {
		return 0
	}
	return wait + max(int64(pw.opt.Timeout), int64(leastGrace))
}

// allowedWait returns the time that the client allows, in ns; false for any.
func allowedWait(cmd *codec.Command, r *codec.Request) (wait int64, ok bool) {
	at := r.Len() - 1
	switch cmd.Name {
	case "blpop", "brpop", "bzpopmin", "bzpopmax", "brpoplpush", "blmove":
	case "blmpop", "bzmpop":
		at = 1
	case "xread", "xreadgroup":
		return blockOption(r)
	default:
		return 0, false // learnt from a server: where its time stands is not known
	}
	seconds, err := strconv.ParseFloat(string(r.Arg(at)), 64)
	if err != nil || !(seconds > 0 && seconds < math.MaxInt64/2/float64(time.Second)) {
		return 0, false
	}
	return int64(seconds * float64(time.Second)), true
}

// blockOption is allowedWait of XREAD and XREADGROUP, which count in milliseconds.
func blockOption(r *codec.Request) (wait int64, ok bool) {
	for i := 1; i+1 < r.Len(); i++ {
		switch arg := r.Arg(i); {
		case is(arg, "block"):
			ms, good := decimalOf(r.Arg(i + 1))
			return ms * int64(time.Millisecond), good && ms > 0 && ms < math.MaxInt64/2/int64(time.Millisecond)
		case is(arg, "streams"):
			return 0, false
		case is(arg, "group"):
			i += 2
		case is(arg, "count"):
			i++
		}
	}
	return 0, false
}
