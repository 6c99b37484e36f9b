package main

import (
	"context"
	"strings"
	"sync"
	"time"

	"huntaway/perf/bench/history"
)

// A care is what a proxy thinks of a group: the part of its status page that is used here.
type care struct {
	Name      string   `json:"name"`
	State     string   `json:"state"`
	Master    string   `json:"master"`
	Held      bool     `json:"held"`
	Forbidden string   `json:"forbidden"`
	Latched   string   `json:"latched"`
	Alarms    []string `json:"alarms"`
	Failovers int      `json:"failovers"`
	Servers   []struct {
		Addr   string `json:"addr"`
		State  string `json:"state"`
		Reason string `json:"reason"`
		Reads  bool   `json:"reads"`
	} `json:"servers"`
}

// A change is one line of a proxy's events.
type change struct {
	Time  time.Time `json:"time"`
	Group string    `json:"group"`
	From  string    `json:"from"`
	To    string    `json:"to"`
	What  string    `json:"what"`
	Why   string    `json:"why"`
	Lost  int64     `json:"lost_bytes"`
}

// cares fetches what a proxy thinks of every group; nil when it cannot be asked.
func (p *proxy) cares() (epoch uint64, all []care) {
	var page struct {
		Pools []struct {
			Epoch  uint64 `json:"epoch"`
			Groups []care `json:"groups"`
		} `json:"pools"`
	}
	if p.into("/status", &page) != nil || len(page.Pools) == 0 {
		return 0, nil
	}
	return page.Pools[0].Epoch, page.Pools[0].Groups
}

// group fetches what a proxy thinks of one group.
func (p *proxy) group(name string) (care, bool) {
	_, all := p.cares()
	for _, c := range all {
		if c.Name == name {
			return c, true
		}
	}
	return care{}, false
}

// changes fetches the group's last transitions.
func (p *proxy) changes(group string) (some []change) {
	var page struct {
		Events []change `json:"events"`
	}
	if p.into("/events", &page) != nil {
		return nil
	}
	for _, c := range page.Events {
		if c.Group == group {
			some = append(some, c)
		}
	}
	return some
}

// A witness watches what proxies publish while a run is on.
type witness struct {
	a *attack

	mu    sync.Mutex // guards what follows
	seen  []history.Reign
	last  map[string]string // proxy and group -> master
	held  int               // times that a proxy was seen to hold a group
	epoch map[string]uint64 // proxy -> the highest epoch
}

func newWitness(a *attack) *witness {
	return &witness{a: a, last: map[string]string{}, epoch: map[string]uint64{}}
}

// run looks many times a second.
func (w *witness) run(ctx context.Context) {
	for ctx.Err() == nil {
		for _, p := range w.a.proxies {
			w.look(p)
		}
		pauseFor(ctx, 25*time.Millisecond)
	}
}

// look notes whom a proxy calls master.
func (w *witness) look(p *proxy) {
	epoch, cares := p.cares()
	w.mu.Lock()
	defer w.mu.Unlock()
	if cares != nil && epoch < w.epoch[p.name] && !w.a.fault.free {
		w.a.fail("the epoch of %s fell from %d to %d", p.name, w.epoch[p.name], epoch)
	}
	w.epoch[p.name] = max(epoch, w.epoch[p.name])
	for _, c := range cares {
		if c.Held {
			w.held++
		}
		key := p.name + "/" + c.Name
		if c.Master == "" || w.last[key] == c.Master {
			continue
		}
		w.last[key] = c.Master
		w.publish(c)
	}
}

// publish notes a master; a second proxy that says so later says nothing new.
func (w *witness) publish(c care) {
	r := history.Reign{Group: c.Name, Server: w.portOf(c), Loss: -1}
	for i := len(w.seen) - 1; i >= 0; i-- {
		if w.seen[i].Group == c.Name {
			if w.seen[i].Server == r.Server {
				return
			}
			break
		}
	}
	w.seen = append(w.seen, r)
	w.a.say("master of %s is %s", c.Name, r.Server)
}

// portOf is what the server calls itself to clients.
func (w *witness) portOf(c care) string {
	for _, g := range w.a.groups {
		for _, s := range g.servers {
			if s.at == c.Master {
				return s.port
			}
		}
	}
	_, port, _ := strings.Cut(c.Master, ":")
	return port
}

// reigns returns who was master of each group, with what the promotions say was discarded.
func (w *witness) reigns() []history.Reign {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]history.Reign(nil), w.seen...)
}

// noteLoss gives reigns the bytes that were discarded at their beginning, for I9. They are known
// once the old master is back, and of the last change only.
func (a *attack) noteLoss(reigns []history.Reign) {
	last := map[string]int{}
	for i := range reigns {
		if _, later := last[reigns[i].Group]; !later {
			reigns[i].Loss = 0 // the first master has no predecessor
		}
		last[reigns[i].Group] = i
	}
	for group, i := range last {
		if lost, known := a.discarded(group); known && reigns[i].Loss < 0 {
			reigns[i].Loss = lost
		}
	}
}

// discarded is what the proxy says that a returned master had more than the new one, in bytes.
func (a *attack) discarded(group string) (bytes int64, known bool) {
	for _, c := range a.proxies[0].changes(group) {
		if strings.Contains(c.What, "is back, the old master") {
			bytes, known = c.Lost, true
		}
	}
	return bytes, known
}

// heldSeen tells how often a proxy was seen to hold a group.
func (w *witness) heldSeen() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.held
}

// epochOf returns the highest epoch that a proxy was seen to have.
func (w *witness) epochOf(p *proxy) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.epoch[p.name]
}
