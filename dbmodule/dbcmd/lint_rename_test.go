package dbcmd_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
)

type (
	userDeleted struct {
		bun.BaseModel `bun:"table:users"`

		ID        int64  `bun:",pk"`
		Email     string `bun:"type:varchar(80),notnull"`
		DeletedAt *time.Time
	}
	userRemoved struct {
		bun.BaseModel `bun:"table:users"`

		ID        int64  `bun:",pk"`
		Email     string `bun:"type:varchar(80),notnull"`
		RemovedAt *time.Time
	}
)

func (userDeleted) Indexes() []dbmodule.Index {
	return []dbmodule.Index{{Name: "ux", Columns: []string{"email"}, Unique: true, Where: "deleted_at IS NULL"}}
}

func (userRemoved) Indexes() []dbmodule.Index {
	return []dbmodule.Index{{Name: "ux", Columns: []string{"email"}, Unique: true, Where: "removed_at IS NULL"}}
}

func (userDeleted) Checks() []dbmodule.Check {
	return []dbmodule.Check{{Name: "ck", Expression: "deleted_at IS NULL OR email <> ''"}}
}

func (userRemoved) Checks() []dbmodule.Check {
	return []dbmodule.Check{{Name: "ck", Expression: "removed_at IS NULL OR email <> ''"}}
}

// SQLite writes the name of a column that it renames in quotes, and does not
// take them off again on the way down.
func TestLintKnowsRenamedColumns(t *testing.T) {
	t.Parallel()
	p := newProgram(t, (*userDeleted)(nil))
	p.config.Engines = []dbmodule.Engine{dbmodule.SQLite}
	p.must("init")
	p.must("revision", "-m", "one", "--autogenerate")
	p.config.Models = []any{(*userRemoved)(nil)}
	require.Contains(t, p.must("revision", "-m", "dropped", "--autogenerate", "--sql").text(), "draft it with --rename users.deleted_at=removed_at")
	p.must("revision", "-m", "two", "--autogenerate", "--rename", "users.deleted_at=removed_at")
	require.Regexp(t, `^note: \S+: under traffic, .* \[rename-column\]\n2 revisions in order, up, down and up again on SQLite\.\n$`, p.must("lint").stdout)
}
