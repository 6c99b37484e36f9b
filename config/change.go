package config

import (
	"fmt"
	"reflect"
)

// A Change is one key that a new file has otherwise than the old one.
type Change struct {
	Key     string `json:"key"`     // "pools.alpha.timeout"
	Old     string `json:"old"`     // as a file would say it; secrets as ***; "" for none
	New     string `json:"new"`     // likewise
	Restart bool   `json:"restart"` // it takes effect at the next start, not now
}

// String returns "key: old -> new", with a remark when a restart is needed.
func (c Change) String() string {
	text := fmt.Sprintf("%s: %s -> %s", c.Key, c.Old, c.New)
	if c.Restart {
		text += " (after a restart)"
	}
	return text
}

// Changes returns what differs between two configurations, for the log line of a reload.
// Pools are matched by name, their groups are compared as a whole.
func Changes(old, now *Config) []Change {
	var changes []Change
	changes = append(changes, logSection.changes("log", &old.Log, &now.Log)...)
	changes = append(changes, adminSection.changes("admin", &old.Admin, &now.Admin)...)
	changes = append(changes, runtimeSection.changes("runtime", &old.Runtime, &now.Runtime)...)
	was := map[string]*Pool{}
	for i := range old.Pools {
		was[old.Pools[i].Name] = &old.Pools[i]
	}
	for i := range now.Pools {
		p := &now.Pools[i]
		changes = append(changes, poolChanges(was[p.Name], p)...)
		delete(was, p.Name)
	}
	for i := range old.Pools {
		if p := was[old.Pools[i].Name]; p != nil {
			changes = append(changes, Change{"pools." + bare(p.Name), p.extent(), "", poolSection.needsRestart("listen")})
		}
	}
	return changes
}

// KeepFrozen sets what only a restart changes in p to what it is in now.
func (p *Pool) KeepFrozen(now *Pool) {
	p.Listen = now.Listen
	for i := range poolSection.rows {
		if w := &poolSection.rows[i]; w.at != nil && w.when == onRestart {
			reflect.ValueOf(w.at(p)).Elem().Set(reflect.ValueOf(w.at(now)).Elem())
		}
	}
}

// changes compares two structs of a section key by key.
func (s *section) changes(path string, old, now any) []Change {
	var changes []Change
	for i := range s.rows {
		w := &s.rows[i]
		if w.at == nil {
			continue
		}
		before, after := w.at(old), w.at(now)
		if !reflect.DeepEqual(before, after) {
			changes = append(changes, Change{join(path, w.name), w.display(before), w.display(after), w.when == onRestart})
		}
	}
	return changes
}

// display is text, but for secrets.
func (w *row) display(field any) string {
	if s, ok := field.(*Secret); ok {
		return s.String()
	}
	return w.text(field)
}

// poolChanges compares two states of a pool; old is nil for a new one.
func poolChanges(old, now *Pool) []Change {
	path := "pools." + bare(now.Name)
	if old == nil {
		return []Change{{path, "", now.extent(), poolSection.needsRestart("listen")}}
	}
	changes := poolSection.changes(path, old, now)
	changes = append(changes, limitsSection.changes(path+".limits", &old.Limits, &now.Limits)...)
	if !reflect.DeepEqual(old.Listen, now.Listen) {
		changes = append(changes, Change{path + ".listen", fmt.Sprint(old.Listen), fmt.Sprint(now.Listen), poolSection.needsRestart("listen")})
	}
	if !reflect.DeepEqual(old.Groups, now.Groups) {
		changes = append(changes, Change{path + ".groups", old.extent(), now.extent(), poolSection.needsRestart("groups")})
	}
	return changes
}

func (s *section) needsRestart(name string) bool { return s.find(name, TOML).when == onRestart }

// extent says how large a pool is.
func (p *Pool) extent() string {
	servers := 0
	for _, g := range p.Groups {
		servers += len(g.Servers)
	}
	return fmt.Sprintf("groups=%d servers=%d", len(p.Groups), servers)
}
