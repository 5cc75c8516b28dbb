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

// databaseState is a database and the state that was read from it last. One goroutine at a time
// uses it.
type databaseState struct {
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

func newDatabaseState(name string, database *dbmodule.Database, migrator *migrate.Migrator, log *zap.Logger) *databaseState {
	if name != "" {
		log = log.With(zap.String("database", name))
	}
	return &databaseState{name: name, database: database, migrator: migrator, log: log}
}

// read reads the database's state. It leaves out what can't be read, and logs why.
func (d *databaseState) read(ctx context.Context) {
	d.down, d.schema = "", nil
	if err := d.database.Ping(ctx); err != nil {
		d.log.Warn("status: the database does not answer", zap.Error(err))
		d.down = "the database does not answer: " + causeOf(err)
		return
	}
	state, err := d.database.SchemaState(ctx)
	if err == nil {
		d.schema = &state
		err = d.readDetails(ctx)
	}
	if err != nil {
		d.log.Warn("status: can't read everything", zap.Error(err))
	}
}

// readDetails reads the history and, at most once per tablesMaxAge, the sizes of tables.
func (d *databaseState) readDetails(ctx context.Context) (err error) {
	session := d.database.Sessions().New(dbmodule.ReadOnly())
	defer func() { err = errors.Join(err, session.Close()) }()
	if d.migrator != nil {
		history, err := d.migrator.History(ctx, session)
		if err != nil {
			return err
		}
		slices.Reverse(history)
		d.history = history[:min(len(history), maxHistory)]
	}
	if time.Since(d.tablesRead) < tablesMaxAge {
		return nil
	}
	tables, err := readTables(ctx, d.database.Engine(), session)
	if err == nil {
		d.tables, d.tablesRead = tables, time.Now()
	}
	return err
}

// report returns the state that was read, and the current sizes of files.
func (d *databaseState) report() DatabaseReport {
	engine := d.database.Engine()
	return DatabaseReport{
		Name: d.name, Engine: string(engine), Down: d.down, Schema: d.schema, History: d.history,
		Tables: d.tables, TablesNote: tablesNote(engine, d.tables), Storage: storageOf(d.database),
	}
}

// problems returns the database's problems, as sentences.
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

// causeOf returns why a database does not answer, such as "connection refused". It contains no
// password. It may contain a host: /status.json needs the key.
func causeOf(err error) string {
	var known *dbmodule.Error
	if errors.As(err, &known) {
		return known.Error()
	}
	return err.Error()
}
