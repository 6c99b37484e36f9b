package loop

import (
	"strings"
	"testing"

	"huntaway/codec"
)

// A puppet is a worker with one link, whose server answers as the test likes: what EVAL and
// its like get is said by the test, an ECHO gets its word, and everything else its arguments.
type puppet struct {
	*stage
	server *memConn
	l      *link
	forged string // what is said to guarded requests
	asked  int    // guarded requests
	guards int    // ECHOs
	doubts int    // commands that do not exist
	denies string // what ECHO gets instead of its word
	writes int    // by the proxy
}

// newPuppet makes a puppet whose link has been probed.
func newPuppet(t testing.TB) *puppet {
	t.Helper()
	st := newTestWorker(t, PoolOptions{})
	p := &puppet{stage: st, server: st.linkTo(0, 0, 0), forged: "$2\r\nok\r\n"}
	p.l, p.server.echo = st.e.workers[0].pools[0].link(0, 0), nil
	c := p.client(0, 0)
	c.say("EVAL", "return 'ok'", "0")
	if p.talk(0); c.take() != p.forged {
		t.Fatal("the first script of the link got no reply; want one")
	}
	p.forged, p.asked, p.guards = "", 0, 0
	return p
}

// answers takes what the server was sent, and returns what it says to all of it.
func (p *puppet) answers() (said string) {
	p.t.Helper()
	p.run()
	p.writes = p.server.writes
	in := []byte(p.server.take())
	var scan codec.Scanner
	var req codec.Request
	for len(in) > 0 {
		n, err := scan.Next(in, &req, &p.e.pools[0].options().limits)
		if err != nil {
			p.t.Fatalf("the server was sent %q: %v", in, err)
		}
		in = in[n:]
		switch name := string(req.Arg(0)); name {
		case "EVAL", "EVALSHA", "SCRIPT", "FCALL", "FUNCTION", "JSON.GET", "EXEC", "DEBUG":
			said += p.forged
			p.asked++
		case "MULTI", "INCR":
			said += "+QUEUED\r\n"
		case "ECHO":
			said += p.echo(string(req.Arg(1)))
		default:
			if strings.HasPrefix(name, canaryWord) {
				said += "-ERR unknown command '" + name + "', with args beginning with: \r\n"
				p.doubts++
				continue
			}
			said += string(codec.AppendBulk(nil, name+" "+string(req.Arg(1))))
		}
	}
	return said
}

// echo answers a guard.
func (p *puppet) echo(word string) string {
	p.guards++
	if p.denies != "" {
		return p.denies
	}
	return string(codec.AppendBulk(nil, word))
}

// talk lets the server answer until nothing more is asked. All that it says comes in two
// pieces, cut there; it returns how much it was.
func (p *puppet) talk(cut int) (n int) {
	for said := p.answers(); said != ""; said = p.answers() {
		n += len(said)
		first := min(max(cut, 0), len(said))
		if first > 0 {
			p.server.arrive(said[:first])
		}
		if cut -= len(said); first < len(said) && !p.server.closed {
			p.server.arrive(said[first:])
		}
	}
	return n
}

// settled reports whether the link is open, in step and without anything in flight.
func (p *puppet) settled() bool {
	c := &p.l.canary
	return !p.server.closed && !p.l.busy() && c.due.Len() == 0 && c.watch == 0 && p.l.coming.scan.Fresh() &&
		c.matched+c.surplus+c.kept.Len()+p.l.coming.partial.Len() == 0 && !c.doubting && !c.owed
}

