package graph_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path"
	"strings"
	"testing"

	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

// alembic is a process that answers with the real Alembic.
type alembic struct {
	in  io.Writer
	out *bufio.Reader
}

func startAlembic(t *testing.T) *alembic {
	t.Helper()
	cmd := exec.Command(alembicPython(t), "testdata/alembic_graph.py")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	return &alembic{in, bufio.NewReader(out)}
}

// alembicPython returns a Python that has Alembic. Distributions install it
// for their own Python, which need not be the first on PATH.
func alembicPython(t *testing.T) string {
	t.Helper()
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(python, "-c", "import alembic").Run() == nil {
			return python
		}
	}
	const reason = "no python3 has Alembic: install the package alembic"
	if os.Getenv("DBTEST_REQUIRE") == "all" {
		t.Fatalf("%s (DBTEST_REQUIRE asks for all)", reason)
	}
	t.Skip(reason)
	return ""
}

// ask returns Alembic's answers: one that is an error if it refuses the graph,
// none if it takes it and nothing was asked.
func (a *alembic) ask(t *testing.T, revisions []*graph.Revision, queries []query) []answer {
	t.Helper()
	request := map[string]any{"queries": append([]query{}, queries...)}
	var scripts []map[string]any
	for _, r := range revisions {
		scripts = append(scripts, map[string]any{
			"id": r.ID, "down": append([]string{}, r.DownRevisions...), "depends": append([]string{}, r.DependsOn...),
			"labels": append([]string{}, r.BranchLabels...), "doc": document(r), "path": path.Join(r.Folder, "revision.txt"),
		})
	}
	request["revisions"] = scripts
	if err := json.NewEncoder(a.in).Encode(request); err != nil {
		t.Fatal(err)
	}
	line, err := a.out.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var answers []answer
	if err := json.Unmarshal(line, &answers); err != nil {
		t.Fatal(err)
	}
	return answers
}

// document is a docstring with what revision.txt says.
func document(r *graph.Revision) string {
	lines := []string{
		r.Message, "",
		"Revision ID: " + r.ID,
		"Revises: " + strings.Join(r.DownRevisions, ", "),
		"Branch Labels: " + strings.Join(r.BranchLabels, ", "),
		"Depends On: " + strings.Join(r.DependsOn, ", "),
		"Create Date: 2026-11-24T20:30:00Z",
	}
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}
