package loop

import (
	"slices"
	"time"
)

// A dialect is what the links of a link set have in common beside the server: a reply can be
// passed on byte for byte only to a client that speaks the link's protocol, and a request
// means something only in the client's database.
type dialect struct {
	resp uint8 // 2 or 3
	db   int32 // what SELECT said, in the client's count; PoolOptions.DB is added
}

// noDatabase is the database of a dialect for what concerns none: its links carry no
// scripts, so that SCRIPT KILL finds a server that reads it.
const noDatabase = -1

// urgent reports whether links of the dialect stay free of scripts.
func (c dialect) urgent() bool { return c.db == noDatabase }

// A linkSet is a worker's shared links of one dialect to the servers of a pool. Sessions that
// speak it use no others, but for private links. Owner: the worker.
type linkSet struct {
	dialect
	pw     *poolWorker
	links  []*link  // by server ID x ServerConnections; nil until first used
	users  int      // sessions that use it
	left   int64    // when the last of them ended or changed
	relief *linkSet // its stand-in, see sidestep; nil: it has none
	home   *linkSet // whose stand-in it is; nil: nobody's
}

// keepLinkSet is how long the links of a dialect stay open that no session speaks.
const keepLinkSet = time.Minute

// leave takes a session out.
func (f *linkSet) leave() {
	f.users--
	f.left = f.pw.w.now
}

// tickLinkSets closes the links of dialects that nobody has used for long. The plain link set
// stays: most clients speak it, and preconnect opens it.
func (pw *poolWorker) tickLinkSets() {
	for i := len(pw.linkSets) - 1; i > 0; i-- {
		if f := pw.linkSets[i]; f.unused() {
			pw.linkSets = slices.Delete(pw.linkSets, i, i+1)
			f.close()
			if f.home != nil {
				f.home.relief = nil
			}
		}
	}
}

// unused reports whether nobody has spoken the dialect, and nothing has come over its links,
// for keepLinkSet.
func (f *linkSet) unused() bool {
	before := f.pw.w.now - int64(keepLinkSet)
	if f.users > 0 || f.left > before || f.relief != nil {
		return false
	}
	return !slices.ContainsFunc(f.links, func(l *link) bool {
		return l != nil && (l.busy() || l.health.heard > before || l.state == linkDialing || l.state == linkGreeting)
	})
}

// close ends the link set's links, over which nothing is in flight.
func (f *linkSet) close() {
	for _, l := range f.links {
		if l != nil {
			l.kind.unlisted = true
			l.retire()
		}
	}
}

// linkSetOf returns the link set of a dialect, made on first use.
func (pw *poolWorker) linkSetOf(c dialect) *linkSet {
	for _, f := range pw.linkSets {
		if f.dialect == c && f.home == nil {
			return f
		}
	}
	f := &linkSet{dialect: c, pw: pw}
	pw.linkSets = append(pw.linkSets, f)
	return f
}

// link returns the k-th link to a server of the table, made on first use.
func (f *linkSet) link(id int32, k int) *link {
	at := int(id)*f.pw.opt.ServerConnections + k
	for at >= len(f.links) {
		f.links = append(f.links, nil)
	}
	l := f.links[at]
	if l == nil {
		l = newLink(f.pw, f.pw.table.Server(id), f.dialect)
		l.kind.home, l.kind.nth, l.kind.aside = f, k, f.urgent() || f.home != nil
		f.links[at] = l
	}
	return l
}

// made returns the k-th link to a server, which may have left the table, or nil if it was never used.
func (f *linkSet) made(id int32, k int) *link {
	if at := int(id)*f.pw.opt.ServerConnections + k; at < len(f.links) {
		return f.links[at]
	}
	return nil
}

// everyLink calls do with every link of the worker's pool, the private ones included. do
// must not make or drop links.
func (pw *poolWorker) everyLink(do func(*link)) {
	pw.sharedLinks(do)
	for _, l := range pw.private.links {
		do(l)
	}
}

// sharedLinks calls do with every link that is not private.
func (pw *poolWorker) sharedLinks(do func(*link)) {
	for _, f := range pw.linkSets {
		for _, l := range f.links {
			if l != nil {
				do(l)
			}
		}
	}
}

// speak puts a session into the link set of a dialect. Nothing of it may be in flight.
func (s *session) speak(c dialect) {
	s.proto.resp = c.resp
	s.attach(s.pw.linkSetOf(c))
}
