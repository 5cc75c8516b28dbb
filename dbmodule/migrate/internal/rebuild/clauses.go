package rebuild

import (
	"slices"
	"strings"
)

// clause reports whether a clause of a column comes next.
func (p *parser) clause() bool {
	return slices.ContainsFunc([]string{
		"CONSTRAINT", "PRIMARY", "NOT", "NULL", "UNIQUE", "CHECK", "DEFAULT", "COLLATE", "REFERENCES", "GENERATED", "AS",
	}, func(keyword string) bool { return p.comes(keyword) })
}

// constraintName reads CONSTRAINT name if that comes next, and returns the name, folded. Otherwise
// it returns "".
func (p *parser) constraintName() (string, error) {
	if !p.accept("CONSTRAINT") {
		return "", nil
	}
	name, err := p.name()
	if err != nil {
		return "", err
	}
	return Fold(name.name()), nil
}

// conflict reads ON CONFLICT action if that comes next. It returns what to append to the clause's
// key, "" for the default action.
func (p *parser) conflict() string {
	if !p.accept("ON", "CONFLICT") || !p.more() {
		return ""
	}
	p.at++
	if action := Fold(p.list[p.at-1].text); action != "abort" {
		return " on conflict " + action
	}
	return ""
}

// columnClause reads a clause of a column. The clause NULL has no kind, because it is the default.
func (p *parser) columnClause(column string) (clause, error) {
	from := p.at
	name, err := p.constraintName()
	if err != nil {
		return clause{}, err
	}
	c := clause{name: name}
	on := " ( " + Fold(column) + " )"
	switch {
	case p.accept("PRIMARY", "KEY"):
		c.kind, c.key = primaryKey, "primary key"+on
		if p.accept("DESC") {
			c.key = "primary key ( " + Fold(column) + " desc )"
		}
		p.accept("ASC")
		c.key += p.conflict()
		if p.accept("AUTOINCREMENT") {
			c.key += autoincrement
		}
	case p.accept("NOT", "NULL"):
		c.kind = notNull
		c.key = "not null" + p.conflict()
	case p.accept("NULL"):
		p.conflict()
	case p.accept("UNIQUE"):
		c.kind = unique
		c.key = "unique" + on + p.conflict()
	case p.accept("CHECK"):
		c.kind = check
		c.key, err = p.expression("check")
	case p.accept("DEFAULT"):
		c.kind = isDefault
		c.key, err = p.defaultValue()
	case p.accept("COLLATE"):
		c.kind = collate
		var collation token
		collation, err = p.name()
		if c.key = "collate " + Fold(collation.text); err == nil {
			c.key = "collate " + Fold(collation.name())
		}
	case p.comes("REFERENCES"):
		c.kind = foreignKey
		c.key, c.deferred, err = p.references("foreign key" + on)
	case p.accept("GENERATED", "ALWAYS", "AS"), p.accept("AS"):
		c.kind = generated
		if c.key, err = p.expression("generated"); p.accept("STORED") {
			c.key += " stored"
		}
		p.accept("VIRTUAL")
	default:
		return clause{}, p.unexpected("a clause of the column")
	}
	if err != nil {
		return clause{}, err
	}
	c.text = p.textFrom(from)
	return c, nil
}

// expression reads an expression in parentheses, and returns the key of its clause.
func (p *parser) expression(kind string) (string, error) {
	list, err := p.group()
	return kind + " ( " + normalized(withoutOuterParentheses(list)) + " )", err
}

// defaultValue reads the value after DEFAULT, and returns the key of the clause.
func (p *parser) defaultValue() (string, error) {
	if p.comes("(") {
		list, err := p.group()
		return "default " + normalized(withoutOuterParentheses(list)), err
	}
	from := p.at
	_ = p.accept("-") || p.accept("+")
	if !p.more() {
		return "", p.unexpected("a default")
	}
	p.at++
	if first := p.list[p.at-1]; first.is("x") && p.more() && p.list[p.at].kind == text && p.list[p.at].start == first.end {
		p.at++ // x'00'
	}
	return "default " + normalized(p.list[from:p.at]), nil
}

// references reads REFERENCES with its actions, MATCH and DEFERRABLE. It returns key with the
// table, the columns and the actions appended. The key has no part for MATCH, which SQLite ignores,
// and none for DEFERRABLE, which deferred tells.
func (p *parser) references(key string) (meaning string, deferred bool, err error) {
	from := p.at
	if !p.accept("REFERENCES") {
		return "", false, p.unexpected("REFERENCES")
	}
	if _, err := p.name(); err != nil {
		return "", false, err
	}
	if p.comes("(") {
		if _, err := p.group(); err != nil {
			return "", false, err
		}
	}
	list := slices.Clone(p.list[from:p.at])
	deferrable := false
	for {
		from := p.at
		switch {
		case p.accept("NOT", "DEFERRABLE"):
		case p.accept("DEFERRABLE"):
			deferrable = true
		case p.accept("INITIALLY", "DEFERRED"):
			deferred = deferrable
		case p.accept("INITIALLY", "IMMEDIATE"):
		case p.accept("ON", "DELETE", "SET"), p.accept("ON", "UPDATE", "SET"), p.accept("ON", "DELETE", "NO"), p.accept("ON", "UPDATE", "NO"),
			p.accept("ON", "DELETE"), p.accept("ON", "UPDATE"), p.accept("MATCH"):
			if !p.more() {
				return "", false, p.unexpected("an action")
			}
			p.at++
			if !p.list[from].is("MATCH") {
				list = append(list, p.list[from:p.at]...)
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
	from := p.at
	name, err := p.constraintName()
	if err != nil {
		return clause{}, err
	}
	c := clause{name: name}
	switch {
	case p.accept("PRIMARY", "KEY"):
		c.kind = primaryKey
		c.key, err = p.keyColumns("primary key")
	case p.accept("UNIQUE"):
		c.kind = unique
		c.key, err = p.keyColumns("unique")
	case p.accept("CHECK"):
		c.kind = check
		c.key, err = p.expression("check")
		p.conflict()
	case p.accept("FOREIGN", "KEY"):
		c.kind = foreignKey
		var list []token
		if list, err = p.group(); err == nil {
			c.key, c.deferred, err = p.references("foreign key " + normalized(list))
		}
	default:
		return clause{}, p.unexpected("a constraint")
	}
	if err != nil {
		return clause{}, err
	}
	c.text = p.textFrom(from)
	return c, nil
}

// keyColumns reads the columns of a primary key or a unique constraint, and returns the clause's key.
func (p *parser) keyColumns(kind string) (string, error) {
	list, err := p.group()
	if err != nil {
		return "", err
	}
	isAutoincrement := slices.ContainsFunc(list, func(t token) bool { return t.is("AUTOINCREMENT") })
	list = slices.DeleteFunc(slices.Clone(list), func(t token) bool { return t.is("ASC") || t.is("AUTOINCREMENT") })
	key := kind + " " + normalized(list) + p.conflict()
	if isAutoincrement {
		key += autoincrement
	}
	return key, nil
}
