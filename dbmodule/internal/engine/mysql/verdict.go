package mysql

import (
	"errors"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/openhands-go/server/dbmodule/dberr"
	"github.com/openhands-go/server/dbmodule/internal/engine"
)

// Judge says what an error of go-sql-driver means. It has the type engine.Judge.
func Judge(err error) engine.Verdict {
	var my *mysql.MySQLError
	switch {
	case errors.As(err, &my):
		return judgeServer(my).ByCaller(err, false)
	case errors.Is(err, mysql.ErrPktTooLarge):
		return engine.Verdict{Kind: dberr.ErrValue}.ByCaller(err, false)
	}
	v := engine.Network(err, mysql.ErrInvalidConn, mysql.ErrMalformPkt, mysql.ErrPktSync, mysql.ErrPktSyncMul, mysql.ErrBusyBuffer)
	if refusedHandshake(err) {
		v.Kind = dberr.ErrAccessDenied
	}
	return v.ByCaller(err, engine.Dialling(err))
}

// refusedHandshake tells what stops client and server from coming together
// however often they try.
func refusedHandshake(err error) bool {
	for _, refused := range [...]error{
		mysql.ErrNoTLS, mysql.ErrCleartextPassword, mysql.ErrNativePassword, mysql.ErrOldPassword,
		mysql.ErrUnknownPlugin, mysql.ErrOldProtocol,
	} {
		if errors.Is(err, refused) {
			return true
		}
	}
	return engine.RefusedTLS(err)
}

// judgeServer judges what a server said.
func judgeServer(my *mysql.MySQLError) engine.Verdict {
	e := engine.Verdict{Kind: kind(my), Code: strconv.Itoa(int(my.Number))}
	e.Text = text(e.Kind, my)
	e.LosesTransaction = losesTransaction(my)
	e.LosesConnection = losesConnection(my)
	if my.Number == 1243 || my.Number == 1615 { // unknown, to be prepared again
		e.Outdated = engine.OneOutdated
	}
	// A shutdown and an interruption (1053, 1317) may come while COMMIT is under way.
	e.Answered = my.Number != 1053 && my.Number != 1317 && e.Kind != dberr.ErrCommitUnknown
	switch e.Kind {
	case dberr.ErrUnique:
		if _, key, ok := duplicateEntry(my.Message); ok {
			// MySQL 8 puts the table before the key, MariaDB doesn't.
			if table, name, qualified := strings.Cut(key, "."); qualified {
				e.Table, key = table, name
			}
			e.Constraint = key
		}
	case dberr.ErrForeignKey:
		e.Constraint = between(my.Message, "CONSTRAINT `", "`")
		e.Column = between(my.Message, "FOREIGN KEY (`", "`)")
		e.Column = strings.ReplaceAll(e.Column, "`, `", ", ")
		e.Table = lastName(between(my.Message, "fails (", ", CONSTRAINT"))
	case dberr.ErrCheck:
		if e.Constraint = between(my.Message, "CONSTRAINT `", "` failed for"); e.Constraint != "" { // MariaDB
			_, table, _ := strings.Cut(my.Message, "` failed for ")
			e.Table = lastName(table)
			// How MariaDB names the checks that belong to a column, such as
			// that of its JSON type.
			if column, ok := strings.CutPrefix(e.Constraint, e.Table+"."); ok {
				e.Column = column
			}
		} else {
			e.Constraint = between(my.Message, "Check constraint '", "' is violated")
		}
	case dberr.ErrNotNull:
		if e.Column = between(my.Message, "Column '", "' cannot be null"); e.Column == "" {
			e.Column = between(my.Message, "Field '", "' doesn't have a default value")
		}
	case dberr.ErrValue:
		e.Table, e.Column = valueColumn(my.Message)
	}
	return e
}

// kind knows the numbers of MySQL, MariaDB, Galera and, by their
// documentation only, ProxySQL (9001) and TiDB (8002 to 9007).
func kind(my *mysql.MySQLError) error {
	if noSpaceLeft(my) {
		return dberr.ErrDiskFull
	}
	switch my.Number {
	case 1062, 1586, 1022, 1169, 1761, 1859: // duplicates, the last two by way of a cascade and an ALTER TABLE
		return dberr.ErrUnique
	case 1216, 1217, 1451, 1452:
		return dberr.ErrForeignKey
	case 3819, 4025, 1369: // MySQL, MariaDB, WITH CHECK OPTION of a view
		return dberr.ErrCheck
	case 1048, 1364, 1263, 1138:
		return dberr.ErrNotNull
	case 1406, 1264, 1265, 1292, 1366, 1367, 1411, 1441, 1690, 1365, // length, range, truncation, type, division by zero
		1300, 3854, 1977, // characters
		3140, 3141, 3143, 3144, 3146, 3147, 3150, 3157, 4037, 4038, // JSON
		1153, 1118, 1301, 1416, 1525: // packet, row, result, geometry, other types
		return dberr.ErrValue
	case 1213, 1205, 1020, 1412, 1613, 1614, 1615, 1689, 3101, 3572, 8002, 8005, 8022, 8028, 9004, 9007:
		return dberr.ErrConflict
	case 1180: // error during COMMIT; 149 is Galera's certification failure
		if strings.HasPrefix(my.Message, "Got error 149 ") {
			return dberr.ErrConflict
		}
		return dberr.ErrCommitUnknown
	case 3024, 1969, 1317:
		return dberr.ErrTimeout
	case 1290: // some option prevents it, but which?
		if option := strings.ToLower(my.Message); strings.Contains(option, "read-only") || strings.Contains(option, "read_only") {
			return dberr.ErrReadOnly
		}
		return nil
	case 1792, 1836, 1874, 1036, 3989:
		return dberr.ErrReadOnly
	case 1021, 1114, 3675:
		return dberr.ErrDiskFull
	case 1044, 1045, 1129, 1130, 1142, 1143, 1227, 1370, 1698, 1820, 1862, 3118, 3159, 4151:
		return dberr.ErrAccessDenied
	case 1049:
		return dberr.ErrNoDatabase
	case 126, 127, 1034, 1035, 1194, 1195, 1712:
		return dberr.ErrCorrupt
	case 1037, 1038, 1040, 1041, 1203, 1206, 1226, 1637, // resources
		1042, 1043, 1053, 1077, 1078, 1079, 1080, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 3032, 3168, 4031, // connection
		2002, 2003, 2006, 2013, // a client's numbers, which proxies pass on
		1047,                         // Galera: not part of a quorum
		8027, 9001, 9002, 9003, 9005: // ProxySQL, TiDB
		return dberr.ErrUnavailable
	}
	return nil
}

