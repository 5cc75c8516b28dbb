package dbcmd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule"
)

// createDatabase creates the database that the settings name, if the server does not
// have it, and reports whether it did. It first tries to connect to that database: an
// account may use it and yet have no permission for any other.
func createDatabase(ctx context.Context, cmd *cobra.Command, s Settings) (created bool, err error) {
	missing, err := isMissing(ctx, cmd, s)
	if !missing || err != nil {
		return false, err
	}
	createErr := create(ctx, cmd, s)
	if createErr == nil {
		return true, nil
	}
	// Another process may have created it meanwhile.
	if missing, err := isMissing(ctx, cmd, s); err == nil && !missing {
		return false, nil
	}
	return false, fmt.Errorf("dbcmd: create database %q: %w", s.Database.URL.Database(), createErr)
}

// isMissing reports whether the server does not have the database. If the server can't be reached,
// it returns an error.
func isMissing(ctx context.Context, cmd *cobra.Command, s Settings) (bool, error) {
	db, err := dbmodule.Open(s.Database, s.Log)
	if err != nil {
		return false, err
	}
	err = connect(ctx, cmd, db, s.ConnectTimeout)
	closeErr := db.Close()
	if errors.Is(err, dbmodule.ErrNoDatabase) {
		return true, closeErr
	}
	return false, errors.Join(err, closeErr)
}

// create creates the database. It connects to the database postgres, which every PostgreSQL server
// has; MySQL needs no database for a connection.
func create(ctx context.Context, cmd *cobra.Command, s Settings) (err error) {
	name := s.Database.URL.Database()
	if name == "" {
		return errors.New("DATABASE_URL names none: write its name after the host's slash")
	}
	admin := s.Database
	connectTo := ""
	if admin.URL.Engine() == dbmodule.PostgreSQL {
		connectTo = "postgres"
	}
	if admin.URL, err = admin.URL.WithDatabase(connectTo); err != nil {
		return err
	}
	db, err := dbmodule.Open(admin, s.Log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := connect(ctx, cmd, db, s.ConnectTimeout); err != nil {
		return err
	}
	statement, err := createStatement(ctx, db, name)
	if err != nil {
		return err
	}
	_, err = db.DB().ExecContext(ctx, statement)
	return err
}

// createStatement returns the statement that creates a database for all of Unicode.
func createStatement(ctx context.Context, db *dbmodule.Database, name string) (string, error) {
	if db.Engine() == dbmodule.MySQL {
		return "CREATE DATABASE `" + strings.ReplaceAll(name, "`", "``") + "` CHARACTER SET utf8mb4", nil
	}
	statement := `CREATE DATABASE "` + strings.ReplaceAll(name, `"`, `""`) + `"`
	var encoding string
	if err := db.DB().QueryRowContext(ctx, "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = 'template1'").Scan(&encoding); err != nil {
		return "", fmt.Errorf("read the server's encoding: %w", err)
	}
	if encoding != "UTF8" {
		// Only template0 can be copied in another encoding.
		statement += " TEMPLATE template0 ENCODING 'UTF8'"
	}
	return statement, nil
}
