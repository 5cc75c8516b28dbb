package dbtest

import (
	"context"
	"fmt"
	"io/fs"
	"testing"

	"github.com/uptrace/bun/dbfixture"

	"github.com/openhands-go/server/dbmodule"
)

// Fixtures inserts the rows of YAML files, in the order of names and in one
// transaction, and returns the rows by name. Each file is a list of models with
// rows, in the format of Bun's dbfixture. The models are those that db was opened
// with:
//
//   - model: Author
//     rows:
//   - _id: leguin
//     name: Ursula K. Le Guin
//   - model: Book
//     rows:
//   - title: The Dispossessed
//     author_id: '{{ $.Author.leguin.ID }}'
//
// fixture.MustRow("Author.leguin").(*Author) then returns the row. If the database
// numbers the rows of a table, give no ids in the file: PostgreSQL's sequence does
// not skip ids that a file gives. Any error fails t and names the file.
func Fixtures(t testing.TB, db *dbmodule.Database, fsys fs.FS, names ...string) *dbfixture.Fixture {
	t.Helper()
	var fixture *dbfixture.Fixture
	err := db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
		fixture = dbfixture.New(s)
		for _, name := range names {
			if err := fixture.Load(ctx, fsys, name); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("dbtest: load fixtures: %v", err)
	}
	return fixture
}
