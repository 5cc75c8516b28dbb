package main

import (
	"go/parser"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func read(t *testing.T, source string) list {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "p.go"), []byte("package p\n"+source), 0o600); err != nil {
		t.Fatal(err)
	}
	l := newList(dir)
	if err := l.read(); err != nil {
		t.Fatal(err)
	}
	for i, line := range l.lines {
		l.lines[i] = strings.TrimPrefix(line, dir+": ")
	}
	return l
}

func TestLines(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, source string
		want         []string
	}{
		{"func", "func F(a, b int) error { return nil }; func f() {}", []string{"func F(a, b int) error"}},
		{"method", "func (s *S) M() {}; func (s *s) M() {}", []string{"func (s *S) M()"}},
		{"generic method", "func (s *S[K, V]) M() {}", []string{"func (s *S[K, V]) M()"}},
		{"struct", "type S struct {\n\tA, b int `json:\"a\"`\n\tE\n}", []string{"type S struct", "type S struct, A int", "type S struct, embeds E"}},
		{"interface", "type I interface { M(int); m() }", []string{"type I interface", "type I interface, M func(int)", "type I interface, unexported method"}},
		{"type parameters", "type S[K comparable, V any] struct{}", []string{"type S[K comparable, V any] struct"}},
		{"alias", "type A = B; type C B", []string{"type A = B", "type C B"}},
		{"constants", "const (A T = iota; B; c)", []string{"const A T = iota, iota 0", "const B T = iota, iota 1"}},
		{"variable", "var V = 1", []string{"var V"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := read(t, tt.source).lines; !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestConstructorsNeedExamples(t *testing.T) {
	t.Parallel()
	l := read(t, `import "testing"
func New() int { return 1 }; func NewOther(int) int { return 1 }; func NewTested(t testing.TB) int { return 1 }; func (s S) New() int { return 1 }; func newOne() int { return 1 }`)
	file, err := parser.ParseFile(l.fset, "e_test.go", "package p\nfunc ExampleNew_twice() {}\nfunc ExampleS_New() {}\n", 0)
	if err != nil {
		t.Fatal(err)
	}
	l.shown(file)
	if got := without(l.constructors, l.examples); len(got) != 1 || !strings.HasSuffix(got[0], ".NewOther") {
		t.Errorf("without an example: %q, want NewOther alone", got)
	}
}

func TestUndocumented(t *testing.T) {
	t.Parallel()
	got := read(t, "// F is.\nfunc F() {}\nfunc G() {}\ntype T int\n").undocumented
	if len(got) != 2 || !strings.HasSuffix(got[0], ": G") || !strings.HasSuffix(got[1], ": T") {
		t.Errorf("undocumented: %q, want G and T", got)
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	if err := compare([]string{"a"}, []string{"a"}); err != nil {
		t.Errorf("equal lists: %v", err)
	}
	err := compare([]string{"a", "b"}, []string{"a", "c"})
	for _, want := range []string{"\n- b\n", "\n+ c\n", "make api", "CHANGELOG.md"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
	if err := compare([]string{"a"}, []string{"a", "b"}); err == nil || strings.Contains(err.Error(), "break") {
		t.Errorf("an addition: %v, want an error that speaks of no break", err)
	}
}
