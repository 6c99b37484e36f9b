package loop

import (
	"fmt"

	"huntaway/codec"
)

// alongside says which commands that the proxy answers itself are sent along in a
// transaction, by ID: those to which a server's answer is as good. The others are about
// the connection, and the server would speak of one that is shared, or change it.
var alongside = commandSet("command", "command|count", "command|docs", "command|getkeys",
	"command|help", "command|info", "command|list", "echo", "lolwut", "ping", "publish",
	"spublish", "time")

// aboutConnection says which of the operators' commands never belong into a transaction:
// they turn the connection into something else.
var aboutConnection = commandSet("monitor", "psync", "replconf", "sync")

func commandSet(names ...string) []bool {
	set := make([]bool, codec.Default().Len())
	for _, name := range names {
		set[commandNamed(name).ID] = true
	}
	return set
}

// inSet reports whether a command is in a set; learnt ones are in none.
func inSet(set []bool, cmd *codec.Command) bool { return int(cmd.ID) < len(set) && set[cmd.ID] }

// enqueue takes a request into the transaction.
func (s *session) enqueue(cmd *codec.Command, r *codec.Request) {
	s.followTable()
	text := s.unfit(cmd)
	if text == "" {
		text = s.addressed(cmd, r)
	}
	if text == "" && !s.tx.spoilt {
		text = s.tx.add(r.Frame, s.pw.opt.Limits.QueuedBytes)
	}
	if text != "" {
		s.spoil(codec.AppendError(s.w.scratch[:0], text))
		return
	}
	s.settleLocal(s.expect(slot{join: noJoin}), codec.AppendSimple(s.w.scratch[:0], "QUEUED"))
}

// add queues a frame, or returns the error for one too many.
func (t *transaction) add(frame []byte, limit int64) (text string) {
	switch {
	case t.queued == mostQueued:
		return textManyQueued
	case int64(t.frames.len()+len(frame)) > limit:
		return fmt.Sprintf(textBigQueue, limit)
	}
	t.frames.add(frame)
	t.queued++
	return ""
}

// unfit returns the error for a command that cannot be in a transaction, or "".
func (s *session) unfit(cmd *codec.Command) (text string) {
	alone := len(s.pw.table.Groups) == 1
	switch {
	case cmd.Flags&codec.FlagNoMulti != 0:
		return textNoMulti
	case cmd.Reason != "":
		return cmd.Reason
	case inSet(alongside, cmd):
		return ""
	}
	switch cmd.Policy {
	case codec.Local, codec.PubSub:
		return fmt.Sprintf(textOutside, cmd.Name)
	case codec.Refused:
		if !alone || !s.pw.opt.AdminCommands || inSet(aboutConnection, cmd) {
			return refusedText(cmd)
		}
	case codec.Keyless, codec.ScriptAdmin, codec.Scan, codec.FanOut:
		if !alone {
			return notServed(codec.Keyless)
		}
	}
	return ""
}

// addressed finds the group of a request and holds the transaction to it. It returns the
// error when there is none, or another than that of the requests before.
func (s *session) addressed(cmd *codec.Command, r *codec.Request) (text string) {
	if len(s.pw.table.Groups) == 1 {
		s.tx.group = 0 // what is wrong with the keys, if anything, the server will say
		return ""
	}
	group, text := s.pw.groupOf(cmd, r, s.tx.group)
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
	s.tx.group = group
	return ""
}

// groupOf returns the group of a request's keys, which must be the one given unless that is
// noGroup; noGroup for a request without keys that may go anywhere.
func (pw *poolWorker) groupOf(cmd *codec.Command, r *codec.Request, group int) (at int, text string) {
	keys, err := cmd.Keys(r, pw.w.keys[:0])
	if err != nil {
		return noGroup, err.Error()
	}
	if cmd.ID == spublishID {
		keys = append(keys, 1) // a channel of this kind is placed as a key is
	}
	pw.w.keys = keys
	if len(keys) == 0 {
		if inSet(alongside, cmd) || cmd.Policy == codec.Transaction {
			return noGroup, ""
		}
		return noGroup, notServed(codec.Keyless)
	}
	for _, k := range keys {
		at = pw.table.Locate(r.Arg(int(k)))
		switch {
		case at < 0:
			return noGroup, faultText(faultNoGroup, pw.place(0, nil))
		case group == noGroup:
			group = at
		case group != at:
			return noGroup, textCrossSlot
		}
	}
	return group, ""
}

// groupOfAll is groupOf for everything in a transaction's frame; 0 when nothing there has a
// key.
func (pw *poolWorker) groupOfAll(frame []byte) (group int, text string) {
	var scan codec.Scanner
	r := &pw.w.again
	for group = noGroup; len(frame) > 0; {
		n, err := scan.Next(frame, r, &pw.opt.limits)
		if err != nil {
			return noGroup, err.Error()
		}
		frame = frame[n:]
		cmd := pw.opt.Commands.Find(r)
		if cmd == nil || len(pw.table.Groups) == 1 {
			continue
		}
		at, text := pw.groupOf(cmd, r, group)
		if text != "" {
			return noGroup, text
		}
		if at != noGroup {
			group = at
		}
	}
	return max(group, 0), ""
}

// followTable finds the transaction's group again when the keys have moved since.
func (s *session) followTable() {
	t := s.tx
	if t.table == s.pw.table {
		return
	}
	moved := !s.pw.table.SamePlaces(t.table)
	t.table = s.pw.table
	if !moved || t.group == noGroup {
		return
	}
	t.lost = t.lost || t.watched || s.mode.has(modePinned) // the keys no longer live where they are watched
	t.group = noGroup
	if t.queued == 0 || t.spoilt {
		return
	}
	group, text := s.pw.groupOfAll(t.frames.bytes())
	t.group, t.spoilt = group, text != ""
}
