package dburl_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/openhands-go/server/dbmodule/dburl"
)

// holder keeps a URL where fmt can't call its methods.
type holder struct {
	name string
	url  dburl.URL
}

func TestURLPrintsMasked(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		"postgresql+asyncpg://user:" + marker + "@h:5432/db?ssl=require",
		"postgresql://u:" + marker + "%40%2F@h1,h2/db",
		"postgresql://u:a/" + marker + "?b@h/db",
		"postgresql://h/db?user=u&password=" + marker + "&sslpassword=" + marker,
		"postgresql://h/db?options=-c+my.secret%3D" + marker,
		"mysql+aiomysql://user:" + marker + "@h/db?ssl_key_password=" + marker,
		"mysql://:" + marker + "@h/db",
		"mysql://u@h/db?passwd=" + marker,
		"mysql://u:" + marker + "@h/db?init_command=SET+a='" + marker + "'",
	} {
		t.Run(raw, func(t *testing.T) {
			t.Parallel()
			u := parse(t, raw)
			var out []string
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%40v", "%-9s", "%t", "%p"} {
				for _, value := range []any{u, &u, holder{"x", u}, &holder{"x", u}, []any{u, &u}, map[string]any{"u": u}, struct{ U *dburl.URL }{&u}} {
					out = append(out, fmt.Sprintf(verb, value))
				}
			}
			for _, value := range []any{u, &u, map[string]any{"u": u}, struct{ U *dburl.URL }{&u}, holder{"x", u}} {
				encoded, err := json.Marshal(value)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, string(encoded))
			}
			text, err := u.MarshalText()
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, string(text))

			var logged strings.Builder
			for _, value := range []any{u.Password(), u.PostgreSQL(), u.MySQL(), u.MySQL().TLS, []dburl.Secret{u.Password(), u.PostgreSQL().CommandLine}} {
				for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
					out = append(out, fmt.Sprintf(verb, value))
				}
				encoded, _ := json.Marshal(value) // not all of them encode
				out = append(out, string(encoded), deepDump(reflect.ValueOf(value), 0))
				zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(&logged), zap.DebugLevel)).Info("m",
					zap.Any("any", value), zap.Reflect("reflect", value))
			}
			for _, encoder := range []zapcore.Encoder{
				zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()),
				zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig()),
			} {
				zap.New(zapcore.NewCore(encoder, zapcore.AddSync(&logged), zap.DebugLevel)).Info("m",
					zap.Any("any", u), zap.Any("pointer", &u), zap.Object("object", u), zap.Object("object pointer", &u),
					zap.Inline(u), zap.Stringer("stringer", u), zap.Stringer("stringer pointer", &u),
					zap.Reflect("reflect", u), zap.Reflect("reflect pointer", &u),
					zap.Any("holder", holder{"x", u}), zap.Any("map", map[string]any{"u": u}), zap.Any("list", []dburl.URL{u}))
			}
			slog.New(slog.NewTextHandler(&logged, nil)).Info("m", "url", u, "pointer", &u, "holder", holder{"x", u})
			slog.New(slog.NewJSONHandler(&logged, nil)).Info("m", "url", u, "pointer", &u, "holder", holder{"x", u})
			out = append(out, logged.String(), deepDump(reflect.ValueOf(holder{"x", u}), 0))

			for _, s := range out {
				if containsSecret(s, marker) {
					t.Errorf("the password is in %s", s)
				}
			}
			if !strings.Contains(u.String(), "***") {
				t.Errorf("%s does not show that there is a password", u)
			}
		})
	}
}

// deepDump writes every text that reflection reaches, as debug printers do.
func deepDump(v reflect.Value, depth int) string {
	if depth > 20 {
		return ""
	}
	var b strings.Builder
	switch v.Kind() {
	case reflect.String:
		b.WriteString(v.String() + "\n")
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			b.WriteString(deepDump(v.Elem(), depth+1))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			b.WriteString(deepDump(v.Field(i), depth+1))
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			b.WriteString(deepDump(v.Index(i), depth+1))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			b.WriteString(deepDump(key, depth+1) + deepDump(v.MapIndex(key), depth+1))
		}
	}
	return b.String()
}

// containsSecret looks for the plain text and for its hexadecimal digits.
func containsSecret(s, secret string) bool {
	lower := strings.ToLower(s)
	return strings.Contains(s, secret) || strings.Contains(lower, fmt.Sprintf("%x", secret))
}

