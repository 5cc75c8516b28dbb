package dbcmd

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// section is the upgrade or the downgrade of a revision on one engine.
type section struct {
	statements []string
	warnings   []string
}

// sqlFile returns the text of a revision's SQL file. It formats the statements,
// unless they would be read back from the formatted text as other statements.
func sqlFile(engine dbmodule.Engine, up, down section) (string, error) {
	text := render(up.laidOut(engine), down.laidOut(engine))
	if !reads(engine, text, len(up.statements), len(down.statements)) {
		text = render(up, down)
	}
	if !reads(engine, text, len(up.statements), len(down.statements)) {
		return "", fmt.Errorf("dbcmd: write SQL for %s: the file can't be split into its statements again:\n%s", engine, text)
	}
	return text, nil
}

func (s section) laidOut(engine dbmodule.Engine) section {
	statements := make([]string, len(s.statements))
	for i, statement := range s.statements {
		statements[i] = layOut(engine, statement)
	}
	s.statements = statements
	return s
}

func render(up, down section) string {
	return "-- migrate:upgrade\n" + up.text() + "\n-- migrate:downgrade\n" + down.text()
}

// text returns the section's text, with the warnings first, so that a reviewer can't miss them.
func (s section) text() string {
	var b strings.Builder
	for _, warning := range s.warnings {
		for line := range strings.SplitSeq(warning, "\n") {
			b.WriteString("-- WARNING: " + line + "\n")
		}
	}
	if len(s.warnings) > 0 {
		b.WriteByte('\n')
	}
	for _, statement := range s.statements {
		b.WriteString(statement + ";\n")
	}
	return b.String()
}

// reads reports whether package migrate finds these numbers of statements in the
// text.
func reads(engine dbmodule.Engine, text string, up, down int) bool {
	script, err := migrate.ParseScript(engine, text)
	if err != nil || len(script.Upgrade) != up || len(script.Downgrade) != down {
		return false
	}
	return !slices.ContainsFunc(slices.Concat(script.Upgrade, script.Downgrade), func(s migrate.Statement) bool { return s.Text == "" })
}
