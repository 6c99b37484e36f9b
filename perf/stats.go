package perf

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// poolStats and serverStats are the keys of twemproxy 0.5.0's statistics in its order. What
// stands behind a key says the table (Figure.Stats).
var (
	poolStats = []string{"client_eof", "client_err", "client_connections", "server_ejects",
		"forward_error", "fragments"}
	serverStats = []string{"server_eof", "server_err", "server_timedout", "server_connections",
		"server_ejected_at", "requests", "request_bytes", "responses", "response_bytes",
		"in_queue", "in_queue_bytes", "out_queue", "out_queue_bytes"}
)

// statsFigures finds the figure that a key of twemproxy's statistics shows.
var statsFigures = func() map[string]*Figure {
	figures := map[string]*Figure{}
	for i := range Families {
		for j := range Families[i].Figure {
			if g := &Families[i].Figure[j]; g.Stats != "" {
				figures[g.Stats] = g
			}
		}
	}
	return figures
}()

// A StatsHead is what twemproxy's statistics say of the process itself.
type StatsHead struct {
	Source  string        // the host's name
	Version string        // of Huntaway
	Uptime  time.Duration // shown in whole seconds
	Now     time.Time     // shown in seconds since 1970
}

// AppendStats appends s as twemproxy 0.5.0 shows it on its stats port: one JSON object and
// a line feed, with the keys of twemproxy in twemproxy's order.
//
// A group of one server stands in its pool under the server's name, just as there. A group
// of several stands under the group's name with the same keys, summed over its servers, and
// has in it an object per server: what reads a flat file sees one server per group.
func AppendStats(b []byte, head StatsHead, s *Snapshot) []byte {
	o := object{b: append(b, '{')}
	o.text("service", "huntaway")
	o.text("source", head.Source)
	o.text("version", head.Version)
	o.number("uptime", math.Floor(head.Uptime.Seconds()))
	o.number("timestamp", float64(head.Now.Unix()))
	total, current := s.connections()
	o.number("total_connections", total)
	o.number("curr_connections", current)
	for i := range s.Pools {
		o.pool(&s.Pools[i])
	}
	return append(o.b, '}', '\n')
}

// connections counts connections as twemproxy does: those of clients and of servers alike,
// ever opened and open now.
func (s *Snapshot) connections() (total, current float64) {
	for i := range s.Pools {
		p := &s.Pools[i]
		total += float64(p.Counters.Accepted)
		current += float64(p.Counters.ClientConnections)
		for j := range p.Groups {
			sum := p.Groups[j].Total()
			total += float64(sum.Connects)
			current += float64(sum.Links)
		}
	}
	return total, current
}

// An object is JSON being appended to b, somewhere behind an opening brace.
type object struct{ b []byte }

// pool appends a pool's figures and its groups.
func (o *object) pool(p *PoolSnapshot) {
	o.open(p.Name)
	o.figures(poolStats, Point{Pool: p})
	for i := range p.Groups {
		g := &p.Groups[i]
		if len(g.Servers) == 1 {
			o.server(p, g, &g.Servers[0])
			continue
		}
		o.group(p, g)
	}
	o.close()
}

// group appends a group's sums and its servers.
func (o *object) group(p *PoolSnapshot, g *GroupSnapshot) {
	sum := ServerSnapshot{Name: g.Name, Counters: g.Total()}
	for i := range g.Servers {
		if at := g.Servers[i].EjectedAt; at.After(sum.EjectedAt) {
			sum.EjectedAt = at
		}
	}
	o.open(g.Name)
	o.figures(serverStats, Point{Pool: p, Group: g, Server: &sum})
	for i := range g.Servers {
		o.server(p, g, &g.Servers[i])
	}
	o.close()
}

// server appends one server's figures.
func (o *object) server(p *PoolSnapshot, g *GroupSnapshot, s *ServerSnapshot) {
	o.open(s.Name)
	o.figures(serverStats, Point{Pool: p, Group: g, Server: s})
	o.close()
}

// figures appends the figures behind keys as they are at a point.
func (o *object) figures(keys []string, at Point) {
	for _, key := range keys {
		g := statsFigures[key]
		v := g.Read(at)
		if g.PerUnit != 0 {
			v = math.Round(v * g.PerUnit)
		}
		o.number(key, v)
	}
}

// open appends a key and the brace of its object.
func (o *object) open(key string) {
	o.key(key)
	o.b = append(o.b, '{')
}

// close ends the innermost object.
func (o *object) close() { o.b = append(o.b, '}') }

// number appends a key and a number.
func (o *object) number(key string, v float64) {
	o.key(key)
	o.b = strconv.AppendFloat(o.b, v, 'f', -1, 64)
}

// text appends a key and a string.
func (o *object) text(key, value string) {
	o.key(key)
	o.b = appendQuoted(o.b, value)
}

// key appends the comma that is due, the key and its colon, spaced as twemproxy does.
func (o *object) key(key string) {
	if o.b[len(o.b)-1] != '{' {
		o.b = append(o.b, ", "...)
	}
	o.b = appendQuoted(o.b, key)
	o.b = append(o.b, ": "...)
}

// appendQuoted appends s as a JSON string.
func appendQuoted(b []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil {
		panic("perf: a string that JSON cannot hold: " + err.Error()) // there is none
	}
	return append(b, quoted...)
}
