package dbtest

import (
	"context"
	"fmt"
	"io/fs"
	"testing"

	"github.com/uptrace/bun/dbfixture"

	"github.com/openhands-go/server/dbmodule"
)

// Fixtures inserts the rows of YAML files, in this order and all or nothing,
// and returns them by name. Each file is a list of models with rows, as
// dbfixture of Bun reads it; the models are those that db was opened with:
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
// fixture.MustRow("Author.leguin").(*Author) is then the row. Leave ids to the
// database where it numbers rows: on PostgreSQL its counter does not see those
// that a file gives. What goes wrong fails t and names the file.
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