// forgeries are what a client may have a server say besides an honest reply, and whether the
// client still gets a reply.
var forgeries = map[string]string{
	"surplus":            "-ERR flag: a\r\n$7\r\nEVIL!!!\r\n+\r\n",
	"surplus of replies": "-ERR flag: a\r\n" + strings.Repeat(":1\r\n", 50) + "\r\n",
	"begins a bulk":      "-ERR flag: a\r\n$22\r\n\r\n",
	"begins an array":    "-ERR flag: a\r\n*9\r\n\r\n",
	"is a long bulk":     "$1000\r\nabc\r\n",
	"is a long array":    "*3\r\n-ERR a\r\n$500\r\nx\r\n",
	"nonsense":           "-ERR a\r\nhello\r\n",
	"nonsense at once":   "hello\r\n",
	"guesses a word":     "-ERR a\r\n$25\r\nhuntaway:0123456789abcdef\r\n",
	"half a word":        "-ERR a\r\n$25\r\nhuntaway:",
	"hides the word":     "-ERR a\r\n$31\r\n",
	"in a line":          "+no end $25\r\nhuntaway",
	"a dollar":           "-ERR a\r\n$$$25\r\n$25",
	"a refusal":          "-ERR a\r\n-BUSY Redis is busy\r\n",
	"the same refusal":   "-BUSY Redis is busy\r\n-BUSY Redis is busy\r\n:1\r\n",
	"nothing":            "",
	"honest":             "$2\r\nok\r\n",
}

// TestGuardKeepsRepliesApart: whatever a client has a server say, cut anywhere, and whether
// the server answers the guard or refuses to, nobody else gets anything of it or loses a
// reply, and the link goes on.
func TestGuardKeepsRepliesApart(t *testing.T) {
	for name, forged := range forgeries {
		for cut := 0; keepsApart(t, name, forged, "", cut); cut++ {
		}
	}
	for name, forged := range map[string]string{"busy": busyReply, "honest": "$2\r\nok\r\n", "failed": "-ERR x\r\n"} {
		for cut := 0; keepsApart(t, name, forged, busyReply, cut); cut++ {
		}
	}
}

// busyReply is what a server says to everything while a script runs for too long.
const busyReply = "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n"

// keepsApart is one case of it; false when cut is over the end of what the server says.
func keepsApart(t *testing.T, name, forged, denies string, cut int) (more bool) {
	t.Helper()
	p := newPuppet(t)
	evil, victim, other := p.client(0, 0), p.client(0, 0), p.client(0, 0)
	p.forged, p.denies = forged, denies
	evil.say("EVAL", "return 1", "0")
	victim.say("GET", "secret")
	other.say("SET", "k", "v")
	more = p.talk(cut) > cut
	if got, want := victim.take(), "$10\r\nGET secret\r\n"; got != want {
		t.Fatalf("%s, %.8q, cut at %d: the victim got %q; want %q", name, denies, cut, got, want)
	}
	if got, want := other.take(), "$5\r\nSET k\r\n"; got != want {
		t.Fatalf("%s, %.8q, cut at %d: the other got %q; want %q", name, denies, cut, got, want)
	}
	if got := evil.take(); got == "" {
		t.Fatalf("%s, %.8q, cut at %d: the client itself got nothing; want a reply", name, denies, cut)
	}
	if !p.settled() {
		t.Fatalf("%s, %.8q, cut at %d: the link is closed or out of order; want neither", name, denies, cut)
	}
	return more
}

// TestGuardInPieces is the same with a byte at a time, in a transaction, and with a reply that
// began to flow before it proved to be a lie: its client is cut off then.
func TestGuardInPieces(t *testing.T) {
	for name, forged := range forgeries {
		p := newPuppet(t)
		p.forged = forged
		evil, victim := p.client(0, 0), p.client(0, 0)
		evil.ask(command("MULTI") + command("INCR", "n") + command("EVAL", "return 1", "0") + command("EXEC"))
		victim.say("GET", "secret")
		for said := p.answers(); said != ""; said = p.answers() {
			for i := range said {
				p.server.arrive(said[i : i+1])
			}
		}
		if got, want := victim.take(), "$10\r\nGET secret\r\n"; got != want || p.server.closed {
			t.Errorf("%s: the victim got %q, closed %v; want %q on a link that goes on", name, got, p.server.closed, want)
		}
	}
	p := newPuppet(t)
	p.forged = "$1000000\r\n" + strings.Repeat("x", 100_000) + "\r\n"
	evil, victim := p.client(0, 0), p.client(0, 0)
	evil.say("EVAL", "return 1", "0")
	victim.say("GET", "secret")
	p.server.arrive(p.answers())
	p.run()
	if got, want := victim.take(), "$10\r\nGET secret\r\n"; got != want || p.server.closed || !evil.closed {
		t.Errorf("the victim got %q, link closed %v, client closed %v; want %q, false, true", got, p.server.closed, evil.closed, want)
	}
	if p.l.count.Mended != 1 || p.l.count.Desyncs != 0 {
		t.Errorf("got %d mended and %d desyncs; want 1 and 0", p.l.count.Mended, p.l.count.Desyncs)
	}
}

