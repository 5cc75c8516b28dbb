package dbmodule

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"

	"github.com/openhands-go/server/dbmodule/internal/credentials"
)

// PasswordFunc returns the password for a connection that is about to be made.
// It is called for each one, also by several goroutines at once, and has until
// the end of ctx, which is the connection's own. Its error becomes part of an
// [ErrUnavailable]; it must not quote the password.
type PasswordFunc func(ctx context.Context) (string, error)

// passwordSource returns what makes the passwords, nil if the URL has the one
// there is.
func (c Config) passwordSource() PasswordFunc {
	switch {
	case c.Password != nil:
		return c.Password
	case c.PasswordFile != "":
		return PasswordFunc(credentials.File("DATABASE_PASSWORD_FILE", c.PasswordFile))
	case c.PasswordCommand != "":
		return PasswordFunc(credentials.Command("DATABASE_PASSWORD_COMMAND", c.PasswordCommand))
	}
	return nil
}

// validatePassword lists what is wrong with where the password comes from. It
// repeats no value: one of them may be the password itself by mistake.
func (c Config) validatePassword() (errs []error) {
	sources := []struct {
		name string
		set  bool
	}{
		{"DATABASE_PASSWORD_FILE", c.PasswordFile != ""},
		{"DATABASE_PASSWORD_COMMAND", c.PasswordCommand != ""},
		{"Password", c.Password != nil},
	}
	first := ""
	for _, source := range sources {
		bad := func(text string) { errs = append(errs, fmt.Errorf("dbmodule: %s: %s", source.name, text)) }
		switch {
		case !source.set:
			continue
		case first != "":
			bad("contradicts " + first + ": keep one of the two")
		case c.URL.Engine() == SQLite:
			bad("a SQLite database has no password: remove it, or name a server in DATABASE_URL")
		case hasPassword(c.URL):
			bad("DATABASE_URL has a password too: remove that one from the URL")
		}
		first = source.name
	}
	if c.PasswordFile != "" && !filepath.IsAbs(c.PasswordFile) {
		errs = append(errs, errors.New("dbmodule: DATABASE_PASSWORD_FILE: takes the absolute path of a file, for example /run/secrets/database-password"))
	}
	if strings.ContainsAny(c.PasswordCommand, "'\"`$|;&<>\\\n") {
		errs = append(errs, errors.New("dbmodule: DATABASE_PASSWORD_COMMAND: takes a program and its arguments, split at spaces and run without a shell: put what needs quotes, pipes or variables into a script, and name that"))
	}
	return errs
}

// hasPassword reports whether the URL says which password to use.
func hasPassword(u URL) bool {
	return !u.Password().IsZero() || u.PostgreSQL().Settings["passfile"] != ""
}

// askPassword asks for the password of a connection.
func askPassword(ctx context.Context, of Engine, source PasswordFunc) (string, error) {
	password, err := credentials.Ask(ctx, credentials.Source(source))
	if err != nil {
		return "", judgeOf(of).Error(of, ErrUnavailable, fmt.Errorf("no password to log in with: %w", err))
	}
	return password, nil
}

// applyPgxPassword asks for the password of a connection that is about to be made.
func (c Config) applyPgxPassword(ctx context.Context, config *pgx.ConnConfig) (err error) {
	if source := c.passwordSource(); source != nil {
		config.Password, err = askPassword(ctx, PostgreSQL, source)
	}
	return err
}

// applyPassword has MySQL's driver do the same.
func (c Config) applyPassword(config *mysql.Config) error {
	source := c.passwordSource()
	if source == nil {
		return nil
	}
	return config.Apply(mysql.BeforeConnect(func(ctx context.Context, config *mysql.Config) (err error) {
		config.Passwd, err = askPassword(ctx, MySQL, source)
		return err
	}))
}
