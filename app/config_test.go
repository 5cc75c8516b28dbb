package app_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"

	"github.com/openhands-go/server/app"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule/program"
	"github.com/openhands-go/server/httpmodule/program/settings"
)

// Not parallel: it sets environment variables.
func TestReadConfigDefaults(t *testing.T) {
	environment(t, nil)
	server := app.Server()
	got, read := server.ReadConfig()
	if err := read.Err(); err != nil {
		t.Fatal(err)
	}
	if own := server.Settings[0]; !reflect.DeepEqual(*own.(*app.Config), app.DefaultConfig()) {
		t.Errorf("the tags' defaults and DefaultConfig differ: %+v", own)
	}
	if want := server.DefaultConfig(); !reflect.DeepEqual(got, want) {
		t.Errorf("the tags' defaults and DefaultConfig differ:\ntags: %+v\ncode: %+v", got, want)
	}
}

// Not parallel: it sets environment variables.
func TestReadConfigValues(t *testing.T) {
	environment(t, map[string]string{
		"DATABASE_URL":          "postgresql+asyncpg://user:pw@db.example/books",
		"DATABASE_ECHO":         "debug",
		"DATABASE_POOL_SIZE":    "7",
		"DATABASE_POOL_TIMEOUT": "1m30s",
		"DATABASE_SCHEMA":       "none",
		"HOST":                  "0.0.0.0",
		"PORT":                  "8080",
		"HTTP_PORT":             "9999",
		"DATABASE_DATABASE_URL": "sqlite://",
		"SESSION_API_KEY":       "key",
		"CORS_ORIGINS":          "https://a.example,https://b.example:8443",
		"LOG_LEVEL":             "WARN",
		"LOG_FORMAT":            "json",
		"START_TIMEOUT":         "3s",
	})
	cfg, read := app.Server().ReadConfig()
	if err := read.Err(); err != nil {
		t.Fatal(err)
	}
	for _, check := range []struct {
		name      string
		got, want any
	}{
		{"DATABASE_URL", cfg.Database.URL.String(), "postgresql+asyncpg://user:***@db.example/books"},
		{"DATABASE_ECHO", cfg.Database.Echo, dbmodule.EchoDebug},
		{"DATABASE_POOL_SIZE", cfg.Database.PoolSize, 7},
		{"DATABASE_POOL_TIMEOUT", cfg.Database.PoolTimeout, 90 * time.Second},
		{"DATABASE_SCHEMA", cfg.Database.Schema, dbmodule.SchemaNone},
		{"HOST", cfg.HTTP.Host, "0.0.0.0"},
		{"PORT", cfg.HTTP.Port, 8080},
		{"SESSION_API_KEY", string(cfg.HTTP.SessionAPIKey), "key"},
		{"CORS_ORIGINS", cfg.HTTP.CORSOrigins, []string{"https://a.example", "https://b.example:8443"}},
		{"LOG_LEVEL", cfg.Log.Level, zapcore.WarnLevel},
		{"LOG_FORMAT", cfg.Log.Format, program.LogJSON},
		{"START_TIMEOUT", cfg.StartTimeout, 3 * time.Second},
	} {
		if !reflect.DeepEqual(check.got, check.want) {
			t.Errorf("%s: got %v, want %v", check.name, check.got, check.want)
		}
	}
}

