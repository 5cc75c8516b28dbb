package dbtest

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/openhands-go/server/dbmodule"
)

// template is a schema that was built once, with the data from which it is copied.
type template struct {
	once sync.Once
	err  error

	source  *source  // PostgreSQL, MySQL: the server
	file    []byte   // SQLite: the database
	name    string   // PostgreSQL: the database to copy
	copying string   // PostgreSQL: the option STRATEGY of CREATE DATABASE, or ""
	script  []string // MySQL: the statements that create a copy
	whole   bool     // MySQL: whether script creates all objects
}

type templateKey struct {
	engine dbmodule.Engine
	schema string
}

// buildLimit bounds the building of a template.
const buildLimit = 5 * time.Minute

// copyOf makes a database that holds the schema and returns its URL.
func (k *kit) copyOf(t testing.TB, engine dbmodule.Engine, s *schema) string {
	t.Helper()
	from := &source{}
	if engine != dbmodule.SQLite {
		if from = k.source(t, engine); from.err != nil {
			k.giveUp(t, engine, from.err)
		}
	}
	key, portable, err := s.key(t.Context(), engine)
	if err != nil {
		t.Fatalf("dbtest: read schema: %v", err)
	}
	tpl := k.template(templateKey{engine, key})
	tpl.once.Do(func() {
		tpl.source = from
		ctx, cancel := context.WithTimeout(t.Context(), buildLimit)
		defer cancel()
		tpl.err = k.build(ctx, t.TempDir(), engine, tpl, s, key, portable)
	})
	if tpl.err != nil {
		t.Fatalf("dbtest: build schema: %v", tpl.err)
	}
	switch engine {
	case dbmodule.SQLite:
		return copySQLite(t, tpl)
	case dbmodule.PostgreSQL:
		return copyPostgreSQL(t, tpl, k.names.next(t.Name()))
	}
	return copyMySQL(t, tpl, s, k.names.next(t.Name()))
}

func (k *kit) template(key templateKey) *template {
	k.mu.Lock()
	defer k.mu.Unlock()
	tpl, ok := k.templates[key]
	if !ok {
		tpl = &template{}
		k.templates[key] = tpl
	}
	return tpl
}

func (k *kit) build(ctx context.Context, folder string, engine dbmodule.Engine, tpl *template, s *schema, key string, portable bool) error {
	switch engine {
	case dbmodule.SQLite:
		return buildSQLite(ctx, tpl, s, filepath.Join(folder, "template.db"))
	case dbmodule.PostgreSQL:
		if !portable {
			key = k.names.process + key
		}
		return buildPostgreSQL(ctx, tpl, s, templateName(time.Now(), key), k.names.next("template"))
	}
	return buildMySQL(ctx, tpl, s, k.names.next("template"))
}

// templateName ends with enough of the key that two names are never equal by chance.
func templateName(now time.Time, key string) string {
	return fmt.Sprintf("%s%s_%.32s", templatePrefix, now.UTC().Format(templateDay), key)
}
