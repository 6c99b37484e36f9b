package ha

// A sample is one answer of a master: its INFO left at sentAt and reported offset, so
// every write acknowledged before sentAt has an offset of at most that. reachedAt is when an
// answer with this offset was first in hand: from then on the master surely was there.
type sample struct{ sentAt, reachedAt, offset int64 }

// A history is the recent samples of one lineage, oldest first.
//
// Invariants: offsets rise strictly, times rise; at most size samples, the oldest is
// forgotten first. add is the only writer.
type history struct {
	lineage string   // replication id that all samples belong to; "" when empty
	samples []sample // a ring
	first   int      // index of the oldest
	n       int      // how many there are
}

func newHistory(size int) history { return history{samples: make([]sample, size)} }

// add notes one sample. Another lineage, or an offset that fell, is another data set: what was
// known of the old one is forgotten.
func (h *history) add(lineage string, s sample) {
	if h.lineage != lineage || h.n > 0 && s.offset < h.at(h.n-1).offset {
		h.lineage, h.first, h.n = lineage, 0, 0
	}
	if h.n > 0 && h.at(h.n-1).offset == s.offset {
		h.at(h.n - 1).sentAt = s.sentAt // nothing was written since: covers more, reached before
		return
	}
	if h.n == len(h.samples) {
		h.first = (h.first + 1) % len(h.samples)
		h.n--
	}
	h.n++
	*h.at(h.n - 1) = s
}

// at returns sample i, 0 being the oldest.
func (h *history) at(i int) *sample { return &h.samples[(h.first+i)%len(h.samples)] }

// newest returns the last sample, false when there is none.
func (h *history) newest() (sample, bool) {
	if h.n == 0 {
		return sample{}, false
	}
	return *h.at(h.n - 1), true
}

// covered returns the time up to which a replica of the lineage at offset has every
// acknowledged write, 0 when that is not known.
func (h *history) covered(lineage string, offset int64) int64 {
	if lineage != h.lineage {
		return 0
	}
	for i := h.n - 1; i >= 0; i-- {
		if s := h.at(i); s.offset <= offset {
			return s.sentAt
		}
	}
	return 0
}

// reachedBy returns the newest sample that was in hand at the given time: a replica asked
// then or later has no excuse for being below it but its lag.
func (h *history) reachedBy(at int64) (sample, bool) {
	for i := h.n - 1; i >= 0; i-- {
		if s := h.at(i); s.reachedAt <= at {
			return *s, true
		}
	}
	return sample{}, false
}
