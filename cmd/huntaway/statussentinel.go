package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// heardOf takes what is known of the pool's Sentinels.
func (s *served) heardOf(pool *statusPool, from *proxy) {
	for _, st := range from.monitor.Sentinels(s.name) {
		pool.Sentinels = append(pool.Sentinels, statusSentinel{st.Addr, st.Answers, st.For.Seconds(), st.Cause})
	}
}

// surveyed takes what is known of the pool's Redis Cluster.
func (s *served) surveyed(pool *statusPool, from *proxy) {
	c := from.monitor.Cluster(s.name)
	pool.Down, pool.DownFor, pool.Part, pool.Alarms, pool.advice = c.Down, c.DownFor.Seconds(), c.Part, c.Alarms, c.Advice
}

// judgeCluster says what is wrong with it as a whole, and with nodes that are in no group.
func (page *statusPage) judgeCluster(p *statusPool) {
	what := p.Part
	if p.Down != "" {
		what = fmt.Sprintf("the Redis Cluster is down, for %s: %s", briefly(p.DownFor), p.Down)
	}
	if what != "" {
		page.Problems = append(page.Problems, statusProblem{Severity: severe, Pool: p.Name, What: what,
			Advice: p.advice})
	}
	for _, a := range p.Alarms {
		page.Problems = append(page.Problems, statusProblem{Severity: doubtful, Pool: p.Name, What: a})
	}
}

// clusterFailsFor is how long, in seconds, a Redis Cluster may be down before clients should not be sent here: for as long
// it chooses another master.
const clusterFailsFor = 5

// clusterNote is what readiness says of it where clients are still to be sent here.
func (p *statusPool) clusterNote() string {
	if p.Down != "" {
		return "the Redis Cluster is down: " + p.Down
	}
	return p.Part
}

// silent returns the pool's Sentinels that do not answer, those first that have not for longest. Of one that has not been
// asked yet that is not known.
func (p *statusPool) silent() []statusSentinel {
	all := slices.DeleteFunc(slices.Clone(p.Sentinels), func(s statusSentinel) bool { return s.Answers || s.Error == "" })
	slices.SortStableFunc(all, func(a, b statusSentinel) int { return cmp.Compare(b.Since, a.Since) })
	return all
}

// outnumbered tells whether those who do not answer are so many that the rest are no majority.
func (p *statusPool) outnumbered(silent int) bool { return silent > 0 && 2*silent >= len(p.Sentinels) }

// judgeSentinels says which Sentinels do not answer, and what follows from it.
func (page *statusPage) judgeSentinels(p *statusPool) {
	silent, all := p.silent(), len(p.Sentinels)
	if len(silent) == 0 {
		return
	}
	x := statusProblem{Severity: doubtful, Pool: p.Name, helpless: p.outnumbered(len(silent)),
		Advice: "start it, or see why it does not answer this host: the network, sentinel_user and sentinel_password of the pool"}
	var words []string
	for _, s := range silent {
		words = append(words, s.Addr+": "+s.Error)
	}
	since := silent[0].Since
	switch n := all - len(silent); {
	case n == 0:
		since = silent[all-1].Since
		x.What = "no sentinel answers: nobody fails its groups over, and the masters stay who they are"
		x.Advice = strings.Replace(x.Advice, "start it", "start them", 1)
	case x.helpless:
		since = silent[(all-1)/2].Since // with that one the majority was lost
		x.What = fmt.Sprintf("only %d of its %d sentinels answer, which is no majority: where the others do not run either nobody fails its groups over", n, all)
	default:
		x.What = fmt.Sprintf("%d of its %d sentinels do not answer", len(silent), all)
	}
	x.What += fmt.Sprintf(", for %s (%s)", briefly(since), strings.Join(words, "; "))
	page.Problems = append(page.Problems, x)
}

// sentinelNote is what readiness says of the pool's Sentinels; "" when most of them answer. Requests are served
// without them.
func (p *statusPool) sentinelNote() string {
	if n := len(p.silent()); p.outnumbered(n) {
		return fmt.Sprintf("%d of %d sentinels do not answer", n, len(p.Sentinels))
	}
	return ""
}
