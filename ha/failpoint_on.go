//go:build failpoints

package ha

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// HUNTAWAY_FAILPOINT is a point, and after a colon what happens there: exit (the default) ends
// the process as a crash would, stop sends it SIGSTOP. It happens once.
func init() {
	wanted, what, _ := strings.Cut(os.Getenv("HUNTAWAY_FAILPOINT"), ":")
	if wanted == "" {
		return
	}
	passing = func(point string) {
		if point != wanted {
			return
		}
		fmt.Fprintf(os.Stderr, "huntaway: fail point %s\n", point)
		if what != "stop" {
			os.Exit(86)
		}
		wanted = ""
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP) // cannot fail: it is us
	}
}
