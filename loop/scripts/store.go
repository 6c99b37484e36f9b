package scripts

import (
	"container/list"
	"crypto/sha1"
	"encoding/hex"
	"sync"
	"sync/atomic"

	"github.com/zeebo/xxh3"
)

// A Digest is the name that Redis gives a script.
type Digest [sha1.Size]byte

// ParseDigest reads 40 hexadecimal digits, in either case, as Redis does.
func ParseDigest(b []byte) (d Digest, ok bool) {
	if len(b) != hex.EncodedLen(len(d)) {
		return d, false
	}
	_, err := hex.Decode(d[:], b)
	return d, err == nil
}

// Store are the bodies that a pool remembers; what has not been used for longest goes
// first when they are too many. Shared by the workers: only commands about scripts take the
// lock, and not for longer than it takes to find one. The zero value is ready.
type Store struct {
	// flushed counts SCRIPT FLUSH: what a link has loaded before the last one is gone.
	flushed atomic.Uint64

	// unsure counts bodies that no server has compiled yet, as far as is known.
	unsure atomic.Int64

	mu     sync.Mutex         // guards the following
	byBody map[uint64]*script // by xxh3, so that an EVAL costs no SHA-1 every time
	byName map[Digest]*script //
	used   list.List          // of *script, the one used last in front
	bytes  int64              // that they are charged
}

// A script is immutable but for what scripts.mu guards: its place in the order of use, and
// whether a server has compiled it.
type script struct {
	name Digest
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

// Remember keeps a body, unless it is larger than that, or than limit, which is how many bytes may
// be kept in all. The digest of a body that is known is not computed again. One that is new is
// unsure: what is sent behind it may count on it, but a server may yet refuse to look at it.
func (c *Store) Remember(body []byte, limit int64) {
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
func (c *Store) knows(body []byte, sum uint64) bool {
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
func (c *Store) keep(sc *script, limit int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byName[sc.name] != nil {
		return // another worker was faster, or another body has the same xxh3
	}
	if c.byName == nil {
		c.byBody, c.byName = map[uint64]*script{}, map[Digest]*script{}
	}
	c.unsure.Add(1)
	sc.at = c.used.PushFront(sc)
	c.byBody[sc.sum], c.byName[sc.name] = sc, sc
	c.bytes += int64(len(sc.body)) + scriptCost
	for c.bytes > limit {
		c.drop(c.used.Back().Value.(*script))
	}
}

// Body returns the body of a script and counts that as use; "" when it is not known.
func (c *Store) Body(d Digest) string {
	body, _ := c.Find(d)
	return body
}

// Find is body that tells as well whether a server has compiled it.
func (c *Store) Find(d Digest) (body string, sure bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	sc := c.byName[d]
	if sc == nil {
		return "", false
	}
	c.used.MoveToFront(sc.at)
	return sc.body, sc.sure
}

// Confirm hears that a server has compiled a body.
func (c *Store) Confirm(body []byte) {
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
func (c *Store) settle(sc *script) {
	if !sc.sure {
		sc.sure = true
		c.unsure.Add(-1)
	}
}

// Forget drops a body that a server has refused before it looked at it, unless another time
// one has compiled it.
func (c *Store) Forget(body []byte) {
	if len(body) > mostScript {
		return
	}
	name := Digest(sha1.Sum(body))
	c.mu.Lock()
	defer c.mu.Unlock()
	if sc := c.byName[name]; sc != nil && !sc.sure {
		c.drop(sc)
	}
}

// ForgetUnsure drops every body of which it is not known that a server has compiled it.
func (c *Store) ForgetUnsure() {
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

// Flush forgets everything.
func (c *Store) Flush() {
	c.flushed.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byBody, c.byName, c.bytes = nil, nil, 0
	c.unsure.Store(0)
	c.used.Init()
}

// drop takes a script out. The lock is held.
func (c *Store) drop(sc *script) {
	c.settle(sc)
	c.used.Remove(sc.at)
	delete(c.byName, sc.name)
	if c.byBody[sc.sum] == sc {
		delete(c.byBody, sc.sum)
	}
	c.bytes -= int64(len(sc.body)) + scriptCost
}

// Loaded is what a link has loaded on its server since it was connected. It is kept per
// link and not per server, because what is sent on one link says nothing about when it
// arrives compared with another.
type Loaded struct {
	names   map[Digest]struct{}
	flushed uint64 // scripts.flushed when it was begun
	since   int64  // when it was begun
}

// mostLoaded bounds the names a link keeps, at about 100 bytes each. Beyond it the link
// begins anew: loading a script once more costs little.
const mostLoaded = 4096

// Has reports whether a script has been sent and was not flushed since.
func (l *Loaded) Has(d Digest, of *Store) bool {
	if l == nil || l.flushed != of.flushed.Load() {
		return false
	}
	_, ok := l.names[d]
	return ok
}

// With returns what is loaded when a script has been sent as well, which may be l. now is perf.Now.
func (l *Loaded) With(d Digest, of *Store, now int64) *Loaded {
	flushed := of.flushed.Load()
	if l == nil || l.flushed != flushed || len(l.names) >= mostLoaded {
		l = &Loaded{names: map[Digest]struct{}{}, flushed: flushed, since: now}
	}
	l.names[d] = struct{}{}
	return l
}

// BegunBefore reports whether it was begun before a moment of perf.Now.
func (l *Loaded) BegunBefore(at int64) bool { return at > l.since }
