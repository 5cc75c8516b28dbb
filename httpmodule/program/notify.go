package program

import (
	"github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"
)

// notifySystemd sends the server's state to systemd, if systemd started it with Type=notify. If that
// fails, systemd will kill the server after its own time limit: the log says why.
func notifySystemd(log *zap.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("can't notify the service manager", zap.String("state", state), zap.Error(err))
	}
}
