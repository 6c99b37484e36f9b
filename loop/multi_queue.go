package loop

import (
	"fmt"
	"slices"
	"strings"

	"huntaway/codec"
	"huntaway/loop/scripts"
)

// alongside says which commands that the proxy answers itself are sent along in a
// transaction, by ID: those to which a server's answer is as good. The others are about
// the connection, and the server would speak of one that is shared, or change it.
var alongside = commandSet("command", "echo", "lolwut", "ping", "publish", "spublish", "time")

// aboutConnection says which of the operators' commands never belong into a transaction:
// they make something else of the connection.
var aboutConnection = commandSet("himport", "monitor", "psync", "replconf", "sync")

// commandSet returns a set of commands by ID. A container stands for its sub-commands too.
func commandSet(names ...string) []bool {
	set := make([]bool, codec.Default().Len())
	for _, cmd := range codec.Default().All() {
		parent, _, _ := strings.Cut(cmd.Name, "|")
		set[cmd.ID] = slices.Contains(names, parent)
	}
	return set
}

// exactSet says, by ID, which commands have one of these names, sub-commands by both words.
func exactSet(names ...string) []bool {
	set := make([]bool, codec.Default().Len())
	for _, cmd := range codec.Default().All() {
		set[cmd.ID] = slices.Contains(names, cmd.Name)
	}
	return set
}

// channelled are the commands whose first argument is a channel, which is placed as a key
// is: who has subscribed listens to the master of its group, and hears no other.
var channelled = commandSet("publish", "spublish")

// inSet reports whether a command is in a set; learnt ones are in none.
func inSet(set []bool, cmd *codec.Command) bool { return int(cmd.ID) < len(set) && set[cmd.ID] }

// enqueue takes a request into the transaction.
func (s *session) enqueue(cmd *codec.Command, r *codec.Request) {
	s.followTable()
	if cmd.Flags&codec.FlagHidden != 0 {
		s.spoil(codec.AppendUnknown(s.w.pad.scratch[:0], r))
		return
	}
	text, here := s.unfit(cmd), s.answersHere(cmd)
	if text == "" && !here {
		text = s.addressed(cmd, r)
	}
	switch {
	case text != "":
	case here:
		text = s.enqueueOwn(cmd, r)
	case s.tx.spoilt:
	default:
		text = s.tx.book(len(r.Frame), s.pw.opt)
		s.noteScript(cmd, r)
		s.tx.publishes = s.tx.publishes || mayPublish(cmd)
		s.tx.guard |= guardOf(cmd) | countOf(cmd)
	}
	switch {
	case text != "":
		s.spoil(codec.AppendError(s.w.pad.scratch[:0], text))
		return
	case s.tx.spoilt || here:
	case s.mayWait(r):
		s.workOn(&queueing{}, r)
		return
	default:
		s.tx.add(r.Frame)
	}
	if s.tx.bytes() > worthCharging {
		s.w.burden(s, int64(len(r.Frame)))
	}
	s.tellQueued()
}

// What a transaction may be of which the requests are looked through, or copied, in one event: so many
// of them, and bytes. A server executes as many in about 10 ms.
const (
	mostRetold      = 16 << 10
	mostRetoldBytes = 16 << 20
)

// tellQueued answers a request that has been queued.
func (s *session) tellQueued() {
	s.settleLocal(s.expect(slot{join: noJoin}), codec.AppendSimple(s.w.pad.scratch[:0], "QUEUED"))
}

// book counts a request whose frame is about to be added, or returns the error for one too many.
func (t *transaction) book(size int, opt *settings) (text string) {
	if t.bytes()+int64(size) > opt.queued {
		return opt.queues
	}
	t.queued++
	if t.medley != nil {
		t.medley.order = append(t.medley.order, theirs)
	}
	return ""
}

// add puts bytes behind what is queued.
func (t *transaction) add(b []byte) { t.frames.Add(t.w.arena, b, 0) }

// mostNamedScripts is how many scripts that a transaction names are brought to the server.
const mostNamedScripts = 256

