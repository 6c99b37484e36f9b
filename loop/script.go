package loop

import (
	"bytes"
	"slices"

	"huntaway/codec"
	"huntaway/loop/scripts"
)

// Scripts are a cache of each server, and clients take for granted that what they loaded is
// there: they send a digest and fall back to the body only where their library does. Here a
// digest may reach any group, a replica, or a server that was restarted since. So the pool
// remembers bodies (see scripts), every link remembers which of them it has loaded, and an
// EVALSHA whose script its link has not loaded is sent with SCRIPT LOAD in front, in one
// write. A client sees NOSCRIPT only for a script that nobody has sent through this pool, or
// that no server has compiled: what is refused for its number of keys, or by the state of the
// server, is forgotten.
//
// Order: the requests of a session reach a server in order all the same, with one
// exception. When somebody has flushed a server's scripts without the proxy, the server
// refuses the EVALSHAs that are in flight, which are then sent again behind what their
// session has sent meanwhile.

// Commands that carry a script or its digest, by ID.
var (
	evalID, evalReadID       = idOf("eval"), idOf("eval_ro")
	evalshaID, evalshaReadID = idOf("evalsha"), idOf("evalsha_ro")
	scriptLoadID             = idOf("script|load")
	scriptFlushID            = idOf("script|flush")
)

// runsScript are the commands that run a script or a function.
var runsScript = commandSet("eval", "eval_ro", "evalsha", "evalsha_ro", "fcall", "fcall_ro")

// idOf returns the ID of a command of the compiled table, which is its ID in all others.
func idOf(name string) uint16 {
	for _, cmd := range codec.Default().All() {
		if cmd.Name == name {
			return cmd.ID
		}
	}
	panic("loop: no command " + name)
}

// runScript sends EVAL, EVALSHA and FCALL to the group of their keys; without keys, that is
// the pool's first group. The forms that only read may go to a replica.
func (s *session) runScript(cmd *codec.Command, r *codec.Request, group int) {
	m := s.pw.marksOf(cmd)
	if s.pw.table.Slotted() {
		m &^= viaRead // see doubted
	}
	switch cmd.ID {
	case evalID, evalReadID:
		s.remember(r.Arg(1))
		m |= isScript
	case evalshaID, evalshaReadID:
		m |= isScript
	}
	s.launch(cmd, r.Frame, group, m)
}

// remember keeps a body for EVALSHAs to come.
func (s *session) remember(body []byte) {
	s.pw.pool.scripts.Remember(body, s.pw.opt.Limits.ScriptBytes)
}

// scriptAdmin serves SCRIPT and FUNCTION. Scripts are a matter of each server, so those go
// to the replicas that serve reads as well; functions are data, which replicas get from
// their masters.
func (s *session) scriptAdmin(cmd *codec.Command, r *codec.Request) {
	if cmd.Join == codec.NoJoin {
		s.refuse(refusedText(cmd))
		return
	}
	m := wholeMarks(cmd)
	if cmd.Join == codec.One {
		s.launch(cmd, r.Frame, s.pw.firstGroup(), m|s.urgency(cmd))
		return
	}
	s.w.pad.targets = s.pw.masters(s.w.pad.targets[:0])
	switch cmd.Name {
	case "script|load":
		s.remember(r.Arg(2))
		m |= isScript
		s.w.pad.targets = s.pw.everyServer(s.w.pad.targets[:0])
	case "script|flush":
		if flushes(r) {
			s.pw.pool.scripts.Flush()
		}
		s.w.pad.targets = s.pw.everyServer(s.w.pad.targets[:0])
	case "script|kill", "function|kill":
		m |= isWrite | urgent // once is enough: the next script is another one
		s.w.pad.targets = s.pw.everyServer(s.w.pad.targets[:0])
	case "script|exists":
		s.exists(cmd, r)
		return
	}
	s.spread(cmd, r.Frame, m)
}

// flushes reports whether a SCRIPT FLUSH is one that a server will not refuse.
func flushes(r *codec.Request) bool {
	if r.Len() == 2 {
		return true
	}
	how := r.Arg(2)
	return r.Len() == 3 && (bytes.EqualFold(how, []byte("SYNC")) || bytes.EqualFold(how, []byte("ASYNC")))
}

// exists serves SCRIPT EXISTS: a script is there when every master has it, or when it is
// remembered, because then it is loaded where it is used.
func (s *session) exists(cmd *codec.Command, r *codec.Request) {
	if len(s.w.pad.targets) == 0 {
		s.launch(cmd, r.Frame, -1, 0)
		return
	}
	at := s.w.joinOf(cmd, len(s.w.pad.targets))
	j := &s.w.joins.all[at]
	j.targets = append(j.targets, s.w.pad.targets...)
	for i := 2; i < r.Len(); i++ {
		d, ok := scripts.ParseDigest(r.Arg(i))
		if !ok {
			d = scripts.Digest{} // the name of no script
		}
		j.names = append(j.names, d)
	}
	s.sendParts(cmd, r.Frame, entry{seq: s.expect(slot{join: at})})
}