func TestSecret(t *testing.T) {
	t.Parallel()
	empty, full := dburl.NewSecret(""), dburl.NewSecret(marker)
	if !empty.IsZero() || empty.Reveal() != "" || fmt.Sprintf("%v|%s|%d", empty, empty, empty) != "||" || !reflect.DeepEqual(empty, dburl.Secret{}) {
		t.Errorf("the empty secret is %q", empty)
	}
	encoded, err := json.Marshal(map[string]dburl.Secret{"a": full})
	if full.IsZero() || full.Reveal() != marker || fmt.Sprintf("%v|%s|%#v", full, full, full) != "***|***|***" || string(encoded) != `{"a":"***"}` || err != nil {
		t.Errorf("a secret is %q, %s, %v", full, encoded, err)
	}
}

// TestCutUserinfo compares with the expression that SQLAlchemy documents its
// URLs by: a user without : and /, a password without @.
func TestCutUserinfo(t *testing.T) {
	t.Parallel()
	expression := regexp.MustCompile(`^(?:([^:/]*)(:[^@]*)?@)?`)
	for _, s := range []string{
		"", "@", ":@", "h", "u@h", "u:p@h", "u:p@w@h", "u@x:p@h", "u@x@h/d", "u/x:p@h", "u:p/w?x#y@h", "u:p", "/d@x", "h:1/d?a=b@c", "?host=a", "u@h:1", "u@h:1@x", "[::1]:2/x", "u:p@[::1]",
	} {
		m := expression.FindStringSubmatch(s)
		user, password, has, rest := dburl.CutUserinfo(s)
		if user != m[1] || has != (m[2] != "") || password != strings.TrimPrefix(m[2], ":") || rest != s[len(m[0]):] {
			t.Errorf("%q: got %q %q %t %q, want %q", s, user, password, has, rest, m)
		}
	}
}

func ExampleNewSecret() {
	password := dburl.NewSecret("hunter2")
	fmt.Println(password, len(password.Reveal()))
	// Output: *** 7
}

// FuzzParseURL checks that nothing panics and that a password, wherever the
// input puts it, is in no error and no text.
func FuzzParseURL(f *testing.F) {
	for _, test := range malformedURLs(f) {
		scheme, rest, _ := strings.Cut(strings.ReplaceAll(test.raw, marker, ""), "://")
		f.Add(scheme, "", "", rest)
	}
	for _, scheme := range []string{"sqlite", "postgresql+asyncpg", "mysql+aiomysql", "mariadb", "nope"} {
		f.Add(scheme, "a/", "?b", "h:1,[::1]/db?ssl=true&host=/run/x")
		f.Add(scheme, "p@", "@", "h/db?password=x&options=y")
		f.Add(scheme, "%", "%4", "h/db?init_command=SET a='b', c=(d)&sql_mode=ansi")
	}
	f.Fuzz(func(t *testing.T, scheme, before, after, rest string) {
		for _, raw := range []string{
			scheme + "://u:" + before + marker + after + "@" + rest,
			scheme + "://" + rest + "?password=" + before + marker + after,
			scheme + "://" + rest + "&sslpassword=" + before + marker + after,
			scheme + "://u@" + rest + "?passwd=" + marker,
			scheme + "://" + rest,
			rest,
		} {
			u, err := dburl.ParseURL(raw)
			if (err == nil) == u.IsZero() {
				t.Fatalf("%q gives %v and %v", raw, u, err)
			}
			text := fmt.Sprintf("%v %v %+v %#v", err, u, u, holder{"x", u})
			// A path or a name that a person wrote is theirs to show, and
			// only a network URL has a password.
			if u.Engine() != dburl.SQLite && secretIn(raw) && strings.Contains(text, marker) {
				t.Fatalf("%q shows its password in %s", raw, text)
			}
		}
	})
}

// secretIn tells whether the marker in raw is a password by SQLAlchemy's
// rule: after the user's colon, or in an option that is one.
func secretIn(raw string) bool {
	_, rest, found := strings.Cut(raw, "://")
	if !found || strings.Count(raw, marker) != 1 {
		return false
	}
	_, password, _, rest := dburl.CutUserinfo(rest)
	if strings.Contains(password, marker) {
		return true
	}
	_, query, _ := strings.Cut(rest, "?")
	for option := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(option, "=")
		if strings.Contains(value, marker) {
			return name == "password" || name == "passwd" || name == "sslpassword"
		}
	}
	return false
}
