package dbcmd

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// risk is a kind of statement that disturbs builds which serve requests while the
// revision runs: their statements wait for a long time, or fail.
//
// The list has what these sources warn of, as far as it concerns SQL on the three
// engines:
//
//   - strong_migrations' checks, for PostgreSQL, MySQL and MariaDB
//     (github.com/ankane/strong_migrations)
//   - squawk's rules, for PostgreSQL (squawkhq.com/docs/rules)
//   - Atlas's analyzers of backward-incompatible changes, table locks and
//     rewrites (atlasgo.io/lint/analyzers)
//   - PostgreSQL's manual on ALTER TABLE and explicit locking, and MariaDB's and
//     MySQL's on online DDL
//
// Statements that lock a table only for a moment are not in the list: on PostgreSQL
// the runner locks a revision's tables first, and releases them before a deadlock.
type risk struct {
	// name stands in brackets at the end of a note.
	name string
	// engines are the engines that the risk concerns; all engines if empty.
	engines []dbmodule.Engine
	matches *regexp.Regexp
	// unless matches the statements that matches finds although they are no risk.
	unless *regexp.Regexp
	// why says what happens to others, and instead says what to write.
	why, instead string
}

var (
	onPostgreSQL = []dbmodule.Engine{dbmodule.PostgreSQL}
	onMySQL      = []dbmodule.Engine{dbmodule.MySQL}
)

func rx(pattern string) *regexp.Regexp { return regexp.MustCompile(`(?is)` + pattern) }

// Names in statements.
const (
	anyName    = "(?:[\\w$\\x{80}-\\x{10ffff}]+|\"(?:[^\"]|\"\")+\"|`(?:[^`]|``)+`)"
	tableName  = `(` + anyName + `(?:\s*\.\s*` + anyName + `)?)`
	alterTable = `^alter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?` + tableName + `\b?.*?`
)

// inTwoSteps says how to remove what running builds use.
const inTwoSteps = "first deploy everywhere a build that does not use it, and do this in a later revision"