// TestGuardStandsBehind: what has a guard, how many, and that it leaves in the same write.
func TestGuardStandsBehind(t *testing.T) {
	for _, tc := range []struct {
		what   string
		said   string
		guards int
	}{
		{"reads and writes", command("GET", "a") + command("SET", "a", "b") + command("DEL", "a"), 0},
		{"a script", command("EVAL", "x", "0"), 1},
		{"scripts in a row", strings.Repeat(command("EVALSHA", strings.Repeat("0", 40), "0")+command("FCALL", "f", "0"), 10), 1},
		{"scripts among others", strings.Repeat(command("EVAL", "x", "0")+command("GET", "a"), 3), 3},
		{"a script to load", command("SCRIPT", "LOAD", "x"), 1},
		{"a function", command("FUNCTION", "LOAD", "x") + command("GET", "a") + command("FUNCTION", "RESTORE", "x"), 2},
		{"harmless ones", command("FUNCTION", "LIST") + command("SCRIPT", "EXISTS", strings.Repeat("0", 40)) + command("RESTORE", "k", "0", "x"), 0},
		{"a module's", command("JSON.GET", "k"), 1},
		{"a transaction", command("MULTI") + command("SET", "a", "b") + command("EXEC"), 0},
		{"a transaction with a script", command("MULTI") + command("SET", "a", "b") + command("EVAL", "x", "0") + command("SET", "a", "b") + command("EXEC"), 1},
	} {
		p := newPuppet(t)
		c := p.client(0, 0)
		before := p.server.writes
		c.arrive(tc.said)
		p.answers()
		if p.guards != tc.guards || p.writes-before != 1 {
			t.Errorf("%s: got %d guards in %d writes; want %d in one", tc.what, p.guards, p.writes-before, tc.guards)
		}
	}
	p := newPuppet(t)
	for range 5 { // of several sessions each has its own
		p.client(0, 0).arrive(command("EVAL", "x", "0"))
	}
	if p.answers(); p.guards != 5 {
		t.Errorf("got %d guards for the scripts of five sessions; want 5", p.guards)
	}
}

// TestDoubtBeforeItIsAsked: what an attacker has had the server say may go on coming before the
// second question has been sent, with nothing else in flight.
func TestDoubtBeforeItIsAsked(t *testing.T) {
	p := newPuppet(t)
	p.forged = "-ERR a\r\n-BUSY Redis is busy\r\n" + strings.Repeat("x", 5000) + "\r\n"
	evil, other := p.client(0, 0), p.client(0, 0)
	evil.say("EVAL", "return 1", "0")
	said := p.answers()
	for _, cut := range []int{len("-ERR a\r\n-BUSY Redis is busy\r\n"), 1000, len(said)} {
		p.server.arrive(said[:min(cut, len(said))])
		said = said[min(cut, len(said)):]
	}
	other.arrive(command("GET", "k"))
	p.talk(0)
	if got := other.take(); got != "$5\r\nGET k\r\n" || !p.settled() || evil.take() != "-ERR a\r\n" {
		t.Errorf("got %q, in order %v; want the reply to GET on a link that goes on", got, p.settled())
	}
}

