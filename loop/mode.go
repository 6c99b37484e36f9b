package loop

import "huntaway/codec"

// A mode is what is unusual about a session: most have none, so the data path asks once,
// for all of them.
type mode uint8

const (
	modeMulti      mode = 1 << iota // MULTI was said: requests are queued, see transaction
	modePinned                      // holds a private link since WATCH: requests for its server go there
	modeSubscribed                  // is subscribed to something
	modeMuted                       // CLIENT REPLY OFF or SKIP has been said
	modePaused                      // CLIENT PAUSE is in force
	modeMedley                      // waits for EXEC and for what of it is answered here, see medley
	modeApart                       // its large replies are not read as fast as they come, see fallBehind
)

// has reports whether any of m is set.
func (m mode) has(which mode) bool { return m&which != 0 }

// odd serves a request of a session that is in some mode, and reports whether it has: when
// it has not, the request is served as anybody's. cmd is nil for an unknown command.
func (s *session) odd(cmd *codec.Command, r *codec.Request) (served bool) {
	s.skip()
	if !s.auth.passed {
		return false
	}
	if cmd != nil {
		s.account.lastCmd = cmd.ID
	}
	if s.mode.has(modePaused) && s.pauses(cmd, r) {
		return true
	}
	if s.mode.has(modeSubscribed) && s.attends(cmd, r) {
		return true
	}
	return s.mode.has(modeMulti) && s.queue(cmd, r)
}

// leaveModes lets go of what the modes hold. The session is gone, or RESET.
func (s *session) leaveModes() {
	s.dropBlocked()
	s.dropTransaction()
	s.dropMedley()
	s.dropSubscriptions()
	s.endLease()
	if s.pin != nil {
		s.pin.discard()
		s.pin = nil
	}
	s.mode &= modePaused
	s.proto.silence = talking
}

// mostAside is how many bytes of later requests are read while a session waits aside.
const mostAside = 64 << 10

// quiet says which commands, by ID, must find everything before them answered: they change
// what later requests mean, or which link they take.
var quiet []bool

// quietNames are the commands of quiet; those that block find out by themselves, because
// it depends on their arguments.
var quietNames = []string{"hello", "select", "reset", "watch", "unwatch", "wait", "waitaof"}

func init() {
	quiet = make([]bool, codec.Default().Len())
	for _, name := range quietNames {
		if cmd := codec.Default().Lookup([]byte(name)); cmd != nil {
			quiet[cmd.ID] = true
		}
	}
}

// needsQuiet reports whether a command is to be alone in its session.
func needsQuiet(cmd *codec.Command) bool { return int(cmd.ID) < len(quiet) && quiet[cmd.ID] }

// stepAside makes the request that is being admitted wait until every one before it has
// been answered; false when that is so already. The request is admitted again then, so
// nothing of it may have been done yet.
func (s *session) stepAside(r *codec.Request) bool {
	if s.window.Len() == 0 {
		return false
	}
	s.putBack(r)
	s.stop(stopAlone)
	return true
}

// putBack leaves the request that is being admitted where it is, as if it had not been
// looked at.
func (s *session) putBack(r *codec.Request) {
	s.account.requests--
	s.pw.counters.Requests--
	s.pw.counters.RequestBytes -= uint64(len(r.Frame))
	s.input.aside = true
}

// standAlone makes later requests wait until the one that is being admitted, which has its
// slot, has been answered.
func (s *session) standAlone() { s.stop(stopAlone) }
