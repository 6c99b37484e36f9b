package ha

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"huntaway/ha/failover"
)

// TestLoadingServerIsNotEmpty: a server that ends loading between two commands of a look has counted the keys that were
// there before. It is asked again, not taken for empty: what is empty is copied over. No real server ends at that moment
// on demand.
func TestLoadingServerIsNotEmpty(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	loads := map[string]bool{"EXISTS": true, "INFO": true}
	answer := func(args []string) string {
		name := strings.ToUpper(args[0])
		was := loads[name]
		loads[name] = false
		switch {
		case name == "EXISTS" && was:
			return "-LOADING Redis is loading the dataset in memory\r\n"
		case name == "EXISTS":
			return ":0\r\n"
		case name == "INFO" && strings.EqualFold(args[len(args)-1], "keyspace"):
			text := "# Keyspace\r\n"
			if !was {
				text += "db0:keys=40,expires=0,avg_ttl=0\r\n"
			}
			return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text)
		case name == "INFO":
			loads[name] = was
			text := "# Replication\r\nrole:master\r\nmaster_replid:71279a6d1ee0a5b360f1cbcdd6af82ad68191e19\r\nmaster_repl_offset:0\r\n"
			return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text)
		case name == "GETRANGE":
			return "$0\r\n\r\n"
		case name == "HELLO":
			return "-ERR unknown command 'HELLO'\r\n"
		}
		return "+OK\r\n"
	}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			for in := bufio.NewReader(c); ; {
				args, err := readCommand(in)
				if err != nil {
					break
				}
				if _, err := c.Write([]byte(answer(args))); err != nil {
					break
				}
			}
			c.Close()
		}
	}()
	h := &hand{network: "tcp", addr: ln.Addr().String(), access: Access{Timeout: time.Minute}}
	defer h.hangUp()
	look := func() failover.Event {
		o := order{Action: failover.Action{Kind: failover.Order, Op: failover.Identify}, group: "g", until: time.Now().Add(time.Minute)}
		return h.obey(t.Context(), o).ev
	}
	if ev := look(); !redis.IsLoadingError(ev.Err) {
		t.Errorf("got %+v and %v; want that it is loading", ev.Mark, ev.Err)
	}
	if ev := look(); ev.Err != nil || ev.Mark.Keys != 40 {
		t.Errorf("got %+v and %v; want 40 keys", ev.Mark, ev.Err)
	}
}