// byDigest reports whether a command names its script by digest.
func byDigest(cmd uint16) bool { return cmd == evalshaID || cmd == evalshaReadID }

// withScript returns what to send for an entry that is isScript: an EVALSHA of a script
// that is remembered, but that l has not loaded, gets SCRIPT LOAD in front, whose reply the
// link swallows. While the EVAL that brought the script is unanswered, the server decides:
// it is the same one as a rule, and if it is not, the EVALSHA is healed. The frame is dead at
// the next call.
func (pw *poolWorker) withScript(l *link, e *entry, frame []byte) []byte {
	if !byDigest(e.cmd) || e.marks.has(isMany) {
		return frame
	}
	d, ok := evalDigest(frame)
	if !ok || l.hasLoaded(d) {
		return frame
	}
	body, sure := pw.pool.scripts.Find(d)
	if body == "" || !sure && !e.marks.has(retried) {
		return frame
	}
	l.load(d)
	e.marks |= isMany
	e.part = 1
	f := &pw.w.pad.frame
	f.Rest()
	f.Grown(append(appendLoad(f.Room(), body), frame...))
	return f.Bytes()
}

// withoutLoad returns the frame of a script without the SCRIPT LOAD that was put in front.
func withoutLoad(e *entry, frame []byte) []byte {
	if e.marks.has(isMany) {
		return frame[codec.Size(frame):]
	}
	return frame
}

// appendLoad appends a SCRIPT LOAD.
func appendLoad(dst []byte, body string) []byte {
	dst = codec.AppendArray(dst, 3)
	dst = codec.AppendBulk(dst, "SCRIPT")
	dst = codec.AppendBulk(dst, "LOAD")
	return codec.AppendBulk(dst, body)
}

// evalDigest returns the digest that an EVALSHA names. False: it is none, so that no script
// has it.
func evalDigest(frame []byte) (d scripts.Digest, ok bool) {
	_, _, at, ok := codec.Header(frame)
	if !ok {
		return d, false
	}
	_, n, ok := codec.Bulk(frame[at:])
	if !ok {
		return d, false
	}
	name, _, ok := codec.Bulk(frame[at+n:])
	if !ok {
		return d, false
	}
	return scripts.ParseDigest(name)
}

// loadsFor appends to dst a SCRIPT LOAD for each of the scripts that is remembered, and returns how many
// there are. It is for requests that are sent in one piece and cannot be healed one by one: MULTI to EXEC.
func (pw *poolWorker) loadsFor(dst []byte, named []scripts.Digest) (loads []byte, n int) {
	for _, d := range named {
		if body := pw.pool.scripts.Body(d); body != "" {
			dst = appendLoad(dst, body)
			n++
		}
	}
	return dst, n
}

// commandOf returns the command in a frame; nil for one that is unknown.
func (pw *poolWorker) commandOf(frame []byte) *codec.Command {
	var scan codec.Scanner
	r := &pw.w.pad.again
	if _, err := scan.Next(frame, r, &pw.opt.limits); err != nil {
		return nil
	}
	return pw.opt.Commands.Find(r)
}

// replyNoScript is how a reply begins that tells that a server does not know a script.
var replyNoScript = []byte("-NOSCRIPT No matching script")

// repliesBroken are how replies begin that tell that a script can never be loaded: its text
// is wrong, or its first line ("#!lua …").
var repliesBroken = [][]byte{
	[]byte("-ERR Error compiling script"), []byte("-ERR Invalid script shebang"),
	[]byte("-ERR Unexpected engine in script shebang"), []byte("-ERR Unexpected flag in script shebang"),
	[]byte("-ERR Unknown lua shebang option"),
}

// codesUnseen are the codes of errors that a server gives before it looks at a script. A
// script may give them as well: it is forgotten too, unless it is sure, which costs one more
// EVAL at worst.
var codesUnseen = []string{"NOAUTH", "NOPERM", "LOADING", "BUSY", "MASTERDOWN", "MISCONF", "OOM", "NOREPLICAS",
	"READONLY", "CLUSTERDOWN", "TRYAGAIN", "CROSSSLOT", "MOVED", "ASK"}

// repliesUnseen are how other such errors begin.
var repliesUnseen = [][]byte{
	[]byte("-ERR value is not an integer or out of range\r\n"), []byte("-ERR Number of keys can't be "),
	[]byte("-ERR wrong number of arguments for 'script|load' command"),
}

