package dbcmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule"
)

// settings asks the program for the settings of its database.
func (t *tree) settings() (Settings, error) {
	if t.config.Settings == nil {
		return Settings{}, errNoSettings
	}
	s, err := t.config.Settings()
	if err != nil {
		return Settings{}, err
	}
	s.Database.ReplicaURLs = nil // commands work on the primary
	if s.ConnectTimeout == 0 {
		s.ConnectTimeout = defaultConnectTimeout
	}
	return s, nil
}

// open opens the Database without connecting.
func (t *tree) open(s Settings) (*dbmodule.Database, error) {
	return dbmodule.Open(s.Database, s.Log, dbmodule.WithModels(t.config.Models...))
}

// connected calls work with the database and closes it afterwards. The
// context that work gets ends at a signal.
func (t *tree) connected(cmd *cobra.Command, work func(ctx context.Context, db *dbmodule.Database) error) error {
	s, err := t.settings()
	if err != nil {
		return err
	}
	ctx, stop := interruptible(cmd.Context())
	defer stop()
	return t.connectedTo(ctx, cmd, s, work)
}

func (t *tree) connectedTo(ctx context.Context, cmd *cobra.Command, s Settings, work func(ctx context.Context, db *dbmodule.Database) error) (err error) {
	db, err := t.open(s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := connect(ctx, cmd, db, s.ConnectTimeout); err != nil {
		if errors.Is(err, dbmodule.ErrNoDatabase) {
			return fmt.Errorf("%w: \"%s\" makes it", err, t.path("prepare"))
		}
		return err
	}
	return work(ctx, db)
}

// unconnected calls work with the Database, without connecting to it.
func (t *tree) unconnected(work func(db *dbmodule.Database) error) error {
	s, err := t.settings()
	if err != nil {
		return err
	}
	db, err := t.open(s)
	if err != nil {
		return err
	}
	return errors.Join(work(db), db.Close())
}

// patience is how long a command waits for the database before it says so.
const patience = time.Second

// connect waits until the database answers, at most limit. If it waits longer than patience, it
// prints the reason.
func connect(ctx context.Context, cmd *cobra.Command, db *dbmodule.Database, limit time.Duration) error {
	if limit <= patience {
		return tryConnect(ctx, db, limit, limit)
	}
	err := tryConnect(ctx, db, patience, patience)
	if ctx.Err() != nil || !errors.Is(err, errSilent) {
		return err
	}
	reason := strings.NewReplacer("dbmodule: ", "", "\n", ": ").Replace(err.Error())
	tell(cmd, "Waiting up to %s for the database: %s\n", limit, reason)
	return tryConnect(ctx, db, limit-patience, limit)
}

// errSilent means that the database did not answer in time. It is the cause of the ended context.
var errSilent = errors.New("it did not answer")

// tryConnect connects within limit. The error says that the database did not answer within whole,
// which includes earlier tries.
func tryConnect(ctx context.Context, db *dbmodule.Database, limit, whole time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("%w within %s", errSilent, whole))
	defer cancel()
	return db.Connect(ctx)
}
