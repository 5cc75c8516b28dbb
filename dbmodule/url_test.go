package dbmodule_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/openhands-go/server/dbmodule"
)

// marker stands where a password stands; it must never be printed.
const marker = "hunter2MARK"

func TestParseURLSQLite(t *testing.T) {
	t.Parallel()
	full := dbmodule.SQLiteSettings{Synchronous: "FULL", BusyTimeout: 5 * time.Second}
	with := func(change func(*dbmodule.SQLiteSettings)) dbmodule.SQLiteSettings {
		s := full
		change(&s)
		return s
	}
	path := func(p string) dbmodule.SQLiteSettings {
		return with(func(s *dbmodule.SQLiteSettings) { s.Path = p })
	}
	memory := with(func(s *dbmodule.SQLiteSettings) { s.Memory = true })

	for raw, want := range map[string]dbmodule.SQLiteSettings{
		"sqlite+aiosqlite:///./openhands.db":                                path("./openhands.db"),
		"sqlite:///rel.db":                                                  path("rel.db"),
		"sqlite+pysqlite:///dir/rel.db":                                     path("dir/rel.db"),
		"SQLite:///rel.db":                                                  path("rel.db"),
		"sqlite:////abs/path.db":                                            path("/abs/path.db"),
		"sqlite+aiosqlite:////var/lib/open%20hands/a%2Bb.db":                path("/var/lib/open hands/a+b.db"),
		"sqlite:///with+plus@and:colon#hash.db":                             path("with+plus@and:colon#hash.db"),
		`sqlite:///C:\data\app.db`:                                          path(`C:\data\app.db`),
		"sqlite:///naïve.db":                                                path("naïve.db"),
		"sqlite://":                                                         memory,
		"sqlite:///":                                                        memory,
		"sqlite:///:memory:":                                                memory,
		"sqlite+aiosqlite:///:memory:?cache=shared":                         memory,
		":memory:":                                                          memory,
		"sqlite:///file:name?mode=memory&cache=shared&uri=true":             memory,
		"sqlite:///file::memory:?cache=shared&uri=true":                     memory,
		"sqlite:///file:rel.db?uri=true":                                    path("rel.db"),
		"sqlite:///file:/abs.db?uri=1":                                      path("/abs.db"),
		"sqlite:///file:///abs.db?uri=true":                                 path("/abs.db"),
		"sqlite:///file://localhost/abs.db?uri=true":                        path("/abs.db"),
		"sqlite:///a.db?check_same_thread=false&cached_statements=128":      path("a.db"),
		"sqlite:///a.db?timeout=":                                           path("a.db"),
		"sqlite:///a.db?timeout=0":                                          with(func(s *dbmodule.SQLiteSettings) { s.Path, s.BusyTimeout = "a.db", 0 }),
		"sqlite:///a.db?timeout=1.5":                                        with(func(s *dbmodule.SQLiteSettings) { s.Path, s.BusyTimeout = "a.db", 1500*time.Millisecond }),
		"sqlite:///a.db?synchronous=normal":                                 with(func(s *dbmodule.SQLiteSettings) { s.Path, s.Synchronous = "a.db", "NORMAL" }),
		"sqlite:///file:a.db?mode=ro&uri=true":                              with(func(s *dbmodule.SQLiteSettings) { s.Path, s.ReadOnly = "a.db", true }),
		"sqlite:///a.db?mode=ro&isolation_level=IMMEDIATE&synchronous=FULL": with(func(s *dbmodule.SQLiteSettings) { s.Path, s.ReadOnly = "a.db", true }),
	} {
		t.Run(raw, func(t *testing.T) {
			t.Parallel()
			u := parse(t, raw)
			if got := u.SQLiteSettings(); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if u.Engine() != dbmodule.SQLite || u.Memory() != want.Memory || u.Path() != want.Path || u.IsZero() {
				t.Errorf("engine %q, memory %t, path %q", u.Engine(), u.Memory(), u.Path())
			}
			again, err := dbmodule.ParseURL(u.String())
			if err != nil || again.SQLiteSettings() != want {
				t.Errorf("its own text %q reads as %+v, %v", u, again.SQLiteSettings(), err)
			}
		})
	}
}

