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

// isMissing tells a database that does not exist from one that can't be reached.
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

// create connects to the server by way of a database that is always there.
func create(ctx context.Context, cmd *cobra.Command, s Settings) (err error) {
	name := s.Database.URL.Database()
	if name == "" {
		return errors.New("DATABASE_URL names none: write its name after the host's slash")
	}
	admin := s.Database
	neighbour := ""
	if admin.URL.Engine() == dbmodule.PostgreSQL {
		neighbour = "postgres"
	}
	if admin.URL, err = admin.URL.WithDatabase(neighbour); err != nil {
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

// createStatement asks for a database that holds all of Unicode.
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
