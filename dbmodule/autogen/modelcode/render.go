package modelcode

import (
	"bytes"
	"fmt"
	"go/format"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
)

// imports are the packages of the types that fields have.
var imports = []struct{ prefix, path string }{
	{"json.", "encoding/json"}, {"time.", "time"}, {"uuid.", "github.com/google/uuid"},
}

// render returns the formatted source of the file.
func render(packageName string, found autogen.Inspection, models []*model) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "// Package %s has the models of the database's tables.\npackage %s\n\n", packageName, packageName)
	header(&b, models)
	for _, left := range found.LeftAlone {
		fmt.Fprintf(&b, "// There is no model for this, because it could not be read: %s.\n", oneLine(left.String()))
	}
	if len(found.Types) > 0 {
		b.WriteString("// The tables use types that revisions don't create. Write these statements into the first revision, before its tables:\n//\n")
		for _, statement := range found.Types {
			fmt.Fprintf(&b, "//\t%s;\n", oneLine(statement))
		}
	}
	b.WriteString("\n// Models are all models, for dbmodule.Models and for the db command's Config.\nfunc Models() []any {\n\treturn []any{")
	for _, m := range models {
		fmt.Fprintf(&b, "\n\t\t(*%s)(nil),", m.name)
	}
	b.WriteString("\n\t}\n}\n")
	for _, m := range models {
		m.write(&b)
	}
	return format.Source(b.Bytes())
}

// header writes the imports that the models need.
func header(b *bytes.Buffer, models []*model) {
	used := []string{}
	uses := func(prefix string) bool {
		return slices.ContainsFunc(models, func(m *model) bool {
			return slices.ContainsFunc(m.columns, func(f field) bool { return strings.Contains(f.goType, prefix) })
		})
	}
	var others []string
	for _, i := range imports {
		switch {
		case !uses(i.prefix):
		case strings.Contains(i.path, "."):
			others = append(others, i.path)
		default:
			used = append(used, i.path)
		}
	}
	if len(models) > 0 {
		others = append(others, "github.com/uptrace/bun")
	}
	ours := slices.ContainsFunc(models, func(m *model) bool {
		return len(m.indexes) > 0 || len(m.checks) > 0 || len(m.columnTypes) > 0 || m.declares()
	})
	groups := [][]string{used, others}
	if ours {
		groups = append(groups, []string{"github.com/openhands-go/server/dbmodule"})
	}
	b.WriteString("import (\n")
	for i, group := range groups {
		for _, path := range group {
			fmt.Fprintf(b, "\t%q\n", path)
		}
		if i < len(groups)-1 && len(group) > 0 {
			b.WriteString("\n")
		}
	}
	b.WriteString(")\n\n")
}

// declares reports whether the model has something to declare as unmanaged.
func (m *model) declares() bool {
	u := m.unmanaged
	return len(u.Columns)+len(u.Indexes)+len(u.Checks)+len(u.ForeignKeys) > 0
}

func (m *model) write(b *bytes.Buffer) {
	fmt.Fprintf(b, "\n// %s is a row of %s.\ntype %s struct {\n\tbun.BaseModel %s\n\n", m.name, m.table.Name, m.name, tagText("table:"+m.table.Name))
	for _, f := range m.columns {
		f.write(b)
	}
	if len(m.relations) > 0 {
		b.WriteString("\n")
	}
	for _, f := range m.relations {
		f.write(b)
	}
	b.WriteString("}\n")
	m.writeIndexes(b)
	if len(m.checks) > 0 {
		fmt.Fprintf(b, "\n// Checks are the table's checks.\nfunc (*%s) Checks() []dbmodule.Check {\n\treturn []dbmodule.Check{\n", m.name)
		for _, c := range m.checks {
			b.WriteString("\t\t{")
			if c.Name != "" {
				fmt.Fprintf(b, "Name: %q, ", c.Name)
			}
			fmt.Fprintf(b, "Expression: %s},\n", goText(c.Expression))
		}
		b.WriteString("\t}\n}\n")
	}
	if len(m.keyNames) > 0 {
		fmt.Fprintf(b, "\n// ForeignKeyNames are the names that the database has for foreign keys.\nfunc (*%s) ForeignKeyNames() map[string]string {\n\treturn map[string]string{", m.name)
		writeMap(b, m.keyNames)
		b.WriteString("}\n}\n")
	}
	m.writeColumnTypes(b)
	if m.comment != "" || len(m.comments) > 0 {
		fmt.Fprintf(b, "\n// TableComment is the table's comment.\nfunc (*%s) TableComment() string { return %s }\n", m.name, strconv.Quote(m.comment))
		fmt.Fprintf(b, "\n// ColumnComments are the columns' comments.\nfunc (*%s) ColumnComments() map[string]string {\n\treturn map[string]string{", m.name)
		writeMap(b, m.comments)
		b.WriteString("}\n}\n")
	}
	m.writeUnmanaged(b)
}

