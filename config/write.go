package config

import (
	"bytes"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// WriteTOML writes c so that loading the text gives the same Config but for Path, Format
// and Warnings. Keys at their default are left out, comments say what was translated.
// Secrets that came from env: or file: are written so; literal ones in the clear, because
// the new file must work: its reader should give it the mode of a password file.
func WriteTOML(w io.Writer, c *Config) error {
	t := &writer{config: c}
	t.comment(fmt.Sprintf("Huntaway's configuration, written from %q.", c.Path))
	if c.Format == Nutcracker {
		t.comment("hash, hash_tag, distribution, server names and weights decide where keys are: they are as twemproxy had them. What twemproxy leaves unbounded has Huntaway's limits.")
	}
	t.section("[log]", &logSection, &c.Log)
	t.section("[admin]", &adminSection, &c.Admin)
	t.section("[runtime]", &runtimeSection, &c.Runtime)
	for i := range c.Pools {
		t.pool(&c.Pools[i])
	}
	_, err := w.Write(t.Bytes())
	return err
}

// A writer is a TOML text that is being written from a Config.
type writer struct {
	bytes.Buffer
	config *Config
}

func (t *writer) comment(text string) { t.WriteString(wrap(text, "# ", 90)) }

// section writes a table whose keys are not all at their default.
func (t *writer) section(header string, s *section, target any) {
	if keys := t.keys(s, target); keys != "" {
		t.WriteString("\n" + header + "\n" + keys)
	}
}

// keys writes the keys of a table that are not at their default.
func (t *writer) keys(s *section, target any) string {
	var b strings.Builder
	for i := range s.rows {
		w := &s.rows[i]
		if w.at == nil || w.name == "hold_timeout" {
			continue
		}
		field := w.at(target)
		text := w.text(field)
		if text == w.initial {
			continue
		}
		if note := t.note(w, text, field); note != "" {
			b.WriteString(wrap(note, "# ", 90))
		}
		b.WriteString(w.name + " = " + w.literal(text) + "\n")
	}
	return b.String()
}

// note says what somebody who reads the new file should know about a value.
func (t *writer) note(w *row, text string, field any) string {
	s, secret := field.(*Secret)
	switch {
	case secret && s.source == "":
		return "In the clear. env:NAME or file:PATH would keep it out of this file."
	case w.name == "timeout" && text == "0s":
		return "None, as twemproxy has it by default: a dead server hangs its clients. 1s is what Huntaway takes when nothing is said."
	case w.name == "auto_eject_hosts":
		return "Keys move to other servers while one is off the ring, and back."
	case w.name == "stats" && t.config.Format == Nutcracker:
		return "Where nutcracker serves its statistics. Status, metrics and orders are on admin.http, 127.0.0.1:22224 by default."
	}
	return ""
}

// pool writes one pool: its own keys, its limits, its groups.
func (t *writer) pool(p *Pool) {
	path := "pools." + bare(p.Name)
	var listens []string
	for _, l := range p.Listen {
		listens = append(listens, l.String())
	}
	t.WriteString("\n[" + path + "]\nlisten = " + texts(listens) + "\n")
	t.WriteString(t.keys(&poolSection, p))
	if p.HoldTimeout != p.impliedHold() {
		t.WriteString("hold_timeout = " + quote(durationText(p.HoldTimeout)) + "\n")
	}
	lines := p.lines()
	if lines != nil {
		t.WriteString("servers = " + texts(lines) + "\n")
	}
	t.section("["+path+".limits]", &limitsSection, &p.Limits)
	if lines == nil {
		for i := range p.Groups {
			t.group(path, p, &p.Groups[i])
		}
	}
}

// impliedHold is the hold_timeout of a pool whose file does not give one.
func (p *Pool) impliedHold() time.Duration {
	for _, g := range p.Groups {
		if len(g.Servers) > 1 {
			var initial Pool
			poolSection.preset(&initial, TOML)
			return initial.HoldTimeout
		}
	}
	return 0
}

// lines returns the pool's groups as server lines, or nil when lines cannot say all that
// the groups are.
func (p *Pool) lines() []string {
	var lines []string
	var members []member
	for _, g := range p.Groups {
		for _, s := range g.Servers {
			text := s.line(g.GID, g.Weight)
			if g.GID == 0 && s.Role == RoleMaster && s.Weight == g.Weight {
				text = s.plain()
			}
			m, bad := parseLine(text)
			if bad != nil {
				return nil
			}
			lines, members = append(lines, text), append(members, m)
		}
	}
	var again []Group
	for _, d := range gather(members, "") {
		d.settle(p.RingLabels)
		again = append(again, d.group)
	}
	if !reflect.DeepEqual(again, p.Groups) {
		return nil
	}
	return lines
}

// group writes one [[groups]] table.
func (t *writer) group(path string, p *Pool, g *Group) {
	fmt.Fprintf(t, "\n[[%s.groups]]\n", path)
	if g.GID == 0 || g.Name != strconv.Itoa(g.GID) {
		t.WriteString("name = " + quote(g.Name) + "\n")
	}
	if g.GID != 0 {
		fmt.Fprintf(t, "gid = %d\n", g.GID)
	}
	if g.Label != g.Name || p.RingLabels == "seed" {
		t.WriteString("label = " + quote(g.Label) + "\n")
	}
	if g.Weight != 1 {
		fmt.Fprintf(t, "weight = %d\n", g.Weight)
	}
	if !g.inOrder() {
		var lines []string
		for _, s := range g.Servers {
			lines = append(lines, s.line(g.GID, g.Weight))
		}
		t.WriteString("servers = " + texts(lines) + "\n")
		return
	}
	t.members("master", g, RoleMaster)
	t.members("secondary", g, RoleSecondary)
	t.members("replicas", g, RoleReplica)
}

// inOrder tells whether master, secondary and replicas say all that the members are.
func (g *Group) inOrder() bool {
	rank := func(s Server) int { return slices.Index([]byte{RoleMaster, RoleSecondary, RoleReplica}, s.Role) }
	byRank := func(a, b Server) int { return rank(a) - rank(b) }
	heavy := func(s Server) bool { return s.Weight != 1 }
	return !slices.ContainsFunc(g.Servers, heavy) && slices.IsSortedFunc(g.Servers, byRank)
}

// members writes the members of one role.
func (t *writer) members(key string, g *Group, role byte) {
	var items []string
	for _, s := range g.Servers {
		if s.Role == role {
			items = append(items, s.address())
		}
	}
	switch {
	case len(items) == 0:
	case role == RoleMaster:
		t.WriteString(key + " = " + quote(items[0]) + "\n")
	default:
		t.WriteString(key + " = " + texts(items) + "\n")
	}
}

// address writes a server as parseMember reads it.
func (s Server) address() string {
	if s.Name == "" {
		return s.Addr
	}
	return s.Addr + " " + s.Name
}

// plain writes a server as twemproxy's line.
func (s Server) plain() string {
	text := fmt.Sprintf("%s:%d", s.Addr, s.Weight)
	if s.Name != "" {
		text += " " + s.Name
	}
	return text
}
