package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"huntaway/perf/bench/rig"
)

// A proxy is one huntaway. Owner: the case.
type proxy struct {
	*rig.Child
	name   string     // such as p1
	launch rig.Launch // how it was started
}

// startProxy starts the program in front of all groups.
func (f *field) startProxy(ctx context.Context, name string) (*proxy, error) {
	where := f.place(len(f.proxies))
	ports, err := where.ports(2)
	if err != nil {
		return nil, err
	}
	p := &proxy{name: name}
	l := rig.Launch{Addr: where.at(ports[0]), Admin: where.at(ports[1]), Namespace: where.namespace}
	if l.Path, err = filepath.Abs(f.plan.program); err != nil {
		return nil, fmt.Errorf("looking for the program: %w", err)
	}
	state := filepath.Join(f.dir, name+"-state")
	if err := os.MkdirAll(state, 0o700); err != nil {
		return nil, fmt.Errorf("making a state directory: %w", err)
	}
	file, err := f.rig.WriteFile(name+".toml", f.toml(p, l, state))
	if err != nil {
		return nil, fmt.Errorf("writing the configuration of %s: %w", name, err)
	}
	l.Args, l.Env = []string{"run", "-c", file}, f.plan.env
	p.launch = l
	p.Child, err = f.rig.Start(ctx, f.within(l, "resolv.conf", "/etc/resolv.conf"))
	return p, err
}

// toml is the configuration of a proxy.
func (f *field) toml(p *proxy, l rig.Launch, state string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[admin]\nhttp = %q\n\n[runtime]\nevent_loops = 2\nstate_dir = %q\n\n", l.Admin, state)
	fmt.Fprintf(&b, "[pools.main]\nlisten = %q\nhash_tag = \"{}\"\ntimeout = \"1s\"\n", l.Addr)
	fmt.Fprintf(&b, "read_policy = \"prefer-replica\"\nread_your_writes = true\nfailover = %q\n", f.plan.mode)
	if f.plan.mode == "sentinel" {
		var all []string
		for _, s := range f.sentinels {
			at := s.Addr
			if s.wire != nil && p.name == "p2" {
				at = s.wire.addr
			}
			all = append(all, strconv.Quote(at))
		}
		fmt.Fprintf(&b, "sentinels = [%s]\n", strings.Join(all, ", "))
	}
	for _, line := range f.plan.pool {
		fmt.Fprintln(&b, line)
	}
	for _, g := range f.groups {
		fmt.Fprintf(&b, "\n[[pools.main.groups]]\nname = %q\nmaster = %q\n", g.name, g.servers[0].at)
		if len(g.servers) > 1 {
			fmt.Fprintf(&b, "secondary = %q\n", g.servers[1].at)
		}
		for i, s := range g.servers[min(2, len(g.servers)):] {
			fmt.Fprintf(&b, "%s%q", []string{"replicas = [", ", "}[min(i, 1)], s.at)
		}
		if len(g.servers) > 2 {
			b.WriteString("]\n")
		}
	}
	return b.String()
}

// page fetches one of the admin pages.
func (p *proxy) page(path string) ([]byte, error) {
	c := http.Client{Timeout: 3 * time.Second}
	r, err := c.Get("http://" + p.Admin + path)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %s", path, r.Status, text)
	}
	return text, err
}

// into fetches a page of JSON.
func (p *proxy) into(path string, v any) error {
	text, err := p.page(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, v)
}

// metric returns the sum of all samples of a metric whose labels contain the given text.
func (p *proxy) metric(name, labels string) (sum float64) {
	text, err := p.page("/metrics")
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(text)) {
		rest, ok := strings.CutPrefix(line, name)
		if !ok || rest[0] != ' ' && rest[0] != '{' || !strings.Contains(rest, labels) {
			continue
		}
		number := rest[strings.LastIndexByte(strings.TrimSpace(rest), ' ')+1:]
		if v, err := strconv.ParseFloat(strings.TrimSpace(number), 64); err == nil {
			sum += v
		}
	}
	return sum
}

// processState returns the letter that /proc has for a process's state; 0 when it is gone.
func processState(pid int) byte {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	if rest == "" {
		return 0
	}
	return rest[0]
}

// usage is what a process holds.
type usage struct {
	files      int
	goroutines int
	bytes      int64 // resident
}

// usage reads what the proxy's process holds now.
func (p *proxy) usage() (u usage) {
	if fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.PID())); err == nil {
		u.files = len(fds)
	}
	if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.PID())); err == nil {
		var size, resident int64
		if _, err := fmt.Sscan(string(text), &size, &resident); err == nil {
			u.bytes = resident * int64(os.Getpagesize())
		}
	}
	u.goroutines = int(p.metric("go_goroutines", ""))
	return u
}
