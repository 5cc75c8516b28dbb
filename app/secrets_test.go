package app_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const password = "tOpS3cret"

// reveals looks for the password as it is and as URLs and Go quote it.
func reveals(text string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(password))
}

// Not parallel: it sets environment variables.
func TestNoSecretInAnyOutput(t *testing.T) {
	cases := map[string]map[string]string{}
	// A URL with a password, pasted into each of the settings: for some it is
	// a valid value.
	for _, s := range listed(t) {
		cases["in "+s.Name] = map[string]string{s.Name: "postgresql://admin:" + password + "@127.0.0.1:1/db?x=" + password}
	}
	for name, url := range map[string]string{
		"refused":        "postgresql://admin:" + password + "@127.0.0.1:1/db",
		"refused, MySQL": "mysql://admin:" + password + "@127.0.0.1:1/db",
		"dialect":        "oracle://admin:" + password + "@db/x",
		"no dialect":     "admin:" + password + "@db/x",
		"typo":           "postgres:/admin:" + password + "@db/x",
		"bad port":       "postgresql://admin:" + password + "@db:port/x",
		"bare at":        "postgresql://admin:p@" + password + "@db/x",
		"bare percent":   "postgresql://admin:%" + password + "@db/x",
		"bad escape":     "mysql://admin:%zz" + password + "@db/x",
		"slash":          "postgresql://admin:a/" + password + "@db:1/x",
		"hash":           "postgresql://admin:#" + password + "@db:99999/x",
		"question mark":  "postgresql://admin:?" + password + "@127.0.0.1:1/x",
		"option":         "postgresql://127.0.0.1:1/x?password=" + password,
		"unknown option": "postgresql://127.0.0.1:1/x?pasword=" + password,
		"SSL":            "postgresql://127.0.0.1:1/x?sslmode=" + password,
		"newline":        "postgresql://admin:" + password + "\n@db/x",
		"space":          " postgresql://admin:" + password + "@db/x",
		"bracket":        "postgresql://admin:" + password + "@[::1/x",
		"SQLite":         "sqlite://admin:" + password + "@host/x",
		"hosts":          "postgresql://admin:" + password + "@a:1,b:x/db",
		"quoted":         `"postgresql://admin:` + password + `@db/x"`,
	} {
		cases["URL: "+name] = map[string]string{"DATABASE_URL": url}
	}
	cases["misspelt name"] = map[string]string{"DATABASE_ULR": "postgresql://admin:" + password + "@db/x", "DATABASE_PASSWORD": password}
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, source := range map[string]string{"DATABASE_PASSWORD_FILE": file, "DATABASE_PASSWORD_COMMAND": "cat " + file} {
		cases["from "+name] = map[string]string{"DATABASE_URL": "postgresql://admin@127.0.0.1:1/db", name: source}
		cases["beside "+name] = map[string]string{"DATABASE_URL": "postgresql://admin:" + password + "@127.0.0.1:1/db", name: source}
	}
	cases["in command"] = map[string]string{"DATABASE_URL": "postgresql://admin@127.0.0.1:1/db", "DATABASE_PASSWORD_COMMAND": "echo -n x " + password}
	cases["in failing command"] = map[string]string{"DATABASE_URL": "postgresql://admin@127.0.0.1:1/db", "DATABASE_PASSWORD_COMMAND": "/" + password + " " + password}
	cases["named keys"] = map[string]string{"API_KEYS": "agent:read:" + password}
	cases["named keys, turned round"] = map[string]string{"API_KEYS": password + ":agent:read"}
	cases["keys as a file's name"] = map[string]string{"API_KEYS_FILE": "agent:read:" + password + " x"}
	cases["keys in a file"] = map[string]string{"API_KEYS_FILE": file}
	cases["key"] = map[string]string{"SESSION_API_KEY": password}

	for name, variables := range cases {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			set := map[string]string{"PORT": "0", "START_TIMEOUT": "300ms", "LOG_LEVEL": "debug", "DATABASE_ECHO": "debug"}
			for name, value := range variables {
				set[name] = value
			}
			environment(t, set)
			for _, args := range [][]string{{"config"}, {"config", "--format", "json"}, {"serve"}, {"db", "upgrade"}, {"db", "doctor"}, {"db", "backup", "x.db"}, {"healthcheck"}} {
				ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
				r := callWithin(ctx, args...)
				cancel()
				if reveals(r.all()) {
					t.Errorf("%v shows the secret:\n%s", args, r.all())
				}
			}
		})
	}
}