// noteScript notes that EXEC must see to it that the server has the scripts that are only
// named, or that its reply tells of those that are brought.
func (s *session) noteScript(cmd *codec.Command, r *codec.Request) {
	if byDigest(cmd.ID) && len(s.tx.named) < mostNamedScripts {
		if d, ok := scripts.ParseDigest(r.Arg(1)); ok && !slices.Contains(s.tx.named, d) {
			s.tx.named = append(s.tx.named, d)
		}
	}
	s.tx.flushes = s.tx.flushes || cmd.ID == scriptFlushID && flushes(r)
	s.tx.brings = s.tx.brings || brings(cmd.ID) || s.tx.flushes
}

// unfit returns the error for a command that cannot be in a transaction, or "".
func (s *session) unfit(cmd *codec.Command) (text string) {
	alone := s.pw.table.Alone()
	switch {
	case cmd.Flags&codec.FlagNoMulti != 0:
		return textNoMulti
	case alone && s.pw.opt.AdminCommands && forOperators(cmd):
		if inSet(aboutConnection, cmd) {
			return refusedText(cmd)
		}
		return ""
	case cmd.Reason != "":
		if !s.passable(cmd) {
			return cmd.Reason
		}
		return ""
	case inSet(alongside, cmd) || anyServers(cmd):
		return ""
	}
	switch cmd.Policy {
	case codec.Local:
		if cmd.Name == "client|reply" {
			return textMuteInside
		}
	case codec.Refused:
		return refusedText(cmd)
	case codec.Keyless, codec.ScriptAdmin, codec.Scan, codec.FanOut:
		if !alone {
			return notServed(codec.Keyless)
		}
		return s.unfitWhole(cmd)
	}
	return ""
}

// unfitWhole is unfit for commands about whole key spaces, of a pool with one group.
func (s *session) unfitWhole(cmd *codec.Command) (text string) {
	switch {
	case cmd.Name == "swapdb" && s.pw.opt.DB > 0: // its numbers would have to be shifted
		return fmt.Sprintf(textOutside, cmd.Name)
	case cmd.Policy == codec.FanOut && cmd.Flags&codec.FlagWrite != 0 && !s.pw.opt.AdminCommands:
		return refusedText(cmd)
	case cmd.Policy == codec.ScriptAdmin && cmd.Join == codec.NoJoin:
		return refusedText(cmd)
	}
	return ""
}

// addressed finds the group of a request and holds the transaction to it. It returns the
// error when there is none, or another than that of the requests before.
func (s *session) addressed(cmd *codec.Command, r *codec.Request) (text string) {
	if s.pw.table.Alone() {
		s.tx.group = s.pw.refTo(0) // what is wrong with the keys, if anything, the server will say
		return ""
	}
	group, text := s.groupOf(cmd, r, s.pw.indexOf(s.tx.group))
	if text == "" && !s.tx.inSlot(s.pw, cmd, r) {
		text = textCrossSlot
	}
	switch {
	case text != "":
		if text == textCrossSlot {
			s.pw.counters.CrossSlot++
		}
		return text
	case group == noGroup:
		return "" // it goes where the others go
	}
	if text := s.strayPattern(cmd, r, group); text != "" {
		return text
	}
	s.tx.group = s.pw.refTo(group)
	return ""
}

// groupOf returns the group of a request's keys, which must be the one given unless that is
// noGroup; noGroup for a request without keys that may go anywhere.
func (pw *poolWorker) groupOf(cmd *codec.Command, r *codec.Request, group int) (at int, text string) {
	keys, err := cmd.Keys(r, pw.w.pad.keys[:0])
	if err != nil {
		return noGroup, err.Error()
	}
	if inSet(channelled, cmd) && !(pw.table.Slotted() && cmd.ID == publishID) {
		keys = append(keys, 1)
	}
	pw.w.pad.keys = keys
	if len(keys) == 0 {
		return pw.groupWithout(cmd, group)
	}
	for _, k := range keys {
		if group, text = pw.oneGroup(pw.table.Locate(r.Arg(int(k))), group); text != "" {
			return noGroup, text
		}
	}
	return group, ""
}

