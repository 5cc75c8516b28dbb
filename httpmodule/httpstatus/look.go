package httpstatus

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// DatabaseReport is what the page shows of one database.
type DatabaseReport struct {
	// Name is "" for the server's own database.
	Name   string `json:"name,omitempty"`
	Engine string `json:"engine"`
	// Down says why the database does not answer, "" if it does.
	Down string `json:"down,omitempty"`

	Schema  *dbmodule.SchemaState `json:"schema"`
	History []migrate.Entry       `json:"history"`
	Tables  []Table               `json:"tables"`
	// TablesNote says why Tables lacks something, "" if it does not.
	TablesNote string `json:"tables_note,omitempty"`
	// Storage is nil unless the database is a file.
	Storage *Storage `json:"storage,omitempty"`
}

// look is one database with what was read from it last. One goroutine at a time uses it.
type look struct {
	name     string
	database *dbmodule.Database
	migrator *migrate.Migrator // nil without revisions
	log      *zap.Logger

	tablesRead time.Time
	down       string
	schema     *dbmodule.SchemaState
	history    []migrate.Entry
	tables     []Table
}

func newLook(name string, database *dbmodule.Database, migrator *migrate.Migrator, log *zap.Logger) *look {
	if name != "" {
		log = log.With(zap.String("database", name))
	}
	return &look{name: name, database: database, migrator: migrator, log: log}
}

// again reads what only the database knows. What can't be read is left out, and the log
// says why.
func (l *look) again(ctx context.Context) {
	l.down, l.schema = "", nil
	if err := l.database.Ping(ctx); err != nil {
		l.log.Warn("status: the database does not answer", zap.Error(err))
		l.down = "the database does not answer: " + causeOf(err)
		return
	}
	state, err := l.database.SchemaState(ctx)
	if err == nil {
		l.schema = &state
		err = l.further(ctx)
	}
	if err != nil {
		l.log.Warn("status: not all can be read", zap.Error(err))
	}
}

func (l *look) further(ctx context.Context) (err error) {
	session := l.database.Sessions().New(dbmodule.ReadOnly())
	defer func() { err = errors.Join(err, session.Close()) }()
	if l.migrator != nil {
		history, err := l.migrator.History(ctx, session)
		if err != nil {
			return err
		}
		slices.Reverse(history)
		l.history = history[:min(len(history), mostHistory)]
	}
	if time.Since(l.tablesRead) < tablesMaxAge {
		return nil
	}
	tables, err := readTables(ctx, l.database.Engine(), session)
	if err == nil {
		l.tables, l.tablesRead = tables, time.Now()
	}
	return err
}

// report is what was read, and the sizes of files as they are now.
func (l *look) report() DatabaseReport {
	engine := l.database.Engine()
	return DatabaseReport{
		Name: l.name, Engine: string(engine), Down: l.down, Schema: l.schema, History: l.history,
		Tables: l.tables, TablesNote: tablesNote(engine, l.tables), Storage: storageOf(l.database),
	}
}

// problems says why not all is well with the database.
func (d *DatabaseReport) problems() []string {
	var problems []string
	switch {
	case d.Down != "":
		problems = []string{d.Down}
	case d.Schema == nil:
		problems = []string{"the schema can't be read"}
	case !d.Schema.Ready:
		problems, _ = d.Schema.Problems()
		problems = slices.Clone(problems)
	}
	if d.Name != "" {
		for i, problem := range problems {
			problems[i] = "database " + d.Name + ": " + problem
		}
	}
	return problems
}

// causeOf is why a database does not answer, such as "connection refused", without a
// password: the page's data needs the key.
func causeOf(err error) string {
	var known *dbmodule.Error
	if errors.As(err, &known) {
		return known.Error()
	}
	return err.Error()
}
