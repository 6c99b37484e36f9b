package failover

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"huntaway/ha/vital"
)

// Descents are which lineage carries on which, each by an answer of a server that had both. A proxy
// that hears of two promotions at once can tell so that the second master has the group's data:
// it has seen the first.
type descents map[string]descent

// A descent is where a lineage has left the one before it.
type descent struct {
	from  string
	upTo  int64 // the last offset that it has of that one
	least bool  // as far as is known: it may have more
}

// descentsMost is how many are remembered, and how many a way back may lead through.
const descentsMost = 64

// trace takes what a server says of its lineage. A replica that has gone over from one lineage to the
// next names the offset at which it did so itself, which is not above the one at which the
// lineages part: the highest is nearest to the truth, and a master's word is it.
func (m *Machine) trace(r *vital.Replication) {
	if r.SecondID == "" || r.SecondID == r.ID {
		return
	}
	at := descent{r.SecondID, r.SecondOffset - 1, r.Replica}
	if was, is := m.records.descents[r.ID]; is && was.from == at.from && at.least && (!was.least || was.upTo > at.upTo) {
		at = was
	}
	m.descends(r.ID, at)
}

// descends notes what a lineage carries on.
func (m *Machine) descends(lineage string, from descent) {
	if m.records.descents == nil || len(m.records.descents) >= descentsMost {
		m.records.descents = descents{}
	}
	m.records.descents[lineage] = from
}

// heirsMost is how many heirs are remembered in the state file.
const heirsMost = 4

// orMore marks a descent in the state file of which the least is known.
const orMore = "least"

// spellDescents returns what the state file says of descents: a process that begins anew may find nobody who can
// tell it which lineage the last master's has carried on.
func (m *Machine) spellDescents() string {
	var all []string
	lineages := append([]string{m.known.Lineage}, m.records.heirs...)
	for _, f := range m.records.abandoned {
		lineages = append(lineages, f.Lineage)
	}
	for _, lineage := range lineages {
		for _, p := range m.line(lineage) {
			if at, is := m.records.descents[p.of]; is {
				all = append(all, strings.TrimRight(fmt.Sprintf("%s %s %d %s", p.of, at.from, at.upTo, map[bool]string{true: orMore}[at.least]), " "))
			}
		}
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ";")
}

// readDescents is the reverse, and leaves out what is none.
func (m *Machine) readDescents(text string) {
	for each := range strings.SplitSeq(text, ";") {
		words := strings.Fields(each)
		if len(words) < 3 {
			continue
		}
		if upTo, err := strconv.ParseInt(words[2], 10, 64); err == nil {
			m.descends(words[0], descent{words[1], upTo, len(words) > 3 && words[3] == orMore})
		}
	}
}

// share returns how much of a lineage's stream is in the data of a server, up to which offset; -1
// for nothing, as far as is known.
func (m *Machine) share(r *vital.Replication, lineage string) int64 {
	least, _ := m.shares(r, lineage)
	return least
}

// shares returns how much of a lineage's stream is in the data of a server at least, and at most.
func (m *Machine) shares(r *vital.Replication, lineage string) (least, most int64) {
	id := r.ID
	least, most = r.Offset, r.Offset
	for range descentsMost {
		if id == lineage {
			return least, most
		}
		at, is := m.records.descents[id]
		if id == r.ID && r.SecondID != "" && (!is || at.from != r.SecondID) {
			at, is = descent{r.SecondID, r.SecondOffset - 1, r.Replica}, true
		}
		if !is {
			return -1, -1
		}
		id, least = at.from, min(least, at.upTo)
		if !at.least {
			most = min(most, at.upTo)
		}
	}
	return -1, -1
}

// carriesOn tells whether the data of a server are the master's or carry them on, as far as is known.
func (m *Machine) carriesOn(r *vital.Replication) bool {
	return m.known.Lineage == "" || m.share(r, m.known.Lineage) >= 0
}

// A part is how much of a lineage is in the ones that follow it, at least and at most.
type part struct {
	of          string
	least, most int64
}

// line returns the lineages that one carries on, itself first, each with how much of it is in the
// ones that follow.
func (m *Machine) line(lineage string) (all []part) {
	p := part{lineage, endless, endless}
	for range generations {
		if p.of == "" {
			break
		}
		all = append(all, p)
		at, is := m.records.descents[p.of]
		if !is {
			break
		}
		if p.of, p.least = at.from, min(p.least, at.upTo); !at.least {
			p.most = min(p.most, at.upTo)
		}
	}
	return all
}

