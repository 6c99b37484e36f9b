package loop_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"huntaway/loop"
	"huntaway/perf/bench/rig"
)

// A victim is a client that reads its own value again and again, to see what others do to it.
type victim struct {
	over  atomic.Bool
	done  chan error
	asked atomic.Int64
}

// watchOver starts a victim on the stage.
func watchOver(t *testing.T, st *stage) *victim {
	t.Helper()
	c := st.dial()
	c.want(t, "OK", "SET", "victim", "mine")
	v := &victim{done: make(chan error, 1)}
	go func() { v.done <- v.look(c) }()
	eventually(t, "the victim is served", func() bool { return v.asked.Load() > 10 })
	return v
}

func (v *victim) look(c *client) error {
	for !v.over.Load() {
		if got, err := c.do("GET", "victim"); err != nil || got != "mine" {
			return fmt.Errorf("the victim got %.200q, %v; want its value", got, err)
		}
		v.asked.Add(1)
	}
	return nil
}

// unhurt ends the victim and fails the test when it has had a wrong reply, or when a link
// to a server was lost.
func (v *victim) unhurt(t *testing.T, st *stage, servers ...*rig.Child) {
	t.Helper()
	v.over.Store(true)
	if err := <-v.done; err != nil {
		t.Error(err)
	}
	for _, server := range servers {
		if s := st.server(server.Addr); s.Desyncs+s.Errs+s.EOF+s.Stalls > 0 {
			t.Errorf("got %d desyncs and %d lost links; want none", s.Desyncs, s.Errs+s.EOF+s.Stalls)
		}
	}
}

// nested is a script whose reply is n arrays in each other; width is how many elements each has.
func nested(n, width int) string {
	return fmt.Sprintf("local r={} local t=r for i=1,%d do for j=1,%d do t[j]=j end t[%d]={} t=t[%d] end return r", n, width-1, width, width)
}

// TestLinksOutliveHonestReplies: whatever a server can say is framed as it says it, and
// nobody's link is lost over it.
func TestLinksOutliveHonestReplies(t *testing.T) {
	servers := startServers(t, 2)
	st := play(t, scene{groups: alone(servers[1]), options: loop.PoolOptions{AdminCommands: true}})
	v := watchOver(t, st)
	long := "string.rep('x', 70000)"
	for _, hello := range []string{"2", "3"} {
		p := newPair(t, st, servers[0], hello)
		p.agree(t, []string{"EVAL", "#!lua \"flags=a\\rb\"\nreturn 1", "0"}, []string{"EVAL", "#!lua \"flags=\\r\\r\\ra\\r\"\nreturn 1", "0"},
			[]string{"EVAL_RO", "#!lua \"\\r=a\"\nreturn 1", "0"}, []string{"SCRIPT", "LOAD", "#!\"lua\\r\" flags=a\nreturn 1"},
			[]string{"FUNCTION", "LOAD", "#!\"lua\\rx\" name=x\nreturn 1"}, []string{"PING"})
		p.agree(t, []string{"EVAL", "return redis.status_reply(" + long + ")", "0"}, []string{"EVAL", "return {err=" + long + "}", "0"},
			[]string{"EVAL", "error(" + long + ")", "0"}, []string{"EVAL", "return {ok=string.rep('y', 3000000)}", "0"},
			[]string{"EVAL", "return redis.error_reply(string.rep('z', 3000000))", "0"}, []string{"EVAL", "return {{err=" + long + "}, 1}", "0"},
			[]string{"EVAL", "#!lua flags=" + strings.Repeat("f", 70000) + "\nreturn 1", "0"},
			[]string{"DEBUG", "ERROR", strings.Repeat("e", 70000)}, []string{"PING"})
		p.agree(t, []string{"EVAL", nested(130, 1), "0"}, []string{"EVAL", nested(7900, 1), "0"}, []string{"EVAL", nested(1500, 3), "0"},
			[]string{"EVAL", "local a={}; a[1]=a; return a", "0"}, []string{"EVAL", "local a={1,2}; a[2]=a; a[3]=4; return a", "0"}, []string{"PING"})
		p.agree(t, []string{"EVAL", "local t={} for i=1,200000 do t[i]='' end return t", "0"}, []string{"PING"})
	}
	v.unhurt(t, st, servers[1])
}

// TestLongErrorsTeachNothing: an error that is passed on as it comes says as little of its
// script as a short one does.
func TestLongErrorsTeachNothing(t *testing.T) {
	servers := startServers(t, 1)
	st := play(t, scene{groups: alone(servers...)})
	c := st.dial()
	broken := "#!lua flags=" + strings.Repeat("f", 70000) + "\nreturn 1"
	if got := c.must(t, "EVAL", broken, "0"); !strings.HasPrefix(got, "-ERR Unexpected flag") {
		t.Errorf("got %.80q; want the flag refused", got)
	}
	c.want(t, noScript, "EVALSHA", sha(broken), "0")
	fails := "error(string.rep('x', 70000))"
	for range 2 {
		if got := c.must(t, "EVAL", fails, "0"); len(got) < 70000 || got[0] != '-' {
			t.Errorf("got %.80q; want a long error", got)
		}
	}
	if got := c.must(t, "EVALSHA", sha(fails), "0"); len(got) < 70000 {
		t.Errorf("got %.80q; want the long error of the script", got)
	}
}

// TestPushFramesOfAServer: an operator has a real server push, and gets it with the reply;
// nobody else's reply is moved by it.
func TestPushFramesOfAServer(t *testing.T) {
	servers := startServers(t, 1)
	st := play(t, scene{groups: alone(servers...), engine: loop.Options{Workers: 1}, options: loop.PoolOptions{AdminCommands: true}})
	operator, victim := st.dial(), st.dial()
	for _, c := range []*client{operator, victim} {
		if err := c.send(rig.AppendCommand(nil, "HELLO", "3")); err != nil {
			t.Fatal(err)
		}
		c.frame(t, true)
	}
	for i := range 50 {
		if err := operator.send(rig.AppendCommand(rig.AppendCommand(nil, "DEBUG", "PROTOCOL", "PUSH"), "PING")); err != nil {
			t.Fatal(err)
		}
		victim.want(t, "OK", "SET", "k", fmt.Sprint(i))
		victim.want(t, fmt.Sprint(i), "GET", "k")
		for _, begins := range []string{">2\r\n", "$40\r\nSome real reply", "+PONG"} {
			if got, _ := operator.frame(t, true); !strings.HasPrefix(got, begins) {
				t.Fatalf("got %q; want %q", got, begins)
			}
		}
	}
	if s := st.server(servers[0].Addr); s.Desyncs+s.Mended > 0 {
		t.Errorf("got %d desyncs, %d mended; want none", s.Desyncs, s.Mended)
	}
}
