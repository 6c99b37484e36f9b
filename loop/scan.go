package loop

import (
	"bytes"
	"math"
	"strconv"

	"huntaway/codec"
)

// SCAN walks the groups of a pool one after the other, on their masters. The cursor that a
// client holds says where it is, and nothing is kept here:
//
//	client's cursor = server's cursor × groups + index of the group
//
// 0 begins the walk and ends it. A server's cursors are below the size of its hash table
// rounded up, so a client that keeps numbers in 53 bits is right with 64 groups of 10¹⁴ keys.
// A cursor is good for as long as the pool has the same groups; across a change of their
// number it stands somewhere else, as it does in Redis when the data has been replaced.

// A step is where a walk is.
type step struct {
	group  uint64 // index in the table
	groups uint64 // of them
}

// scan serves SCAN.
func (s *session) scan(cmd *codec.Command, r *codec.Request) {
	groups := len(s.pw.table.Groups)
	if groups == 1 {
		s.forward(cmd, r, 0)
		return
	}
	if hasLongWord(r) {
		s.refuse(textLongWord)
		return
	}
	cursor, ok := cursorOf(r.Arg(1))
	if !ok {
		s.refuse(textCursor)
		return
	}
	group, at := int(cursor%uint64(groups)), cursor/uint64(groups)
	for s.pw.ejected(group) {
		at = 0
		if group++; group == groups {
			s.answer(s.expect(slot{join: noJoin}), append(s.w.pad.scratch[:0], scanEnd...))
			return
		}
	}
	s.walk(cmd, r, group, at)
}

// cursorOf reads a cursor as servers do, whose strtoul sees it: a sign may stand in front, a
// negative one counts down from 2⁶⁴, an empty text is 0, and behind a zero byte nothing
// counts. False: servers refuse it.
func cursorOf(text []byte) (cursor uint64, ok bool) {
	text, _, _ = bytes.Cut(text, []byte{0})
	if len(text) == 0 {
		return 0, true
	}
	digits := text
	if text[0] == '+' || text[0] == '-' {
		digits = text[1:]
	}
	cursor, err := strconv.ParseUint(string(digits), 10, 64)
	if text[0] == '-' {
		cursor = -cursor
	}
	return cursor, err == nil
}

// textCursor is Redis' own.
const textCursor = "ERR invalid cursor"

// scanEnd is the reply when nothing is left to walk.
const scanEnd = "*2\r\n$1\r\n0\r\n*0\r\n"

// walk asks one group. The reply must not be passed on in pieces, because its cursor is to
// be changed: it is a part of a join, the only one.
func (s *session) walk(cmd *codec.Command, r *codec.Request, group int, cursor uint64) {
	t := target{s.pw.refTo(group), theMaster}
	f := &s.w.pad.frame
	f.Clear()
	b := codec.AppendBulk(codec.AppendArray(f.Room(), r.Len()), r.Arg(0))
	b = codec.AppendBulk(b, strconv.AppendUint(s.w.pad.scratch[:0], cursor, 10))
	f.Grown(append(b, r.Raw(2, r.Len()-2)...))
	s.w.pad.targets = append(s.w.pad.targets[:0], t)
	at := s.w.joinOf(cmd, 1)
	j := &s.w.joins.all[at]
	j.sum, j.counts = int64(len(s.pw.table.Groups)), append(j.counts, int64(group))
	j.targets = append(j.targets, t)
	s.sendParts(cmd, f.Bytes(), entry{seq: s.expect(slot{join: at})})
	f.Rest()
}

// walked appends a server's reply with the cursor as the client is to see it.
func walked(dst, reply []byte, at step) (out []byte, fits bool) {
	_, n, from, ok := codec.Header(reply)
	if !ok || n != 2 {
		return dst, false
	}
	digits, size, ok := codec.Bulk(reply[from:])
	if !ok {
		return dst, false
	}
	cursor, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil {
		return dst, false
	}
	next, ok := at.cursor(cursor)
	if !ok {
		return codec.AppendError(dst, textCursor), true
	}
	var number [20]byte
	dst = append(dst, reply[:from]...)
	dst = codec.AppendBulk(dst, strconv.AppendUint(number[:0], next, 10))
	return append(dst, reply[from+size:]...), true
}

// cursor is what a client gets for a server's cursor; false when that does not fit in 64
// bits. When a group has been walked the next one begins.
func (at step) cursor(servers uint64) (clients uint64, ok bool) {
	switch {
	case servers > 0:
		return servers*at.groups + at.group, servers <= (math.MaxUint64-at.group)/at.groups
	case at.group+1 < at.groups:
		return at.group + 1, true
	}
	return 0, true
}
