package failover

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A save is how the state file stands to the machine's intent. One Persist is out at a
// time, so that an older intent never overwrites a newer one.
type save struct {
	version uint64 // of the machine's intent
	stored  uint64 // the newest that is known to be on disk
	failed  uint64 // the newest that could not be written
	out     uint64 // the one being written; 0: none
	retryAt int64  // when a failed one is tried again
	err     error  // why the last write failed; nil: it did not
	doneAt  int64  // when that ended
	pledges []pledge
}

// A pledge is a wish that is answered when it is on disk.
type pledge struct {
	wish    Wish
	version uint64 // of the intent that it is in
	without string // what is the case while it is not on disk
}

// proveEvery is after how long a healthy group's intent is written though nothing has changed:
// who may not act without the state file notices a disk that takes nothing before it has to act.
const proveEvery = 60 * second

// save has the intent written, as soon as nothing else is being written.
func (m *Machine) save() {
	if m.o.Mode == Observe {
		return
	}
	m.disk.saving.version++
	m.disk.saving.retryAt = 0
	m.resave()
}

// resave writes what has changed since the last write, or failed; and now and then what has not.
func (m *Machine) resave() {
	s := &m.disk.saving
	prove := m.o.Mode == Local && m.state == Healthy && s.version != 0 && m.now-s.doneAt >= proveEvery
	if s.out != 0 || m.now < s.retryAt || s.version == s.stored && s.err == nil && !prove {
		return
	}
	s.out = s.version
	m.launch(ofSave, Action{Kind: Persist, Server: m.master, Intent: m.disk.intent, Within: lookTime})
}

// saved takes the end of a Persist.
func (m *Machine) saved(err error) {
	s := &m.disk.saving
	s.doneAt = m.now
	if err == nil {
		if s.err != nil {
			m.note("the state file can be written again", "")
		}
		s.stored, s.err = s.out, nil
	} else {
		s.failed, s.retryAt = s.out, m.now+retryEvery
		if s.err == nil {
			m.warn("the state file cannot be written", err.Error())
		}
		s.err = err
	}
	s.out = 0
	m.redeem()
}

// pledge answers a wish that has been granted once it is on disk, or cannot be written.
func (m *Machine) pledge(w Wish, without string) {
	m.disk.saving.pledges = append(m.disk.saving.pledges, pledge{w, m.disk.saving.version, without})
	m.redeem()
}

// redeem answers the wishes that were pledged and are written, or could not be.
func (m *Machine) redeem() {
	s := &m.disk.saving
	open := s.pledges
	s.pledges = nil
	for _, p := range open {
		switch {
		case p.version <= s.stored:
			m.answer(p.wish, nil)
		case p.version <= s.failed:
			m.answer(p.wish, fmt.Errorf("%s: %w", p.without, s.err))
		default:
			s.pledges = append(s.pledges, p)
		}
	}
}

// isSaved tells whether the newest intent is on disk.
func (m *Machine) isSaved() bool { return m.disk.saving.stored == m.disk.saving.version }

// unsavable returns why the newest intent could not be written, nil while it may still be.
func (m *Machine) unsavable() error {
	if m.disk.saving.failed == m.disk.saving.version && m.disk.saving.out == 0 {
		return m.disk.saving.err
	}
	return nil
}

// standing returns the intent with who is master now, and what is known of its data.
func (m *Machine) standing() Intent {
	i := m.disk.intent
	i.Spent, i.Bare, i.Unproven, i.Number = m.marks.spent, m.marks.bare, m.marks.unproven, 0
	i.TooFew, i.Had = m.marks.tooFew, 0
	if m.marks.bare > 0 { // before, it is counted anew and not worth a write
		i.Had = m.marks.had
	}
	i.Epoch, i.Master, i.Arbiter = m.epoch, "", m.peers.announced.accepted
	if m.master >= 0 {
		i.Master = m.name(m.master)
	}
	i.Recent, i.Released = spellNumbers(m.permit.recent), spellNumbers(m.lastHour(m.permit.released))
	i.RunID, i.Lineage, i.Offset = m.known.RunID, m.known.Lineage, m.known.Offset
	var before []string
	for _, f := range m.records.former[max(0, len(m.records.former)-formerMost):] {
		if f.Lineage != "" && !slices.Contains(before, f.Lineage) {
			before = append(before, f.Lineage)
		}
	}
	i.Former, i.Descents = strings.Join(before, " "), m.spellDescents()
	i.Abandoned, i.Losses = spellAbandoned(m.records.abandoned), spellLosses(m.records.losses)
	return i
}

// begin notes in the state file what is about to be done: a state's name, and to whose
// advantage. Nothing is to be done when state is empty.
func (m *Machine) begin(state string, candidate int32) {
	b := m.member(candidate)
	away := m.o.Mode == Local && b != nil && m.away(b)
	m.disk.intent = m.standing()
	m.disk.intent.Begun, m.disk.intent.Candidate, m.disk.intent.Away = state, "", away
	if candidate >= 0 {
		m.disk.intent.Candidate = m.name(candidate)
	}
	if state == "promoting" || state == "handing" {
		m.disk.intent.Number = m.next()
	}
	m.save()
}

// takeBack notes that nothing is to be done any more, if something was.
func (m *Machine) takeBack() {
	if m.disk.intent.Begun != "" {
		m.begin("", -1)
	}
}

// spellNumbers and readNumbers are how times and marks stand in an Intent, which is comparable.
func spellNumbers[T int64 | uint64](all []T) string { return strings.Trim(fmt.Sprint(all), "[]") }

// readNumbers leaves out what parse, one of strconv's, does not take.
func readNumbers[T int64 | uint64](text string, parse func(word string, base, bits int) (T, error)) (all []T) {
	for word := range strings.FieldsSeq(text) {
		if n, err := parse(word, 10, 64); err == nil {
			all = append(all, n)
		}
	}
	return all
}

// Retimed returns the intent with its times as another clock has them: those of perf.Now mean
// nothing outside the process.
func (i Intent) Retimed(translate func(int64) int64) Intent {
	for _, kept := range []*string{&i.Recent, &i.Released} {
		times := readNumbers(*kept, strconv.ParseInt)
		for n := range times {
			times[n] = translate(times[n])
		}
		*kept = spellNumbers(times)
	}
	return i
}
