package prepared

import "github.com/jackc/pgx/v5/pgtype"

// asLiterals are PostgreSQL's types for which a parameter is read as a literal in
// the text is, whatever the session's settings are. Others are not on the list, such
// as interval, whose literals are read in the unit of their column, money, enums and
// types that somebody made. So are those of dates: see ISODate.
var asLiterals = func() map[uint32]bool {
	types := make(map[uint32]bool)
	for _, oid := range [...]uint32{
		pgtype.BoolOID, pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.NumericOID, pgtype.Float4OID, pgtype.Float8OID,
		pgtype.TextOID, pgtype.VarcharOID, pgtype.BPCharOID, pgtype.ByteaOID, pgtype.UUIDOID, pgtype.JSONOID, pgtype.JSONBOID,
		pgtype.InetOID, pgtype.CIDROID,
		pgtype.TextArrayOID, pgtype.VarcharArrayOID, pgtype.Int2ArrayOID, pgtype.Int4ArrayOID, pgtype.Int8ArrayOID, pgtype.BoolArrayOID,
		pgtype.UUIDArrayOID,
	} {
		types[oid] = true
	}
	return types
}()

// Parameters are the types that PostgreSQL inferred for a statement's parameters.
type Parameters struct {
	dates []date
}

// date is a parameter whose text has to be looked at.
type date struct {
	index int
	oid   uint32
}

// ParametersOf looks at the types. It is not ok when the statement has one with which
// it must run as text.
func ParametersOf(oids []uint32) (p Parameters, ok bool) {
	for i, oid := range oids {
		switch {
		case asLiterals[oid]:
		case oid == pgtype.DateOID, oid == pgtype.TimestampOID, oid == pgtype.TimestamptzOID:
			p.dates = append(p.dates, date{i, oid})
		default:
			return Parameters{}, false
		}
	}
	return p, true
}

// Admit reports whether all values of a statement are read alike as parameters: a
// time must be complete. 'now', and a day for a time with a zone, are read in the
// time zone and at the time of whoever reads them.
func (p Parameters) Admit(s *Statement) bool {
	for _, d := range p.dates {
		l := s.literals[d.index]
		if l.kind == textLiteral && !complete(s.text[l.start+1:l.end-1], d.oid) {
			return false
		}
	}
	return true
}

// complete reports whether a text is a time in ISO's form that no setting has a
// say in.
func complete(text string, oid uint32) bool {
	day, ok := digits(text, "####-##-##")
	if !ok {
		return false
	}
	if day == "" {
		return oid == pgtype.DateOID
	}
	if day[0] != ' ' && day[0] != 'T' {
		return false
	}
	rest, ok := digits(day[1:], "##:##:##")
	if !ok {
		return false
	}
	if len(rest) > 1 && rest[0] == '.' {
		from := rest
		for rest = rest[1:]; rest != "" && '0' <= rest[0] && rest[0] <= '9'; rest = rest[1:] {
		}
		if len(from)-len(rest) < 2 {
			return false
		}
	}
	switch {
	case rest == "":
		return oid != pgtype.TimestamptzOID
	case rest == "Z":
		return true
	case rest[0] != '+' && rest[0] != '-':
		return false
	}
	for _, form := range [...]string{"##", "##:##", "##:##:##"} {
		if left, ok := digits(rest[1:], form); ok && left == "" {
			return true
		}
	}
	return false
}

// digits takes a form from the front of a text, in which # is any digit.
func digits(text, form string) (rest string, ok bool) {
	if len(text) < len(form) {
		return "", false
	}
	for i := range len(form) {
		if form[i] == '#' && (text[i] < '0' || '9' < text[i]) || form[i] != '#' && text[i] != form[i] {
			return "", false
		}
	}
	return text[len(form):], true
}