func TestParseURLNetwork(t *testing.T) {
	t.Parallel()
	type want struct{ user, password, address, database string }
	for raw, want := range map[string]want{
		"postgresql+asyncpg://u:p@h:5433/db":                             {"u", "p", "h:5433", "db"},
		"postgresql+psycopg://u:p@h/db":                                  {"u", "p", "h:5432", "db"},
		"postgresql+psycopg2://u:p@h/db":                                 {"u", "p", "h:5432", "db"},
		"postgresql+pg8000://u:p@h/db":                                   {"u", "p", "h:5432", "db"},
		"postgres://u:p@h/db":                                            {"u", "p", "h:5432", "db"},
		"postgresql://u@h/db":                                            {"u", "", "h:5432", "db"},
		"postgresql://u:@h/db":                                           {"u", "", "h:5432", "db"},
		"postgresql://u:p@h":                                             {"u", "p", "h:5432", ""},
		"postgresql://u:p@h/":                                            {"u", "p", "h:5432", ""},
		"postgresql://u:p@h:/db":                                         {"u", "p", "h:5432", "db"},
		"postgresql://us%40er:p%40%3A%2F%3F%25@h/d%2Fb":                  {"us@er", "p@:/?%", "h:5432", "d/b"},
		"postgresql://u:a+b%2Bc@h/d+e":                                   {"u", "a+b+c", "h:5432", "d+e"},
		"postgresql://u:p/a?s#s:w&d=[x]{} '\"\\|^`<>@h/db":               {"u", "p/a?s#s:w&d=[x]{} '\"\\|^`<>", "h:5432", "db"},
		"postgresql://u:пароль@хост/база":                                {"u", "пароль", "хост:5432", "база"},
		"postgresql://svc@project.iam:p@h/db":                            {"svc@project.iam", "p", "h:5432", "db"},
		"postgresql://svc@project.iam@h/db":                              {"svc@project.iam", "", "h:5432", "db"},
		"postgresql://u:p@[::1]/db":                                      {"u", "p", "[::1]:5432", "db"},
		"postgresql://u:p@[2001:db8::1]:6000/db":                         {"u", "p", "[2001:db8::1]:6000", "db"},
		"postgresql://u:p@[fe80::1%25eth0]:6000/db":                      {"u", "p", "[fe80::1%eth0]:6000", "db"},
		"postgresql://u:p@/db?host=/run/postgresql":                      {"u", "p", "/run/postgresql:5432", "db"},
		"postgresql://u:p@:5433/db?host=/run/postgresql":                 {"u", "p", "/run/postgresql:5433", "db"},
		"postgresql://u:p@/db?host=/run/postgresql/.s.PGSQL.5434":        {"u", "p", "/run/postgresql:5434", "db"},
		"postgresql://u:p@%2Frun%2Fpostgresql:5433/db":                   {"u", "p", "/run/postgresql:5433", "db"},
		"postgresql://u:p@h1:5432,h2:5433/db":                            {"u", "p", "h1:5432 h2:5433", "db"},
		"postgresql://u:p@h1,[::2]:7/db":                                 {"u", "p", "h1:5432 [::2]:7", "db"},
		"postgresql+asyncpg://u:p@/db?host=a:1&host=b:2":                 {"u", "p", "a:1 b:2", "db"},
		"postgresql+psycopg://u:p@/db?host=a,b&port=1,2":                 {"u", "p", "a:1 b:2", "db"},
		"postgresql+psycopg://u:p@/db?host=a,b&port=7":                   {"u", "p", "a:7 b:7", "db"},
		"postgresql://u:p@ignored:9/db?host=real:1":                      {"u", "p", "real:1", "db"},
		"postgresql://u:p@h/db?host=::1":                                 {"u", "p", "[::1]:5432", "db"},
		"postgresql:///?user=u&password=p&dbname=db&host=h&port=1":       {"u", "p", "h:1", "db"},
		"mysql+aiomysql://u:p@h:3307/db?charset=utf8mb4":                 {"u", "p", "h:3307", "db"},
		"mysql+asyncmy://u:p@h/db":                                       {"u", "p", "h:3306", "db"},
		"mysql+pymysql://u:p@h/db?binary_prefix=true":                    {"u", "p", "h:3306", "db"},
		"mysql+mysqldb://u:p@h/db?use_unicode=1":                         {"u", "p", "h:3306", "db"},
		"mysql://u:p@h/db":                                               {"u", "p", "h:3306", "db"},
		"mariadb://u:p@h/db":                                             {"u", "p", "h:3306", "db"},
		"mariadb+pymysql://u:p@h/db":                                     {"u", "p", "h:3306", "db"},
		"mariadb+mariadbconnector://u:p@127.0.0.1:3307/db":               {"u", "p", "127.0.0.1:3307", "db"},
		"mysql://u:p%2Fw%20+@h/my%2Ddb":                                  {"u", "p/w +", "h:3306", "my-db"},
		"mysql://u:p@/db":                                                {"u", "p", "localhost:3306", "db"},
		"mysql://u@h":                                                    {"u", "", "h:3306", ""},
		"mysql://:p@h/db":                                                {"", "p", "h:3306", "db"},
		"mysql://u:p@[::1]:3307/db":                                      {"u", "p", "[::1]:3307", "db"},
		"mysql+aiomysql://u:p@/db?unix_socket=/run/mysqld/mysqld.sock":   {"u", "p", "/run/mysqld/mysqld.sock", "db"},
		"mysql+pymysql://u:p@localhost:1/db?unix_socket=/run/mysql.sock": {"u", "p", "/run/mysql.sock", "db"},
		"mysql://u:p@%2Frun%2Fmysql.sock/db":                             {"u", "p", "/run/mysql.sock", "db"},
		"mysql://h/db?user=u&passwd=p&port=9":                            {"u", "p", "h:9", "db"},
	} {
		t.Run(raw, func(t *testing.T) {
			t.Parallel()
			u := parse(t, raw)
			got := want
			got.user, got.password = u.Secrets()
			got.database = u.Database()
			switch u.Engine() {
			case dbmodule.PostgreSQL:
				config, err := u.PgxConfig()
				if err != nil {
					t.Fatal(err)
				}
				var addresses []string
				seen := map[string]bool{}
				add := func(host string, port uint16) {
					a := fmt.Sprintf("%s:%d", host, port)
					if strings.Count(host, ":") > 1 {
						a = fmt.Sprintf("[%s]:%d", host, port)
					}
					if !seen[a] {
						addresses = append(addresses, a)
					}
					seen[a] = true
				}
				add(config.Host, config.Port)
				for _, f := range config.Fallbacks {
					add(f.Host, f.Port)
				}
				got.address = strings.Join(addresses, " ")
				if config.User != want.user || config.Password != want.password || config.Database != want.database {
					t.Errorf("pgx gets user %q, password %q, database %q", config.User, config.Password, config.Database)
				}
				if want.password != "" && len(want.password) > 1 && strings.Contains(config.ConnString(), want.password) {
					t.Error("pgx keeps the password in its connection string")
				}
			case dbmodule.MySQL:
				config, err := u.MySQLConfig()
				if err != nil {
					t.Fatal(err)
				}
				got.address = config.Addr
				if config.User == "" || want.user != "" && config.User != want.user || config.Passwd != want.password || config.DBName != want.database {
					t.Errorf("the driver gets user %q, password %q, database %q", config.User, config.Passwd, config.DBName)
				}
			}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

// malformed URLs with what their error must say. Those with the marker hold
// it where a password stands.
var malformed = []struct{ raw, says string }{
	{"", "empty"},
	{" postgresql://u:" + marker + "@h/db", "space"},
	{"postgresql://u:" + marker + "@h/db ", "space"},
	{"postgresql://u:" + marker + "@h/db\n", "control character"},
	{"postgresql://u:" + marker + "\x00@h/db", "control character"},
	{"postgresql://u:" + marker + "\x7f@h/db", "control character"},
	{"\tmysql://u:" + marker + "@h/db", "byte 1"},
	{"postgresql://u:" + marker + "\xff@h/db", "UTF-8"},
	{"postgresql://u:" + marker + "%ff@h/db", "password is not UTF-8"},
	{"postgresql://u:" + marker + "%00@h/db", "%00"},
	{"postgresql://u:" + marker + "%zz@h/db", "password has a %"},
	{"postgresql://u:" + marker + "%@h/db", "write a literal % as %25"},
	{"postgresql://u:" + marker + "%4@h/db", "password has a %"},
	{"postgresql://u%4:" + marker + "@h/db", "user has a %"},
	{"postgresql://u:" + marker + "@h%zz/db", "host has a %"},
	{"postgresql://u:" + marker + "@h/d%b", "database has a %"},
	{"postgresql://u:" + marker + "@h/db?ssl=%zz", `option "ssl" has a %`},
	{"postgresql://u:" + marker + "@h/db?s%zl=1", "option name has a %"},
	{"postgresql://u:pa@" + marker + "@h/db", "write it as %40"},
	{"postgresql://u:pa@" + marker + "/x@h/db", "write it as %40"},
	{"postgresql://u:pa@" + marker + "?x=y@h/db", "write it as %40"},
	{"postgresql://u/x:" + marker + "@h/db", "write it as %40"},
	{"mysql://u:p@w@" + marker + "@h/db", "write it as %40"},
	{"postgresql://u:" + marker, "port"},
	{"postgresql://u:" + marker + "/db", "missing"},
	{"postgresql://u:" + marker + "@h:port/db", "1 to 65535"},
	{"postgresql://u:" + marker + "@h:0/db", "1 to 65535"},
	{"postgresql://u:" + marker + "@h:65536/db", "1 to 65535"},
	{"mysql://u:" + marker + "@h:-1/db", "1 to 65535"},
	{"mysql://u:" + marker + "@h:99999999999999999999/db", "1 to 65535"},
	{"postgresql://u:" + marker + "@::1/db", "brackets"},
	{"postgresql://u:" + marker + "@[::1/db", "brackets"},
	{"postgresql://u:" + marker + "@[nonsense]/db", "IPv6"},
	{"postgresql://u:" + marker + "@[::1]x/db", "brackets"},
	{"postgresql://u:" + marker + "@ho st/db", "host names"},
	{"postgresql://u:" + marker + "@a,,b/db", "empty"},
	{"postgresql://u:" + marker + "@h1,h2/db?port=1,2,3", "3 ports for 2 hosts"},
	{"postgresql://u:" + marker + "@/db?host=a:1&port=2", "contradict"},
	{"mysql://u:" + marker + "@a,b/db?port=3307", "several hosts"},
	{"mysql://u:" + marker + "@a,b/db?unix_socket=/s", "several hosts"},
	{"mysql://u:" + marker + "@a,,b/db", "empty"},
	{"postgresql://u:***@h/db", "masks"},
	{"u:" + marker + "@h/db", "sqlite, postgresql, postgres, mysql, mariadb"},
	{"postgresql:u:" + marker + "@h/db", "no dialect"},
	{"postgresql:/u:" + marker + "@h/db", "no dialect"},
	{"./openhands.db", "no dialect"},
	{"jdbc:postgresql://u:" + marker + "@h/db", "sqlite, postgresql, postgres, mysql, mariadb"},
	{"oracle://u:" + marker + "@h/db", `dialect "oracle" is not known: use one of sqlite`},
	{"u:" + marker + "@h://x", "dialect is not known"},
	{"postgresql+nope://u:" + marker + "@h/db", "asyncpg, psycopg,"},
	{"mysql+asyncpg://u:" + marker + "@h/db", "aiomysql, asyncmy,"},
	{"sqlite+asyncpg:///a.db", "aiosqlite, pysqlite"},
	{"sqlite://rel.db", "three slashes"},
	{"sqlite://u:" + marker + "@h/db", "no host"},
	{"sqlite:///a%.db", "path has a %"},
	{"sqlite:///a%0Ab.db", "control character"},
	{"sqlite:///file:a.db", "uri=true"},
	{"sqlite:///file://host/a.db?uri=true", "host"},
	{"sqlite:///:memory:?mode=ro", "in-memory"},
	{"sqlite:///a.db?mode=rw", `option "mode" takes one of ro, rwc, memory`},
	{"sqlite:///a.db?timeout=soon", `option "timeout" takes a number of seconds`},
	{"sqlite:///a.db?timeout=NaN", `option "timeout"`},
	{"sqlite:///a.db?timeout=-1", `option "timeout"`},
	{"sqlite:///a.db?synchronous=MAYBE", "FULL, NORMAL, EXTRA, OFF"},
	{"sqlite:///a.db?password=" + marker, `option "password" is not known for sqlite`},
	{"sqlite:///a.db?charset=utf8", "check_same_thread"},
	{"postgresql://u:" + marker + "@h/db?charset=utf8", `option "charset" is not known for postgresql: remove it, or use one of application_name,`},
	{"postgresql://u:" + marker + "@h/db?ssl=maybe", "verify-full"},
	{"postgresql://u:" + marker + "@h/db?sslmode=maybe", "verify-full"},
	{"postgresql://u:" + marker + "@h/db?connect_timeout=soon", "seconds"},
	{"postgresql://u:" + marker + "@h/db?target_session_attrs=writer", "read-write"},
	{"postgresql://u:" + marker + "@h/db?ssl=require&ssl=disable", "more than once"},
	{"postgresql://u:" + marker + "@h/db?ssl", "no value"},
	{"postgresql://u:" + marker + "@h/db?sslcert=/c.pem", "sslkey"},
	{"postgresql://u:" + marker + "@h/db?a b=1", "not a word"},
	{"postgresql://h/db?password=" + marker + "&nope=1", `option "nope"`},
	{"postgresql://h/db?sslpassword=" + marker + "&password=" + marker + "%zz", `option "password" has a %`},
	{"postgresql://u:" + marker + "@h/db?client_encoding=latin1", "UTF-8"},
	{"postgresql://u:" + marker + "@h/db?application_name=a%0Ab", "control character"},
	{"postgresql://u:" + marker + "@h/db?statement_timeout=5+minutes", "ms, s, min"},
	{"postgresql://u:" + marker + "@h/db?default_query_exec_mode=fast", "exec, simple_protocol"},
	{"postgresql://u:" + marker + "@h/db?default_query_exec_mode=cache_statement&prepared_statement_cache_size=0", "contradicts"},
	{"mysql://u:" + marker + "@h/db?charset=latin1", "utf8mb4"},
	{"mysql://u:" + marker + "@h/db?collation=latin1_bin", "utf8mb4_unicode_ci"},
	{"mysql://u:" + marker + "@h/db?sql_mode=NO_BACKSLASH_ESCAPES", "NO_BACKSLASH_ESCAPES"},
	{"mysql://u:" + marker + "@h/db?sql_mode='%3B+DROP+TABLE", "names of SQL modes"},
	{"mysql://u:" + marker + "@h/db?init_command=DROP+TABLE+x", "takes SET"},
	{"mysql://u:" + marker + "@h/db?init_command=SET+a=1;DROP+TABLE+x", "takes SET"},
	{"mysql://u:" + marker + "@h/db?init_command=SET+PASSWORD+=+'" + marker + "x", "takes SET"},
	{"mysql://u:" + marker + "@h/db?init_command=SET+time_zone='SYSTEM'", "UTC"},
	{"mysql://u:" + marker + "@h/db?unix_socket=mysql.sock", "absolute path"},
	{"mysql://u:" + marker + "@h/db?local_infile=1", "this machine's files"},
	{"mysql://u:" + marker + "@h/db?ssl_mode=SURE", "VERIFY_IDENTITY"},
	{"mysql://u:" + marker + "@h/db?ssl_cert=/c.pem", "ssl_key"},
	{"mysql://h/db?passwd=" + marker + "&sslmode=require", `option "sslmode" is not known for mysql`},
}

func TestParseURLMalformed(t *testing.T) {
	t.Parallel()
	marked := 0
	for _, test := range malformed {
		if strings.Contains(test.raw, marker) {
			marked++
		}
		t.Run(test.raw, func(t *testing.T) {
			t.Parallel()
			u, err := dbmodule.ParseURL(test.raw)
			if err == nil {
				t.Fatalf("no error, but %v", u)
			}
			if !u.IsZero() {
				t.Errorf("an error and %v", u)
			}
			text := err.Error()
			if !strings.HasPrefix(text, "dbmodule: parse database URL: ") || !strings.Contains(text, test.says) {
				t.Errorf("error %q does not say %q", text, test.says)
			}
			var target dbmodule.URL
			errText := target.UnmarshalText([]byte(test.raw))
			if errText == nil || !target.IsZero() {
				t.Errorf("UnmarshalText gives %v, %v", target, errText)
			}
			for _, e := range []error{err, errText} {
				if s := fmt.Sprintf("%v %+v %#v %q", e, e, e, e); strings.Contains(s, marker) {
					t.Errorf("the password is in the error: %s", s)
				}
			}
		})
	}
	if marked < 30 {
		t.Errorf("only %d malformed URLs hold the marker", marked)
	}
}

// holder keeps a URL where fmt can't call its methods.
type holder struct {
	name string
	url  dbmodule.URL
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
				for _, value := range []any{u, &u, holder{"x", u}, &holder{"x", u}, []any{u, &u}, map[string]any{"u": u}, struct{ U *dbmodule.URL }{&u}} {
					out = append(out, fmt.Sprintf(verb, value))
				}
			}
			for _, value := range []any{u, &u, map[string]any{"u": u}, struct{ U *dbmodule.URL }{&u}, holder{"x", u}} {
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
			for _, encoder := range []zapcore.Encoder{
				zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()),
				zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig()),
			} {
				zap.New(zapcore.NewCore(encoder, zapcore.AddSync(&logged), zap.DebugLevel)).Info("m",
					zap.Any("any", u), zap.Any("pointer", &u), zap.Object("object", u), zap.Object("object pointer", &u),
					zap.Inline(u), zap.Stringer("stringer", u), zap.Stringer("stringer pointer", &u),
					zap.Reflect("reflect", u), zap.Reflect("reflect pointer", &u),
					zap.Any("holder", holder{"x", u}), zap.Any("map", map[string]any{"u": u}), zap.Any("list", []dbmodule.URL{u}))
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

func TestURLString(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"sqlite+aiosqlite:///./openhands.db":                             "sqlite+aiosqlite:///./openhands.db",
		"sqlite:////abs/a b.db?timeout=3":                                "sqlite:////abs/a%20b.db?timeout=3",
		":memory:":                                                       "sqlite:///:memory:",
		"postgresql+asyncpg://u%40x:p@h:5432/db?ssl=require":             "postgresql+asyncpg://u%40x:***@h:5432/db?ssl=require",
		"postgres://u:a/b?c@h1:1,[::1]:2/d%2Fb":                          "postgres://u:***@h1:1,[::1]:2/d/b",
		"postgresql://u@h/db":                                            "postgresql://u@h/db",
		"mariadb://u:p@/db?unix_socket=/run/m.sock&init_command=SET+a=1": "mariadb://u:***@/db?unix_socket=/run/m.sock&init_command=***",
	} {
		if got := parse(t, raw).String(); got != want {
			t.Errorf("%q prints as %q, want %q", raw, got, want)
		}
	}
	var zero dbmodule.URL
	if s := fmt.Sprintf("%v|%q|%#v", zero, zero, zero); s != `|""|dbmodule.URL("")` || !zero.IsZero() || zero.Engine() != "" || zero.Path() != "" || zero.Database() != "" || zero.Memory() {
		t.Errorf("the zero URL prints as %s", s)
	}
	if !reflect.DeepEqual(parse(t, "sqlite:///a.db"), parse(t, "sqlite:///a.db")) {
		t.Error("equal URLs without a password are not deeply equal")
	}
	if u := parse(t, "postgresql://u:p@h/db"); fmt.Sprintf("%#v", u) != `dbmodule.URL("postgresql://u:***@h/db")` {
		t.Errorf("%#v", u)
	}
}

func TestURLUnmarshalTextKeepsValueOnError(t *testing.T) {
	t.Parallel()
	u := parse(t, "sqlite:///a.db")
	if err := u.UnmarshalText([]byte("nope")); err == nil || u.Path() != "a.db" {
		t.Errorf("got %v, %v", u, err)
	}
	if err := u.UnmarshalText([]byte("sqlite:///b.db")); err != nil || u.Path() != "b.db" {
		t.Errorf("got %v, %v", u, err)
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
		user, password, has, rest := dbmodule.CutUserinfo(s)
		if user != m[1] || has != (m[2] != "") || password != strings.TrimPrefix(m[2], ":") || rest != s[len(m[0]):] {
			t.Errorf("%q: got %q %q %t %q, want %q", s, user, password, has, rest, m)
		}
	}
}

func ExampleParseURL() {
	u, err := dbmodule.ParseURL("postgresql+asyncpg://app:p%40ss@db1,db2:5433/openhands?ssl=require")
	fmt.Println(u, u.Engine(), u.Database(), err)
	_, err = dbmodule.ParseURL("postgresql://app:secret@db1:port/openhands")
	fmt.Println(err != nil)
	// Output:
	// postgresql+asyncpg://app:***@db1,db2:5433/openhands?ssl=require postgresql openhands <nil>
	// true
}

// FuzzParseURL checks that nothing panics and that a password, wherever the
// input puts it, is in no error and no text.
func FuzzParseURL(f *testing.F) {
	for _, test := range malformed {
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
			u, err := dbmodule.ParseURL(raw)
			if (err == nil) == u.IsZero() {
				t.Fatalf("%q gives %v and %v", raw, u, err)
			}
			text := fmt.Sprintf("%v %v %+v %#v", err, u, u, holder{"x", u})
			if err == nil {
				switch u.Engine() {
				case dbmodule.PostgreSQL:
					_, err = u.PgxConfig()
				case dbmodule.MySQL:
					_, err = u.MySQLConfig()
				}
				text += fmt.Sprint(err)
			}
			// A path or a name that a person wrote is theirs to show, and
			// only a network URL has a password.
			if u.Engine() != dbmodule.SQLite && secretIn(raw) && strings.Contains(text, marker) {
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
	_, password, _, rest := dbmodule.CutUserinfo(rest)
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

func parse(t *testing.T, raw string) dbmodule.URL {
	t.Helper()
	u, err := dbmodule.ParseURL(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
