package perf

import (
	"fmt"
	"io"
	"strings"
)

// Kind says how a figure behaves over time.
type Kind uint8

// The kinds.
const (
	Counter Kind = iota // only rises
	Gauge               // rises and falls
	Timing              // a Histogram of durations, shown in seconds
)

// String returns the kind as Prometheus names it.
func (k Kind) String() string { return [...]string{"counter", "gauge", "histogram"}[k] }

// Scope says what a figure is counted for, and so which labels it has first.
type Scope uint8

// The scopes.
const (
	BuildScope   Scope = iota // once, saying which program it is
	ProcessScope              // once
	PoolScope                 // for each pool
	CommandScope              // for each command of a pool
	GroupScope                // for each group of a pool
	ServerScope               // for each server of a group of a pool
)

// Labels returns the names of the labels that every figure of the scope has.
func (s Scope) Labels() []string {
	switch s {
	case BuildScope:
		return []string{"version", "revision", "goversion"}
	case PoolScope:
		return []string{"pool"}
	case CommandScope:
		return []string{"pool", "command"}
	case GroupScope:
		return []string{"pool", "group"}
	case ServerScope:
		return []string{"pool", "group", "server"}
	default:
		return nil
	}
}

// A Build says which program is running.
type Build struct {
	Version  string // of Huntaway
	Revision string // of its source; "" when it was built outside a checkout
	Go       string // the toolchain
}

// A Point is one thing that figures are read from. The pointers that its scope does not
// need are nil.
type Point struct {
	Build   *Build
	Config  *ConfigSnapshot
	Pool    *PoolSnapshot
	Command *CommandCount
	Group   *GroupSnapshot
	Server  *ServerSnapshot
}

// Values returns the values of the labels that Scope.Labels names.
func (p Point) Values(s Scope) []string {
	switch s {
	case BuildScope:
		return []string{p.Build.Version, p.Build.Revision, p.Build.Go}
	case PoolScope:
		return []string{p.Pool.Name}
	case CommandScope:
		return []string{p.Pool.Name, p.Command.Name}
	case GroupScope:
		return []string{p.Pool.Name, p.Group.Name}
	case ServerScope:
		return []string{p.Pool.Name, p.Group.Name, p.Server.Name}
	default:
		return nil
	}
}

// A Family is one row of the metric table: a name and everything shown under it.
type Family struct {
	Name   string   // of the Prometheus family, its unit included
	Kind   Kind     //
	Scope  Scope    //
	Help   string   // one sentence, without the full stop
	Label  string   // one more label, whose values the figures name; "" when there is one figure
	Figure []Figure // at least one
}

// A Figure is one number, or one histogram, of a family.
type Figure struct {
	Value string // of the family's Label
	// Stats is the key under which twemproxy's statistics have the same figure; "" when
	// they have none.
	Stats string
	// PerUnit converts to twemproxy's unit: how many of its units one of ours is; 0 is 1.
	PerUnit float64
	Read    func(Point) float64    // nil for a Timing
	Timing  func(Point) *Histogram // nil for all others
}

// Labels returns the names of all labels of the family.
func (f *Family) Labels() []string {
	labels := f.Scope.Labels()
	if f.Label != "" {
		labels = append(labels, f.Label)
	}
	return labels
}

// Visit is called by Each for one figure at one point. values belong to f.Labels().
type Visit func(f *Family, g *Figure, at Point, values []string)

// Each calls visit for every figure of the table at every point of s that has it.
func (s *Snapshot) Each(build *Build, visit Visit) {
	families(BuildScope, Point{Build: build}, visit)
	families(ProcessScope, Point{Config: &s.Config}, visit)
	for i := range s.Pools {
		p := &s.Pools[i]
		families(PoolScope, Point{Pool: p}, visit)
		for j := range p.Commands {
			families(CommandScope, Point{Pool: p, Command: &p.Commands[j]}, visit)
		}
		for j := range p.Groups {
			p.Groups[j].each(p, visit)
		}
	}
}

// each visits one group and its servers.
func (g *GroupSnapshot) each(p *PoolSnapshot, visit Visit) {
	families(GroupScope, Point{Pool: p, Group: g}, visit)
	for i := range g.Servers {
		families(ServerScope, Point{Pool: p, Group: g, Server: &g.Servers[i]}, visit)
	}
}

// families visits all figures that a point of the scope has.
func families(s Scope, at Point, visit Visit) {
	for i := range Families {
		f := &Families[i]
		if f.Scope != s {
			continue
		}
		for j := range f.Figure {
			values := at.Values(s)
			if f.Label != "" {
				values = append(values, f.Figure[j].Value)
			}
			visit(f, &f.Figure[j], at, values)
		}
	}
}

// WriteListing writes the table for a reader: one line per family with its kind, labels
// and meaning, and below it the keys of twemproxy's statistics that show the same.
func WriteListing(w io.Writer) error {
	for i := range Families {
		f := &Families[i]
		if _, err := fmt.Fprintf(w, "%s  (%s)\n%s", f.Name, f.Kind, indented(f.Help)); err != nil {
			return err
		}
		if labels := f.labelList(); labels != "-" {
			fmt.Fprint(w, indented("labels: "+labels))
		}
		if keys := f.statsList(); keys != "-" {
			fmt.Fprint(w, indented("twemproxy: "+keys))
		}
	}
	return nil
}

// columns is how wide a listing is at most.
const columns = 100

// indented breaks a text into lines that stand under a name.
func indented(text string) string {
	var b strings.Builder
	used := columns
	for word := range strings.FieldsSeq(strings.ReplaceAll(text, "|", " |")) {
		if used+1+len(word) > columns {
			b.WriteString("\n     ")
			used = 5
		}
		b.WriteString(" " + word)
		used += 1 + len(word)
	}
	return strings.TrimPrefix(b.String(), "\n") + "\n"
}

// labelList names the labels, the last one with its values: "pool,reason=eof|error"; "-"
// when there are none.
func (f *Family) labelList() string {
	list := strings.Join(f.Labels(), ",")
	if list == "" {
		return "-"
	}
	if f.Label == "" {
		return list
	}
	values := make([]string, len(f.Figure))
	for i := range f.Figure {
		values[i] = f.Figure[i].Value
	}
	return list + "=" + strings.Join(values, "|")
}

// statsList names the family's keys in twemproxy's statistics, "-" when there are none.
func (f *Family) statsList() string {
	var keys []string
	for i := range f.Figure {
		if key := f.Figure[i].Stats; key != "" {
			keys = append(keys, key)
		}
	}
	if keys == nil {
		return "-"
	}
	return strings.Join(keys, ",")
}
