package loop

import (
	"math/rand/v2"
	"time"

	"huntaway/shard"
)

// How a server comes back that serves reads again after it was away: its caches are cold,
// and nobody knows yet how it bears the load.
const (
	easeTime  = 10 * time.Second // until it gets its full share
	easeShare = 0.1              // of that share, at first
)

// tickEase finds out until when some server of the table is easing in.
func (pw *poolWorker) tickEase() {
	pw.easing = 0
	for g := range pw.table.Groups {
		for _, id := range pw.table.Groups[g].Readers {
			if at := pw.table.Vitals(id).ReturnedAt.Load(); at > 0 {
				pw.easing = max(pw.easing, at+int64(easeTime))
			}
		}
	}
}

// ease looks again at the server that was drawn for a read: one that has come back a short
// while ago takes it only with a chance that grows, and otherwise another is drawn. The
// costs alone would not do: between two servers the dearer one gets nothing at all.
func (pw *poolWorker) ease(g *shard.Group, id int32) int32 {
	if id < 0 || id == g.Master {
		return id
	}
	at := pw.table.Vitals(id).ReturnedAt.Load()
	age := float64(pw.w.now-at) / float64(easeTime)
	if at == 0 || age >= 1 || rand.Float64() < easeShare+(1-easeShare)*max(age, 0) {
		return id
	}
	cost := pw.cost[id]
	pw.cost[id] = shard.Unusable
	other := g.Reader(pw.opt.ReadPolicy, pw.cost, rand.Uint64())
	pw.cost[id] = cost
	if other < 0 {
		return id
	}
	return other
}
