package app_test

import (
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"serv"}, `openhands-server: there is no command "serv": did you mean "serve"?`},
		{[]string{"dance"}, `openhands-server: there is no command "dance"`},
		{[]string{"--loud"}, "openhands-server: unknown flag: --loud"},
		{[]string{"version", "--loud"}, "openhands-server: unknown flag: --loud"},
		{[]string{"version", "now"}, `openhands-server: openhands-server version takes no argument, got "now"`},
		{[]string{"config", "--format", "yaml"}, `openhands-server: --format takes table or json, not "yaml"`},
		{[]string{"completion"}, "openhands-server: openhands-server completion needs a shell"},
		{[]string{"completion", "bsh"}, `openhands-server: there is no command "bsh": did you mean "bash"?`},
		{[]string{"completion", "bash", "x"}, `openhands-server: openhands-server completion bash takes no argument, got "x"`},
		{[]string{"db"}, "openhands-server: db needs one of its commands: see openhands-server db --help"},
		{[]string{"db", "upgrad"}, `openhands-server: there is no command "upgrad": did you mean "upgrade"?`},
		{[]string{"db", "downgrade"}, "openhands-server: downgrade needs a revision to go back to: see the examples of openhands-server db downgrade --help"},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			t.Parallel()
			r := call(t, test.args...)
			if r.code != 2 || r.stdout != "" {
				t.Errorf("exit code %d, stdout %q", r.code, r.stdout)
			}
			first, hint, _ := strings.Cut(r.stderr, "\n")
			if first != test.want || !strings.HasSuffix(hint, " --help.\n") {
				t.Errorf("got %q, want %q and a hint", r.stderr, test.want)
			}
		})
	}
}

