package loop

import (
	"bytes"
	"slices"
	"time"

	"huntaway/shard"
)

// An inquiry is one question to the master of every group, for one request that is answered
// here with what they say. Owner: the worker.
type inquiry struct {
	until   int64    // when it is given up (perf.Now)
	left    int      // masters that have not answered
	replies [][]byte // by group, copied
	failed  bool     // one of them gave no answer, or an error
	over    bool
	done    func(replies [][]byte)
}

// inquiryTime is how long a request waits for the masters: one that hangs must not hold it up.
const inquiryTime = time.Second

// inquire asks every master the same. done gets their replies, which are no errors, by group,
// or nil when one of them cannot be asked, refuses or takes too long; possibly at once. Masters
// that are out of reach are not asked at all.
func (pw *poolWorker) inquire(done func(replies [][]byte), args ...string) {
	masters := pw.likelyMasters()
	if masters == nil {
		done(nil)
		return
	}
	q := &inquiry{until: pw.w.now + int64(inquiryTime), left: len(masters), done: done, replies: make([][]byte, len(masters))}
	pw.inquiries = append(pw.inquiries, q)
	for g, m := range masters {
		pw.ask(m, func(reply []byte) {
			if q.over {
				return // it took too long
			}
			q.failed = q.failed || len(reply) == 0 || reply[0] == '-'
			q.replies[g] = bytes.Clone(reply)
			if q.left--; q.left == 0 {
				q.end()
			}
		}, args...)
	}
}

// end gives the answer, once.
func (q *inquiry) end() {
	q.over = true
	if q.failed {
		q.replies = nil
	}
	q.done(q.replies)
}

// tickInquiries ends those that have waited long enough, and forgets those that are over.
func (pw *poolWorker) tickInquiries() {
	for _, q := range pw.inquiries {
		if !q.over && pw.w.now >= q.until {
			q.failed = true
			q.end()
		}
	}
	pw.inquiries = slices.DeleteFunc(pw.inquiries, func(q *inquiry) bool { return q.over })
}

// inquireFor is inquire for a request of a session, which waits meanwhile: a client has one
// inquiry at a time. finish makes the reply, unless the session has gone.
func (s *session) inquireFor(finish func(s *session, dst []byte, replies [][]byte) []byte, args ...string) {
	answer := s.answerLater(s.expect(slot{join: noJoin}))
	s.pw.inquire(func(replies [][]byte) {
		answer(func(s *session, dst []byte) []byte { return finish(s, dst, replies) })
	}, args...)
}

// likelyMasters returns every group's master, nil when one of them is not there or was out of
// reach when it was last dialed.
func (pw *poolWorker) likelyMasters() (masters []*shard.Server) {
	lost, likely := map[int32]bool{}, map[int32]bool{}
	pw.sharedLinks(func(l *link) {
		lost[l.server.ID] = lost[l.server.ID] || l.state == linkCooling || l.health.downAt != 0
		likely[l.server.ID] = likely[l.server.ID] || l.usable()
	})
	for g := range pw.table.Groups {
		server := pw.table.Server(pw.table.Groups[g].Master)
		if server == nil || !likely[server.ID] && (lost[server.ID] || !pw.w.engine.canDial()) {
			return nil
		}
		masters = append(masters, server)
	}
	return masters
}
