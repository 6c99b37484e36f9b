package loop_test

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"huntaway/perf/bench/rig"
)

// playBlocking sets a stage of one group.
func playBlocking(t testing.TB, change func(*scene)) (*stage, *rig.Child) {
	t.Helper()
	server := startServers(t, 1)[0]
	sc := scene{groups: alone(server)}
	sc.options.Timeout = patience
	if change != nil {
		change(&sc)
	}
	return play(t, sc), server
}

// hasty makes the pool's timeout far shorter than what clients wait for.
func hasty(sc *scene) {
	sc.options.Timeout = 80 * time.Millisecond
	sc.options.ConnectTimeout = patience
}

// begin sends a command whose reply is read later.
func (c *client) begin(t testing.TB, args ...string) {
	t.Helper()
	if err := c.send(rig.AppendCommand(nil, args...)); err != nil {
		t.Fatal(err)
	}
}

// hears reads one reply and compares it, framing included.
func (c *client) hears(t testing.TB, want string) {
	t.Helper()
	got, err := c.reply()
	if err != nil || string(got) != want {
		t.Fatalf("got %q, %v; want %q", got, err, want)
	}
}

// blockedAt asks a server how many clients wait there.
func blockedAt(t testing.TB, addr string) int {
	t.Helper()
	return infoNumber(t, addr, "clients", "blocked_clients:")
}

// infoNumber reads a number of a server's INFO.
func infoNumber(t testing.TB, addr, section, name string) int {
	t.Helper()
	c := reach(t, addr)
	defer c.conn.Close()
	_, rest, found := strings.Cut(c.must(t, "INFO", section), "\n"+name)
	line, _, _ := strings.Cut(rest, "\r\n")
	n, err := strconv.Atoi(line)
	if !found || err != nil {
		t.Fatalf("INFO %s of %s has no number %q", section, addr, name)
	}
	return n
}

