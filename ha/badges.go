package ha

import (
	"cmp"
	"context"
	"sync"

	"huntaway/perf"
)

// spread has a monitor that wears a badge at the master wear one at every other server of the group as well, by which others see
// that it is alive when the master is not. Those at servers that are none of these any more are taken off.
func (l *look) spread(ctx context.Context) {
	kept := make([]*badge, len(l.others))
	l.each(func(i int, addr string) {
		if b := l.heart.others[addr]; b != nil && b.conn.Ping(ctx).Err() == nil {
			b.seenAt, kept[i] = perf.Now(), b
			return
		}
		kept[i], _ = l.open(ctx, addr) // at a server that names no connections there is none
	})
	was := l.heart.others
	l.heart.others = make(map[string]*badge, len(kept))
	for i, addr := range l.others {
		if kept[i] != nil {
			l.heart.others[addr] = kept[i]
		}
	}
	for addr, b := range was {
		if l.heart.others[addr] != b {
			b.close()
		}
	}
}

// bareAwoken is by how many looks longer a monitor that has stood still takes the others to be active than one that has not: where
// all have, who was active puts his badges on again with his first look after that, and must be seen.
const bareAwoken = 2

// rest takes the badges off while this monitor begins nothing since it stood still: another one has seen all the time that the
// master is dead, and need not wait. They are put on again when it may begin something, if the master is still dead then.
func (l *look) rest() {
	h := l.heart
	switch {
	case l.awoken:
		h.rested, h.bare = h.rested || h.others != nil, -bareAwoken
		h.doff()
	case h.rested:
		if h.rested = false; l.doubted {
			h.others = map[string]*badge{}
		}
	}
}

// each runs f for each of the other members, at the same time.
func (l *look) each(f func(i int, addr string)) {
	var all sync.WaitGroup
	for i, addr := range l.others {
		all.Go(func() { f(i, addr) })
	}
	all.Wait()
}

// heardAt takes who was heard at a master that answers. While it is in question nobody need have a badge there, and one that
// has come back with an old dump has an old heartbeat: who acts is seen at the other members.
func (l *look) heardAt(ctx context.Context, rival string) string {
	switch {
	case l.doubted && l.heart.badge == nil && (rival == "" || l.byKey):
		if l.heart.others != nil {
			l.spread(ctx)
		}
		if around := l.lookAround(ctx); around != "" || l.free {
			return around
		}
		return rival
	case rival != "":
		l.heart.doff()
	case l.heart.badge != nil || l.heart.others != nil:
		l.spread(ctx)
	}
	l.heart.bare = 0
	return rival
}

// lookAround looks for other monitors at the other members, as the master does not answer. Who acts is seen there by his
// badges; that nobody is, be it one that has stood still, is worth as much as at the master when it was seen twice, for
// making a server master takes the badges off that are there. Of versions that wear none there nothing is known.
func (l *look) lookAround(ctx context.Context) (rival string) {
	seen := make([]sight, len(l.others))
	l.each(func(i int, addr string) { seen[i] = l.overhear(ctx, addr) })
	told, worn, used, beat := 0, false, false, ""
	for _, s := range seen {
		if s.told {
			told++
		}
		if s.beat.older() {
			l.heart.olderAt = perf.Now()
		}
		worn, used = worn || s.worn, used || s.used
		rival, beat = cmp.Or(s.rival, rival), cmp.Or(s.heard, beat)
	}
	older := l.heart.olderAt != 0 && perf.Now()-l.heart.olderAt < olderFor
	if worn || told == 0 || told*2 < len(l.others) || older {
		l.heart.bare = 0
	} else {
		l.heart.bare++
	}
	if l.free = l.heart.bare >= 2; l.free {
		return ""
	}
	if rival != "" || beat != "" {
		l.faint = rival == "" && l.heart.bare > 0 || rival != "" && !used
	}
	return cmp.Or(rival, beat)
}

// A sight is what a server that is not the master shows of other monitors.
type sight struct {
	told  bool   // it has told its connections
	rival string // who is active by a badge; "": nobody
	worn  bool   // another monitor has a badge there that counts, be it that it stands still
	used  bool   // it has been used since it would have had to be twice
	heard string // who is, or was, by a heartbeat; "": nobody
	beat  beat   // that one
}

// older tells whether who is heard by a heartbeat may wear no badges: he names none, or is of a version whose last longer.
func (b *beat) older() bool { return b.holder != "" && (b.client == 0 || b.left > beatLasts) }

// overhear looks at a server that may have what the master had. What expires as nobody can renew it is not worth a quarrel
// about clocks. Of two monitors that both wear badges there, which were active on two sides of a cut, one has precedence.
func (l *look) overhear(ctx context.Context, addr string) (s sight) {
	c := l.access.open("tcp", addr)
	defer c.Close()
	b, err := l.read(ctx, c, 3*keyLasts)
	if err != nil {
		return s
	}
	text, err := c.Do(ctx, "CLIENT", "LIST").Text()
	s.told = err == nil
	counts := func(who string) bool { return who != "" && (l.heart.others[addr] == nil || who < l.id) }
	s.worn, s.used = counts(l.wornIn(text, endless)), counts(l.wornIn(text, beatLasts))
	if who := l.wornIn(text, keyLasts); counts(who) {
		s.rival = who + ", by its connection to " + addr
	}
	if b.holder != "" && b.holder != l.id && !l.heart.stood() {
		s.heard, s.beat = b.by(addr), b
	}
	return s
}
