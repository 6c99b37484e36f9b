package loop

import (
	"net"
	"testing"

	"huntaway/codec"
	"huntaway/shard"
)

// TestGatherOnEventLoops asks for what takes a word of every worker where the workers are
// event loops of their own: the race detector is the judge of what they hand over.
func TestGatherOnEventLoops(t *testing.T) {
	const clients = 6
	p, addr := startEngine(t, 3)
	all := make([]redisConn, clients)
	for i := range all {
		all[i] = dialRedis(t, addr)
		all[i].say(t, []string{"CLIENT", "SETNAME", "c" + decimal(i)})
	}
	if got := rows(t, all[0].say(t, []string{"CLIENT", "LIST"})); len(got) != clients {
		t.Errorf("LIST: got %d clients; want %d", len(got), clients)
	}
	_, fields := sectionsOf(t, all[1].say(t, []string{"INFO"}))
	if got := fields["total_commands_processed"]; got != decimal(clients+2) {
		t.Errorf("INFO: got %s commands; want %d", got, clients+2)
	}
	if got, want := all[2].say(t, []string{"CLIENT", "KILL", "TYPE", "normal"}), ":5\r\n"; got != want {
		t.Errorf("KILL: got %q; want %q", got, want)
	}
	for i, c := range all {
		if i == 2 {
			continue
		}
		if reply, err := c.reply(); err == nil {
			t.Errorf("client %d: got %q after KILL; want a closed connection", i, reply)
		}
	}
	if got, want := all[2].say(t, []string{"PING"}), "+PONG\r\n"; got != want {
		t.Errorf("who asked: got %q; want %q", got, want)
	}
	if got := rows(t, all[2].say(t, []string{"CLIENT", "LIST"})); len(got) != 1 || got[0]["name"] != "c2" {
		t.Errorf("LIST after KILL: got %v; want c2 alone", got)
	}
	if n := p.clients.Load(); n != 1 {
		t.Errorf("got %d clients counted after KILL; want 1", n)
	}
}

// startEngine serves one pool, whose servers do not exist, on a free port.
func startEngine(t *testing.T, workers int) (p *Pool, addr string) {
	t.Helper()
	e, err := New(Options{Workers: workers})
	if err != nil {
		t.Fatal(err)
	}
	p, err = e.AddPool(PoolOptions{Name: "alpha", Commands: codec.Default(), Table: testTable(t,
		shard.Group{Name: "g1", Servers: []shard.Server{{Addr: "127.0.0.1:1", Role: shard.Master, Weight: 1}}})})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- p.Serve(ln) }()
	t.Cleanup(func() {
		if err := e.Stop(); err != nil {
			t.Errorf("Stop: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return p, ln.Addr().String()
}
