package program

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule/dbcmd"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// newDBCommand returns the command db of package dbcmd, with the program's models, revisions and
// settings.
func (p Program) newDBCommand(s streams) *cobra.Command {
	var sources []migrate.Source
	if p.Revisions != nil {
		sources = p.Revisions(func(text string) { _, _ = fmt.Fprintln(s.err, text) })
	}
	return dbcmd.New(dbcmd.Config{
		Models:    p.Models,
		Sources:   sources,
		Dir:       p.Dir,
		Databases: p.databases(s),
		Build:     string(p.build()),
		Settings: func() (dbcmd.Settings, error) {
			settings, _, err := p.mainSettings(s)
			return settings, err
		},
		Editor: editor(),
	})
}

// mainSettings reads the program's settings, and returns those of the main database for dbcmd.
func (p Program) mainSettings(s streams) (dbcmd.Settings, Config, error) {
	cfg, read := p.ReadConfig()
	if err := read.Err(); err != nil {
		return dbcmd.Settings{}, cfg, err
	}
	log := newLogger(cfg.Log, s.err)
	notes := read.Misspelt(p.hint())
	for _, sentence := range notes {
		log.Warn(sentence)
	}
	return dbcmd.Settings{Database: cfg.Database, Log: log, Notes: notes, ConnectTimeout: cfg.StartTimeout}, cfg, nil
}
