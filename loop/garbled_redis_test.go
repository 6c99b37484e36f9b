package loop

import (
	"net"
	"strings"
	"testing"
	"time"
)

// raw writes bytes to a real server and returns what it says until it has said nothing more
// that a PING behind them would not say, or has closed.
func raw(t *testing.T, addr, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := conn.Write([]byte(request + "QUIT\r\n")); err != nil {
		t.Fatal(err)
	}
	said, buf := "", make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		said += string(buf[:n])
		if err != nil {
			return said
		}
	}
}

// TestGarbledAgreesWithRedis: what is no request gets Redis' own words, and inline requests
// are cut into its words.
func TestGarbledAgreesWithRedis(t *testing.T) {
	addr := startRedis(t)
	var requests []string
	for c := ' '; c < 256; c++ {
		if c != '$' {
			requests = append(requests, "*2\r\n"+string([]byte{byte(c)})+"\r\n", "*2\r\n$4\r\nECHO\r\n"+string([]byte{byte(c)})+"1\r\n")
		}
	}
	for c := 1; c < 256; c++ { // a byte in a word, before, behind, and behind a quote
		if c == '\n' || c == 0x16 { // that is how TLS begins, which is closed without a word
			continue
		}
		for _, form := range []string{"ECHO a%cb\r\n", "ECHO %ca\r\n", "ECHO a%c\r\n", "ECHO \"a\"%cb\r\n", "ECHO 'a'%c\r\n", "%cECHO a\r\n", "ECHO%ca\r\n", "ECHO a\\%c\r\n"} {
			requests = append(requests, strings.Replace(form, "%c", string([]byte{byte(c)}), 1))
		}
	}
	requests = append(requests, "*2\r\n\r\n", "*x\r\n", "*1\r\n$x\r\n", "*1\r\n$-1\r\n", "*1\r\n$999999999999\r\n",
		"*-1\r\nPING\r\n", "*0\r\nPING\r\n", "\r\nPING\r\n", "ECHO \"a\r\n", "ECHO 'a\r\n", "ECHO \"a\"b\r\n", "ECHO \"\\x41\\n\"\r\n",
		"PING\v\r\n", "\fPING\r\n", "PI\vNG\r\n", "ECHO a\v b\fc\r\n")
	failed := 0
	for _, request := range requests {
		want := raw(t, addr, request)
		got := newTestWorker(t, PoolOptions{}).client(0, 0).ask(request + "QUIT\r\n")
		if got != want {
			if failed++; failed < 20 {
				t.Errorf("%q: got %q; want %q", request, got, want)
			}
		}
	}
	if failed > 0 {
		t.Errorf("%d of %d differ", failed, len(requests))
	}
}
