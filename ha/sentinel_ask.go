package ha

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"huntaway/shard"
)

// sentinelChannels are what a Sentinel publishes that may change our mind.
var sentinelChannels = []string{"+switch-master", "+odown", "-odown", "+sdown", "-sdown", "+tilt", "-tilt",
	"+promoted-slave", "+config-update-from", "+failover-end", "+monitor", "+try-failover", "+elected-leader"}

// An asker asks one Sentinel, and listens to it.
//
// Owner: the goroutine that runs ask, but for what is said to be shared.
type asker struct {
	// Fixed when made.
	index  int
	addr   string
	access Access
	of     *sentinels
	wake   chan struct{} // one is one question; room for one

	// Owned by ask.
	client   *redis.Client        // nil while there is no connection worth keeping
	replicas map[string][]string  // by the master's name here; of those that were looked into
	looked   time.Time            // when they were
	begun    map[string]time.Time // by the master's name here: since when it is being replaced

	mu    sync.Mutex        // guards names; held for no longer than a copy takes
	names map[string]string // what the Sentinel calls each group
}

// poke has the Sentinel asked soon.
func (a *asker) poke() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// ask asks now and then, or when it is woken, until ctx ends.
func (a *asker) ask(ctx context.Context) {
	defer a.hangUp()
	for {
		r := a.question(ctx)
		select {
		case <-ctx.Done():
			return
		case a.of.reports <- r:
		}
		period := sentinelPeriod
		if a.of.hasty.Load() {
			period = sentinelHaste
		}
		if !rest(ctx, sentinelLeast, nil) || !rest(ctx, period-sentinelLeast, a.wake) {
			return
		}
	}
}

// rest waits for d, or until somebody wakes it. It reports false when ctx has ended.
func rest(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-wake:
	case <-timer.C:
	}
	return true
}

// question asks once, within the time limit, and keeps the connection when that went well. A
// connection that was lost since the last time says nothing, so it asks again on a new one.
func (a *asker) question(ctx context.Context) report {
	fresh := a.client == nil
	r := a.attempt(ctx)
	if r.err != nil {
		a.hangUp()
		if !fresh && classify(r.err) == faultLost {
			r = a.attempt(ctx)
		}
	}
	return r
}

func (a *asker) attempt(ctx context.Context) report {
	ctx, cancel := context.WithTimeout(ctx, a.access.Timeout)
	defer cancel()
	r := report{index: a.index}
	if a.client == nil {
		a.client = a.access.open("tcp", a.addr)
	}
	pipe := a.client.Pipeline()
	masters := pipe.Do(ctx, "SENTINEL", "MASTERS")
	state := pipe.Info(ctx, "sentinel") // refused by some ACLs, and then it is not in TILT
	if _, err := pipe.Exec(ctx); err != nil && masters.Val() == nil {
		r.err = err
		return r
	}
	lots, odd := parseMasterEntries(masters.Val())
	if len(lots) == 0 && odd != nil {
		r.err = odd
		return r
	}
	r.tilt = strings.Contains(state.Val(), "sentinel_tilt:1")
	a.notice(lots)
	if r.err = a.complete(ctx, lots); r.err != nil {
		return r
	}
	groups := a.of.groupsAddresses(ctx)
	found := match(groups, lots)
	if a.look(ctx, lots, found) {
		found = match(groups, lots)
	}
	a.file(&r, groups, found)
	return r
}

