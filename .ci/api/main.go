// Command api compares what the library packages export with the list in api.txt, and asks for a
// doc comment on each exported name and an Example for each constructor. With -w it rewrites the list. Run it from the module's root.
//
// It reads syntax, not types: a line is a declaration as it is written, so that a change of the
// list reads like the change of the code. What an embedded type brings along is not listed, and an
// unexported type behind an exported name is listed by name alone.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

const baseline = ".ci/api.txt"

// Every package below these folders is for users.
var libraries = []string{"dbmodule", "httpmodule"}

func main() {
	write := flag.Bool("w", false, "rewrite "+baseline)
	flag.Parse()
	if err := run(*write); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(write bool) error {
	var got, undocumented, unshown []string
	dirs, err := packages()
	if err != nil {
		return fmt.Errorf("api: find packages: %w", err)
	}
	for _, dir := range dirs {
		l := newList(dir)
		if err := l.read(); err != nil {
			return fmt.Errorf("api: read %s: %w", dir, err)
		}
		got = append(got, l.lines...)
		undocumented = append(undocumented, l.undocumented...)
		unshown = append(unshown, without(l.constructors, l.examples)...)
	}
	if len(undocumented) > 0 {
		return fmt.Errorf("api: exported without a doc comment:\n  %s", strings.Join(undocumented, "\n  "))
	}
	if len(unshown) > 0 {
		return fmt.Errorf("api: constructors without an Example in their package's tests:\n  %s", strings.Join(unshown, "\n  "))
	}
	slices.Sort(got)
	got = slices.Compact(got)
	if write {
		return os.WriteFile(baseline, []byte(strings.Join(got, "\n")+"\n"), 0o644)
	}
	text, err := os.ReadFile(baseline)
	if err != nil {
		return fmt.Errorf("api: read the baseline: %w", err)
	}
	return compare(strings.Split(strings.TrimSpace(string(text)), "\n"), got)
}

func packages() ([]string, error) {
	var dirs []string
	for _, root := range libraries {
		err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return err
			}
			if d.Name() == "testdata" || d.Name() == "internal" {
				return filepath.SkipDir
			}
			dirs = append(dirs, filepath.ToSlash(name))
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return dirs, nil
}

// compare fails on every difference, not only on what breaks callers: a name that is missing from
// the list could be removed later without a word.
func compare(want, got []string) error {
	gone, added := without(want, got), without(got, want)
	if len(gone)+len(added) == 0 {
		return nil
	}
	var b strings.Builder
	b.WriteString("api: the exported API differs from " + baseline)
	for _, line := range gone {
		b.WriteString("\n- " + line)
	}
	for _, line := range added {
		b.WriteString("\n+ " + line)
	}
	if len(gone) > 0 {
		b.WriteString("\nLines with - were removed or changed, which can break callers.")
	}
	b.WriteString("\nTo accept this: make api, and say at the top of CHANGELOG.md what changes for users.")
	return errors.New(b.String())
}

func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

// list is what one package exports.
type list struct {
	dir          string
	fset         *token.FileSet
	lines        []string
	undocumented []string
	// constructors and the functions that have examples, each as folder.Name.
	constructors, examples []string
}

func newList(dir string) list { return list{dir: dir, fset: token.NewFileSet()} }

func (l *list) read() error {
	files, err := fs.Glob(os.DirFS(l.dir), "*.go")
	if err != nil {
		return err
	}
	for _, name := range files {
		file, err := parser.ParseFile(l.fset, path.Join(l.dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if strings.HasSuffix(name, "_test.go") {
			l.shown(file)
			continue
		}
		for _, decl := range file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				l.function(d)
			case *ast.GenDecl:
				if d.Tok == token.CONST {
					repeat(d.Specs)
				}
				for i, spec := range d.Specs {
					l.spec(d, spec, i)
				}
			}
		}
	}
	return nil
}

func (l *list) function(d *ast.FuncDecl) {
	if !d.Name.IsExported() || d.Recv != nil && !ast.IsExported(receiver(d.Recv.List[0].Type)) {
		return
	}
	l.documented(d.Name, d.Doc)
	if l.constructs(d) {
		l.constructors = append(l.constructors, l.dir+"."+d.Name.Name)
	}
	l.add(l.text(&ast.FuncDecl{Recv: d.Recv, Name: d.Name, Type: d.Type}))
}

// constructs says whether a function is a constructor by its name. Those that take a test have no
// Example, since an Example has no test to give them.
func (l *list) constructs(d *ast.FuncDecl) bool {
	name := d.Name.Name
	if d.Recv != nil || !strings.HasPrefix(name, "New") && !strings.HasPrefix(name, "Open") {
		return false
	}
	for _, param := range d.Type.Params.List {
		if strings.Contains(l.text(param.Type), "testing.") {
			return false
		}
	}
	return true
}

// shown notes what a test file has examples of: ExampleNew_twice is one of New too.
func (l *list) shown(file *ast.File) {
	for _, decl := range file.Decls {
		if d, ok := decl.(*ast.FuncDecl); ok && d.Recv == nil {
			if name, ok := strings.CutPrefix(d.Name.Name, "Example"); ok {
				name, _, _ = strings.Cut(name, "_")
				l.examples = append(l.examples, l.dir+"."+name)
			}
		}
	}
}

func receiver(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.StarExpr:
		return receiver(t.X)
	case *ast.IndexExpr:
		return receiver(t.X)
	case *ast.IndexListExpr:
		return receiver(t.X)
	case *ast.Ident:
		return t.Name
	}
	return ""
}