// TestGuardCannotStand: where the server does not let us say ECHO nothing is sent that needs
// it, from the first request on; everybody else is served, in order.
func TestGuardCannotStand(t *testing.T) {
	for _, denies := range []string{"-NOPERM this user has no permissions to run the 'echo' command\r\n", "-ERR unknown command 'ECHO', with args beginning with: 'x' \r\n"} {
		st := newTestWorker(t, PoolOptions{})
		p := &puppet{stage: st, server: st.linkTo(0, 0, 0), forged: forgeries["begins a bulk"], denies: denies}
		p.l, p.server.echo = st.e.workers[0].pools[0].link(0, 0), nil
		first, c, other := p.client(0, 0), p.client(0, 0), p.client(0, 0)
		for range 2 {
			first.say("GET", "first")
			c.arrive(command("SET", "a", "b") + command("EVAL", "return 1", "0") + command("GET", "a") +
				command("MULTI") + command("EVAL", "return 1", "0") + command("EXEC") + command("GET", "b"))
			other.say("GET", "k")
			p.talk(0)
			got := c.take()
			if want := []string{"$5\r\nSET a\r\n", "need ECHO", "not executed\r\n$5\r\nGET a\r\n+OK\r\n+QUEUED\r\n-TRYAGAIN huntaway: ", "not executed\r\n$5\r\nGET b\r\n"}; !inOrder(got, want) {
				t.Errorf("%.8q: the client got %q; want %q in it, in order", denies, got, want)
			}
			if got := first.take() + other.take(); got != "$9\r\nGET first\r\n$5\r\nGET k\r\n" {
				t.Errorf("%.8q: others got %q; want their replies", denies, got)
			}
		}
		if p.asked > 0 || !p.settled() {
			t.Errorf("%.8q: the server got %d scripts, link in order %v; want none, true", denies, p.asked, p.settled())
		}
	}
}

// inOrder reports whether all parts are in text, one behind the other.
func inOrder(text string, parts []string) bool {
	for _, part := range parts {
		_, rest, found := strings.Cut(text, part)
		if !found {
			return false
		}
		text = rest
	}
	return true
}

// TestProbeIsOnce: one round trip per connection is spent on learning whether canaries are
// answered, while what came before the first script and after it is sent as it was.
func TestProbeIsOnce(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	p := &puppet{stage: st, server: st.linkTo(0, 0, 0), forged: ":1\r\n"}
	p.l, p.server.echo = st.e.workers[0].pools[0].link(0, 0), nil
	c, other := p.client(0, 0), p.client(0, 0)
	c.say("GET", "a")
	c.say("EVAL", "return 1", "0")
	other.say("GET", "b")
	if said := p.server.take(); strings.Contains(said, "EVAL") || !strings.HasSuffix(said, "\r\n") || !strings.Contains(said, "ECHO") || strings.Contains(said, "$1\r\nb") {
		t.Errorf("the server was sent %q first; want no more than the GET and the probe", said)
	} else {
		_, word, _ := strings.Cut(said, "ECHO\r\n")
		p.server.arrive("$1\r\na\r\n" + word)
	}
	p.talk(0)
	if got := c.take() + other.take(); got != "$1\r\na\r\n:1\r\n$5\r\nGET b\r\n" || !p.settled() {
		t.Errorf("got %q, in order %v; want all replies", got, p.settled())
	}
	for range 3 {
		c.arrive(command("EVAL", "return 1", "0") + command("GET", "a"))
		p.guards = 0
		if said := p.answers(); p.guards != 1 || !strings.HasPrefix(said, ":1\r\n") {
			t.Errorf("got %d ECHOs and %q; want the script at once, and one guard", p.guards, said)
		} else {
			p.server.arrive(said)
		}
	}
}

// TestPrivateLinkIsNotLentTwice: what a script may have left behind on a private link meets
// nobody else.
func TestPrivateLinkIsNotLentTwice(t *testing.T) {
	for _, last := range []string{command("MULTI") + command("EVAL", "x", "0") + command("EXEC"), command("EVAL", "x", "0") + command("UNWATCH")} {
		p := newPuppet(t)
		c := p.client(0, 0)
		c.say("WATCH", "k")
		pw := p.e.workers[0].pools[0]
		if len(pw.private.links) != 1 {
			t.Fatalf("got %d private links; want one", len(pw.private.links))
		}
		l := pw.private.links[0]
		server := p.connect(l)
		server.arrive("+OK\r\n")
		p.run()
		c.arrive(last)
		p.run()
		server.take()
		server.arrive("+QUEUED\r\n+QUEUED\r\n*1\r\n-ERR a\r\n$4\r\nEVIL\r\n"[2*9*strings.Count(last, "UNWATCH"):])
		p.run()
		server.arrive("+OK\r\n")
		p.run()
		if len(pw.private.kept) > 0 || !server.closed {
			t.Errorf("%q: got %d links kept, closed %v; want the link closed", last, len(pw.private.kept), server.closed)
		}
	}
}
