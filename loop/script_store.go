package loop

import (
	"container/list"
	"crypto/sha1"
	"encoding/hex"
	"sync"
	"sync/atomic"

	"github.com/zeebo/xxh3"
)

// A digest is the name that Redis gives a script.
type digest [sha1.Size]byte

// parseDigest reads 40 hexadecimal digits, in either case, as Redis does.
func parseDigest(b []byte) (d digest, ok bool) {
	if len(b) != hex.EncodedLen(len(d)) {
		return d, false
	}
	_, err := hex.Decode(d[:], b)
	return d, err == nil
}

// scripts are the bodies that a pool remembers; what has not been used for longest goes
// first when they are too many. Shared by the workers: only commands about scripts take the
// lock, and not for longer than it takes to find one. The zero value is ready.
type scripts struct {
	// flushed counts SCRIPT FLUSH: what a link has loaded before the last one is gone.
	flushed atomic.Uint64

	// unsure counts bodies that no server has compiled yet, as far as is known.
	unsure atomic.Int64

	mu     sync.Mutex         // guards the following
	byBody map[uint64]*script // by xxh3, so that an EVAL costs no SHA-1 every time
	byName map[digest]*script //
	used   list.List          // of *script, the one used last in front
	bytes  int64              // that they are charged
}

// A script is immutable but for what scripts.mu guards: its place in the order of use, and
// whether a server has compiled it.
type script struct {
	name digest
	body string
	sum  uint64        // xxh3 of body
	at   *list.Element // guarded by scripts.mu
	sure bool          // guarded by scripts.mu: a server has compiled it
}

// scriptCost is charged for each script besides its body.
const scriptCost = 256

// mostScript is the largest body that is remembered: to hash and copy one, and to send it in front
// of what runs it, is work of one event. A larger one is loaded on every server by SCRIPT LOAD, and
// where it is missing its client hears of it.
const mostScript = 1 << 20

// remember keeps a body, unless it is larger than that, or than limit, which is how many bytes may
// be kept in all. The digest of a body that is known is not computed again. One that is new is
// unsure: what is sent behind it may count on it, but a server may yet refuse to look at it.
func (c *scripts) remember(body []byte, limit int64) {
	if len(body) == 0 || len(body) > mostScript || int64(len(body))+scriptCost > limit {
		return
	}
	sum := xxh3.Hash(body)
	if c.knows(body, sum) {
		return
	}
	c.keep(&script{name: sha1.Sum(body), body: string(body), sum: sum}, limit)
}

// knows counts a use of a body that is there.
func (c *scripts) knows(body []byte, sum uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	sc := c.byBody[sum]
	if sc == nil || sc.body != string(body) {
		return false
	}
	c.used.MoveToFront(sc.at)
	return true
}

// keep adds a script and makes room for it.
func (c *scripts) keep(sc *script, limit int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byName[sc.name] != nil {
		return // another worker was faster, or another body has the same xxh3
	}
	if c.byName == nil {
		c.byBody, c.byName = map[uint64]*script{}, map[digest]*script{}
	}
	c.unsure.Add(1)
	sc.at = c.used.PushFront(sc)
	c.byBody[sc.sum], c.byName[sc.name] = sc, sc
	c.bytes += int64(len(sc.body)) + scriptCost
	for c.bytes > limit {
		c.drop(c.used.Back().Value.(*script))
	}
}

// body returns the body of a script and counts that as use; "" when it is not known.
func (c *scripts) body(d digest) string {
	body, _ := c.find(d)
	return body
}

// find is body that tells as well whether a server has compiled it.
func (c *scripts) find(d digest) (body string, sure bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	sc := c.byName[d]
	if sc == nil {
		return "", false
	}
	c.used.MoveToFront(sc.at)
	return sc.body, sc.sure
}

// confirm hears that a server has compiled a body.
func (c *scripts) confirm(body []byte) {
	if c.unsure.Load() == 0 || len(body) > mostScript {
		return // nearly always
	}
	sum := xxh3.Hash(body)
	c.mu.Lock()
	defer c.mu.Unlock()
	if sc := c.byBody[sum]; sc != nil && sc.body == string(body) {
		c.settle(sc)
	}
}

// settle makes a script one that is sure. The lock is held.
func (c *scripts) settle(sc *script) {
	if !sc.sure {
		sc.sure = true
		c.unsure.Add(-1)
	}
}

// forget drops a body that a server has refused before it looked at it, unless another time
// one has compiled it.
func (c *scripts) forget(body []byte) {
	if len(body) > mostScript {
		return
	}
	name := digest(sha1.Sum(body))
	c.mu.Lock()
	defer c.mu.Unlock()
	if sc := c.byName[name]; sc != nil && !sc.sure {
		c.drop(sc)
	}
}

// forgetUnsure drops every body of which it is not known that a server has compiled it.
func (c *scripts) forgetUnsure() {
	if c.unsure.Load() == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, sc := range c.byName {
		if !sc.sure {
			c.drop(sc)
		}
	}
}

// flush forgets everything.
func (c *scripts) flush() {
	c.flushed.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byBody, c.byName, c.bytes = nil, nil, 0
	c.unsure.Store(0)
	c.used.Init()
}

// drop takes a script out. The lock is held.
func (c *scripts) drop(sc *script) {
	c.settle(sc)
	c.used.Remove(sc.at)
	delete(c.byName, sc.name)
	if c.byBody[sc.sum] == sc {
		delete(c.byBody, sc.sum)
	}
	c.bytes -= int64(len(sc.body)) + scriptCost
}

// loaded is what a link has loaded on its server since it was connected. It is kept per
// link and not per server, because what is sent on one link says nothing about when it
// arrives compared with another.
type loaded struct {
	names   map[digest]struct{}
	flushed uint64 // scripts.flushed when it was begun
	since   int64  // when it was begun
}

// mostLoaded bounds the names a link keeps, at about 100 bytes each. Beyond it the link
// begins anew: loading a script once more costs little.
const mostLoaded = 4096

// hasLoaded reports whether a script has been sent on the link and was not flushed since.
func (l *link) hasLoaded(d digest) bool {
	if l.loaded == nil || l.loaded.flushed != l.pw.pool.scripts.flushed.Load() {
		return false
	}
	_, ok := l.loaded.names[d]
	return ok
}

// load notes that a script is about to be sent.
func (l *link) load(d digest) {
	flushed := l.pw.pool.scripts.flushed.Load()
	if l.loaded == nil || l.loaded.flushed != flushed || len(l.loaded.names) >= mostLoaded {
		l.loaded = &loaded{names: map[digest]struct{}{}, flushed: flushed, since: l.w.now}
	}
	l.loaded.names[d] = struct{}{}
}

// unload forgets what the link has loaded, because the server did not have the script of e:
// somebody has flushed them. What was loaded after e was sent is there, unless e has been
// sent again meanwhile.
func (l *link) unload(e *entry) {
	if l.loaded != nil && (e.marks.has(retried) || e.sent > l.loaded.since) {
		l.loaded = nil
	}
}
