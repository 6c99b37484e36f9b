package loop

import (
	"bytes"

	"huntaway/codec"
)

// A server may refuse the canary behind guarded requests, because a script runs for too long
// or because it is loading. An error in its place may as well be what a client
// has had the server say. So nothing is believed, and nothing behind it is given to anybody,
// until the server has been asked once more, behind everything in flight, in a way that none
// refuses to answer at any time: a command that does not exist, whose name is another word
// that nobody can know. When its reply has come, the answer of the first is among what was
// kept, or it never comes.

// mostDoubted bounds what is kept meanwhile. Servers that refuse everything say little.
const mostDoubted = 4 << 20

// mostRefusal is longer than any error by which a server refuses a canary.
const mostRefusal = 512

// doubt begins to keep what comes, because of an error in the place of a guard's answer.
func (l *link) doubt() {
	c := &l.canary
	c.doubted = l.queue.fifo.Front().nonce()
	l.heardOut()
	if c.owed {
		l.guard()
	}
	c.doubting = true
	c.word = l.putCanary(doubtPart)
}

// holdDoubted keeps b, and what may be the beginning of the answer.
func (l *link) holdDoubted(b []byte) {
	c := &l.canary
	var room [answerSize]byte
	c.kept.Add(b)
	c.kept.Add(appendAnswer(room[:0], c.doubted)[:c.matched])
	c.matched = 0
}

// settleDoubt keeps what has come while the server is doubted. When it has answered
// that is over, and it returns what nobody has a doubt about any more.
func (l *link) settleDoubt(in []byte) (rest []byte) {
	c := &l.canary
	var room [answerSize]byte
	from := max(0, c.kept.Len()-answerSize)
	c.kept.Add(in)
	if !bytes.Contains(c.kept.Bytes()[from:], wordIn(appendAnswer(room[:0], c.word))) {
		if c.kept.Len() > mostDoubted {
			l.outOfStep("kept", decimal(c.kept.Len()))
		}
		return nil
	}
	rest = c.kept.Bytes()
	l.w.arena.Orphan(&c.kept) // what sessions say may alias it
	c.doubting = false
	if at := bytes.Index(rest, appendAnswer(room[:0], c.doubted)); at >= 0 {
		c.surplus = at
		l.tellMended()
		c.surplus = 0
		rest = rest[at+answerSize:]
	}
	return rest
}

// wordIn returns the word in an answer.
func wordIn(answer []byte) []byte {
	return answer[len(answer)-len(codec.CRLF)-16-len(canaryWord) : len(answer)-len(codec.CRLF)]
}
