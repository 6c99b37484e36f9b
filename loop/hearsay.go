package loop

import (
	"bytes"
	"encoding/hex"
	"strings"

	"huntaway/codec"
)

// What a guarded reply says of its server is hearsay: a script can answer with any error,
// word for word, after it has run. Believed, "READONLY" from a script would have it repeated,
// hold its group's writes and have the master judged; so would MOVED, LOADING or NOSCRIPT.
// So the server is asked first, at once and on the same link, something that no client has a
// say in, to which it must answer with the same refusal if that was its own:
//
//	READONLY                            ROLE: a replica. No server says so to a read, and one that
//	                                    serves reads is a replica: of a read it is not believed
//	LOADING MASTERDOWN CLUSTERDOWN      EXISTS of the request's keys: refused with the same code
//	MOVED ASK TRYAGAIN                  likewise
//	NOSCRIPT                            SCRIPT EXISTS: it is not there
//
// NOSCRIPT needs no question when the script does not hold the word "err": by accident it can
// have no error of that text then, and who makes one from pieces fools nobody but himself.
// Elsewhere a question can come too late, because others have loaded the script meanwhile.
//
// What is confirmed is dealt with as any other refusal. Everything else, and what no answer
// comes to, is the client's to see, in the words in which it came: never is a request repeated
// that may have run. What was never sent, or could not be, is held and routed again as always.
type hearsay struct {
	e     entry
	frame []byte
	reply []byte      // as it came, for who believes it
	said  []byte      // as the client gets it
	word  string      // what it says of the server
	code  refusalCode // link.leadCode when it came, for a transaction
	text  string      // link.leadText
}

// A hearsayID names the request, or part of one, that a hearsay is about.
type hearsayID struct {
	session, gen, seq uint32
	part              uint16
}

func hearsayOf(e *entry) hearsayID { return hearsayID{e.session, e.gen, e.seq, e.part} }

// bytes returns what is kept of one: an error may be much longer than the script that made it.
func (h *hearsay) bytes() int64 { return int64(len(h.frame) + len(h.reply) + len(h.said)) }

// frameRole asks a server whether it is a master.
var frameRole = codec.AppendCommand(nil, "ROLE")

// checks looks at the error reply to a guarded entry, and reports whether the server is asked
// if that is its word.
func (l *link) checks(e *entry, frame, b []byte) bool {
	pw := l.pw
	word := l.claim(e, b)
	if word == "NOSCRIPT" && pw.isSilent(frame) {
		return pw.scriptRefused(e, frame, b, l)
	}
	if word == "" || pw.w.sessionOf(e) == nil || e.marks.has(toReplica) || pw.hearsayBytes+int64(len(frame)+2*len(b)) > pw.opt.HoldBytes {
		return false
	}
	question := pw.questionFor(word, e, frame)
	if question == nil {
		return false
	}
	h := hearsay{e: *e, frame: bytes.Clone(frame), reply: bytes.Clone(b), said: bytes.Clone(b), word: word, code: l.led.code, text: l.led.text}
	if e.marks.has(isMany) {
		h.said = bytes.Clone(l.abortedFor(e, b))
	}
	if pw.hearsay == nil {
		pw.hearsay = map[hearsayID]hearsay{}
	}
	pw.hearsay[hearsayOf(e)] = h
	pw.hearsayBytes += h.bytes()
	ask := *e
	ask.marks, ask.sent = confirms, pw.w.now
	l.send(question, &ask)
	return true
}