// isUncompiled reports whether a reply to EVAL or SCRIPT LOAD says that the server has not
// compiled the script.
func isUncompiled(b []byte) bool {
	if !bytes.HasPrefix(b, []byte("-")) {
		return false
	}
	begins := func(text []byte) bool { return bytes.HasPrefix(b, text) }
	return slices.ContainsFunc(repliesBroken, begins) || slices.ContainsFunc(repliesUnseen, begins) ||
		slices.Contains(codesUnseen, string(codec.ErrorCode(b)))
}

// scriptFlowed is scriptAnswered for a reply that was passed on piece by piece, of which only
// the first byte is known. An error so long is a script's own, or tells that one was not
// compiled: no matter, what is forgotten costs one more EVAL at worst.
func (pw *poolWorker) scriptFlowed(e *entry, frame []byte, kind byte) {
	if kind != '-' {
		pw.scriptAnswered(e, frame, nil)
	} else if brings(e.cmd) {
		pw.pool.scripts.Forget(bodyIn(e.cmd, frame))
	}
}

// scriptAnswered looks at a reply to an entry that is isScript, and learns from it whether
// the server has compiled a script. An EVALSHA brings none. b is nil for a reply of which all
// that is known is that it is no error.
func (pw *poolWorker) scriptAnswered(e *entry, frame, b []byte) {
	switch {
	case byDigest(e.cmd):
	case e.cmd == execID:
		pw.transactionAnswered(frame, b)
	case isUncompiled(b):
		pw.pool.scripts.Forget(bodyIn(e.cmd, frame))
	default:
		pw.pool.scripts.Confirm(bodyIn(e.cmd, frame))
	}
}

// transactionAnswered remembers the scripts that a transaction has brought, from MULTI on,
// when b says that they were compiled. What it has flushed was forgotten when it was sent;
// what came before that, in the transaction and from others, is forgotten now.
func (pw *poolWorker) transactionAnswered(frame, b []byte) {
	x := &reading{frame: frame, reply: b}
	learn := func() (all bool) {
		all = x.read(pw.w, func(_ []byte, done bool) {
			if done {
				pw.learnScript(pw.commandOf(x.request()), x.request(), x.element())
			}
		})
		if all {
			x.drop()
		}
		return all
	}
	if !learn() {
		pw.w.addChore(learn)
	}
}

// learnScript takes in what one request of a transaction has done to scripts. cmd may be nil.
func (pw *poolWorker) learnScript(cmd *codec.Command, frame, reply []byte) {
	switch {
	case cmd == nil:
	case cmd.ID == scriptFlushID && reply[0] == '+':
		pw.pool.scripts.Flush()
	case brings(cmd.ID) && !isUncompiled(reply):
		body := bodyIn(cmd.ID, frame)
		pw.pool.scripts.Remember(body, pw.opt.Limits.ScriptBytes)
		pw.pool.scripts.Confirm(body)
	}
}

// scriptRefused looks at the error reply to an entry that is isScript. It returns true when
// the script was not there, did not run therefore, and has been sent again with its body.
func (pw *poolWorker) scriptRefused(e *entry, frame, b []byte, l *link) (again bool) {
	switch {
	case !bytes.HasPrefix(b, replyNoScript) || !byDigest(e.cmd) || e.marks.has(isMany):
		return false
	}
	d, ok := evalDigest(frame)
	if !ok || pw.pool.scripts.Body(d) == "" {
		return false
	}
	pw.everyLink(func(other *link) {
		if other.server.ID == l.server.ID {
			other.unload(e)
		}
	})
	pw.again(e, frame)
	return true
}

// brings reports whether a command has a script's body in it.
func brings(cmd uint16) bool { return cmd == evalID || cmd == evalReadID || cmd == scriptLoadID }

// bodyIn returns the body in the frame of EVAL or SCRIPT LOAD.
func bodyIn(cmd uint16, frame []byte) []byte {
	_, _, at, ok := codec.Header(frame)
	skip := 1
	if cmd == scriptLoadID {
		skip = 2
	}
	for ; ok && skip > 0; skip-- {
		var n int
		_, n, ok = codec.Bulk(frame[at:])
		at += n
	}
	if !ok {
		return nil
	}
	body, _, _ := codec.Bulk(frame[at:])
	return body
}

// hasLoaded reports whether a script has been sent on the link and was not flushed since.
func (l *link) hasLoaded(d scripts.Digest) bool { return l.loaded.Has(d, &l.pw.pool.scripts) }

// load notes that a script is about to be sent.
func (l *link) load(d scripts.Digest) { l.loaded = l.loaded.With(d, &l.pw.pool.scripts, l.w.now) }

// unload forgets what the link has loaded, because the server did not have the script of e:
// somebody has flushed them. What was loaded after e was sent is there, unless e has been
// sent again meanwhile.
func (l *link) unload(e *entry) {
	if l.loaded != nil && (e.marks.has(retried) || l.loaded.BegunBefore(e.sent)) {
		l.loaded = nil
	}
}