// oneGroup returns at, the group of something, when it is the one given or none is given.
func (pw *poolWorker) oneGroup(at, group int) (same int, text string) {
	switch {
	case at < 0:
		return noGroup, faultText(faultNoGroup, place{pool: pw.opt.Name})
	case group != noGroup && group != at:
		return noGroup, textCrossSlot
	}
	return at, ""
}

// groupWithout is groupOf for a request without keys. Scripts without any are run by the
// pool's first group, as outside of transactions.
func (pw *poolWorker) groupWithout(cmd *codec.Command, group int) (at int, text string) {
	switch {
	case inSet(alongside, cmd) || inSet(dialects, cmd), cmd.Policy == codec.Transaction || cmd.Policy == codec.ScriptAdmin, anyServers(cmd):
		return noGroup, ""
	case cmd.Flags&codec.FlagOptionalKeys != 0:
		return pw.oneGroup(pw.firstGroup(), group)
	}
	return noGroup, notServed(codec.Keyless)
}

// groupOfAll is groupOf for everything in a transaction's frame. Without any key it is the
// pool's first.
func (pw *poolWorker) groupOfAll(frame []byte) (group int, text string) {
	var scan codec.Scanner
	r := &pw.w.pad.again
	for group = noGroup; len(frame) > 0; {
		n, err := scan.Next(frame, r, &pw.opt.limits)
		if err != nil {
			return noGroup, err.Error()
		}
		frame = frame[n:]
		cmd := pw.opt.Commands.Find(r)
		if cmd == nil || pw.table.Alone() {
			continue
		}
		at, text := pw.groupOf(cmd, r, group)
		if text != "" {
			return noGroup, text
		}
		if at != noGroup {
			group = at
		}
		if at != noGroup && pw.table.Slotted() {
			break // all its keys are of one slot
		}
	}
	if group == noGroup {
		return pw.oneGroup(pw.firstGroup(), noGroup)
	}
	return group, ""
}

// followTable finds the transaction's group again when the keys have moved since.
func (s *session) followTable() {
	t := s.tx
	if t.group == (groupRef{}) || s.pw.groupAt(t.group) != nil || s.staysPut() {
		return
	}
	t.lost = t.lost || t.watched || s.mode.has(modePinned) // the keys no longer live where they are watched
	t.group = groupRef{}
	if t.queued == 0 || t.spoilt {
		return
	}
	switch {
	case s.pw.table.Slotted() && t.slot > 0:
		g := s.pw.table.Owner(t.slot - 1)
		t.group, t.spoilt = s.pw.refTo(g), g < 0
		return
	case t.queued > mostRetold || t.bytes() > mostRetoldBytes:
		t.spoilt = true // to look through it takes too long for everybody else, and the client tries again
		return
	}
	group, text := s.pw.groupOfAll(t.frames.Bytes())
	t.group, t.spoilt = s.pw.refTo(group), text != ""
}

// inSlot holds the transaction to the slot of a request's keys, which are those that groupOf
// has just found; false when they are of several slots, or of another than before. It is for
// clusters, and true for all others.
func (t *transaction) inSlot(pw *poolWorker, cmd *codec.Command, r *codec.Request) bool {
	if !pw.table.Slotted() {
		return true
	}
	for _, k := range pw.w.pad.keys {
		slot := pw.table.Slot(r.Arg(int(k))) + 1
		if t.slot != 0 && t.slot != slot {
			return false
		}
		t.slot = slot
	}
	return true
}

// staysPut reports whether another table of a cluster has left the transaction's keys, which
// may be watched, where they are, and puts its group right.
func (s *session) staysPut() bool {
	t := s.tx
	if !s.pw.table.Slotted() || t.slot == 0 || s.pin == nil {
		return false
	}
	g := s.pw.table.Owner(t.slot - 1)
	if g < 0 || s.pw.table.Groups[g].Master != s.pin.server.ID {
		return false
	}
	t.group = s.pw.refTo(g)
	return true
}
