package history

import (
	"bufio"
	"encoding/json"
	"io"
)

// Dump writes everything that was judged as JSON, one object per line: first the run without
// its operations, then the connections, then the operations.
func Dump(w io.Writer, r *Run) error {
	out := bufio.NewWriter(w)
	lines := json.NewEncoder(out)
	head := *r
	head.Ops, head.Conns = nil, nil
	if err := lines.Encode(head); err != nil {
		return err
	}
	for i := range r.Conns {
		if err := lines.Encode(&r.Conns[i]); err != nil {
			return err
		}
	}
	for i := range r.Ops {
		if err := lines.Encode(&r.Ops[i]); err != nil {
			return err
		}
	}
	return out.Flush()
}
