// Package autogen turns Bun models into atlas schemas. From these it creates,
// drops and compares tables on SQLite, PostgreSQL and MySQL or MariaDB.
//
// [Module] provides the table manager that dbmodule.Module needs; [NewTables]
// makes one without fx. [Realm], [Plan], [Inspect] and [Diff] are the single steps,
// for tools that work with schemas themselves.
//
// [Compare] drafts a revision that changes a snapshot of the schema into the
// models; [CompareLive] starts from a database instead. A draft has the SQL for
// both directions, and warnings to read before it runs. [MarshalSnapshot] and
// [ParseSnapshot] write and read a snapshot, which is kept beside the code. This
// package never runs a draft.
//
// # Types
//
// A type tag means the same on every engine: each engine's name of a type works on
// all three. Without a tag the Go type decides.
//
//	Go or tag                      SQLite     PostgreSQL        MySQL, MariaDB
//	bool                           boolean    boolean           bool
//	int, int64, uint, uint64       integer    bigint            bigint
//	int32, uint16                  integer    integer           int
//	int8, int16, uint8             integer    smallint          smallint
//	uint32                         integer    bigint            bigint
//	float32                        real       real              double
//	float64                        real       double precision  double
//	string, type:varchar           varchar    character varying varchar(255)
//	type:text                      text       text              longtext
//	[]byte, type:blob, type:bytea  blob       bytea             longblob
//	[n]byte, n up to 255           blob       bytea             binary(n)
//	time.Time, type:timestamptz    timestamp  timestamptz       datetime(6)
//	uuid.UUID, type:uuid           varchar    uuid              char(36)
//	map, slice, struct, type:jsonb text       jsonb             json
//	json.RawMessage                text       jsonb             json
//	type:numeric(p,s)              numeric    numeric(p,s)      decimal(p,s)
//	net.IP, netip.Addr             varchar    inet              varchar(64)
//
// JSON is text on SQLite because a column declared json would turn a document
// that is a number into a number. SQLite stores a numeric of more than 15
// digits inexactly. On MySQL a column of a key needs a length. On MySQL numeric
// needs its precision: without a precision MySQL would round to whole numbers. On
// MySQL a tag like type:varchar(64) collate utf8mb4_bin makes comparisons exact; on
// the other engines they are always exact, and the collation is ignored. The
// column type of an unsigned integer holds all of its values, except values of
// uint and uint64 above 2^63-1. MySQL tables use InnoDB, with the character set
// and collation of their database.
//
// # Defaults
//
// The text of a default tag is a literal ('text', 1.5, true) or an
// expression. now() and current_timestamp work on all engines, and so do
// gen_random_uuid() and uuid(); other expressions are passed on unchanged.
//
// # Keys, indexes, foreign keys
//
// Names consist of a prefix (uq_, ix_, fk_, ck_), the table and the columns; a
// name that would be longer than 63 bytes ends in a hash. A unique tag becomes
// a unique index; unique:group makes one index of all columns in the group. Every
// belongs-to relation becomes a foreign key with the actions of its on_delete
// and on_update options (CASCADE, RESTRICT, SET NULL, SET DEFAULT, NO
// ACTION), and so does a has-one relation whose own columns are not its
// primary key and that joins a key. A foreign key must refer to a primary key or
// to unique columns, in a table of the same models. A relation with a join_on
// condition becomes no foreign key. autoincrement and identity mean the same: the
// database numbers the rows, and the column is not null. On MySQL the index that a
// foreign key needs is part of the model, with the key's name.
//
// # Drafts
//
// A draft is complete: after the upgrade the schema equals the models, and
// after the downgrade it equals the schema before, except for the order of
// columns and for rows that were dropped. A draft keeps data that can be kept:
// NULLs become the default of a column that is now not null, texts become
// numbers and numbers become texts, and counters continue. A draft renames only
// what a hint names (see [Rename]); whatever refers to the old name then uses
// the new one.
//
// A draft for SQLite alters a table where SQLite can do so, and rebuilds it
// where it can't. A draft for PostgreSQL converts with USING where PostgreSQL
// has no cast of its own. A draft for MySQL has only statements that MariaDB
// (10.5.2 or later, the tested one) and, by its documentation, MySQL 8.0.19 or
// later understand alike. On MySQL and PostgreSQL, foreign keys on changed
// columns are dropped first and added again last.
package autogen