// file puts what was found into the report, and remembers what the Sentinel calls each group.
func (a *asker) file(r *report, groups []groupAddresses, found []finding) {
	r.found = map[string]finding{}
	names := map[string]string{}
	for i, f := range found {
		r.found[groups[i].name] = f
		if f.lot != nil {
			names[groups[i].name] = f.lot.name
			r.doubted = r.doubted || f.lot.doubted
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.names = names
}

// replacedFor is how long a master that a Sentinel is replacing counts as down, if it does not
// get as far as an outcome. The Sentinel itself may try for failover-timeout, three minutes.
const replacedFor = 5 * time.Second

// notice has masters that are being replaced count as down. The Sentinel promotes another
// one whether or not they live: by an operator's SENTINEL FAILOVER they mostly do, and
// whatever they take meanwhile is lost.
func (a *asker) notice(lots []lot) {
	running := map[string]time.Time{}
	for i := range lots {
		l := &lots[i]
		if !l.running {
			continue
		}
		since, known := a.begun[l.name]
		if !known {
			since = time.Now()
		}
		running[l.name] = since
		l.down = l.down || time.Since(since) < replacedFor
	}
	a.begun = running
}

// complete asks for the addresses of masters that were chosen and are not listed yet.
func (a *asker) complete(ctx context.Context, lots []lot) error {
	for i := range lots {
		if !lots[i].chosen {
			continue
		}
		pair, err := a.client.Do(ctx, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", lots[i].name).StringSlice()
		if err == nil && len(pair) != 2 {
			err = fmt.Errorf("got %d words for the address of %q", len(pair), lots[i].name)
		}
		if err == nil {
			lots[i].addr, err = canonical(pair[0], pair[1])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// look asks for the replicas of all masters, when some group was not found by name or by a
// master's address, and at most once a period. It tells whether lots now have replicas that
// may help.
func (a *asker) look(ctx context.Context, lots []lot, found []finding) bool {
	missing := false
	for _, f := range found {
		missing = missing || f.lot == nil
	}
	if !missing {
		return false
	}
	if time.Since(a.looked) >= sentinelPeriod {
		a.looked = time.Now()
		clear(a.replicas)
		for i := range lots {
			reply, err := a.client.Do(ctx, "SENTINEL", "REPLICAS", lots[i].name).Result()
			if err != nil {
				break
			}
			a.replicas[lots[i].name] = parseReplicas(reply)
		}
	}
	for i := range lots {
		lots[i].replicas = a.replicas[lots[i].name]
	}
	return true
}

// hangUp gives the client away, since after a failed dial its pool pauses for a second.
func (a *asker) hangUp() {
	if a.client != nil {
		_ = a.client.Close() // nothing is in flight, nothing is left to lose
		a.client = nil
	}
}

// listen subscribes to the Sentinel and has it, and all others, asked whenever it publishes
// something, until ctx ends. A lost subscription is made anew each period: it is asked all the
// same meanwhile.
func (a *asker) listen(ctx context.Context) {
	for ok := true; ok; ok = rest(ctx, sentinelPeriod, nil) {
		a.subscribe(ctx)
	}
}

// subscribe listens for as long as the connection lives, which it proves by answering PING.
func (a *asker) subscribe(ctx context.Context) {
	c := a.access.open("tcp", a.addr)
	defer c.Close()
	sub := c.Subscribe(ctx, sentinelChannels...)
	defer sub.Close()
	for asked := false; ; {
		heard, err := sub.ReceiveTimeout(ctx, 2*sentinelPeriod)
		var late net.Error
		switch {
		case ctx.Err() != nil:
			return
		case errors.As(err, &late) && late.Timeout() && !asked:
			if asked = true; sub.Ping(ctx) != nil {
				return
			}
			continue
		case err != nil:
			return
		}
		asked = false
		if _, published := heard.(*redis.Message); published {
			a.of.poke()
		}
	}
}

// groupsAddresses returns the groups of the pool's table with all that their members are known as.
func (s *sentinels) groupsAddresses(ctx context.Context) []groupAddresses {
	t := s.o.Publisher.Table()
	all := make([]groupAddresses, len(t.Groups))
	for i := range t.Groups {
		all[i].name = t.Groups[i].Name
		for j := range t.Groups[i].Servers {
			if server := &t.Groups[i].Servers[j]; server.Network != "unix" {
				all[i].members = append(all[i].members, s.resolver.resident(ctx, server))
			}
		}
	}
	return all
}

// A resolver turns the host names of servers into addresses, and remembers them for a while.
// Any goroutine may use it.
type resolver struct {
	timeout time.Duration

	mu    sync.Mutex // guards known; held while a name is looked up, which others wait for
	known map[string]resolved
}

// resolved is what a host name stood for.
type resolved struct {
	ips []netip.Addr
	at  time.Time
}

// resolvedFor is how long a name is not looked up again.
const resolvedFor = 5 * time.Second

// resident returns a server with every address that stands for it.
func (r *resolver) resident(ctx context.Context, s *shard.Server) resident {
	m := resident{addr: s.Addr}
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return m
	}
	if own, err := canonical(host, port); err == nil {
		m.known = append(m.known, own)
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return m
	}
	for _, ip := range r.lookup(ctx, host) {
		if addr, err := canonical(ip.String(), port); err == nil {
			m.known = append(m.known, addr)
		}
	}
	return m
}

// lookup returns the addresses of a name; the last that were known while it cannot be
// resolved.
func (r *resolver) lookup(ctx context.Context, host string) []netip.Addr {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		r.known = map[string]resolved{}
	}
	last := r.known[host]
	if time.Since(last.at) < resolvedFor {
		return last.ips
	}
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	if ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host); err == nil {
		last.ips = ips
	}
	last.at = time.Now()
	r.known[host] = last
	return last.ips
}
