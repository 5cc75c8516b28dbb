package doctor

import (
	"context"
	"fmt"
	"os"

	"github.com/openhands-go/server/dbmodule"
)

// settingsChecks examine only the configuration.
var settingsChecks = []check{
	{"settings", settingsValid},
	{"DATABASE_POOL_SIZE", poolBounded},
	{"DATABASE_STATEMENT_TIMEOUT", statementsBounded},
	{"DATABASE_CONNECT_TIMEOUT", connectBounded},
	{"DATABASE_LOCK_TIMEOUT", locksBounded},
	{"DATABASE_ECHO", logQuiet},
	{"DATABASE_PASSWORD_FILE", passwordFilePrivate},
}

func settingsValid(_ context.Context, t *target) Finding {
	if err := t.config.Validate(); err != nil {
		return wrong(err.Error(), "correct the settings that are named")
	}
	return fine("can be used")
}

func poolBounded(_ context.Context, t *target) Finding {
	if t.config.PoolSize == 0 || t.config.MaxOverflow < 0 {
		return warning("the pool has no limit: a rush of requests can take every connection of the server", "set DATABASE_POOL_SIZE above 0 and DATABASE_MAX_OVERFLOW to 0 or more")
	}
	return fine(fmt.Sprintf("%d, and %d more while in use", t.config.PoolSize, t.config.MaxOverflow))
}

func statementsBounded(_ context.Context, t *target) Finding {
	if t.config.StatementTimeout == 0 {
		return warning("a database that hangs is waited for without a limit", "set DATABASE_STATEMENT_TIMEOUT, for example to 20s")
	}
	return fine(t.config.StatementTimeout.String())
}

func connectBounded(_ context.Context, t *target) Finding {
	if t.config.ConnectTimeout == 0 {
		return warning("a server that does not answer is waited for without a limit", "set DATABASE_CONNECT_TIMEOUT, for example to 10s")
	}
	return fine(t.config.ConnectTimeout.String())
}

func locksBounded(_ context.Context, t *target) Finding {
	if t.config.LockTimeout == 0 && t.config.URL.Engine() != dbmodule.SQLite {
		return warning("a revision that waits for a lock holds up everybody who needs its table meanwhile", "set DATABASE_LOCK_TIMEOUT, for example to 10s")
	}
	return fine(t.config.LockTimeout.String())
}

func logQuiet(_ context.Context, t *target) Finding {
	switch {
	case t.config.EchoHideParameters:
		return fine("values stay out of the log")
	case t.config.Echo == dbmodule.EchoDebug:
		return warning("debug: every row that is read stands in the log", "set it to false, or DATABASE_ECHO_HIDE_PARAMETERS=true")
	case t.config.Echo == dbmodule.EchoOn:
		return warning("true: every statement stands in the log with its values", "set it to false, or DATABASE_ECHO_HIDE_PARAMETERS=true")
	}
	return fine(string(t.config.Echo))
}

func passwordFilePrivate(_ context.Context, t *target) Finding {
	path := t.config.PasswordFile
	if path == "" {
		return fine("not used")
	}
	info, err := os.Stat(path)
	if err != nil {
		return wrong(err.Error(), "name a file that this account may read")
	}
	if info.Mode().Perm()&0o004 != 0 {
		return warning("every account of this machine may read "+path, "chmod o-r "+path)
	}
	return fine(path)
}
