package loop

import (
	"strings"
	"testing"
	"time"

	"huntaway/codec"
)

func TestPatience(t *testing.T) {
	tests := []struct {
		request string
		want    time.Duration
	}{
		{"BLPOP a b 1.5", 3500 * time.Millisecond},
		{"BRPOP a 0", 0},
		{"BLPOP a x", 0},
		{"BLPOP a -1", 0},
		{"BLPOP a inf", 0},
		{"BLPOP a nan", 0},
		{"BLPOP a 1e300", 0},
		{"BLMOVE a b LEFT LEFT 2", 4 * time.Second},
		{"BRPOPLPUSH a b 2", 4 * time.Second},
		{"BLMPOP 3 1 a LEFT", 5 * time.Second},
		{"BZMPOP 3 1 a MIN", 5 * time.Second},
		{"BZPOPMAX a 4", 6 * time.Second},
		{"XREAD COUNT 2 block 500 STREAMS a $", 2500 * time.Millisecond},
		{"XREAD BLOCK 0 STREAMS a $", 0},
		{"XREAD BLOCK x STREAMS a $", 0},
		{"XREADGROUP GROUP block 9 BLOCK 1000 STREAMS a >", 3 * time.Second},
		{"XREADGROUP GROUP g block COUNT 1 STREAMS block 0", 0},
	}
	pw := newTestWorker(t, PoolOptions{}).e.workers[0].pools[0]
	for _, tt := range tests {
		r := blockRequest(t, tt.request)
		if got := time.Duration(pw.waitLimit(codec.Default().Find(r), r)); got != tt.want {
			t.Errorf("%s: got %v; want %v", tt.request, got, tt.want)
		}
	}
}