// risks are tried in this order; the first one that matches a statement is reported.
var risks = []risk{
	{
		name: "rename-table", matches: rx(`^(?:alter\s+table\s+` + tableName + `\s+rename\s+(?:to|as)\b|rename\s+table\s+` + tableName + `)`),
		why: "running builds use the old name and fail", instead: "make a view or a table of the new name beside it, and drop the old one in a later revision",
	},
	{
		name: "rename-column", matches: rx(alterTable + `\s(?:rename\s+(?:column\s+)?` + anyName + `\s+to\b|change\s+(?:column\s+)?` + anyName + `\s)`),
		why: "running builds use the old name and fail", instead: "add the new column, write both for a while, and drop the old one in a later revision",
	},
	{
		name: "drop-in-use", matches: rx(`^drop\s+table\s+(?:if\s+exists\s+)?` + tableName + `|` + alterTable + "\\sdrop\\s+(?:column\\b|[\"`])"),
		why: "builds that still read or write it fail", instead: inTwoSteps,
	},
	{
		name: "required-column", matches: rx(alterTable + `\sadd\s+(?:column\s+)?(?:if\s+not\s+exists\s+)?` + anyName + `\s+[^,]*\bnot\s+null\b`),
		unless: rx(`\bdefault\b|\bgenerated\b|\bauto_?increment\b|\bserial\b|\bas\s*\(`),
		why:    "running builds insert rows without it and fail", instead: "give it a default, or add it as NULL and make it NOT NULL in a later revision",
	},
	{
		name: "not-null", engines: onPostgreSQL, matches: rx(alterTable + `\balter\s+(?:column\s+)?` + anyName + `\s+set\s+not\s+null\b`),
		why:     "nobody can read or write the table while all its rows are checked",
		instead: "add CHECK (… IS NOT NULL) NOT VALID, in the next revision VALIDATE CONSTRAINT, and after it SET NOT NULL, which then reads no row",
	},
	{
		name: "rewrite", engines: onPostgreSQL, matches: rx(alterTable + `\balter\s+(?:column\s+)?` + anyName + `\s+(?:set\s+data\s+)?type\b`),
		why:     "nobody can read or write the table while it is rewritten, unless the type is only wider",
		instead: "add a column of the new type, fill it by a backfill, and change over in a later revision",
	},
	{
		name: "rewrite", engines: onPostgreSQL,
		matches: rx(alterTable + `\sadd\s+(?:column\s+)?[^,]*(?:\bdefault\s+\(?(?:gen_random_uuid|uuid_generate\w*|random|clock_timestamp|timeofday|nextval)\b|\b(?:small|big)?serial\b|\bgenerated\b)`),
		why:     "nobody can read or write the table while it is rewritten with a value for each row",
		instead: "add the column as NULL, set its default in a second statement, and fill the rows that are there by a backfill",
	},
	{
		name: "rewrite", engines: onPostgreSQL, matches: rx(`^(?:vacuum\s+(?:\(.*)?full|cluster\b)|` + alterTable + `\sset\s+(?:(?:un)?logged|tablespace|access\s+method)\b`),
		why: "nobody can read or write the table while it is rewritten", instead: "do it in a maintenance window",
	},
	{
		name: "foreign-key", engines: onPostgreSQL, matches: rx(alterTable + `\sadd\s+[^;]*\b(?:foreign\s+key|references)\b`), unless: rx(`\bnot\s+valid\b`),
		why: "nobody can write to either table while all rows are checked", instead: "add it as NOT VALID, and in the next revision VALIDATE CONSTRAINT",
	},
	{
		name: "check", engines: onPostgreSQL, matches: rx(alterTable + `\sadd\s+(?:constraint\s+` + anyName + `\s+)?check\b`), unless: rx(`\bnot\s+valid\b`),
		why: "nobody can read or write the table while all rows are checked", instead: "add it as NOT VALID, and in the next revision VALIDATE CONSTRAINT",
	},
	{
		name: "unique", engines: onPostgreSQL, matches: rx(alterTable + `\sadd\s+(?:constraint\s+` + anyName + `\s+)?(?:unique|primary\s+key)\b`), unless: rx(`\busing\s+index\b`),
		why:     "nobody can read or write the table while the index is built",
		instead: "build the index by CREATE UNIQUE INDEX CONCURRENTLY, and in the next revision ADD CONSTRAINT … USING INDEX",
	},
	{
		name: "index", engines: onPostgreSQL, matches: rx(`^create\s+(?:unique\s+)?index\b.*?\son\s+(?:only\s+)?` + tableName), unless: rx(`\bconcurrently\b`),
		why:     "nobody can write to the table while the index is built",
		instead: `write CREATE INDEX CONCURRENTLY below a line "-- migrate:no-transaction"`,
	},
	{
		name: "index", engines: onPostgreSQL, matches: rx(`^(?:reindex|refresh\s+materialized\s+view)\s+(?:\w+\s+)?` + tableName), unless: rx(`\bconcurrently\b`),
		why: "others wait until it is built", instead: `add CONCURRENTLY, below a line "-- migrate:no-transaction"`,
	},
	{
		name: "rewrite", engines: onMySQL,
		matches: rx(alterTable + `\s(?:modify\b|convert\s+to\s+character\s+set|engine\b|row_format\b|order\s+by\b|force\b|drop\s+primary\s+key\b|add\s+[^,]*\bstored\b|algorithm\s*=?\s*copy|lock\s*=?\s*(?:shared|exclusive))|^optimize\s+table\s+` + tableName),
		why:     "nobody can write to the table while it is copied, unless only the default or the length of a VARCHAR changes",
		instead: `add ", ALGORITHM=INPLACE, LOCK=NONE", which fails rather than block, or add a new column and fill it by a backfill`,
	},
	{
		name: "foreign-key", engines: onMySQL, matches: rx(alterTable + `\sadd\s+[^;]*\b(?:foreign\s+key|references)\b`),
		why:     "nobody can write to the table while it is copied and all rows are checked",
		instead: "do it in a maintenance window, or with foreign_key_checks = 0 where the rows are known to be right",
	},
	{
		name: "index", engines: onMySQL, matches: rx(alterTable + `\sadd\s+(?:fulltext|spatial)\b|^create\s+(?:fulltext|spatial)\s+index\b.*?\son\s+` + tableName),
		why: "nobody can write to the table while the index is built", instead: "do it in a maintenance window",
	},
	{
		name: "many-rows", matches: rx(`^(?:with\b.*?)?(?:update|delete\s+from|insert\s+(?:ignore\s+)?into|replace\s+into|merge\s+into)\s+(?:only\s+)?` + tableName), unless: rx(`^insert\s.*\bvalues\s*\(|^(?:delete\s+from|insert\s+into)\s+["\x60\[]?sqlite_sequence\b`),
		why:     "all rows that it changes are locked until it ends, and on SQLite the whole file",
		instead: "make it a revision in Go with a Backfill, which changes rows in pieces",
	},
}