// repeat writes out the constants that repeat the type and value above them.
func repeat(specs []ast.Spec) {
	var above *ast.ValueSpec
	for _, spec := range specs {
		s := spec.(*ast.ValueSpec)
		if above != nil && s.Type == nil && len(s.Values) == 0 {
			s.Type, s.Values = above.Type, above.Values
		}
		above = s
	}
}

func mentionsIota(e ast.Expr) bool {
	found := false
	ast.Inspect(e, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		found = found || ok && id.Name == "iota"
		return !found
	})
	return found
}

func (l *list) spec(d *ast.GenDecl, spec ast.Spec, place int) {
	switch s := spec.(type) {
	case *ast.ValueSpec:
		for i, name := range s.Names {
			if !name.IsExported() {
				continue
			}
			l.documented(name, d.Doc, s.Doc, s.Comment)
			line := d.Tok.String() + " " + name.Name
			if s.Type != nil {
				line += " " + l.text(s.Type)
			}
			if d.Tok == token.CONST && i < len(s.Values) {
				line += " = " + l.text(s.Values[i])
				if mentionsIota(s.Values[i]) {
					line += fmt.Sprintf(", iota %d", place)
				}
			}
			l.add(line)
		}
	case *ast.TypeSpec:
		if s.Name.IsExported() {
			l.documented(s.Name, d.Doc, s.Doc, s.Comment)
			l.typ(s)
		}
	}
}

func (l *list) typ(s *ast.TypeSpec) {
	head := "type " + s.Name.Name
	if s.TypeParams != nil {
		var params []string
		for _, f := range s.TypeParams.List {
			for _, name := range f.Names {
				params = append(params, name.Name+" "+l.text(f.Type))
			}
		}
		head += "[" + strings.Join(params, ", ") + "]"
	}
	var fields *ast.FieldList
	switch t := s.Type.(type) {
	case *ast.StructType:
		head, fields = head+" struct", t.Fields
	case *ast.InterfaceType:
		head, fields = head+" interface", t.Methods
	default:
		if s.Assign.IsValid() {
			head += " ="
		}
		l.add(head + " " + l.text(s.Type))
		return
	}
	l.add(head)
	for _, f := range fields.List {
		if len(f.Names) == 0 {
			l.add(head + ", embeds " + l.text(f.Type))
		}
		for _, name := range f.Names {
			switch _, method := f.Type.(*ast.FuncType); {
			case name.IsExported():
				l.add(head + ", " + name.Name + " " + l.text(f.Type))
			case method && strings.HasSuffix(head, "interface"):
				// It keeps others from implementing the interface.
				l.add(head + ", unexported method")
			}
		}
	}
}

func (l *list) documented(name *ast.Ident, comments ...*ast.CommentGroup) {
	for _, c := range comments {
		if c != nil && strings.TrimSpace(c.Text()) != "" {
			return
		}
	}
	l.undocumented = append(l.undocumented, fmt.Sprintf("%s: %s", l.fset.Position(name.Pos()), name.Name))
}

func (l *list) add(line string) {
	l.lines = append(l.lines, l.dir+": "+line)
}

// text is the node on one line, without comments.
func (l *list) text(node any) string {
	var b bytes.Buffer
	if err := printer.Fprint(&b, l.fset, node); err != nil {
		return err.Error()
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
