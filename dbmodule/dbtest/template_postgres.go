package dbtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openhands-go/server/dbmodule"
)

// A template's name has the day on which it was made. An external server keeps the
// templates of two days, for later processes.
const (
	templatePrefix = "dbtest_template_"
	templateDay    = "20060102"
)

// buildPostgreSQL uses a template that another process has made today, or else makes
// one. A new template gets its name when it is complete.
func buildPostgreSQL(ctx context.Context, tpl *template, s *schema, name, draft string) (err error) {
	adminURL := tpl.source.rawURL
	db, err := openAdmin(ctx, adminURL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tpl.name = name
	if tpl.copying, err = strategy(ctx, db); err != nil {
		return err
	}
	if exists, err := hasDatabase(ctx, db, name); exists || err != nil {
		return err
	}
	if _, err := db.DB().ExecContext(ctx, createDatabase(dbmodule.PostgreSQL, draft)); err != nil {
		return fmt.Errorf("create template: %w", err)
	}
	err = s.build(ctx, withDatabase(adminURL, draft))
	if err == nil {
		_, err = db.DB().ExecContext(ctx, "ALTER DATABASE "+draft+" RENAME TO "+name)
	}
	if err == nil {
		return dropOldTemplates(ctx, db, time.Now())
	}
	_, dropErr := db.DB().ExecContext(ctx, "DROP DATABASE IF EXISTS "+draft+" WITH (FORCE)")
	if exists, findErr := hasDatabase(ctx, db, name); exists {
		return errors.Join(dropErr, findErr) // another process was faster
	}
	return errors.Join(err, dropErr)
}

// strategy returns the faster way to copy a database. To copy files is faster, unless
// the server syncs each of them. Before version 15 there is no choice.
func strategy(ctx context.Context, db *dbmodule.Database) (option string, err error) {
	var files bool
	err = db.DB().NewRaw("SELECT current_setting('server_version_num')::int >= 150000 AND NOT current_setting('fsync')::bool").Scan(ctx, &files)
	if err != nil {
		return "", fmt.Errorf("read settings: %w", err)
	}
	if files {
		option = " STRATEGY FILE_COPY"
	}
	return option, nil
}

func hasDatabase(ctx context.Context, db *dbmodule.Database, name string) (exists bool, err error) {
	err = db.DB().NewRaw("SELECT EXISTS (SELECT FROM pg_database WHERE datname = ?)", name).Scan(ctx, &exists)
	return exists, err
}

// dropOldTemplates drops templates of earlier days. It keeps yesterday's, for processes that began
// yesterday.
func dropOldTemplates(ctx context.Context, db *dbmodule.Database, now time.Time) error {
	var names []string
	err := db.DB().NewRaw("SELECT datname FROM pg_database WHERE starts_with(datname, ?)", templatePrefix).Scan(ctx, &names)
	if err != nil {
		return fmt.Errorf("list templates: %w", err)
	}
	yesterday := now.UTC().AddDate(0, 0, -1).Format(templateDay)
	for _, name := range names {
		if day := strings.TrimPrefix(name, templatePrefix); day >= yesterday {
			continue
		}
		if _, err := db.DB().ExecContext(ctx, `DROP DATABASE IF EXISTS "`+name+`" WITH (FORCE)`); err != nil {
			return fmt.Errorf("drop old template: %w", err)
		}
	}
	return nil
}

func copyPostgreSQL(t testing.TB, tpl *template, name string) string {
	t.Helper()
	return newDatabase(t, dbmodule.PostgreSQL, tpl.source.rawURL, name, "CREATE DATABASE "+name+" TEMPLATE "+tpl.name+tpl.copying)
}
