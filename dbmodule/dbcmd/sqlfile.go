package dbcmd

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// section is one direction of a revision on an engine.
type section struct {
	statements []string
	warnings   []string
}

// sqlFile returns the text of a revision's SQL file. The statements are laid
// out where that is sure to leave them what they are.
func sqlFile(engine dbmodule.Engine, up, down section) (string, error) {
	text := render(up.laidOut(engine), down.laidOut(engine))
	if !reads(engine, text, len(up.statements), len(down.statements)) {
		text = render(up, down)
	}
	if !reads(engine, text, len(up.statements), len(down.statements)) {
		return "", fmt.Errorf("dbcmd: write SQL for %s: its statements can't be told apart once they are in one file:\n%s", engine, text)
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

// text puts warnings first: they are what a reviewer must not miss.
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

// reads reports whether the file has so many statements when it is read.
func reads(engine dbmodule.Engine, text string, up, down int) bool {
	script, err := migrate.ParseScript(engine, text)
	if err != nil || len(script.Upgrade) != up || len(script.Downgrade) != down {
		return false
	}
	return !slices.ContainsFunc(slices.Concat(script.Upgrade, script.Downgrade), func(s migrate.Statement) bool { return s.Text == "" })
}
