package migrate

// Graph is the revisions and how they follow one another: Alembic's
// RevisionMap. It is immutable and safe for concurrent use.
type Graph struct {
	revisions map[string]*Revision
}
