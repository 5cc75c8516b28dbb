package main

import (
	"testing"

	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/examples/bookshop/migrations"
)

// Who changes a model and forgets its revision hears of it here.
func TestRevisionsLeadToTheModels(t *testing.T) {
	t.Parallel()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			cfg := dbtest.NewConfig(t, engine, dbtest.WithRevisions(migrations.Source()))
			for _, args := range [][]string{{"check"}, {"check", "--live"}} {
				db := newDB(func() (settings, error) { return settings{database: cfg}, nil })
				db.SetArgs(args)
				if err := db.ExecuteContext(t.Context()); err != nil {
					t.Errorf("db %v: %v", args, err)
				}
			}
		})
	}
}
