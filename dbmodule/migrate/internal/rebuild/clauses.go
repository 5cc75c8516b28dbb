package rebuild

import (
	"slices"
	"strings"

	"github.com/openhands-go/server/dbmodule/internal/sqlscan"
)

// clause reports whether a clause of a column comes next.
func (p *parser) clause() bool {
	return slices.ContainsFunc([]string{
		"CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE", "REFERENCES", "GENERATED", "AS",
	}, func(keyword string) bool { return p.Comes(keyword) })
}

// constraintName reads CONSTRAINT name if that comes next, and returns the name, folded. Otherwise
// it returns "".
func (p *parser) constraintName() (string, error) {
	if !p.Accept("CONSTRAINT") {
		return "", nil
	}
	name, err := p.name()
	if err != nil {
		return "", err
	}
	return Fold(name.Unquoted()), nil
}

// conflict reads ON CONFLICT action if that comes next. It returns what to append to the clause's
// key, "" for the default action.
func (p *parser) conflict() string {
	if !p.Accept("ON", "CONFLICT") || p.Ended() {
		return ""
	}
	p.At++
	if action := Fold(p.Tokens[p.At-1].Text); action != "abort" {
		return " on conflict " + action
	}
	return ""
}

// columnClause reads a clause of a column. The clause NULL has no kind, because it is the default.
func (p *parser) columnClause(column string) (clause, error) {
	from := p.At
	name, err := p.constraintName()
	if err != nil {
		return clause{}, err
	}
	c := clause{name: name}
	on := " ( " + Fold(column) + " )"
	switch {
	case p.Accept("PRIMARY", "KEY"):
		c.kind, c.key = primaryKey, "primary key"+on
		if p.Accept("DESC") {
			c.key = "primary key ( " + Fold(column) + " desc )"
		}
		p.Accept("ASC")
		c.key += p.conflict()
		if p.Accept("AUTOINCREMENT") {
			c.key += autoincrement
		}
	case p.Accept("NOT", "NULL"):
		c.kind = notNull
		c.key = "not null" + p.conflict()
	case p.Accept("NULL"):
		p.conflict()
	case p.Accept("UNIQUE"):
		c.kind = unique
		c.key = "unique" + on + p.conflict()
	case p.Accept("CHECK"):
		c.kind = check
		c.key, err = p.expression("check")
	case p.Accept("DEFAULT"):
		c.kind = isDefault
		c.key, err = p.defaultValue()
	case p.Accept("COLLATE"):
		c.kind = collate
		var collation sqlscan.Token
		collation, err = p.name()
		if c.key = "collate " + Fold(collation.Text); err == nil {
			c.key = "collate " + Fold(collation.Unquoted())
		}
	case p.Comes("REFERENCES"):
		c.kind = foreignKey
		c.key, c.deferred, err = p.references("foreign key" + on)
	case p.Accept("GENERATED", "ALWAYS", "AS"), p.Accept("AS"):
		c.kind = generated
		if c.key, err = p.expression("generated"); p.Accept("STORED") {
			c.key += " stored"
		}
		p.Accept("VIRTUAL")
	default:
		return clause{}, p.unexpected("a clause of the column")
	}
	if err != nil {
		return clause{}, err
	}
	c.text = p.TextFrom(from)
	return c, nil
}

// expression reads an expression in parentheses, and returns the key of its clause.
func (p *parser) expression(kind string) (string, error) {
	list, err := p.group()
	return kind + " ( " + normalized(withoutOuterParentheses(list)) + " )", err
}

// defaultValue reads the value after DEFAULT, and returns the key of the clause.
func (p *parser) defaultValue() (string, error) {
	if p.Comes("(") {
		list, err := p.group()
		return "default " + normalized(withoutOuterParentheses(list)), err
	}
	from := p.At
	_ = p.Accept("-") || p.Accept("+")
	if p.Ended() {
		return "", p.unexpected("a default")
	}
	p.At++
	return "default " + normalized(p.Tokens[from:p.At]), nil
}

// references reads REFERENCES with its actions, MATCH and DEFERRABLE. It returns key with the
// table, the columns and the actions appended. The key has no part for MATCH, which SQLite ignores,
// and none for DEFERRABLE, which deferred tells.
func (p *parser) references(key string) (meaning string, deferred bool, err error) {
	from := p.At
	if !p.Accept("REFERENCES") {
		return "", false, p.unexpected("REFERENCES")
	}
	if _, err := p.name(); err != nil {
		return "", false, err
	}
	if p.Comes("(") {
		if _, err := p.group(); err != nil {
			return "", false, err
		}
	}
	list := slices.Clone(p.Tokens[from:p.At])
	deferrable := false
	for {
		from := p.At
		switch {
		case p.Accept("NOT", "DEFERRABLE"):
		case p.Accept("DEFERRABLE"):
			deferrable = true
		case p.Accept("INITIALLY", "DEFERRED"):
			deferred = deferrable
		case p.Accept("INITIALLY", "IMMEDIATE"):
		case p.Accept("ON", "DELETE", "SET"), p.Accept("ON", "UPDATE", "SET"), p.Accept("ON", "DELETE", "NO"), p.Accept("ON", "UPDATE", "NO"),
			p.Accept("ON", "DELETE"), p.Accept("ON", "UPDATE"), p.Accept("MATCH"):
			if p.Ended() {
				return "", false, p.unexpected("an action")
			}
			p.At++
			if !p.Tokens[from].Is("MATCH") {
				list = append(list, p.Tokens[from:p.At]...)
			}
		default:
			key += " " + normalized(list)
			for _, nothing := range []string{" on delete no action", " on update no action"} {
				key = strings.ReplaceAll(key, nothing, "")
			}
			return key, deferred, nil
		}
	}
}

// tableConstraint reads a constraint of the table.
func (p *parser) tableConstraint() (clause, error) {
	from := p.At
	name, err := p.constraintName()
	if err != nil {
		return clause{}, err
	}
	c := clause{name: name}
	switch {
	case p.Accept("PRIMARY", "KEY"):
		c.kind = primaryKey
		c.key, err = p.keyColumns("primary key")
	case p.Accept("UNIQUE"):
		c.kind = unique
		c.key, err = p.keyColumns("unique")
	case p.Accept("CHECK"):
		c.kind = check
		c.key, err = p.expression("check")
		p.conflict()
	case p.Accept("FOREIGN", "KEY"):
		c.kind = foreignKey
		var list []sqlscan.Token
		if list, err = p.group(); err == nil {
			c.key, c.deferred, err = p.references("foreign key " + normalized(list))
		}
	default:
		return clause{}, p.unexpected("a constraint")
	}
	if err != nil {
		return clause{}, err
	}
	c.text = p.TextFrom(from)
	return c, nil
}

// keyColumns reads the columns of a primary key or a unique constraint, and returns the clause's key.
func (p *parser) keyColumns(kind string) (string, error) {
	list, err := p.group()
	if err != nil {
		return "", err
	}
	isAutoincrement := slices.ContainsFunc(list, func(t sqlscan.Token) bool { return t.Is("AUTOINCREMENT") })
	list = slices.DeleteFunc(slices.Clone(list), func(t sqlscan.Token) bool { return t.Is("ASC") || t.Is("AUTOINCREMENT") })
	key := kind + " " + normalized(list) + p.conflict()
	if isAutoincrement {
		key += autoincrement
	}
	return key, nil
}
