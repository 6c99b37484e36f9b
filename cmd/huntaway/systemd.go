package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// A notifier tells systemd how the process is. Without NOTIFY_SOCKET in the environment it
// tells nobody.
type notifier struct{ log *slog.Logger }

// tell sends one state. Nothing depends on its arrival.
func (n notifier) tell(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		n.log.Warn("systemd not notified", "state", state, "err", err)
	}
}

// watchdog tells systemd that the process lives, twice as often as it is asked for, for as
// long as alive says so. It returns when ctx ends, at once if nobody asked.
func (n notifier) watchdog(ctx context.Context, alive func() bool) {
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		n.log.Warn("systemd watchdog not served", "err", err)
	}
	if every == 0 {
		return
	}
	tick := time.NewTicker(every / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if alive() {
				n.tell(daemon.SdNotifyWatchdog)
			}
		}
	}
}
