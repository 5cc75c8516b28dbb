package scale

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"github.com/openhands-go/server/dbmodule"
)

// fill inserts the conversations and their tags. The database makes the rows from numbers, which
// is several times as fast as to send them.
func (l Listed) fill(ctx context.Context, db *dbmodule.Database) error {
	if err := execute(ctx, db, "CREATE TABLE numbers (n BIGINT NOT NULL PRIMARY KEY)"); err != nil {
		return err
	}
	numbers := make([]string, perPiece)
	for n := range numbers {
		numbers[n] = fmt.Sprintf("(%d)", n)
	}
	if err := execute(ctx, db, "INSERT INTO numbers (n) VALUES "+strings.Join(numbers, ", ")); err != nil {
		return err
	}
	for first := int64(0); first < int64(l); first += perPiece {
		for _, statement := range l.piece(db, first) {
			if err := execute(ctx, db, statement); err != nil {
				return err
			}
		}
	}
	return execute(ctx, db, "DROP TABLE numbers")
}

// piece are the statements that insert the conversations from the one of that number on.
func (l Listed) piece(db *dbmodule.Database, first int64) []string {
	w := words{db.Engine()}
	from := fmt.Sprintf(" FROM (SELECT n, %s AS hash, n * %d %% %d AS created, n * %d %% %d AS updated, n * %d %% %d AS titled"+
		" FROM (SELECT n + %d AS n FROM numbers WHERE n < %d) AS numbered) AS ranked",
		w.over("n * 2654435761 % 4294967296", 256), // so that no filter follows another
		createdStep, l, updatedStep, l, titleStep, l, first, min(perPiece, int64(l)-first))
	sub := fmt.Sprintf("%s %% %d = 0 AND n > 0", w.over("hash", 12), perSub)
	title := w.join("'task '", w.padded(w.text("titled"), 8), "' of the weather'",
		fmt.Sprintf("CASE WHEN hash %% %d = 1 THEN ' seldom' ELSE '' END", perWord))
	status := "CASE"
	for i, name := range statuses {
		status += fmt.Sprintf(" WHEN hash %% %d = %d THEN '%s'", len(statuses), i, name)
	}
	expressions := map[string]string{
		"id": w.id("n"), "title": title, "title_folded": title, "title_sort": title,
		"execution_status": status + " END", "sandbox_id": w.join("'sandbox-'", w.text(w.over("n", perSandbox))),
		"public":     fmt.Sprintf("%s %% %d = 0", w.over("hash", 4), perPublic),
		"has_parent": sub, "parent_conversation_id": "CASE WHEN " + sub + " THEN " + w.id("n - 1") + " END",
		"created_at": w.at("created"), "updated_at": w.at("updated"), "event_count": "0", "numbered": "0",
	}
	// All else is the same in each.
	row := reflect.ValueOf(Data{}.conversation(0)).Elem()
	var columns, values []string
	for _, field := range db.DB().Table(row.Type()).Fields {
		value, varies := expressions[field.Name]
		if !varies {
			value = string(field.AppendValue(db.DB().QueryGen(), nil, row))
		}
		columns, values = append(columns, field.Name), append(values, value)
	}
	statements := []string{"INSERT INTO conversations (" + strings.Join(columns, ", ") + ") SELECT " + strings.Join(values, ", ") + from}
	for _, tag := range []struct{ name, value, where string }{
		{"'often'", w.text(fmt.Sprintf("%s %% %d", w.over("hash", 600), valuesOften)), fmt.Sprintf("%s %% %d > 0", w.over("hash", 60), perNever)},
		{"'seldom'", "'yes'", fmt.Sprintf("%s %% %d = 1", w.over("hash", 60), perSeldom)},
	} {
		statements = append(statements, "INSERT INTO conversation_tags (conversation_id, name, value, created_micros, updated_micros, title_sort) SELECT "+
			strings.Join([]string{w.id("n"), tag.name, tag.value, w.micros("created"), w.micros("updated"), title}, ", ")+from+" WHERE "+tag.where)
	}
	return statements
}

// words are expressions of SQL that differ between engines.
type words struct{ engine dbmodule.Engine }

func (w words) join(parts ...string) string {
	if w.engine == dbmodule.MySQL {
		return "CONCAT(" + strings.Join(parts, ", ") + ")"
	}
	return "(" + strings.Join(parts, " || ") + ")"
}

// over is a quotient of whole numbers.
func (w words) over(n string, by int64) string {
	if w.engine == dbmodule.MySQL {
		return fmt.Sprintf("((%s) DIV %d)", n, by)
	}
	return fmt.Sprintf("((%s) / %d)", n, by)
}

func (w words) text(n string) string {
	if w.engine == dbmodule.MySQL {
		return "CAST(" + n + " AS CHAR)"
	}
	return "CAST(" + n + " AS TEXT)"
}

// padded is a text with zeros before it.
func (w words) padded(text string, length int) string {
	if w.engine == dbmodule.SQLite {
		return fmt.Sprintf("substr('%s' || %s, -%d)", strings.Repeat("0", length), text, length)
	}
	return fmt.Sprintf("lpad(%s, %d, '0')", text, length)
}

// id is [listedID].
func (w words) id(n string) string {
	hex := map[dbmodule.Engine]string{
		dbmodule.SQLite: "printf('%%x', %s)", dbmodule.PostgreSQL: "to_hex(%s)", dbmodule.MySQL: "LOWER(HEX(%s))",
	}[w.engine]
	hex = fmt.Sprintf(hex, n)
	return w.join(w.padded(hex, 8), "'-0000-4000-8000-'", w.padded(hex, 12))
}

// at is [Listed.at], as the server writes it.
func (w words) at(rank string) string {
	return fmt.Sprintf(map[dbmodule.Engine]string{
		dbmodule.SQLite:     "strftime('%%Y-%%m-%%d %%H:%%M:%%S', %d + %s, 'unixepoch') || '+00:00'",
		dbmodule.PostgreSQL: "to_timestamp(%d + %s)",
		dbmodule.MySQL:      "TIMESTAMPADD(SECOND, %d + %s, '1970-01-01')",
	}[w.engine], epoch.Unix(), rank)
}

func (w words) micros(rank string) string {
	return fmt.Sprintf("(%d + %s) * 1000000", epoch.Unix(), rank)
}