func (f field) write(b *bytes.Buffer) {
	fmt.Fprintf(b, "\t%s %s %s", f.name, f.goType, tagText(f.tag))
	if f.remark != "" {
		fmt.Fprintf(b, " // %s", f.remark)
	}
	b.WriteString("\n")
}

func (m *model) writeIndexes(b *bytes.Buffer) {
	if len(m.indexes) == 0 {
		return
	}
	fmt.Fprintf(b, "\n// Indexes are the table's indexes and unique constraints.\nfunc (*%s) Indexes() []dbmodule.Index {\n\treturn []dbmodule.Index{\n", m.name)
	for _, i := range m.indexes {
		b.WriteString("\t\t{")
		if i.Name != "" {
			fmt.Fprintf(b, "Name: %q, ", i.Name)
		}
		fmt.Fprintf(b, "Columns: %s", goStringList(i.Columns))
		if i.Unique {
			b.WriteString(", Unique: true")
		}
		if i.Where != "" {
			fmt.Fprintf(b, ", Where: %s", goText(i.Where))
		}
		b.WriteString("},\n")
	}
	b.WriteString("\t}\n}\n")
}

func (m *model) writeColumnTypes(b *bytes.Buffer) {
	if len(m.columnTypes) == 0 {
		return
	}
	constants := map[dbmodule.Engine]string{dbmodule.SQLite: "SQLite", dbmodule.PostgreSQL: "PostgreSQL", dbmodule.MySQL: "MySQL"}
	fmt.Fprintf(b, "\n// ColumnTypes are the types that columns have on %[1]s alone.\nfunc (*%[2]s) ColumnTypes(engine dbmodule.Engine) map[string]string {\n"+
		"\tif engine != dbmodule.%[1]s {\n\t\treturn nil\n\t}\n\treturn map[string]string{", constants[m.engine], m.name)
	writeMap(b, m.columnTypes)
	b.WriteString("}\n}\n")
}

func (m *model) writeUnmanaged(b *bytes.Buffer) {
	if !m.declares() {
		return
	}
	fmt.Fprintf(b, "\n// Unmanaged lists what models can't express: no revision touches it.\nfunc (*%s) Unmanaged() dbmodule.Unmanaged {\n\treturn dbmodule.Unmanaged{\n", m.name)
	for _, list := range []struct {
		name  string
		names []string
	}{
		{"Columns", m.unmanaged.Columns},
		{"Indexes", m.unmanaged.Indexes},
		{"ForeignKeys", m.unmanaged.ForeignKeys},
		{"Checks", m.unmanaged.Checks},
	} {
		if len(list.names) > 0 {
			fmt.Fprintf(b, "\t\t%s: %s,\n", list.name, goStringList(list.names))
		}
	}
	b.WriteString("\t}\n}\n")
}

func writeMap(b *bytes.Buffer, texts map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		fmt.Fprintf(b, "\n\t\t%q: %s,", key, goText(texts[key]))
	}
	if len(texts) > 0 {
		b.WriteString("\n\t")
	}
}

func goStringList(texts []string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = strconv.Quote(text)
	}
	return "[]string{" + strings.Join(quoted, ", ") + "}"
}

// goText returns a string as a Go literal in which SQL stays readable.
func goText(text string) string {
	if strings.ContainsAny(text, "\"\\") && strconv.CanBackquote(text) {
		return "`" + text + "`"
	}
	return strconv.Quote(text)
}

func tagText(tag string) string {
	text := fmt.Sprintf("bun:%q", tag)
	if strconv.CanBackquote(text) {
		return "`" + text + "`"
	}
	return strconv.Quote(text)
}
