package history

import (
	"regexp"
	"strings"
)

var (
	notExecuted = regexp.MustCompile(`^TRYAGAIN huntaway: .*; not executed$`)
	maybe       = regexp.MustCompile(`^ERR huntaway: .*; the command may have been executed$`)
	// Redis's own rejections, which it makes before it executes anything.
	refusals = regexp.MustCompile(`^(OOM|MISCONF|NOREPLICAS|READONLY|MASTERDOWN|LOADING|BUSY|NOAUTH|NOPERM|EXECABORT|TRYAGAIN|CLUSTERDOWN|UNBLOCKED)( |$)`)
)

// Classify returns the class of an operation that was answered with an error reply, given
// without its leading minus.
func Classify(text string) Class {
	switch {
	case notExecuted.MatchString(text), refusals.MatchString(text):
		return Fail
	case maybe.MatchString(text):
		return Unknown
	case strings.HasPrefix(text, "ERR max number of clients reached"):
		return Fail
	}
	return Wrong
}