// Not parallel: it sets environment variables.
func TestReadConfigProblems(t *testing.T) {
	for _, test := range []struct {
		name      string
		variables map[string]string
		want      []string // the problems' texts begin so, in this order
	}{
		{"not a number", map[string]string{"PORT": "tcp://10.0.0.1:3000"}, []string{"PORT: takes a whole number"}},
		{"out of range", map[string]string{"PORT": "70000"}, []string{"PORT=70000: takes 0"}},
		{"no unit", map[string]string{"REQUEST_TIMEOUT": "30"}, []string{"REQUEST_TIMEOUT: takes a duration with its unit"}},
		{"negative", map[string]string{"DATABASE_POOL_SIZE": "-1"}, []string{"DATABASE_POOL_SIZE=-1: takes 0"}},
		{"not a boolean", map[string]string{"ALLOW_INSECURE": "si"}, []string{"ALLOW_INSECURE: takes true or false"}},
		{"echo", map[string]string{"DATABASE_ECHO": "verbose"}, []string{"DATABASE_ECHO: takes false, true or debug"}},
		{"schema", map[string]string{"DATABASE_SCHEMA": "upgrade"}, []string{"DATABASE_SCHEMA: takes migrate, check, create or none"}},
		{"level", map[string]string{"LOG_LEVEL": "trace"}, []string{"LOG_LEVEL: takes debug, info, warn or error"}},
		{"level that hides errors", map[string]string{"LOG_LEVEL": "fatal"}, []string{"LOG_LEVEL=fatal: takes debug, info, warn or error"}},
		{"format", map[string]string{"LOG_FORMAT": "xml"}, []string{"LOG_FORMAT: takes auto, console or json"}},
		{"dialect", map[string]string{"DATABASE_URL": "oracle://x"}, []string{"DATABASE_URL: "}},
		{"empty number", map[string]string{"PORT": ""}, []string{"PORT: is set but empty: unset it to get the default, 3000"}},
		{"empty URL", map[string]string{"DATABASE_URL": ""}, []string{"DATABASE_URL: is set but empty"}},
		{"host with a path", map[string]string{"HOST": "http://localhost/"}, []string{"HOST: takes a host name or an IP address"}},
		{"key from a file", map[string]string{"SESSION_API_KEY": "key\n"}, []string{"SESSION_API_KEY: an HTTP header can't carry it"}},
		{"open to all", map[string]string{"HOST": "0.0.0.0"}, []string{"HOST=0.0.0.0: others could reach"}},
		{"keys", map[string]string{"API_KEYS": "agent:write:hunter2"}, []string{"API_KEYS: line 1: the scope"}},
		{"a key twice", map[string]string{"API_KEYS": "agent:read:hunter2", "SESSION_API_KEY": "hunter2"}, []string{"API_KEYS: default and agent are the same key"}},
		{"origin", map[string]string{"CORS_ORIGINS": "https://a.example/path"}, []string{"CORS_ORIGINS=https://a.example/path: takes"}},
		{"start timeout", map[string]string{"START_TIMEOUT": "0s"}, []string{"START_TIMEOUT=0s: takes a duration above 0"}},
		{"all at once", map[string]string{
			"PORT": "x", "DATABASE_POOL_SIZE": "-3", "LOG_LEVEL": "loud", "HOST": "0.0.0.0", "DATABASE_URL": "nothing",
		}, []string{"DATABASE_URL: ", "DATABASE_POOL_SIZE=-3", "HOST=0.0.0.0", "PORT: ", "LOG_LEVEL: "}},
	} {
		t.Run(test.name, func(t *testing.T) {
			environment(t, test.variables)
			_, read := app.Server().ReadConfig()
			err := read.Err()
			var config *settings.Error
			if !errors.As(err, &config) {
				t.Fatalf("got %v, want an Error", err)
			}
			if len(config.Problems) != len(test.want) {
				t.Fatalf("got %d problems, want %d: %v", len(config.Problems), len(test.want), config.Problems)
			}
			for i, want := range test.want {
				if !strings.HasPrefix(config.Problems[i].Text, want) {
					t.Errorf("got %q, want %q…", config.Problems[i].Text, want)
				}
				if !strings.Contains(err.Error(), config.Problems[i].Text) {
					t.Errorf("the error %q lacks %q", err, config.Problems[i].Text)
				}
			}
			if r := call(t, "serve"); r.code != 1 || r.stdout != "" || !strings.Contains(r.stderr, test.want[0]) {
				t.Errorf("serve: %+v", r)
			}
		})
	}
}

// Not parallel: it sets environment variables.
func TestConfigCommandTable(t *testing.T) {
	environment(t, map[string]string{
		"DATABASE_URL":       "mysql://user:hunter2@db.example/books",
		"SESSION_API_KEY":    "hunter2",
		"PORT":               "eighty",
		"DATABASE_POOLSIZE":  "3",
		"DATABASE_PASSWORD":  "hunter2",
		"SESION_API_KEY":     "hunter2",
		"SHUTDOWN_TIMEOUT":   "120s",
		"DATABASE_POOL_SIZE": "9",
	})
	r := call(t, "config")
	if r.code != 0 || r.stderr != "" {
		t.Fatalf("exit code %d, stderr %q", r.code, r.stderr)
	}
	if strings.Contains(r.stdout, "hunter2") {
		t.Errorf("a secret is in\n%s", r.stdout)
	}
	var lines []string
	for line := range strings.Lines(r.stdout) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	for _, want := range []string{
		"SETTING VALUE DEFAULT MEANING",
		"DATABASE_URL mysql://user:***@db.example/books sqlite+aiosqlite:///./openhands.db database to use, in SQLAlchemy's URL form",
		"DATABASE_POOL_SIZE 9 5 connections kept in the pool (0 = no limit)",
		"PORT (invalid) 3000 port to listen on (0 = any free port)",
		"SESSION_API_KEY *** - key that clients send as X-Session-API-Key or bearer token (empty = none needed)",
		"READ_TIMEOUT 60s 60s how long a client may take to send a request (0 = no limit)",
		"SHUTDOWN_TIMEOUT 2m 20s at a stop: how long requests in progress may take to end",
		"PORT: takes a whole number",
		"DATABASE_POOLSIZE is not a setting and is ignored: did you mean DATABASE_POOL_SIZE?",
		"DATABASE_PASSWORD is not a setting and is ignored: see openhands-server config",
		"SESION_API_KEY is not a setting and is ignored: did you mean SESSION_API_KEY?",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no line %q in\n%s", want, r.stdout)
		}
	}
}

// Not parallel: it sets environment variables.
func TestConfigCommandJSON(t *testing.T) {
	environment(t, map[string]string{"SESSION_API_KEY": "hunter2", "PORT": "eighty", "HOST": "127.0.0.2"})
	byName := make(map[string]settingEntry)
	for _, s := range listed(t) {
		byName[s.Name] = s
		if s.Meaning == "" {
			t.Errorf("%s has no meaning", s.Name)
		}
	}
	if s := byName["SESSION_API_KEY"]; s.Value != "***" || !s.Set {
		t.Errorf("got %+v", s)
	}
	if s := byName["PORT"]; s.Value != "" || s.Problem != "PORT: takes a whole number" || s.Default != "3000" {
		t.Errorf("got %+v", s)
	}
	if s := byName["HOST"]; s.Value != "127.0.0.2" || !s.Set {
		t.Errorf("got %+v", s)
	}
	if s := byName["LOG_LEVEL"]; s.Value != "info" || s.Set {
		t.Errorf("got %+v", s)
	}
}