// claim returns the code of what an error says of the server, "" when it says nothing. Of a
// transaction that was aborted the reason counts.
func (l *link) claim(e *entry, b []byte) (word string) {
	code := codec.ErrorCode(b)
	if e.marks.has(isMany) && e.cmd == execID && string(code) == "EXECABORT" {
		code, _, _ = bytes.Cut([]byte(l.led.text), []byte(" "))
	}
	switch word = string(code); word {
	case "READONLY":
		if e.marks.has(viaRead) {
			return ""
		}
		return word
	case "LOADING", "MASTERDOWN", "CLUSTERDOWN", "MOVED", "ASK", "TRYAGAIN":
		return word
	case "NOSCRIPT":
		if bytes.HasPrefix(b, replyNoScript) && byDigest(e.cmd) && !e.marks.has(isMany) {
			return word
		}
	}
	return ""
}

// isSilent reports whether the script that an EVALSHA names is known and makes no errors.
func (pw *poolWorker) isSilent(frame []byte) bool {
	d, ok := evalDigest(frame)
	body := pw.pool.scripts.Body(d)
	return ok && body != "" && !strings.Contains(body, "err")
}

// questionFor returns what to ask; nil: there is nothing that would tell.
func (pw *poolWorker) questionFor(word string, e *entry, frame []byte) []byte {
	switch word {
	case "READONLY":
		return frameRole
	case "NOSCRIPT":
		d, ok := evalDigest(frame)
		if !ok || pw.pool.scripts.Body(d) == "" {
			return nil
		}
		return codec.AppendCommand(nil, "SCRIPT", "EXISTS", hex.EncodeToString(d[:]))
	}
	for rest := frame; len(rest) > 0; {
		size := codec.Size(rest)
		if size == 0 {
			break
		}
		r := &pw.w.pad.again
		if keys, ok := pw.keysIn(r, rest[:size]); ok && len(keys) > 0 {
			ask := codec.AppendBulk(codec.AppendArray(nil, 1+len(keys)), "EXISTS")
			for _, k := range keys {
				ask = codec.AppendBulk(ask, r.Arg(int(k)))
			}
			return ask
		}
		rest = rest[size:]
	}
	if pw.table.Slotted() {
		return nil // no slot is meant, so no server has refused for one
	}
	return codec.AppendCommand(nil, "EXISTS", "")
}

// confirmedBy reports whether the answer to the question says the same.
func (h *hearsay) confirmedBy(answer []byte) bool {
	switch h.word {
	case "READONLY":
		return bytes.HasPrefix(answer[codec.ArrayHeader(answer):], []byte("$5\r\nslave\r\n"))
	case "NOSCRIPT":
		return string(answer) == "*1\r\n:0\r\n"
	}
	return codeIs(answer, h.word)
}

// answered takes the answer to the question about e.
func (l *link) answered(e *entry, answer []byte) {
	h, ok := l.pw.dropHearsay(e)
	switch {
	case !ok:
		l.count.Sinks++
	case !h.confirmedBy(answer):
		l.pw.tellHearsay(&h)
	default:
		l.led.code, l.led.text = h.code, h.text
		if l.pw.table.Slotted() && l.pw.redirected(&h.e, h.frame, h.reply, l) || l.pw.refused(&h.e, h.frame, h.reply, l) {
			return
		}
		l.pw.tellHearsay(&h)
	}
}

// unanswered is for a question to which no answer will come, or not in time.
func (pw *poolWorker) unanswered(e *entry) {
	if h, ok := pw.dropHearsay(e); ok {
		pw.tellHearsay(&h)
	}
}

// tellHearsay gives the client the reply as it came.
func (pw *poolWorker) tellHearsay(h *hearsay) {
	if !h.e.marks.has(isPart) && pw.w.sessionOf(&h.e) != nil {
		pw.pace.errors.count(h.said)
	}
	pw.w.settle(&h.e, h.said)
	pw.taken(&h.e)
}

// dropHearsay takes out what e is about.
func (pw *poolWorker) dropHearsay(e *entry) (h hearsay, ok bool) {
	id := hearsayOf(e)
	if h, ok = pw.hearsay[id]; ok {
		delete(pw.hearsay, id)
		pw.hearsayBytes -= h.bytes()
	}
	return h, ok
}
