package graph

import (
	"fmt"
	"slices"
)

// Direction is the kind of a step: upgrade, downgrade or stamp.
type Direction string

// The directions, as Alembic's log names them.
const (
	Upgrade   Direction = "upgrade"
	Downgrade Direction = "downgrade"
	// Stamp changes rows of the version table and nothing else.
	Stamp Direction = "stamp_revision"
)

// Step is one revision to run, or one row to stamp, with the changes to the version
// table.
type Step struct {
	// Revision is the revision to run or to stamp; nil for a stamp of base.
	Revision  *Revision
	Direction Direction
	// From and To are the revisions before and after the step, as Alembic logs them:
	// without dependencies.
	From, To []string

	// Deletes, Inserts and Updates are the changes to the version table, to be made
	// in this order. Each deleted or updated row must exist.
	Deletes []string
	Inserts []string
	Updates []RowUpdate
}

// RowUpdate changes a row of the version table from one revision to another.
type RowUpdate struct{ From, To string }

// String returns what Alembic logs for the step after its direction:
// "1f0c -> 2a9d, create books".
func (s Step) String() string {
	text := fmt.Sprintf("%s -> %s", commas(s.From), commas(s.To))
	if s.Direction != Stamp && s.Revision != nil && s.Revision.Message != "" {
		text += ", " + s.Revision.Message
	}
	return text
}

// Rows returns the rows of the version table after the step, given those before it.
// It returns an error if a row to delete or update does not exist.
func (s Step) Rows(before []string) ([]string, error) {
	rows := slices.Clone(before)
	for _, id := range s.Deletes {
		i := slices.Index(rows, id)
		if i < 0 {
			return nil, missingRow(id)
		}
		rows = slices.Delete(rows, i, i+1)
	}
	rows = append(rows, s.Inserts...)
	for _, u := range s.Updates {
		i := slices.Index(rows, u.From)
		if i < 0 {
			return nil, missingRow(u.From)
		}
		rows[i] = u.To
	}
	return rows, nil
}

func missingRow(id string) error {
	return fmt.Errorf("migrate: the version table has no row %q: another process changed it", id)
}
