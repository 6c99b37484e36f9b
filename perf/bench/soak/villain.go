package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"huntaway/perf/bench/rig"
)

// A villain is a client that tries to choose what others are answered, to read what is
// theirs, and to have the proxy give up its links or think its servers ill. What it gets is
// its own business, but for other clients' tokens. Owner: its goroutine.
type villain struct {
	addr    string // of the proxy
	random  *rand.Rand
	tally   *tally
	attacks int // pipelines that were answered to the end
}

// villainStream is where the villains' sequences of random numbers begin.
const villainStream = 1 << 33

// newVillains makes the malicious clients.
func newVillains(s settings, t *tally) (all []*villain) {
	for i := range s.malicious {
		all = append(all, &villain{tally: t, random: seeded(s.seed, villainStream+uint64(i))})
	}
	return all
}

// run attacks until the context ends.
func (v *villain) run(ctx context.Context) {
	for ctx.Err() == nil {
		v.attack()
	}
}

// attack sends one pipeline that ends with QUIT, and reads to the end, or leaves early.
func (v *villain) attack() {
	conn, err := net.DialTimeout("tcp", v.addr, patience)
	if err != nil {
		time.Sleep(20 * time.Millisecond)
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	var frames []byte
	if v.random.IntN(3) == 0 {
		frames = rig.AppendCommand(frames, "HELLO", "3")
	}
	for range 1 + v.random.IntN(mostAttacks) {
		frames = v.append(frames)
	}
	if _, err := conn.Write(rig.AppendCommand(frames, "QUIT")); err != nil {
		return // it was cut off, which is right
	}
	if v.random.IntN(10) == 0 {
		return
	}
	var timeout net.Error
	switch err := v.read(conn); {
	case errors.As(err, &timeout) && timeout.Timeout():
		v.tally.broke("no end for a malicious client", err.Error())
	case err == nil:
		v.attacks++
	}
}

// read reads to the end and looks for what belongs to others. What a token needs to be seen
// whole is kept from one read to the next.
func (v *villain) read(conn net.Conn) error {
	in, kept := bufio.NewReaderSize(conn, 64<<10), []byte(nil)
	for buf := make([]byte, 32<<10); ; {
		n, err := in.Read(buf)
		kept = append(kept, buf[:n]...)
		if found := tokens.Find(kept); found != nil {
			v.tally.broke("a malicious client has read another's reply", string(found))
		}
		kept = kept[max(0, len(kept)-longestToken):]
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// mostAttacks are sent in one pipeline. Some keep a server busy for 10 ms, which is no fault of
// the proxy's and must not become one.
const mostAttacks = 8

// longestToken is longer than any token.
const longestToken = 200

// lines are what a villain has a server put into an error line, as Lua spells it: replies for
// others, the beginning of a reply that swallows theirs, and nonsense.
var lines = []string{
	`a\r\n$7\r\nEVIL!!!\r\n+`, `a\r\n$22\r\n`, `a\r\n$5000\r\n`, `a\r\n*3\r\n`, `a\r\n:1\r\n:2\r\n:3\r\n+`, `a\r\nnonsense`, `a\rb`, `\r\n`,
	`a\r\n-READONLY\r\n-MOVED 1 127.0.0.1:1\r\n`, `a\r\n$25\r\nhuntaway:0123456789abcdef\r\n+`, `a\r\n-BUSY x\r\n`,
}

// bodies are scripts whose replies are long, deep, or the words of a server.
var bodies = []string{
	"return redis.status_reply(string.rep('x', 70000))", "return redis.error_reply(string.rep('x', 200000))", "error(string.rep('x', 70000))",
	"local t={} local r=t for i=1,1000 do t[1]={} t=t[1] end return r", "local a={}; a[1]=a; return a", "return redis.status_reply('a\\rb')",
	"return redis.error_reply('READONLY x')", "return redis.error_reply('LOADING x')", "return redis.error_reply('MASTERDOWN x')",
	"return redis.error_reply('CLUSTERDOWN x')", "return redis.error_reply('TRYAGAIN x')", "return redis.error_reply('MOVED 1 127.0.0.1:1')",
	"return redis.error_reply('NOSCRIPT No matching script. Please use EVAL.')", "return redis.error_reply('NOREPLICAS x')",
	"redis.setresp(3) return {map={a={double=1.5}}}", "redis.setresp(3) return {big_number='1' .. string.rep('0', 5000)}", "redis.setresp(3) return {true, false, {set={a=true}}}",
}

// dear is what costs a proxy, or may confuse it: answers that it makes itself or collects from
// all its clients and servers, frames that are no reply, modes, and waits that nobody ends.
var dear = [][]string{{"COMMAND"}, {"COMMAND", "DOCS"}, {"CLIENT", "LIST"}, {"INFO", "everything"}, {"KEYS", "evil:*"}, {"PUBSUB", "CHANNELS"},
	{"DEBUG", "PROTOCOL", "push"}, {"MONITOR"}, {"SYNC"}, {"CLIENT", "TRACKING", "ON"}, {"SUBSCRIBE", "evil"}, {"UNSUBSCRIBE"}, {"PUBLISH", "evil", lines[0]},
	{"BLPOP", "evil:none", "0.05"}, {"WAIT", "9", "20"}, {"WATCH", "evil:1"}, {"RESET"}, {"DISCARD"}, {"OBJECT", "FREQ", "evil:1"},
	{"COMMAND", "LIST", "FILTERBY", "PATTERN", "*[" + strings.Repeat("b", 100)}, {"SCAN", "18446744073709551615"}, {"RESTORE", "evil:r", "0", lines[0]}}

// append appends one attack, in a transaction now and then.
func (v *villain) append(dst []byte) []byte {
	if v.random.IntN(5) > 0 {
		return rig.AppendCommand(dst, v.words()...)
	}
	dst = rig.AppendCommand(dst, "MULTI")
	for range 1 + v.random.IntN(3) {
		dst = rig.AppendCommand(dst, v.evaluation("EVAL", "{evil}")...)
	}
	return rig.AppendCommand(dst, "EXEC")
}

// words draws a command.
func (v *villain) words() []string {
	key := fmt.Sprint("evil:", v.random.IntN(100))
	line := lines[v.random.IntN(len(lines))]
	switch v.random.IntN(9) {
	case 0:
		return []string{"SCRIPT", "LOAD", shebang(line)}
	case 1:
		return []string{"FUNCTION", "LOAD", "#!lua name=evil\nlocal x = \"" + line + "\" \"" + line + "\""}
	case 2:
		return []string{"FUNCTION", "LOAD", "REPLACE", "#!\"" + line + "\" name=x\nreturn 1"}
	case 3:
		return v.evaluation("EVAL_RO", key)
	case 4:
		return []string{"GET", key}
	case 5:
		return dear[v.random.IntN(len(dear))]
	}
	return v.evaluation("EVAL", key)
}

// evaluation draws a script.
func (v *villain) evaluation(command, key string) []string {
	body := shebang(lines[v.random.IntN(len(lines))])
	if v.random.IntN(2) == 0 {
		body = bodies[v.random.IntN(len(bodies))]
	}
	return []string{command, body, "1", key}
}

// shebang is a script whose first line has the server put a text into an error.
func shebang(line string) string {
	return strings.Join([]string{"#!lua \"flags=" + line + "\"", "return 1"}, "\n")
}
