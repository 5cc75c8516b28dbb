package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	// oldestNode is what package.json asks for.
	oldestNode = 20
	// scriptLimit ends a script that hangs.
	scriptLimit = 5 * time.Minute
	// exitMissing is the status of a script that lacks something.
	exitMissing = 77
)

// errMissing says that this machine lacks something.
var errMissing = errors.New("e2e: missing")

// installScripts copies the scripts to a folder and installs their packages
// there, once for all tests.
var installScripts = sync.OnceValues(func() (string, error) {
	ctx := context.Background() // for all tests: it belongs to none of their contexts
	if err := checkNode(ctx); err != nil {
		return "", err
	}
	folder := filepath.Join(work, "node")
	if err := os.CopyFS(folder, os.DirFS("testdata")); err != nil {
		return "", fmt.Errorf("e2e: copy scripts: %w", err)
	}
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error")
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: npm packages: npm ci: %w\n%s", errMissing, err, out)
	}
	return folder, nil
})

// checkNode makes sure that node and npm are there and new enough.
func checkNode(ctx context.Context) error {
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%w: %s is not on PATH; install Node.js %d or newer with npm, or run make tools", errMissing, tool, oldestNode)
		}
	}
	out, err := exec.CommandContext(ctx, "node", "--version").Output()
	if err != nil {
		return fmt.Errorf("e2e: ask node for its version: %w", err)
	}
	version := strings.TrimSpace(string(out))
	major, err := strconv.Atoi(strings.Split(strings.TrimPrefix(version, "v"), ".")[0])
	if err != nil {
		return fmt.Errorf("e2e: read node's version %q: %w", version, err)
	}
	if major < oldestNode {
		return fmt.Errorf("%w: node %d or newer: found %s; make tools gets one", errMissing, oldestNode, version)
	}
	return nil
}

// node runs one of the scripts in testdata against a server and logs what it
// has to say.
func node(t *testing.T, script string, p *program, env ...string) {
	t.Helper()
	startNode(t, script, p.base, env...).await(t)
}

// startNode starts one of the scripts against a server whose URL is base.
func startNode(t *testing.T, script, base string, env ...string) *running {
	t.Helper()
	folder, err := installScripts()
	if errors.Is(err, errMissing) {
		missing(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	return startScript(t, folder, "node", script, append([]string{"BASE_URL=" + base}, env...)...)
}

// running is a script that runs.
type running struct {
	name   string
	cmd    *exec.Cmd
	output bytes.Buffer
}

// startScript starts a script in a folder. It ends with the test at the latest.
func startScript(t *testing.T, folder, interpreter, script string, env ...string) *running {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), scriptLimit)
	t.Cleanup(cancel)
	r := &running{name: script, cmd: exec.CommandContext(ctx, interpreter, script)}
	r.cmd.Dir = folder
	r.cmd.Env = append(bareEnvironment(), env...)
	r.cmd.Stdout, r.cmd.Stderr = &r.output, &r.output
	if err := r.cmd.Start(); err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return r
}

// await waits for the end of a script and logs what it had to say.
func (r *running) await(t *testing.T) {
	t.Helper()
	err := r.cmd.Wait()
	said := strings.TrimSpace(r.output.String())
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == exitMissing {
		missing(t, said)
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", r.name, err, said)
	}
	t.Log(said)
}