// noSpaceLeft finds the operating system's ENOSPC (28) in the messages that
// carry its numbers.
func noSpaceLeft(my *mysql.MySQLError) bool {
	switch my.Number {
	case 3, 20, 1004, 1005, 1006, 1026, 1030:
		for _, sign := range [...]string{"rrno: 28 ", "rrcode: 28 ", "error 28 "} {
			if strings.Contains(my.Message, sign) {
				return true
			}
		}
	}
	return false
}

func losesTransaction(my *mysql.MySQLError) bool {
	switch my.Number {
	case 1213, 1020, 1206, 1613, 1614, 1180, 3101, 8002, 8005, 8022, 8028, 9007:
		return true
	case 1305:
		// A savepoint that is gone: its transaction was rolled back, for
		// example by a lock timeout under innodb_rollback_on_timeout. Without
		// that option a lock timeout (1205) undoes its statement only.
		return strings.HasPrefix(my.Message, "SAVEPOINT ")
	}
	return losesConnection(my) && kind(my) != dberr.ErrReadOnly
}

func losesConnection(my *mysql.MySQLError) bool {
	switch my.Number {
	case 1053, 1077, 1078, 1079, 1080, 1152, 1153, 1158, 1159, 1160, 1161, 1184, 1927, 3032, 3168, 4031,
		2002, 2003, 2006, 2013, 1047, 1180, 9001,
		1836, 1874:
		return true
	case 1290:
		return kind(my) == dberr.ErrReadOnly
	}
	return false
}

// text is the message without values.
func text(found error, my *mysql.MySQLError) string {
	message := my.Message
	switch {
	case found == dberr.ErrUnique:
		if before, key, ok := duplicateEntry(message); ok {
			message = before + "'…' for key '" + key + "'"
		} else {
			message = engine.WithoutQuoted(message)
		}
	case my.Number == 1644: // SIGNAL
		message = "raised by a function"
	case found == dberr.ErrValue && my.Number != 1406 && my.Number != 1264 && my.Number != 1265, kind(my) == nil:
		message = engine.WithoutQuoted(message)
	}
	return (&mysql.MySQLError{Number: my.Number, SQLState: my.SQLState, Message: message}).Error()
}

// duplicateEntry takes "Duplicate entry 'a' for key 'k'" apart. The value may
// hold quotes, and the words around it too, so the key is looked for from the
// end.
func duplicateEntry(message string) (before, key string, ok bool) {
	const entry, forKey = "Duplicate entry ", " for key '"
	i := strings.LastIndex(message, forKey)
	if i < 0 || !strings.HasPrefix(message, entry) {
		return "", "", false
	}
	key, _, ok = strings.Cut(message[i+len(forKey):], "'")
	return entry, key, ok
}

// valueColumn reads "… for column 'c' at row 1" and MariaDB's "… for column
// `d`.`t`.`c` at row 1", from the end: a value may stand before.
func valueColumn(message string) (table, column string) {
	const forColumn, atRow = " column ", " at row "
	end := strings.LastIndex(message, atRow)
	if end < 0 {
		return "", ""
	}
	start := strings.LastIndex(message[:end], forColumn)
	if start < 0 {
		return "", ""
	}
	name := message[start+len(forColumn) : end]
	switch {
	case len(name) > 2 && name[0] == '\'' && name[len(name)-1] == '\'' && strings.Count(name, "'") == 2:
		return "", name[1 : len(name)-1]
	case len(name) > 2 && name[0] == '`' && name[len(name)-1] == '`':
		parts := strings.Split(name[1:len(name)-1], "`.`")
		if len(parts) > 1 {
			table = parts[len(parts)-2]
		}
		return table, parts[len(parts)-1]
	}
	return "", ""
}

// between returns what stands after the first prefix and before the next
// suffix, "" when they do not both occur.
func between(s, prefix, suffix string) string {
	_, rest, found := strings.Cut(s, prefix)
	if !found {
		return ""
	}
	inner, _, found := strings.Cut(rest, suffix)
	if !found {
		return ""
	}
	return inner
}

// lastName returns c of `a`.`b`.`c`.
func lastName(quoted string) string {
	quoted = strings.TrimSuffix(strings.TrimSpace(quoted), "`")
	return quoted[strings.LastIndexByte(quoted, '`')+1:]
}
