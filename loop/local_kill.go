package loop

import "huntaway/codec"

// A killFilter says which clients CLIENT KILL closes: those that fit all that is given.
type killFilter struct {
	id          uint64 // 0: any
	addr, laddr string // "": any
	kind        clientKind
	asker       uint64 // ID of who asks
	spare       bool   // leave the asker alone
}

// A toll is what CLIENT KILL did on one worker.
type toll struct {
	killed int64
	asker  bool // who asked is among them: it is closed when it has its reply
}

// answerKill answers CLIENT KILL addr, which may close the asker and says OK or not found,
// and CLIENT KILL option value ..., which says how many.
func answerKill(s *session, dst []byte, r *codec.Request) []byte {
	f := killFilter{asker: s.client.id}
	finish := finishKill
	if r.Len() == 3 {
		f.addr = string(r.Arg(2))
		finish = finishOldKill
	} else if text := f.read(r); text != "" {
		return codec.AppendError(dst, text)
	}
	gatherSessions(s, func(one *session, t *toll) { t.kill(one, &f) }, finish)
	return nil
}

// read reads the options of CLIENT KILL. text is the error, "" when there is none.
func (f *killFilter) read(r *codec.Request) (text string) {
	f.spare = true
	for i := 2; i < r.Len() && text == ""; i += 2 {
		if i+1 == r.Len() {
			return textSyntax
		}
		text = f.option(r.Arg(i), r.Arg(i+1))
	}
	return text
}

// option takes one option and returns its error or "".
func (f *killFilter) option(name, value []byte) string {
	switch {
	case is(name, "id"):
		id, ok := decimalOf(value)
		if !ok || id < 1 {
			return textKillID
		}
		f.id = uint64(id)
	case is(name, "addr"):
		f.addr = string(value)
	case is(name, "laddr"):
		f.laddr = string(value)
	case is(name, "type"):
		kind, text := kindNamed(value)
		f.kind = kind
		return text
	case is(name, "user"):
		if string(value) != defaultUser {
			return "ERR No such user '" + quoted(value) + "'"
		}
	case is(name, "skipme") && is(value, "yes"):
		f.spare = true
	case is(name, "skipme") && is(value, "no"):
		f.spare = false
	default:
		return textSyntax
	}
	return ""
}

// fits reports whether a session is to be closed.
func (f *killFilter) fits(s *session) bool {
	return s.isOf(f.kind) &&
		(f.id == 0 || f.id == s.client.id) &&
		(f.addr == "" || f.addr == addressOf(s.client.peer, s.client.here)) &&
		(f.laddr == "" || f.laddr == addressOf(s.client.here, s.client.here)) &&
		!(f.spare && f.asker == s.client.id)
}

// kill closes a session that f fits, unless it is the asker.
func (t *toll) kill(s *session, f *killFilter) {
	switch {
	case !f.fits(s):
		return
	case s.client.id == f.asker:
		t.asker = true
	default:
		s.ending = endKilled
		s.hangUp()
	}
	t.killed++
}

// finishKill answers the new form.
func finishKill(s *session, dst []byte, parts []toll) []byte {
	return codec.AppendInt(dst, s.reckon(parts))
}

// finishOldKill answers the old form.
func finishOldKill(s *session, dst []byte, parts []toll) []byte {
	if s.reckon(parts) == 0 {
		return codec.AppendError(dst, textNoClient)
	}
	return codec.AppendSimple(dst, "OK")
}

// reckon adds up what the workers did, and ends the asker when it named itself.
func (s *session) reckon(parts []toll) (killed int64) {
	for _, t := range parts {
		killed += t.killed
		if t.asker {
			s.lastWord(endKilled)
		}
	}
	return killed
}
