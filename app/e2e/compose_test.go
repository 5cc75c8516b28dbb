package e2e_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/openhands-go/server/dbmodule/dbtest"
)

// mostLines is what a program of one's own on the two libraries may take.
const mostLines = 30

// TestCompose builds a program in a module of its own, outside the checkout,
// and uses its routes on each engine.
func TestCompose(t *testing.T) {
	t.Parallel()
	path := buildComposed(t)
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			p := start(t, path, "DATABASE_URL="+dbtest.URL(t, engine))
			for _, title := range []string{"Dune", "Solaris"} {
				var book struct{ ID int64 }
				call(t, http.MethodPost, p.base+"/books", map[string]string{"title": title}, http.StatusOK, &book)
				if book.ID == 0 {
					t.Errorf("%s got no id", title)
				}
			}
			var books []struct{ Title string }
			call(t, http.MethodGet, p.base+"/books", nil, http.StatusOK, &books)
			if len(books) != 2 || books[0].Title != "Dune" || books[1].Title != "Solaris" {
				t.Errorf("books: %v", books)
			}
			p.stop(t)
		})
	}
}

// buildComposed makes the module, with nothing but the source, a go.mod that
// points at the checkout, and the checkout's checksums.
func buildComposed(t *testing.T) string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("testdata", "compose", "main.go.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(source, []byte("\n")); lines > mostLines {
		t.Errorf("the program has %d lines; at most %d are promised", lines, mostLines)
	}
	root, err := checkout()
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for name, content := range map[string][]byte{
		"main.go": source,
		"go.sum":  sums,
		"go.mod": []byte("module example.com/books\n\ngo 1.26.0\n\n" +
			"require github.com/openhands-go/server v0.0.0\n\n" +
			"replace github.com/openhands-go/server => " + root + "\n"),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path, err := build(t.Context(), folder, filepath.Join(folder, "books"), "GOFLAGS=-mod=mod", "GOWORK=off")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// call sends body, unless it is nil, and reads the answer into out.
func call(t *testing.T, method, url string, body any, status int, out any) {
	t.Helper()
	var content bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&content).Encode(body); err != nil {
			t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, &content)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
	}()
	if res.StatusCode != status {
		t.Fatalf("%s %s: %s", method, url, res.Status)
	}
	if err := json.NewDecoder(res.Body).Decode(out); err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
}
