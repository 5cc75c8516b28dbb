package autogen

import (
	"fmt"
)

func renameSQL(e engine, r renaming) string {
	at := quotedName(e, r.at())
	if r.column != "" {
		return fmt.Sprintf("ALTER TABLE %s RENAME COLUMN %s TO %s", at, quoted(e, r.column), quoted(e, r.to))
	}
	return fmt.Sprintf("ALTER TABLE %s RENAME TO %s", at, quoted(e, r.to))
}