func TestHelpNamesTheCommands(t *testing.T) {
	t.Parallel()
	r := call(t, "--help")
	if r.code != 0 || r.stderr != "" {
		t.Fatalf("%+v", r)
	}
	for _, command := range []string{"serve", "db", "config", "openapi", "version"} {
		if !regexp.MustCompile(`(?m)^  ` + command + ` `).MatchString(r.stdout) {
			t.Errorf("no %s in\n%s", command, r.stdout)
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	r := call(t, "version")
	if r.code != 0 || !regexp.MustCompile(`^openhands-server \d+\.\d+\.\d+\S* .*go1\.\d+\S*\n$`).MatchString(r.stdout) {
		t.Errorf("%+v", r)
	}
}

// Not parallel: it sets environment variables.
// Tools refuse a document with a path whose parameters it does not declare.
func TestOpenAPIDeclaresEveryPathParameter(t *testing.T) {
	t.Parallel()
	var document struct {
		Paths map[string]map[string]struct {
			Parameters []struct{ Name, In string }
		}
	}
	if err := json.Unmarshal([]byte(call(t, "openapi").stdout), &document); err != nil {
		t.Fatal(err)
	}
	braced := regexp.MustCompile(`\{([^}]*)\}`)
	found := 0
	for path, operations := range document.Paths {
		for method, operation := range operations {
			declared := map[string]bool{}
			for _, p := range operation.Parameters {
				declared[p.Name] = declared[p.Name] || p.In == "path"
			}
			for _, name := range braced.FindAllStringSubmatch(path, -1) {
				found++
				if !declared[name[1]] {
					t.Errorf("%s %s does not declare %s", method, path, name[1])
				}
			}
		}
	}
	if found == 0 {
		t.Error("no path has a parameter")
	}
}

func TestOpenAPINeedsNeitherSettingsNorDatabase(t *testing.T) {
	environment(t, map[string]string{"DATABASE_URL": "broken", "PORT": "broken"})
	folder := t.TempDir()
	t.Chdir(folder)
	r := call(t, "openapi")
	if r.code != 0 || r.stderr != "" {
		t.Fatalf("exit code %d: %s", r.code, r.stderr)
	}
	var document struct {
		OpenAPI string                    `json:"openapi"`
		Paths   map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal([]byte(r.stdout), &document); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(document.OpenAPI, "3.1") {
		t.Errorf("version %q", document.OpenAPI)
	}
	for _, path := range []string{"/alive", "/ready", "/api/conversations", "/api/conversations/{conversation_id}/events", "/api/v1/webhooks/conversations"} {
		if len(document.Paths[path]) == 0 {
			t.Errorf("no %s in the document", path)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(folder, "*")); len(left) > 0 {
		t.Errorf("it left %v", left)
	}
}

// What a reader of the documentation is told of errors, tags and bodies.
//
// Not parallel: it sets environment variables.
func TestDocumentedErrorsHaveExamples(t *testing.T) {
	environment(t, nil)
	type content map[string]struct {
		Schema struct {
			Type any `json:"type"`
		}
		Example json.RawMessage
	}
	var document struct {
		Paths map[string]map[string]struct {
			Tags        []string
			RequestBody struct{ Content content } `json:"requestBody"`
			Responses   map[string]struct{ Content content }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(call(t, "openapi").stdout), &document))
	tags, errors := map[string]bool{}, 0
	for path, operations := range document.Paths {
		for method, o := range operations {
			for _, tag := range o.Tags {
				tags[tag] = true
			}
			for status, response := range o.Responses {
				answer, isJSON := response.Content["application/json"]
				if status < "400" || !isJSON {
					continue
				}
				errors++
				var body struct{ Detail any }
				require.NoError(t, json.Unmarshal(answer.Example, &body), "%s %s %s", method, path, status)
				require.NotContains(t, []any{nil, "string"}, body.Detail, "%s %s %s", method, path, status)
			}
		}
	}
	require.Greater(t, errors, 50)
	for tag := range tags {
		require.Equal(t, strings.ToUpper(tag[:1])+tag[1:], tag, "two tags that differ in their first letter alone are two sections")
	}
	for _, path := range []string{"/api/v1/webhooks/conversations", "/api/v1/webhooks/events/{conversation_id}"} {
		push := document.Paths[path]["post"]
		for _, status := range []string{"200", "401", "422", "503"} {
			require.Contains(t, push.Responses, status, path)
		}
		for _, body := range push.RequestBody.Content {
			require.NotContains(t, fmt.Sprint(body.Schema.Type), "null", path)
		}
	}
}

// Not parallel: it sets environment variables.
func TestDatabaseCommands(t *testing.T) {
	environment(t, map[string]string{"DATABASE_URL": "sqlite:///" + filepath.Join(t.TempDir(), "test.db"), "LOG_LEVEL": "warn"})
	for _, step := range []struct {
		args string
		code int
		want string
	}{
		{"db current --check-heads", 1, ""},
		{"db upgrade", 0, ""},
		{"db upgrade", 0, ""},
		{"db current --check-heads", 0, "(head)\n"},
		{"db check", 0, ""},
		{"db lint", 0, ""},
		{"db downgrade base", 0, ""},
		{"db current", 0, ""},
	} {
		r := call(t, strings.Fields(step.args)...)
		if r.code != step.code || !strings.HasSuffix(r.stdout, step.want) {
			t.Errorf("%s: %+v, want %d and %q", step.args, r, step.code, step.want)
		}
	}
}

// Not parallel: it sets environment variables.
func TestFailuresAreOneSentence(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	sqlite := "sqlite:///" + filepath.Join(t.TempDir(), "test.db")

	for name, test := range map[string]struct {
		variables map[string]string
		args      string
		want      []string
	}{
		"taken port": {
			map[string]string{"DATABASE_URL": sqlite, "PORT": port},
			"serve",
			[]string{"listen on 127.0.0.1:" + port, "another process uses it", "PORT"},
		},
		"no database server": {
			map[string]string{"DATABASE_URL": "postgresql://u:" + password + "@127.0.0.1:1/db", "START_TIMEOUT": "2s"},
			"serve",
			[]string{"connect to postgresql://u:***@127.0.0.1:1/db", "START_TIMEOUT=2s", "connection refused"},
		},
		"no database server, db": {
			map[string]string{"DATABASE_URL": "mysql://u:" + password + "@127.0.0.1:1/db", "START_TIMEOUT": "2s"},
			"db upgrade",
			[]string{"connect to mysql://u:***@127.0.0.1:1/db", "within 2s", "connection refused"},
		},
		"no such folder": {
			map[string]string{"DATABASE_URL": "sqlite:////no/such/folder/test.db"},
			"serve",
			[]string{"connect to sqlite:////no/such/folder/test.db"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.variables["LOG_LEVEL"] = "error"
			environment(t, test.variables)
			r := call(t, strings.Fields(test.args)...)
			if r.code != 1 || r.stdout != "" {
				t.Errorf("exit code %d, stdout %q", r.code, r.stdout)
			}
			failure := r.stderr
			if test.args == "db upgrade" { // it says first what it waits for
				waiting, rest, _ := strings.Cut(failure, "\n")
				if !strings.HasPrefix(waiting, "Waiting up to 2s for the database: ") {
					t.Errorf("not what it waits for: %q", waiting)
				}
				failure = rest
			}
			if strings.Count(failure, "\n") != 1 || !strings.HasPrefix(failure, "openhands-server: ") {
				t.Errorf("not one line: %q", failure)
			}
			for _, want := range test.want {
				if !strings.Contains(r.stderr, want) {
					t.Errorf("no %q in %q", want, r.stderr)
				}
			}
			for _, noise := range []string{password, "fx.", "dig", "hook", "could not build", "dbmodule: ", "httpmodule: "} {
				if strings.Contains(r.stderr, noise) {
					t.Errorf("%q in %q", noise, r.stderr)
				}
			}
		})
	}
}

func TestVersionFlag(t *testing.T) {
	flag, command := call(t, "--version"), call(t, "version")
	if flag.code != 0 || flag.stdout != command.stdout || flag.stdout == "" {
		t.Errorf("--version: %+v, version: %+v", flag, command)
	}
}
