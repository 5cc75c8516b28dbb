package mysql_test

import (
	"context"
	"net"
	"testing"

	driver "github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/engine"
	"github.com/openhands-go/server/dbmodule/internal/engine/enginetest"
	"github.com/openhands-go/server/dbmodule/internal/engine/mysql"
)

func my(number uint16, message string) *driver.MySQLError {
	return &driver.MySQLError{Number: number, Message: message}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	enginetest.Verdicts(t, dburl.MySQL, mysql.Judge, map[string]enginetest.Case{
		"unique":             {Err: my(1062, "Duplicate entry '"+enginetest.Secret+"' for key 'uq_email'"), Kind: dberr.ErrUnique, Constraint: "uq_email"},
		"unique with quotes": {Err: my(1062, "Duplicate entry 'x' for key '"+enginetest.Secret+"' for key 'uq_email'"), Kind: dberr.ErrUnique, Constraint: "uq_email"},
		"unique on MySQL 8":  {Err: my(1062, "Duplicate entry '"+enginetest.Secret+"' for key 'users.uq_email'"), Kind: dberr.ErrUnique, Constraint: "uq_email", Table: "users"},
		"unique in French":   {Err: my(1062, "Duplicata du champ '"+enginetest.Secret+"' pour la clef 'uq_email'"), Kind: dberr.ErrUnique},
		"unique by its name": {Err: my(1586, "Duplicate entry '"+enginetest.Secret+"' for key 'uq'"), Kind: dberr.ErrUnique, Constraint: "uq"},
		"unique by cascade":  {Err: my(1761, "Foreign key constraint for table 't', record '"+enginetest.Secret+"' would lead to a duplicate entry in table 'u', key 'k'"), Kind: dberr.ErrUnique},
		"foreign key": {
			Err: my(1452, "Cannot add or update a child row: a foreign key constraint fails (`app`.`child`, CONSTRAINT `fk_parent` "+
				"FOREIGN KEY (`a`, `b`) REFERENCES `parent` (`a`, `b`))"),
			Kind: dberr.ErrForeignKey, Constraint: "fk_parent", Table: "child", Column: "a, b",
		},
		"referenced": {
			Err:  my(1451, "Cannot delete or update a parent row: a foreign key constraint fails (`app`.`child`, CONSTRAINT `fk` FOREIGN KEY (`p`) REFERENCES `parent` (`id`))"),
			Kind: dberr.ErrForeignKey, Constraint: "fk", Table: "child", Column: "p",
		},
		"foreign key, no privilege": {Err: my(1216, "Cannot add or update a child row: a foreign key constraint fails"), Kind: dberr.ErrForeignKey},
		"check on MySQL":            {Err: my(3819, "Check constraint 'ck_age' is violated."), Kind: dberr.ErrCheck, Constraint: "ck_age"},
		"check on MariaDB":          {Err: my(4025, "CONSTRAINT `ck_age` failed for `app`.`users`"), Kind: dberr.ErrCheck, Constraint: "ck_age", Table: "users"},
		"check of a column":         {Err: my(4025, "CONSTRAINT `users.doc` failed for `app`.`users`"), Kind: dberr.ErrCheck, Constraint: "users.doc", Table: "users", Column: "doc"},
		"not null":                  {Err: my(1048, "Column 'name' cannot be null"), Kind: dberr.ErrNotNull, Column: "name"},
		"no default":                {Err: my(1364, "Field 'name' doesn't have a default value"), Kind: dberr.ErrNotNull, Column: "name"},
		"too long":                  {Err: my(1406, "Data too long for column 'name' at row 1"), Kind: dberr.ErrValue, Column: "name"},
		"out of range":              {Err: my(1264, "Out of range value for column 'n' at row 1"), Kind: dberr.ErrValue, Column: "n"},
		"wrong type on MySQL":       {Err: my(1366, "Incorrect integer value: '"+enginetest.Secret+"' for column 'n' at row 1"), Kind: dberr.ErrValue, Column: "n"},
		"wrong type on MariaDB":     {Err: my(1366, "Incorrect integer value: 'x' for column '"+enginetest.Secret+"' at row 1' for column `app`.`t`.`n` at row 1"), Kind: dberr.ErrValue, Table: "t", Column: "n"},
		"wrong time":                {Err: my(1292, "Incorrect datetime value: '"+enginetest.Secret+"' for column `app`.`t`.`d` at row 1"), Kind: dberr.ErrValue, Table: "t", Column: "d"},
		"overflow":                  {Err: my(1690, "BIGINT value is out of range in '"+enginetest.Secret+" + 1'"), Kind: dberr.ErrValue},
		"bad JSON":                  {Err: my(3140, `Invalid JSON text: "Invalid value." at position 0 in value for column 't.c'.`), Kind: dberr.ErrValue},
		"packet too large":          {Err: my(1153, "Got a packet bigger than 'max_allowed_packet' bytes"), Kind: dberr.ErrValue, LosesTransaction: true, LosesConnection: true},
		"packet not sent":           {Err: driver.ErrPktTooLarge, Kind: dberr.ErrValue, Unanswered: true},
		"deadlock":                  {Err: my(1213, "Deadlock found when trying to get lock"), Kind: dberr.ErrConflict, LosesTransaction: true},
		"lock timeout":              {Err: my(1205, "Lock wait timeout exceeded"), Kind: dberr.ErrConflict},
		"changed since read":        {Err: my(1020, "Record has changed since last read in table 't'"), Kind: dberr.ErrConflict, LosesTransaction: true},
		"certification":             {Err: my(1180, `Got error 149 "Lock deadlock; Retry transaction" during COMMIT`), Kind: dberr.ErrConflict, LosesTransaction: true, LosesConnection: true},
		"commit without quorum":     {Err: my(1180, `Got error 6 "No such device or address" during COMMIT`), Kind: dberr.ErrCommitUnknown, LosesTransaction: true, LosesConnection: true, Unanswered: true},
		"not ready":                 {Err: my(1047, "WSREP has not yet prepared node for application use"), Kind: dberr.ErrUnavailable, LosesTransaction: true, LosesConnection: true},
		"time limit on MySQL":       {Err: my(3024, "maximum statement execution time exceeded"), Kind: dberr.ErrTimeout},
		"time limit on MariaDB":     {Err: my(1969, "max_statement_time exceeded"), Kind: dberr.ErrTimeout},
		"interrupted":               {Err: my(1317, "Query execution was interrupted"), Kind: dberr.ErrTimeout, Unanswered: true},
		"too many connections":      {Err: my(1040, "Too many connections"), Kind: dberr.ErrUnavailable},
		"shut down":                 {Err: my(1053, "Server shutdown in progress"), Kind: dberr.ErrUnavailable, LosesTransaction: true, LosesConnection: true, Unanswered: true},
		"killed":                    {Err: my(1927, "Connection was killed"), Kind: dberr.ErrUnavailable, LosesTransaction: true, LosesConnection: true},
		"gone":                      {Err: driver.ErrInvalidConn, Kind: dberr.ErrUnavailable, LosesTransaction: true, LosesConnection: true, Unanswered: true},
		"disk full":                 {Err: my(1021, "Disk full (t)"), Kind: dberr.ErrDiskFull},
		"table full":                {Err: my(1114, "The table 't' is full"), Kind: dberr.ErrDiskFull},
		"write without room":        {Err: my(1026, `Error writing file 't' (errno: 28 "No space left on device")`), Kind: dberr.ErrDiskFull},
		"write error":               {Err: my(1026, `Error writing file 't' (errno: 5 "Input/output error")`)},
		"read-only server":          {Err: my(1290, "The MariaDB server is running with the --read-only option"), Kind: dberr.ErrReadOnly, LosesConnection: true},
		"other option":              {Err: my(1290, "The MySQL server is running with the --secure-file-priv option")},
		"read-only mode":            {Err: my(1836, "Running in read-only mode"), Kind: dberr.ErrReadOnly, LosesConnection: true},
		"read-only transaction":     {Err: my(1792, "Cannot execute statement in a READ ONLY transaction"), Kind: dberr.ErrReadOnly},
		"wrong password":            {Err: my(1045, "Access denied for user 'u'@'h' (using password: YES)"), Kind: dberr.ErrAccessDenied},
		"no privilege":              {Err: my(1142, "DELETE command denied to user 'u'@'h' for table 't'"), Kind: dberr.ErrAccessDenied},
		"no TLS":                    {Err: driver.ErrNoTLS, Kind: dberr.ErrAccessDenied, Unanswered: true},
		"no database":               {Err: my(1049, "Unknown database 'nodb'"), Kind: dberr.ErrNoDatabase},
		"savepoint gone":            {Err: my(1305, "SAVEPOINT a does not exist"), LosesTransaction: true},
		"function missing":          {Err: my(1305, "FUNCTION app.f does not exist")},
		"damaged":                   {Err: my(1194, "Table 't' is marked as crashed and should be repaired"), Kind: dberr.ErrCorrupt},
		"TiDB write conflict":       {Err: my(9007, "Write conflict"), Kind: dberr.ErrConflict, LosesTransaction: true},
		"syntax":                    {Err: my(1064, "syntax to use near '"+enginetest.Secret+"' at line 1")},
		"statement thrown away":     {Err: my(1243, "Unknown prepared statement handler (7) given to mysqld_stmt_execute"), Outdated: engine.OneOutdated},
		"statement of another time": {Err: my(1615, "Prepared statement needs to be re-prepared"), Kind: dberr.ErrConflict, Outdated: engine.OneOutdated},
		"SIGNAL":                    {Err: my(1644, enginetest.Secret)},
		"cancelled by caller":       {Err: context.Canceled, Unanswered: true},
	})
}

func TestUnreachableServersAreUnavailable(t *testing.T) {
	t.Parallel()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())

	hosts, err := mysql.NewHosts(0, &driver.Config{User: "u", Passwd: "hidden", Net: "tcp", Addr: address})
	require.NoError(t, err)
	_, err = hosts.Open(t.Context())
	_, err = engine.Judge(mysql.Judge).Typed(dburl.MySQL, err)
	require.ErrorIs(t, err, dberr.ErrUnavailable)
	assert.NotContains(t, err.Error(), "hidden")

	slow := &net.OpError{Op: "dial", Err: context.DeadlineExceeded}
	_, err = engine.Judge(mysql.Judge).Typed(dburl.MySQL, slow)
	require.ErrorIs(t, err, dberr.ErrUnavailable, "a connection that can't be made in time")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	left := &net.OpError{Op: "dial", Err: context.Canceled}
	_, err = engine.Judge(mysql.Judge).Typed(dburl.MySQL, left)
	require.NotErrorIs(t, err, dberr.ErrUnavailable)
}