// reCreates finds the table that a statement creates. Changes of it are no risk: it
// is empty, and no running build uses it.
var reCreates = rx(`^create\s+(?:temporary\s+|temp\s+|unlogged\s+)?table\s+(?:if\s+not\s+exists\s+)?` + tableName)

// traffic returns the risks of statements, by their indexes.
func traffic(engine dbmodule.Engine, statements []migrate.Statement) map[int]risk {
	fresh, outlines := map[string]bool{}, outlinesOf(engine, statements)
	for _, text := range outlines {
		if m := reCreates.FindStringSubmatch(text); m != nil {
			fresh[unquoted(m[1])] = true
		}
		// On SQLite a rebuild drops the table and gives its name to a copy.
		if m := reRenamed.FindStringSubmatch(text); m != nil && engine == dbmodule.SQLite {
			fresh[unquoted(m[1])] = true
		}
	}
	found := map[int]risk{}
	for i, text := range outlines {
		for _, r := range risks {
			if r.concerns(engine, text, fresh) {
				found[i] = r
				break
			}
		}
	}
	return found
}

func (r risk) concerns(engine dbmodule.Engine, text string, fresh map[string]bool) bool {
	if len(r.engines) > 0 && !slices.Contains(r.engines, engine) {
		return false
	}
	m := r.matches.FindStringSubmatch(text)
	if m == nil || r.unless != nil && r.unless.MatchString(text) {
		return false
	}
	return !slices.ContainsFunc(m[1:], func(table string) bool { return table != "" && fresh[unquoted(table)] })
}

// known begins a comment above a statement. It tells lint to leave the note out.
const known = "-- lint:known"

// lintTraffic returns a note for each risk in the upgrade of a script.
func (t *tree) lintTraffic(cmd *cobra.Command, engine dbmodule.Engine, script migrate.Script) ([]finding, error) {
	found := traffic(engine, script.Upgrade)
	if len(found) == 0 {
		return nil, nil
	}
	lines, err := t.linesOf(cmd, script.File)
	if err != nil {
		return nil, err
	}
	var findings []finding
	for i, s := range script.Upgrade {
		r, risky := found[i]
		if !risky || isKnown(lines, s.Line) {
			continue
		}
		findings = append(findings, finding{
			where: fmt.Sprintf("%s:%d", script.File, s.Line), note: true,
			text: fmt.Sprintf("under traffic, %s: %s: %s [%s]", firstLine(s.Text), r.why, r.instead, r.name),
		})
	}
	return findings, nil
}

// linesOf returns the lines of a SQL file in the folder, or nil for a file of another
// source.
func (t *tree) linesOf(cmd *cobra.Command, file string) ([]string, error) {
	files, err := t.files(cmd)
	if err != nil || files == nil {
		return nil, err
	}
	text, err := fs.ReadFile(files, file)
	if err != nil {
		return nil, nil //nolint:nilerr // the file belongs to another source
	}
	return strings.Split(string(text), "\n"), nil
}

// isKnown reports whether the comments directly above a line contain the mark. Lines
// count from 1.
func isKnown(lines []string, line int) bool {
	for at := line - 2; at >= 0 && at < len(lines); at-- {
		text := strings.TrimSpace(lines[at])
		if !strings.HasPrefix(text, "--") {
			return false
		}
		if strings.HasPrefix(text, known) {
			return true
		}
	}
	return false
}
