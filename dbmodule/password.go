package dbmodule

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
)

// PasswordFunc returns the password for a connection that is about to be made.
// It is called for each one, also by several goroutines at once, and has until
// the end of ctx, which is the connection's own. Its error becomes part of an
// [ErrUnavailable]; it must not quote the password.
type PasswordFunc func(ctx context.Context) (string, error)

// passwordTimeout bounds each call of a PasswordFunc, whose connection may
// have no limit.
const passwordTimeout = 10 * time.Second

// longestPassword is more than any server takes.
const longestPassword = 64 << 10

// passwordSource returns what makes the passwords, nil if the URL has the one
// there is.
func (c Config) passwordSource() PasswordFunc {
	switch {
	case c.Password != nil:
		return c.Password
	case c.PasswordFile != "":
		return func(context.Context) (string, error) { return readPasswordFile(c.PasswordFile) }
	case c.PasswordCommand != "":
		return func(ctx context.Context) (string, error) { return runPasswordCommand(ctx, c.PasswordCommand) }
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

// askPassword calls the source within its time.
func askPassword(ctx context.Context, engine Engine, source PasswordFunc) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, passwordTimeout, fmt.Errorf("it took longer than %s", passwordTimeout))
	defer cancel()
	password, err := source(ctx)
	if err != nil {
		return "", judgeOf(engine).Error(engine, ErrUnavailable, fmt.Errorf("no password to log in with: %w", err))
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

func readPasswordFile(path string) (string, error) {
	// What is no file, such as a pipe, could keep its reader waiting.
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no file")
	}
	var password string
	if err == nil {
		password, err = readPassword(path)
	}
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		err = path.Err // it repeats the path
	}
	if err != nil {
		return "", fmt.Errorf("DATABASE_PASSWORD_FILE %s: %w", path, err)
	}
	return password, nil
}

func readPassword(path string) (password string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // it was only read
	content, err := io.ReadAll(io.LimitReader(f, longestPassword+1))
	if err != nil {
		return "", err
	}
	return onePassword(content)
}

// onePassword takes the newline away that editors and commands end a line
// with, and nothing else: spaces may belong to a password.
func onePassword(content []byte) (string, error) {
	if len(content) > longestPassword {
		return "", errors.New("it has more than a password")
	}
	password := strings.TrimRight(string(content), "\r\n")
	if password == "" {
		return "", errors.New("it is empty")
	}
	if strings.ContainsAny(password, "\r\n\x00") {
		return "", errors.New("it has more than one line: the password alone must be there")
	}
	return password, nil
}
