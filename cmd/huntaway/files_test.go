package main

import (
	"fmt"
	"os/exec"
	"testing"
)

// TestTooFewFiles: who may not open enough files does not start, and says what to raise.
func TestTooFewFiles(t *testing.T) {
	file := written(t, "huntaway.toml", fmt.Sprintf("[admin]\nhttp = \"off\"\n[pools.a]\nlisten = %q\nservers = [\"127.0.0.1:2:1\"]\n", free(t)))
	cmd := program(t, "run", file)
	limited := exec.Command("sh", append([]string{"-c", "ulimit -n 16; exec \"$0\" \"$@\""}, cmd.Args...)...)
	limited.Env = cmd.Env
	p := start(t, limited)
	p.says("the limit of open files is 16")
	p.says("LimitNOFILE")
	p.ends(exitFailed)
}
