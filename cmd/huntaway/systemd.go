package main

import (
	"context"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// A notifier tells systemd how the process is. Without NOTIFY_SOCKET in the environment it
// tells nobody.
type notifier struct{ log *slog.Logger }

// tellTime is how long systemd may be busy before it is not told: nobody waits for it longer.
const tellTime = time.Second

// tell sends one state. Nothing depends on its arrival.
func (n notifier) tell(state string) {
	at := os.Getenv("NOTIFY_SOCKET")
	if at == "" {
		return
	}
	if err := n.send(at, state); err != nil {
		n.log.Warn("systemd not notified", "state", state, "err", err)
	}
}

// send is daemon.SdNotify with an end: that one waits for as long as the queue of the socket
// is full, and with it the end of this process would.
func (n notifier) send(at, state string) error {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: at, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(tellTime)); err != nil {
		return err
	}
	_, err = conn.Write([]byte(state))
	return err
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
