// Package graph computes the order of revisions, and which of them are applied
// when the version table has certain rows. It corresponds to Alembic's
// RevisionMap. It plans the steps of upgrades, downgrades and stamps, and
// resolves targets in Alembic's grammar ("head", "+2", "label@base"). Package
// migrate runs the steps.
//
// A [Revision] holds the fields of a revision.txt. [New] makes a [Graph] of
// revisions. A plan is a list of [Step]s, each with the changes that it makes to
// the version table. [Printer] prints revisions as Alembic's commands do.
package graph
