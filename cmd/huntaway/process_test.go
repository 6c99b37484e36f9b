package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// patience is how long a test waits for what must come.
const patience = 2 * time.Minute

// A process is a huntaway that a test started, and what it has said so far.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended

	mu   sync.Mutex // guards said
	said bytes.Buffer
}

// start runs the program in the background. It does not outlive the test.
func start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p, p
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { cmd.Wait(); close(p.done) }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Logf("%v said:\n%s", cmd.Args, p.text())
		}
	})
	return p
}

// running starts a proxy of a configuration whose log is JSON, and waits until it serves.
func running(t *testing.T, file string) *process {
	t.Helper()
	p := start(t, program(t, "run", "-c", file))
	p.says(`"msg":"ready"`)
	return p
}

// Write keeps what the process says.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.Write(b)
}

// text returns what the process has said.
func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

// says waits until the process has said something.
func (p *process) says(words string) {
	p.t.Helper()
	eventually(p.t, fmt.Sprintf("%q in the output", words), func() bool {
		select {
		case <-p.done:
			if !strings.Contains(p.text(), words) {
				p.t.Fatalf("the process ended and had not said %q", words)
			}
		default:
		}
		return strings.Contains(p.text(), words)
	})
}

// signal sends a signal.
func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// ends waits for the end and checks the status.
func (p *process) ends(status int) {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatal("the process has not ended")
	}
	if got := p.cmd.ProcessState.ExitCode(); got != status {
		p.t.Errorf("exit status %d; want %d", got, status)
	}
}

// eventually polls until what holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if holds() {
			return
		}
		<-time.After(10 * time.Millisecond)
	}
	t.Fatalf("waited %v for %s", patience, what)
}

// troupe starts redis-server processes for the test: groups of master, secondary, replica.
func troupe(t *testing.T) *cast {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("SKIPPED LOUDLY: no redis-server on PATH; the program is not tested over real servers")
	}
	c, err := castProcesses(context.Background(), program, t.TempDir())
	if c != nil {
		t.Cleanup(c.stop)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// client returns a client of an address, "host:port" or "/path".
func client(t *testing.T, addr string) *redis.Client {
	t.Helper()
	network := "tcp"
	if strings.HasPrefix(addr, "/") {
		network = "unix"
	}
	c := redis.NewClient(&redis.Options{Network: network, Addr: addr, MaxRetries: -1, DisableIdentity: true, Protocol: 2,
		DialTimeout: time.Minute, ReadTimeout: time.Minute, WriteTimeout: time.Minute, // a busy machine is no fault of the proxy
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}})
	t.Cleanup(func() { c.Close() })
	return c
}

// roundTrip writes a value and reads it back.
func roundTrip(t *testing.T, c *redis.Client, key string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.Set(ctx, key, "v:"+key, 0).Err(); err != nil {
		t.Errorf("SET %s: %v", key, err)
	}
	if got, err := c.Get(ctx, key).Result(); err != nil || got != "v:"+key {
		t.Errorf("GET %s = %q, %v; want what was written", key, got, err)
	}
}

// page fetches a page and returns its status and its text; 0 when nobody answers.
func page(t *testing.T, url string) (status int, text string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(body)
}

// given are the addresses that free has returned: the kernel may offer one again as soon as the
// listener that found it is closed.
var given sync.Map

// free returns a loopback address that nobody listens on at the moment, and another one at each
// call.
func free(t *testing.T) string {
	t.Helper()
	for {
		addr, err := freeAddress()
		if err != nil {
			t.Fatal(err)
		}
		if _, again := given.LoadOrStore(addr, true); !again {
			return addr
		}
	}
}

// dials tells whether somebody listens.
func dials(addr string) bool {
	conn, err := net.Dial("tcp", addr)
	if err == nil {
		conn.Close()
	}
	return err == nil
}