// blockRequest scans a request that is written with spaces.
func blockRequest(t *testing.T, text string) *codec.Request {
	t.Helper()
	r, scan := new(codec.Request), codec.Scanner{}
	frame := codec.AppendCommand(nil, strings.Fields(text)...)
	if _, err := scan.Next(frame, r, &newSettings(PoolOptions{}.withDefaults()).limits); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWaitReadsReplication(t *testing.T) {
	const reply = "$9\r\n# Replication\r\nrole:master\r\nconnected_slaves:4\r\n" +
		"slave0:ip=127.0.0.1,port=1,state=online,offset=90,lag=0\r\n" +
		"slave1:ip=127.0.0.1,port=2,state=online,offset=100,lag=0\r\n" +
		"slave2:ip=127.0.0.1,port=3,state=wait_bgsave,offset=100,lag=0\r\n" +
		"slave3:ip=127.0.0.1,port=4,state=online,offset=101,lag=1\r\n" +
		"master_repl_offset:100\r\n\r\n"
	g := standing{upTo: -1}
	if !g.read([]byte(reply)) || g.upTo != 100 || g.acked != 2 {
		t.Errorf("got %d replicas at %d; want 2 at 100", g.acked, g.upTo)
	}
	later := strings.Replace(strings.Replace(reply, ":100\r", ":200\r", 1), "offset=90", "offset=190", 1)
	if !g.read([]byte(later)) || g.upTo != 100 || g.acked != 3 {
		t.Errorf("got %d replicas at %d; want 3 at 100, which is where they have to get to", g.acked, g.upTo)
	}
	for _, bad := range []string{strings.Replace(reply, "role:master", "role:slave", 1), "-NOPERM no\r\n", ""} {
		if g.read([]byte(bad)) {
			t.Errorf("%.40q was taken for a master's word", bad)
		}
	}
}

func TestWaitAsksTheReplicas(t *testing.T) {
	f := newVigil(t, PoolOptions{}, "WAIT", "1", "0")
	info := string(codec.AppendCommand(nil, "INFO", "replication"))
	prompt := string(codec.AppendCommand(nil, "WAIT", "2147483647", "1"))
	word := func(acked string) string {
		return string(codec.AppendBulk(nil, "# Replication\r\nrole:master\r\nslave0:ip=::1,port=1,state=online,offset="+
			acked+",lag=0\r\nmaster_repl_offset:100\r\n"))
	}
	errand := f.reconnect(f.w.pools[0].errands[0].link)
	got(t, "first", errand.take(), info)
	errand.arrive(word("90"))
	f.run()
	got(t, "then", errand.take(), prompt+info)
	errand.arrive(":0\r\n" + word("90"))
	f.run()
	got(t, "the reply", f.c.take(), "")
	f.c.s.blocked().quorum.nextAt = 0
	f.tick()
	got(t, "and again", errand.take(), prompt+info)
	errand.arrive(":1\r\n" + word("100"))
	f.run()
	got(t, "the reply", f.c.take(), ":1\r\n")
	f.idle()
}

func TestWaitWhoseMasterGoes(t *testing.T) {
	f := newVigil(t, PoolOptions{}, "WAIT", "1", "0")
	errand := f.reconnect(f.w.pools[0].errands[0].link)
	errand.Close()
	f.run()
	got(t, "the reply", f.c.take(), "-TRYAGAIN huntaway: connection lost while it waited (group g1, pool alpha); not executed\r\n")
	f.idle()
	if n := len(f.w.pools[0].errands); n != 0 {
		t.Errorf("got %d errands; want none without a connection", n)
	}
}

func TestWaitOnAFormerMaster(t *testing.T) {
	for word, want := range map[string]string{
		"$12\r\n\nrole:slave\r\r\n":   "-" + textStateChanged + "\r\n",
		"-NOPERM no INFO for you\r\n": "-NOPERM no INFO for you\r\n",
	} {
		f := newVigil(t, PoolOptions{}, "WAIT", "1", "0")
		f.reconnect(f.w.pools[0].errands[0].link).arrive(word)
		f.run()
		got(t, "the reply", f.c.take(), want)
		f.idle()
	}
}

func TestWaitAOFIsRefused(t *testing.T) {
	st := newTestWorker(t, PoolOptions{})
	got(t, "WAITAOF", st.client(0, 0).say("WAITAOF", "1", "1", "0"), "-"+textNoWaitAOF+"\r\n")
}

// TestManyWaits: however many clients wait for what never comes, a master is asked one question
// at a time for all of them, so that another's WAIT is answered by the second one that follows
// it; and nothing is asked for those who have gone.
func TestManyWaits(t *testing.T) {
	const many = 500
	f := newVigil(t, PoolOptions{}, "WAIT", "9", "0")
	pw := f.w.pools[0]
	crowd := []*memClient{f.c}
	for range many {
		crowd = append(crowd, f.client(0, 0))
		got(t, "it waits", crowd[len(crowd)-1].say("WAIT", "9", "0"), "")
	}
	info := string(codec.AppendCommand(nil, "INFO", "replication"))
	word := string(codec.AppendBulk(nil, "# Replication\r\nrole:master\r\nslave0:ip=::1,port=1,state=online,offset=100,lag=0\r\nmaster_repl_offset:100\r\n"))
	errand := f.reconnect(pw.errands[0].link)
	questions := 0
	answer := func() {
		said := errand.take()
		n := strings.Count(said, info)
		if questions += n; n > 1 {
			t.Fatalf("got %d questions on their way; want one", n)
		}
		errand.arrive(strings.Repeat(":1\r\n", strings.Count(said, "WAIT")) + strings.Repeat(word, n))
		f.run()
	}
	for range 20 {
		f.tick()
		answer()
	}
	victim := f.client(0, 0)
	before := questions
	victim.say("WAIT", "1", "1000")
	for range 2 {
		answer()
	}
	got(t, "another's WAIT", victim.take(), ":1\r\n")
	if n := questions - before; n > 2 {
		t.Errorf("got %d questions before its answer; want at most 2", n)
	}
	for _, c := range crowd {
		c.Close()
	}
	f.run()
	answer()
	for range 5 {
		f.tick()
	}
	got(t, "for those who have gone", errand.take(), "")
	if len(pw.polls) != 0 || pw.errands[0].waiting.Len() != 0 {
		t.Errorf("got %d polls, %d questions; want none", len(pw.polls), pw.errands[0].waiting.Len())
	}
}

// TestWaitNamesTheGroup: of several groups the one is named whose master was lost.
func TestWaitNamesTheGroup(t *testing.T) {
	for lost, group := range []string{"g1", "g2"} {
		f := newVigil(t, PoolOptions{Table: twoGroups(t)}, "WAIT", "1", "0")
		f.reconnect(f.w.pools[0].errands[int32(lost)].link).Close()
		f.run()
		got(t, "the reply", f.c.take(), "-TRYAGAIN huntaway: connection lost while it waited (group "+group+", pool alpha); not executed\r\n")
		f.idle()
	}
}
