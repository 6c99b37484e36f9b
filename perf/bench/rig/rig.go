package rig

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
)

// A Rig owns a scratch directory and the processes started in it.
type Rig struct {
	dir      string     // removed by Close
	mu       sync.Mutex // guards children
	children []*Child   // in the order of their start
}

// New makes a Rig with an empty scratch directory.
func New() (*Rig, error) {
	dir, err := os.MkdirTemp("", "huntaway-rig-")
	if err != nil {
		return nil, fmt.Errorf("making a scratch directory: %w", err)
	}
	return &Rig{dir: dir}, nil
}

// Start launches a process and returns once it answers PING. The error carries the end of
// the process's log.
func (r *Rig) Start(ctx context.Context, l Launch) (*Child, error) {
	c := &Child{Addr: l.Addr, Admin: l.Admin, launch: l}
	r.mu.Lock()
	c.log = filepath.Join(r.dir, fmt.Sprintf("%s-%d.log", filepath.Base(l.Path), len(r.children)))
	r.children = append(r.children, c)
	r.mu.Unlock()
	return c, c.start(ctx)
}

// Close ends every process, the newest first, and removes the scratch directory.
func (r *Rig) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := len(r.children) - 1; i >= 0; i-- {
		r.children[i].Stop()
	}
	r.children = nil
	return os.RemoveAll(r.dir)
}

// WriteFile puts a file into the scratch directory and returns its path.
func (r *Rig) WriteFile(name, text string) (string, error) {
	path := filepath.Join(r.dir, name)
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// FreePorts returns n distinct TCP ports of 127.0.0.1 that nobody listens on. They are
// free when it returns; whoever is slow may lose one to another program.
func FreePorts(n int) ([]int, error) {
	ports := make([]int, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("looking for a free port: %w", err)
		}
		defer l.Close()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

// retried starts a process up to three times, on new ports each time: between choosing a
// port and listening on it, another program may have taken it.
func retried(ports int, start func(ports []int) (*Child, error)) (*Child, error) {
	var all error
	for range 3 {
		free, err := FreePorts(ports)
		if err != nil {
			return nil, err
		}
		c, err := start(free)
		if err == nil {
			return c, nil
		}
		all = errors.Join(all, err)
		if !errors.Is(err, errEnded) {
			break
		}
	}
	return nil, all
}
