package loop_test

import "testing"

// TestScriptFlushInTransactions: what a transaction has flushed is forgotten, what it brings
// afterwards is known, and one that is aborted flushes nothing.
func TestScriptFlushInTransactions(t *testing.T) {
	servers := startServers(t, 2)
	st := play(t, scene{groups: alone(servers[1])})
	one, two := sha(scriptOne), sha("return 2")
	large := []string{"EVAL", "return string.rep('x', 200000)", "0"}
	for _, hello := range []string{"2", "3"} {
		p := newPair(t, st, servers[0], hello)
		for _, flush := range [][]string{{"SCRIPT", "FLUSH"}, {"script", "flush", "sync"}, {"SCRIPT", "FLUSH", "ASYNC"}} {
			p.agree(t, []string{"SCRIPT", "LOAD", scriptOne}, []string{"EVALSHA", one, "0"},
				[]string{"MULTI"}, flush, []string{"EVAL", "return 2", "0"}, []string{"EXEC"},
				[]string{"EVALSHA", one, "0"}, []string{"SCRIPT", "EXISTS", one, two}, []string{"EVALSHA", two, "0"})
			p.agree(t, []string{"EVAL", scriptOne, "0"}, []string{"MULTI"}, flush, large, []string{"EXEC"}, []string{"EVALSHA", one, "0"})
			p.agree(t, []string{"EVAL", scriptOne, "0"}, []string{"MULTI"}, flush, []string{"NOSUCH"}, []string{"EXEC"}, []string{"EVALSHA", one, "0"})
			p.agree(t, []string{"EVAL", scriptOne, "0"}, []string{"MULTI"}, flush, []string{"DISCARD"}, []string{"EVALSHA", one, "0"})
			p.agree(t, []string{"EVAL", scriptOne, "0"}, []string{"MULTI"}, []string{"SCRIPT", "FLUSH", "NEVER"}, []string{"EXEC"}, []string{"EVALSHA", one, "0"})
		}
	}
}
