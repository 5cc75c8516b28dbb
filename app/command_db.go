package app

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/events"
	"github.com/openhands-go/server/app/refused"
	"github.com/openhands-go/server/dbmodule/dbcmd"
	"github.com/openhands-go/server/dbmodule/migrate"
	"github.com/openhands-go/server/migrations"
)

// newDBCommand mounts the commands for the database's schema, with the
// server's own models, revisions and settings.
func newDBCommand(s streams) *cobra.Command {
	return dbcmd.New(dbcmd.Config{
		Models:   models(),
		Sources:  []migrate.Source{migrations.Source(func(text string) { _, _ = fmt.Fprintln(s.err, text) })},
		Build:    string(build()),
		Settings: func() (dbcmd.Settings, error) { return databaseSettings(s) },
		Editor:   editor(),
	})
}

// models are those that the features add to the server's database.
func models() []any {
	return []any{(*conversations.Conversation)(nil), (*conversations.Tag)(nil), (*events.Event)(nil), (*events.Tally)(nil), (*refused.Delivery)(nil)}
}

// build names this program in the history of a database.
func build() migrate.Build {
	info, _ := debug.ReadBuildInfo()
	return migrate.Build(describeBuild(info))
}

func databaseSettings(s streams) (dbcmd.Settings, error) {
	cfg, settings := readSettings()
	if err := problemsOf(settings); err != nil {
		return dbcmd.Settings{}, err
	}
	log := newLogger(cfg.Log, s.err)
	notes := misspelt(settings)
	for _, sentence := range notes {
		log.Warn(sentence)
	}
	return dbcmd.Settings{Database: cfg.Database, Log: log, Notes: notes, ConnectTimeout: cfg.StartTimeout}, nil
}
