package loop

// An entry stands for one request, or one part of a split request, on a link: in its FIFO
// from send to match, or in a group's queue of held requests.
//
// 40 bytes and no pointer: 50 000 requests in flight are 2 MB that the garbage collector
// does not look at.
type entry struct {
	sent    int64  // when the request was admitted, or let go by a hold (perf.Now)
	session uint32 // index of the session
	gen     uint32 // generation of that index
	seq     uint32 // slot in the session's window
	size    uint32 // bytes of the request in the link's log
	group   groupRef
	cmd     uint16 // ID in the command table
	part    uint16 // which part of a split request; 0 in a whole one
	marks   marks
}

// marks are what must be known of an entry.
type marks uint32

const (
	isWrite   marks = 1 << iota // may change data
	isPart                      // one of several of a split request
	isSink                      // nobody waits for the answer any more
	isCanary                    // asked by the link itself, see canary
	retried                     // was sent once before
	viaRead                     // was routed as a read to a server that need not be the master
	released                    // had waited in its group's hold; see release
	isMany                      // has part replies before the one that counts: see link.leads
	isPrivate                   // means something only on the private link it was sent on
	toReplica                   // part for a replica that its join names; see besides
	urgent                      // goes where no script can be in its way; see linkFor
	isScript                    // runs or brings a script; see withScript
	hopLow                      // with hopHigh, how often it has been redirected; see chase
	hopHigh
	guarded   // its client can choose the bytes of its reply, see isGuarded
	confirms  // asks whether a server meant what a reply said of it, see hearsay
	isPublish // its reply counts subscribers; see crowd
	asReplica // was given to a server that the table does not call the group's master; see suit
)

// has reports whether any of m is set.
func (m marks) has(which marks) bool { return m&which != 0 }
