// Package graph knows how revisions follow one another and which of them a
// database has: Alembic's RevisionMap. It plans the steps of upgrades,
// downgrades and stamps, and reads Alembic's grammar of targets ("head",
// "+2", "label@base"). It runs nothing: package migrate does.
//
// A [Revision] is the text of a revision.txt. [New] makes a [Graph] of them;
// its plans are [Step]s, each with the rows of the version table that it
// changes. [Printer] writes revisions as Alembic's commands do.
package graph