// generations is how many lineages back a server's data are compared.
const generations = 4

// A worth is how much of the group's data a server has: up to which offset its data are those of the
// last master's stream, to which belongs what that one's lineage has of those before it. -1 for nothing.
type worth struct {
	least int64
	most  int64 // it may be as much: nobody has said where one of the lineages in between began
	whole bool  // the least is all that the last master has said it had
}

// worthless is the worth of data of which nothing shows that they are the group's.
var worthless = worth{-1, -1, false}

// worthOf returns what can be shown of r.
func (m *Machine) worthOf(r *vital.Replication) worth { return m.worthFor(r, m.known) }

// worthFor is worthOf with what a master had that need not be the last one.
func (m *Machine) worthFor(r *vital.Replication, of past) worth {
	w := worthless
	for _, p := range m.line(of.Lineage) {
		least, most := m.shares(r, p.of)
		w.least, w.most = max(w.least, min(least, p.least)), max(w.most, min(most, p.most))
	}
	w.whole = w.least >= of.said && w != worthless
	return w
}

// endless is above all offsets.
const endless = int64(1) << 62

// precedes tells whether r are data of a lineage that the master's carries on, or another branch of
// one. Whoever has them lacks what was written since: it is better than nobody when the master dies
// before its replicas have linked.
func (m *Machine) precedes(r *vital.Replication) bool {
	return !m.carriesOn(r) && m.worthOf(r) != worthless
}

// compare orders by what is worth more: first who lacks nothing that the last master has said it had, and then who
// may have more. Whose lineage nobody has seen begin follows a later master, and mostly lacks nothing of the one
// before: that one has started again, and handed it the rest; but it may have been behind too.
func (w worth) compare(o worth) int {
	if w.whole != o.whole {
		return map[bool]int{true: 1, false: -1}[w.whole]
	}
	return cmp.Or(cmp.Compare(w.most, o.most), cmp.Compare(w.least, o.least))
}

// outmarks tells whether a server of whose lineage nothing is known has the last master's mark, and b
// is of an earlier time.
func (m *Machine) outmarks(r, b *member) bool {
	return m.bearsMark(r) && m.older(b, r)
}

// older tells whether b, who was looked into, is of an earlier time than r by its mark, and can be
// shown to lack something, or cannot be shown to have anything. The marks of epochs after the last publication say nothing:
// they were given to who did not prove itself. One that is later than all of them another process has left. Who followed
// the master up to its end is of no earlier time, though no mark could be left there.
func (m *Machine) older(b, r *member) bool {
	earlier := b.predates(m.crowned()) && r.mark.Epoch >= m.crowned() || m.later(r) && b.predates(r.mark.Epoch)
	return r.looked && earlier && !m.live(b) && m.share(&b.repl, m.known.Lineage) < m.known.Offset
}

// predates tells whether a server has data of a time before an epoch, by the mark that it has.
func (b *member) predates(epoch uint64) bool { return b.examined() && b.mark.Epoch < epoch }

// holder returns a server that answers, could be master, and can be shown to have more of the
// group's data than b, nil when there is none. Where nothing is known about b's lineage it may have
// everything under another name, unless its mark says that it is older than the last master.
func (m *Machine) holder(b *member) (best *member) { return m.holderAmong(m.fresh, b) }

// slowHolder is holder with whom that is told of who answers, or has until a moment ago.
func (m *Machine) slowHolder(b *member) *member {
	return m.holderAmong(func(r *member) bool { return r.isNear(m.now - m.o.DownSilence) }, b)
}

// holderAmong is holder with whom that is told of instead of who answers.
func (m *Machine) holderAmong(counts func(*member) bool, b *member) (best *member) {
	most := m.worthOf(&b.repl)
	obscure := most == worthless && !b.predates(m.seenMark())
	for _, r := range m.members {
		if r == b || !counts(r) || r.repl.Replica && r.repl.Priority == 0 {
			continue
		}
		w := m.worthOf(&r.repl)
		if w.compare(most) > 0 && (m.share(&r.repl, m.known.Lineage) >= 0 || !obscure) || best == nil && w == worthless && m.outmarks(r, b) {
			best, most = r, w
		}
	}
	return best
}