// reach connects to an address.
func reach(t testing.TB, addr string) *client {
	t.Helper()
	c, err := connectTo("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// awaitBlocked waits until so many clients wait at the server.
func awaitBlocked(t testing.TB, addr string, want int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d clients wait at the server", want), func() bool { return blockedAt(t, addr) == want })
}

func TestBlockedClientIsServed(t *testing.T) {
	st, server := playBlocking(t, nil)
	waiting, other := st.dial(), st.dial()
	for _, one := range []struct{ wait, push, want string }{
		{"BLPOP l 0", "RPUSH l a", "*2\r\n$1\r\nl\r\n$1\r\na\r\n"},
		{"BRPOP nil l 20", "RPUSH l b", "*2\r\n$1\r\nl\r\n$1\r\nb\r\n"},
		{"BLMOVE l m LEFT RIGHT 0", "RPUSH l c", "$1\r\nc\r\n"},
		{"BRPOPLPUSH l m 0", "RPUSH l d", "$1\r\nd\r\n"},
		{"BLMPOP 0 1 l LEFT", "RPUSH l e", "*2\r\n$1\r\nl\r\n*1\r\n$1\r\ne\r\n"},
		{"BZPOPMIN z 0", "ZADD z 1 f", "*3\r\n$1\r\nz\r\n$1\r\nf\r\n$1\r\n1\r\n"},
		{"BZPOPMAX z 0", "ZADD z 1 g", "*3\r\n$1\r\nz\r\n$1\r\ng\r\n$1\r\n1\r\n"},
		{"BZMPOP 0 1 z MIN", "ZADD z 1 h", "*2\r\n$1\r\nz\r\n*1\r\n*2\r\n$1\r\nh\r\n$1\r\n1\r\n"},
		{"XREAD BLOCK 0 STREAMS x $", "XADD x 1-1 k v", "*1\r\n*2\r\n$1\r\nx\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nk\r\n$1\r\nv\r\n"},
	} {
		waiting.begin(t, strings.Fields(one.wait)...)
		awaitBlocked(t, server.Addr, 1)
		other.must(t, strings.Fields(one.push)...)
		waiting.hears(t, one.want)
	}
	if got := st.server(server.Addr).Connects; got > 4 {
		t.Errorf("got %d connections to the server; want no more than a shared and a private link per worker", got)
	}
	eventually(t, "nobody is blocked", func() bool { return st.counters().Blocked == 0 })
}

func TestBlockedClientTimesOut(t *testing.T) {
	st, _ := playBlocking(t, hasty)
	c := st.dial()
	c.want(t, "*-1\r\n", "BLPOP", "l", "0.3") // far over the pool's timeout
	c.want(t, "*-1\r\n", "BLMOVE", "l", "m", "LEFT", "LEFT", "0.1")
	c.want(t, "*-1\r\n", "XREAD", "BLOCK", "100", "STREAMS", "x", "$")
	c.want(t, "-ERR timeout is not a float or out of range", "BLPOP", "l", "soon")
	c.want(t, "-ERR timeout is negative", "BLPOP", "l", "-1")
	c.want(t, "PONG", "PING")
	if n := st.counters().TimedOut; n != 0 {
		t.Errorf("got %d requests timed out by the proxy; want 0", n)
	}
}

func TestBlockedInRESP3(t *testing.T) {
	st, server := playBlocking(t, nil)
	c, other := st.dial(), st.dial()
	c.begin(t, "HELLO", "3")
	if line, err := c.in.ReadString('\n'); err != nil || line[0] != '%' {
		t.Fatalf("HELLO 3 = %q, %v; want a map", line, err)
	}
	c.begin(t, "BLPOP", "l", "0.1")
	c.begin(t, "ECHO", "end")
	want := "_\r\n$3\r\nend\r\n"
	got := c.until(t, "end\r\n")
	if !strings.HasSuffix(got, want) {
		t.Fatalf("got %q; want it to end in %q", got, want)
	}
	c.begin(t, "BZPOPMIN", "z", "0")
	awaitBlocked(t, server.Addr, 1)
	other.must(t, "ZADD", "z", "1.5", "m")
	if got, want := c.until(t, ",1.5\r\n"), "*3\r\n$1\r\nz\r\n$1\r\nm\r\n,1.5\r\n"; got != want {
		t.Fatalf("got %q; want %q", got, want)
	}
}

// until reads up to the end given.
func (c *client) until(t testing.TB, end string) string {
	t.Helper()
	var got []byte
	for !bytes.HasSuffix(got, []byte(end)) {
		b, err := c.in.ReadByte()
		if err != nil {
			t.Fatalf("got %q, %v; want %q at the end", got, err, end)
		}
		got = append(got, b)
	}
	return string(got)
}

func TestBlockedManyHinderNobody(t *testing.T) {
	const many = 200
	st, server := playBlocking(t, func(sc *scene) { sc.engine.Workers = 1 })
	waiting := make([]*client, many)
	for i := range waiting {
		waiting[i] = st.dial()
		waiting[i].begin(t, "BLPOP", "l"+strconv.Itoa(i), "0")
	}
	awaitBlocked(t, server.Addr, many)
	eventually(t, "all are counted", func() bool { return st.counters().Blocked == many })
	other := st.dial()
	other.want(t, "OK", "SET", "k", "v")
	for range 2000 {
		other.want(t, "v", "GET", "k")
	}
	if got := other.must(t, "INFO", "clients"); !strings.Contains(got, "\r\nblocked_clients:200\r\n") {
		t.Errorf("INFO clients = %q; want blocked_clients:200", got)
	}
	for i := range waiting {
		other.want(t, "1", "RPUSH", "l"+strconv.Itoa(i), "x")
	}
	for i, c := range waiting {
		key := "l" + strconv.Itoa(i)
		c.hears(t, fmt.Sprintf("*2\r\n$%d\r\n%s\r\n$1\r\nx\r\n", len(key), key))
	}
	awaitBlocked(t, server.Addr, 0)
}

func TestBlockedClientThatGoes(t *testing.T) {
	st, server := playBlocking(t, nil)
	halves := []func(*client){
		func(c *client) { c.conn.Close() },
		func(c *client) { _ = c.conn.(interface{ CloseWrite() error }).CloseWrite() },
	}
	for _, leave := range halves {
		c := st.dial()
		c.begin(t, "BLPOP", "l", "0")
		awaitBlocked(t, server.Addr, 1)
		leave(c)
		awaitBlocked(t, server.Addr, 0)
	}
	c := st.dial()
	c.begin(t, "BLPOP", "l", "0")
	awaitBlocked(t, server.Addr, 1)
	id := blockedID(t, st)
	st.dial().want(t, "1", "CLIENT", "KILL", "ID", id)
	awaitBlocked(t, server.Addr, 0)
	eventually(t, "nobody is blocked", func() bool { return st.counters().Blocked == 0 })
}

// blockedID returns the ID of a client whose last command was BLPOP.
func blockedID(t testing.TB, st *stage) string {
	t.Helper()
	c := st.dial()
	defer c.conn.Close()
	for line := range strings.Lines(c.must(t, "CLIENT", "LIST")) {
		if strings.Contains(line, "cmd=blpop") {
			id, _, _ := strings.Cut(strings.TrimPrefix(line, "id="), " ")
			return id
		}
	}
	t.Fatal("CLIENT LIST shows nobody in BLPOP")
	return ""
}

func TestBlockedClientIsUnblocked(t *testing.T) {
	st, server := playBlocking(t, nil)
	c, other := st.dial(), st.dial()
	id := c.must(t, "CLIENT", "ID")
	for _, one := range []struct{ reason, want string }{
		{"", "*-1\r\n"},
		{"timeout", "*-1\r\n"},
		{"ERROR", "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n"},
	} {
		c.begin(t, "BLPOP", "l", "0")
		awaitBlocked(t, server.Addr, 1)
		other.want(t, "1", strings.Fields("CLIENT UNBLOCK "+id+" "+one.reason)...)
		c.hears(t, one.want)
	}
	other.want(t, "0", "CLIENT", "UNBLOCK", id)
	other.want(t, "0", "CLIENT", "UNBLOCK", "987654321")
	other.want(t, "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR", "CLIENT", "UNBLOCK", id, "now")
	other.want(t, "-ERR value is not an integer or out of range", "CLIENT", "UNBLOCK", "x")
	c.want(t, "PONG", "PING")
}

func TestBlockedLimit(t *testing.T) {
	st, server := playBlocking(t, func(sc *scene) {
		sc.engine.Workers = 1
		sc.options.Limits.PrivateLinks, sc.options.Limits.LinksPerAddress = 2, 2
	})
	a, b, c := st.dial(), st.dial(), st.dial()
	a.begin(t, "BLPOP", "l", "0")
	awaitBlocked(t, server.Addr, 1)
	b.begin(t, "BLPOP", "l", "0")
	awaitBlocked(t, server.Addr, 2)
	c.want(t, "-ERR max number of blocked clients reached, see limits.private_links and links_per_address", "BLPOP", "l", "0")
	c.want(t, "2", "RPUSH", "l", "x", "y")
	a.hears(t, "*2\r\n$1\r\nl\r\n$1\r\nx\r\n")
	b.hears(t, "*2\r\n$1\r\nl\r\n$1\r\ny\r\n")
	c.want(t, "*-1\r\n", "BLPOP", "l", "0.05")
}

func TestBlockedAcrossGroups(t *testing.T) {
	servers := startServers(t, 2)
	st := play(t, scene{groups: alone(servers...)})
	c, other := st.dial(), st.dial()
	k0, k1 := st.keyOf(0, "k"), st.keyOf(1, "k")
	c.want(t, "-CROSSSLOT Keys in request don't hash to the same slot", "BLPOP", k0, k1, "0")
	c.want(t, "-CROSSSLOT Keys in request don't hash to the same slot", "XREAD", "BLOCK", "0", "STREAMS", k0, k1, "0", "0")
	for i, key := range []string{k0, k1} {
		c.begin(t, "BLPOP", key, "0")
		awaitBlocked(t, servers[i].Addr, 1)
		other.must(t, "RPUSH", key, "v")
		c.hears(t, fmt.Sprintf("*2\r\n$%d\r\n%s\r\n$1\r\nv\r\n", len(key), key))
	}
}

// TestBlockedLoseNothing: producers push, consumers wait for what they push, and the waits
// are ended all the time. Everything that was pushed is popped by exactly one.
func TestBlockedLoseNothing(t *testing.T) {
	const producers, consumers, each = 20, 20, 100
	st, server := playBlocking(t, nil)
	var ids sync.Map
	popped := make([][]string, consumers)
	stop := make(chan struct{})
	var ended sync.WaitGroup
	for i := range consumers {
		ended.Go(func() {
			var err error
			if popped[i], err = consume(st, stop, &ids, i); err != nil {
				t.Error(err)
			}
		})
	}
	quiet := make(chan struct{})
	var waker sync.WaitGroup
	waker.Go(func() { wake(t, st, &ids, quiet) })
	if err := together(producers, func(i int) error { return produce(st, i, each) }); err != nil {
		t.Error(err)
	}
	c := st.dial()
	eventually(t, "the list is empty", func() bool { return c.must(t, "LLEN", "work") == "0" })
	close(quiet)
	waker.Wait()
	close(stop)
	ended.Wait()
	sameElements(t, slices.Concat(popped...), producers, each)
	awaitBlocked(t, server.Addr, 0)
}

// sameElements checks that what was popped is what was pushed, each element once.
func sameElements(t *testing.T, got []string, producers, each int) {
	t.Helper()
	var want []string
	for i := range producers {
		for j := range each {
			want = append(want, fmt.Sprintf("%d-%d", i, j))
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got %d elements popped; want each of %d once", len(got), len(want))
	}
}

// produce pushes elements that nobody else does.
func produce(st *stage, i, each int) error {
	c, err := st.connect()
	if err != nil {
		return err
	}
	defer c.conn.Close()
	for j := range each {
		if got, err := c.do("RPUSH", "work", fmt.Sprintf("%d-%d", i, j)); err != nil || got[0] == '-' {
			return fmt.Errorf("RPUSH = %q, %v", got, err)
		}
	}
	return nil
}

// consume pops until it is told to stop and finds nothing any more.
func consume(st *stage, stop chan struct{}, ids *sync.Map, i int) (all []string, err error) {
	c, err := st.connect()
	if err != nil {
		return nil, err
	}
	defer c.conn.Close()
	id, err := c.do("CLIENT", "ID")
	if err != nil {
		return nil, err
	}
	ids.Store(i, id)
	for {
		got, err := c.do("BLPOP", "work", "0.2")
		switch {
		case err != nil:
			return all, err
		case strings.HasPrefix(got, "*2"):
			all = append(all, strings.Split(got, "\r\n")[4])
		case got != "*-1\r\n" && !strings.HasPrefix(got, "-UNBLOCKED"):
			return all, fmt.Errorf("BLPOP = %q", got)
		default:
			select {
			case <-stop:
				return all, nil
			default:
			}
		}
	}
}

// wake ends waits at random.
func wake(t *testing.T, st *stage, ids *sync.Map, stop chan struct{}) {
	c, err := st.connect()
	if err != nil {
		t.Error(err)
		return
	}
	defer c.conn.Close()
	ended := 0
	for {
		ids.Range(func(_, id any) bool {
			reason := [...]string{"TIMEOUT", "ERROR"}[ended%2]
			got, err := c.do("CLIENT", "UNBLOCK", id.(string), reason)
			if err != nil || got != "0" && got != "1" {
				t.Errorf("CLIENT UNBLOCK = %q, %v; want 0 or 1", got, err)
				return false
			}
			ended++
			return true
		})
		select {
		case <-stop:
			return
		default:
		}
	}
}

// TestBlockedAreServedInOrder: who blocks when INFO says that another one is blocked is served
// after that one, and what is pushed then reaches it, also over links that are made anew.
func TestBlockedAreServedInOrder(t *testing.T) {
	st, _ := playBlocking(t, nil)
	asker := st.dial()
	blockedClients := func(want string) {
		eventually(t, want+" blocked clients", func() bool {
			return strings.Contains(asker.must(t, "INFO", "clients"), "\nblocked_clients:"+want+"\r\n")
		})
	}
	for i := range 20 {
		key := "order" + strconv.Itoa(i)
		first, second := st.dial(), st.dial()
		first.begin(t, "BLMPOP", "0", "2", key, "other", "LEFT", "COUNT", "10")
		blockedClients("1")
		second.begin(t, "BLMPOP", "0", "2", key, "other", "LEFT", "COUNT", "10")
		blockedClients("2")
		asker.must(t, "RPUSH", key, "a")
		first.hears(t, "*2\r\n$"+strconv.Itoa(len(key))+"\r\n"+key+"\r\n*1\r\n$1\r\na\r\n")
		asker.must(t, "RPUSH", key, "b")
		second.hears(t, "*2\r\n$"+strconv.Itoa(len(key))+"\r\n"+key+"\r\n*1\r\n$1\r\nb\r\n")
		blockedClients("0")
	}
}
