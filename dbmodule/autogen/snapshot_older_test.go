package autogen_test

import (
	"strings"
	"testing"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
)

// olderSnapshot has defaults as snapshots had them before numbers were kept as
// they were written.
const olderSnapshot = `table "said" {
  schema = schema.default
  column "id" {
    null = false
    type = integer
  }
  column "c0" {
    null    = true
    type    = numeric
    default = 0
  }
  column "c1" {
    null    = true
    type    = numeric
    default = 1.5
  }
  column "c2" {
    null    = true
    type    = numeric
    default = 1e-07
  }
  column "c3" {
    null    = true
    type    = varchar
    default = "it's 1.50"
  }
  column "c4" {
    null    = true
    type    = varchar
    default = "1.50"
  }
  column "c5" {
    null    = true
    type    = boolean
    default = 1
  }
  column "c6" {
    null    = true
    type    = varchar
    default = sql("lower('A')")
  }
  primary_key {
    columns = [column.id]
  }
}
schema "default" {
}
`

// Snapshots that are there already say the same as they did, and numbers that
// are equal make no revision, however the models spell them.
func TestOlderSnapshots(t *testing.T) {
	t.Parallel()
	for _, said := range []string{
		"numeric(10,2) | 0.00\nnumeric(10,2) | 1.50\nnumeric | 1e-7\nvarchar(40) | 'it''s 1.50'\nvarchar(40) | '1.50'\nbool | true\nvarchar(40) | (lower('A'))",
		"numeric(10,2) | +.0\nnumeric(10,2) | 01.5\nnumeric | .0000001\nvarchar(40) | 'it''s 1.50'\nvarchar(40) | '1.50'\nbool | 't'\nvarchar(40) | lower('A')",
	} {
		want := realm(t, dbmodule.SQLite, modelOf("said", sayables(said)))
		if draft := compare(t, dbmodule.SQLite, parse(t, dbmodule.SQLite, []byte(olderSnapshot)), want); !draft.Empty() {
			t.Errorf("a comparison finds\n%s", strings.Join(draft.Up, "\n"))
		}
	}
	other := realm(t, dbmodule.SQLite, modelOf("said", sayables(
		"numeric | 0.01\nnumeric | 1.5\nnumeric | 1e-7\nvarchar | 'it''s 1.50'\nvarchar | '1.50'\nbool | true\nvarchar | lower('A')")))
	draft, err := autogen.Compare(t.Context(), dbmodule.SQLite, parse(t, dbmodule.SQLite, []byte(olderSnapshot)), other)
	if err != nil || draft.Empty() {
		t.Errorf("another default is not found: %v", err)
	}
}
