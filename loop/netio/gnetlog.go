package netio

import (
	"fmt"
	"log/slog"
)

// gnetLog turns what gnet says into debug lines: a client that hangs up is a warning to
// gnet and an ordinary day to us. Errors stay errors.
type gnetLog struct{ log *slog.Logger }

func (g gnetLog) Debugf(string, ...any) {}
func (g gnetLog) Infof(string, ...any)  {}
func (g gnetLog) Warnf(format string, args ...any) {
	g.log.Debug("gnet", "says", fmt.Sprintf(format, args...))
}
func (g gnetLog) Errorf(format string, args ...any) {
	g.log.Error("gnet", "says", fmt.Sprintf(format, args...))
}
func (g gnetLog) Fatalf(format string, args ...any) {
	g.log.Error("gnet", "says", fmt.Sprintf(format, args...))
}
