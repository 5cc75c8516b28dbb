package autogen

import "ariga.io/atlas/sql/schema"

// Warning tells of one change that needs a look before it runs.
type Warning struct {
	Down          bool
	Code          string
	Table, Column string
	Text          string
}

func warningsOf(e engine, from *schema.Realm, changes []schema.Change) []Warning { return nil }
func renameWarnings(done []renaming) []Warning                                   { return nil }
func losses(warnings []Warning) []Warning                                        { return nil }
