package loop_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"huntaway/loop"
	"huntaway/perf/bench/rig"
)

// evilLines are what an attacker has a server put into its error line: a reply for somebody
// else, the beginning of a reply that swallows somebody else's, and nonsense. They are given
// to Lua with escapes, so that the request itself holds no line break.
var evilLines = []string{
	`a\r\n$7\r\nEVIL!!!\r\n+`, `a\r\n$22\r\n`, `a\r\n$500\r\n`, `a\r\n*3\r\n`, `a\r\n:1\r\n:2\r\n:3\r\n:4\r\n+`, `a\r\n-READONLY\r\n-MOVED 1 127.0.0.1:1\r\n`,
	`a\r\nnonsense`, `a\r\n$25\r\nhuntaway:0123456789abcdef\r\n+`,
}

// attacks are the requests by which a client tries to choose what others are answered.
func attacks(line string) [][]string {
	script := "#!lua \"flags=" + line + "\"\nreturn 1"
	library := "#!lua name=evil\nlocal x = \"" + line + "\" \"" + line + "\""
	return [][]string{
		{"EVAL", script, "0"}, {"EVAL_RO", script, "0"}, {"EVAL", script, "1", "k"}, {"SCRIPT", "LOAD", script},
		{"EVAL", "#!\"lua" + line + "\"\nreturn 1", "0"}, {"SCRIPT", "LOAD", "#!lua \"" + line + "=1\"\nreturn 1"},
		{"FUNCTION", "LOAD", library}, {"FUNCTION", "LOAD", "REPLACE", "#!\"" + line + "\" name=x\nreturn 1"},
		{"FUNCTION", "LOAD", "#!lua name=x \"" + line + "=1\"\nreturn 1"},
		{"EVALSHA", sha(script), "0"},
	}
}

// TestNobodyChoosesAnothersReply: attackers in front of a real server, which does put line
// breaks into its errors, and victims on the same links.
func TestNobodyChoosesAnothersReply(t *testing.T) {
	servers := startServers(t, 1, "--rdbcompression", "no")
	st := play(t, scene{groups: alone(servers...), engine: loop.Options{Workers: 1}, options: loop.PoolOptions{AdminCommands: true}})
	payload := evilPayload(t, servers[0].Addr)
	var victims []*victim
	for range 3 {
		victims = append(victims, watchOver(t, st))
	}
	if err := together(3, func(int) error { return attack(st, payload) }); err != nil {
		t.Error(err)
	}
	for _, v := range victims {
		v.unhurt(t, st, servers...)
	}
	if s := st.server(servers[0].Addr); s.Mended == 0 {
		t.Error("got no reply cut out: the server does not do what is tested here; want some")
	}
}

// attack sends every attack some times, alone, in a row and in transactions. Whatever comes
// back is the attacker's own business, but for other people's values, and that it comes.
func attack(st *stage, payload string) error {
	for round := range 30 {
		for _, line := range evilLines {
			all := append(attacks(line), []string{"FUNCTION", "RESTORE", payload}, []string{"DEBUG", "ERROR", "a"})
			var frames []byte
			for _, args := range all {
				frames = rig.AppendCommand(frames, args...)
			}
			frames = rig.AppendCommand(frames, "MULTI")
			frames = rig.AppendCommand(frames, all[round%len(all)]...)
			frames = rig.AppendCommand(frames, "GET", "nothing")
			frames = rig.AppendCommand(frames, "EXEC")
			frames = rig.AppendCommand(frames, "QUIT")
			if err := endure(st, frames); err != nil {
				return fmt.Errorf("%s: %w", line, err)
			}
		}
	}
	return nil
}

// endure sends frames and reads until the connection ends.
func endure(st *stage, frames []byte) error {
	c, err := st.connect()
	if err != nil {
		return err
	}
	defer c.conn.Close()
	if err := c.send(frames); err != nil {
		return err
	}
	said, err := io.ReadAll(c.in)
	if strings.Contains(string(said), "mine") {
		return fmt.Errorf("the attacker read %.300q; want nothing of the victims", said)
	}
	if err != nil && !strings.Contains(err.Error(), "reset by peer") {
		return errors.Join(err, fmt.Errorf("it came so far: %.300q", said))
	}
	return nil
}

// evilPayload makes a payload for FUNCTION RESTORE whose library does not compile, and has the
// server say line breaks about it: one that was dumped, with other bytes and a right checksum.
func evilPayload(t *testing.T, addr string) string {
	t.Helper()
	good := "#!lua name=evil\nredis.register_function('f', function() return 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' end)"
	bad := `#!lua name=evil` + "\n" + `local x = "a\r\n$7\r\nEVIL!!!\r\n+" "a\r\n$7\r\nEVIL!!!\r\n+"`
	if got := onServer(t, addr, "FUNCTION", "LOAD", good); got != "evil" {
		t.Fatalf("got %q; want the library loaded", got)
	}
	dump := onServer(t, addr, "FUNCTION", "DUMP")
	onServer(t, addr, "FUNCTION", "FLUSH")
	bad += strings.Repeat(" ", len(good)-len(bad))
	forged := []byte(strings.Replace(dump, good, bad, 1))
	if string(forged) == dump {
		t.Fatalf("the library is not to be found in %q", dump)
	}
	sum := forged[len(forged)-8:]
	binary.LittleEndian.PutUint64(sum, crc64(forged[:len(forged)-8]))
	if got := onServer(t, addr, "FUNCTION", "RESTORE", string(forged)); !strings.HasPrefix(got, "-ERR Error compiling function") {
		t.Fatalf("got %q; want the library not compiled", got)
	}
	return string(forged)
}

// crc64 is the checksum of a DUMP (Jones' polynomial, reflected).
func crc64(b []byte) (crc uint64) {
	for _, c := range b {
		crc ^= uint64(c)
		for range 8 {
			crc = crc>>1 ^ -(crc&1)&0x95ac9329ac4bc9b5
		}
	}
	return crc
}
