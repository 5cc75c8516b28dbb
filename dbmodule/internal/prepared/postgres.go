package prepared

import "github.com/jackc/pgx/v5/pgtype"

// asLiterals are PostgreSQL's types for which a parameter and a literal mean the same under
// all settings. Not on the list are interval (the column decides the unit of a literal),
// money, enums and user-defined types. For the types of dates see Parameters.Admit.
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

// date is a parameter of a date or time type.
type date struct {
	index int
	oid   uint32
}

// ParametersOf takes the types that PostgreSQL inferred. ok is false if because of one of
// them the statement must run as text.
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

// Admit reports whether all values of a statement mean the same as parameters and as
// literals. A time must be complete for that. What 'now' means, or a day for a time with a
// zone, depends on the moment and on the session's time zone.
func (p Parameters) Admit(s *Statement) bool {
	for _, d := range p.dates {
		l := s.literals[d.index]
		if l.kind == textLiteral && !complete(s.text[l.start+1:l.end-1], d.oid) {
			return false
		}
	}
	return true
}

// complete reports whether a text is a complete date or time in ISO format, whose meaning
// depends on no setting.
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

// digits reads a form at the beginning of a text, and returns the rest. # stands for any
// digit.
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
