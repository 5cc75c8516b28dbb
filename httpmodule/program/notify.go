package program

import (
	"github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"
)

// tellManager tells systemd what the server is at, if that started it with
// Type=notify; otherwise it does nothing. A manager that can't be told would
// end the server at its own time limit, and the log then has why.
func tellManager(log *zap.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("the service manager can't be told", zap.String("state", state), zap.Error(err))
	}
}
