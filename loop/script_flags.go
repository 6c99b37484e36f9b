package loop

import (
	"bytes"
	"slices"

	"huntaway/codec"
	"huntaway/loop/scripts"
)

// scriptFlags are the flags that a script may declare in its first line: "#!lua flags=a,b".
var scriptFlags = []string{"no-writes", "allow-oom", "allow-stale", "no-cluster", "allow-cross-slot-keys"}

// saysNoWrites reports whether a request runs a script that declares that it writes nothing,
// and is known to: its server refuses what it would write. Of functions only the servers know.
func (pw *poolWorker) saysNoWrites(cmd *codec.Command, r *codec.Request) bool {
	switch {
	case cmd == nil || r.Len() < 3:
		return false
	case cmd.ID == evalID:
		return declaresNoWrites(r.Arg(1))
	case cmd.ID == evalshaID:
		d, ok := scripts.ParseDigest(r.Arg(1))
		return ok && declaresNoWrites([]byte(pw.pool.scripts.Body(d)))
	}
	return false
}

// declaresNoWrites reads a script's first line. One that a server might read in another way
// declares nothing.
func declaresNoWrites(body []byte) (declared bool) {
	line, _, _ := bytes.Cut(body, []byte("\n"))
	flags, ok := bytes.CutPrefix(line, []byte("#!lua flags="))
	if !ok {
		return false
	}
	for _, flag := range bytes.Split(flags, []byte(",")) {
		if !slices.Contains(scriptFlags, string(flag)) {
			return false
		}
		declared = declared || string(flag) == scriptFlags[0]
	}
	return declared
}
