package dburl_test

import (
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openhands-go/server/dbmodule/dburl"
)

// marker stands where a password stands; it must never be printed.
const marker = "hunter2MARK"

func TestParseURLSQLite(t *testing.T) {
	t.Parallel()
	full := dburl.SQLiteOptions{Synchronous: "FULL", BusyTimeout: 5 * time.Second}
	with := func(change func(*dburl.SQLiteOptions)) dburl.SQLiteOptions {
		s := full
		change(&s)
		return s
	}
	path := func(p string) dburl.SQLiteOptions {
		return with(func(s *dburl.SQLiteOptions) { s.Path = p })
	}
	memory := with(func(s *dburl.SQLiteOptions) { s.Memory = true })

	for raw, want := range map[string]dburl.SQLiteOptions{
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
		"sqlite:///a.db?timeout=0":                                          with(func(s *dburl.SQLiteOptions) { s.Path, s.BusyTimeout = "a.db", 0 }),
		"sqlite:///a.db?timeout=1.5":                                        with(func(s *dburl.SQLiteOptions) { s.Path, s.BusyTimeout = "a.db", 1500*time.Millisecond }),
		"sqlite:///a.db?synchronous=normal":                                 with(func(s *dburl.SQLiteOptions) { s.Path, s.Synchronous = "a.db", "NORMAL" }),
		"sqlite:///a.db?mode=rw":                                            with(func(s *dburl.SQLiteOptions) { s.Path, s.MustExist = "a.db", true }),
		"sqlite:///file:a.db?mode=rw&uri=true":                              with(func(s *dburl.SQLiteOptions) { s.Path, s.MustExist = "a.db", true }),
		"sqlite:///?mode=memory":                                            memory,
		"sqlite:///:memory:?mode=memory":                                    memory,
		"sqlite:///file:a.db?mode=ro&uri=true":                              with(func(s *dburl.SQLiteOptions) { s.Path, s.ReadOnly = "a.db", true }),
		"sqlite:///a.db?mode=ro&isolation_level=IMMEDIATE&synchronous=FULL": with(func(s *dburl.SQLiteOptions) { s.Path, s.ReadOnly = "a.db", true }),
	} {
		t.Run(raw, func(t *testing.T) {
			t.Parallel()
			u := parse(t, raw)
			if got := dburl.WithoutCache(u.SQLite()); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if u.Engine() != dburl.SQLite || u.Memory() != want.Memory || u.Path() != want.Path || u.IsZero() {
				t.Errorf("engine %q, memory %t, path %q", u.Engine(), u.Memory(), u.Path())
			}
			again, err := dburl.ParseURL(u.String())
			if err != nil || dburl.WithoutCache(again.SQLite()) != want {
				t.Errorf("its own text %q reads as %+v, %v", u, dburl.WithoutCache(again.SQLite()), err)
			}
		})
	}
}

func TestParseURLNetwork(t *testing.T) {
	t.Parallel()
	type want struct{ user, password, address, database string }
	for raw, want := range map[string]want{
		"postgresql+asyncpg://u:p@h:5433/db":                       {"u", "p", "h:5433", "db"},
		"postgresql+psycopg://u:p@h/db":                            {"u", "p", "h", "db"},
		"postgresql+psycopg2://u:p@h/db":                           {"u", "p", "h", "db"},
		"postgresql+pg8000://u:p@h/db":                             {"u", "p", "h", "db"},
		"postgres://u:p@h/db":                                      {"u", "p", "h", "db"},
		"postgresql://u@h/db":                                      {"u", "", "h", "db"},
		"postgresql://u:@h/db":                                     {"u", "", "h", "db"},
		"postgresql://u:p@h":                                       {"u", "p", "h", ""},
		"postgresql://u:p@h/":                                      {"u", "p", "h", ""},
		"postgresql://u:p@h:/db":                                   {"u", "p", "h", "db"},
		"postgresql://us%40er:p%40%3A%2F%3F%25@h/d%2Fb":            {"us@er", "p@:/?%", "h", "d/b"},
		"postgresql://u:a+b%2Bc@h/d+e":                             {"u", "a+b+c", "h", "d+e"},
		"postgresql://u:p/a?s#s:w&d=[x]{} '\"\\|^`<>@h/db":         {"u", "p/a?s#s:w&d=[x]{} '\"\\|^`<>", "h", "db"},
		"postgresql://u:пароль@хост/база":                          {"u", "пароль", "хост", "база"},
		"postgresql://svc@project.iam:p@h/db":                      {"svc@project.iam", "p", "h", "db"},
		"postgresql://svc@project.iam@h/db":                        {"svc@project.iam", "", "h", "db"},
		"postgresql://u:p@[::1]/db":                                {"u", "p", "[::1]", "db"},
		"postgresql://u:p@[2001:db8::1]:6000/db":                   {"u", "p", "[2001:db8::1]:6000", "db"},
		"postgresql://u:p@[fe80::1%25eth0]:6000/db":                {"u", "p", "[fe80::1%eth0]:6000", "db"},
		"postgresql://u:p@/db?host=/run/postgresql":                {"u", "p", "/run/postgresql", "db"},
		"postgresql://u:p@:5433/db?host=/run/postgresql":           {"u", "p", "/run/postgresql:5433", "db"},
		"postgresql://u:p@/db?host=/run/postgresql/.s.PGSQL.5434":  {"u", "p", "/run/postgresql:5434", "db"},
		"postgresql://u:p@%2Frun%2Fpostgresql:5433/db":             {"u", "p", "/run/postgresql:5433", "db"},
		"postgresql://u:p@h1:5432,h2:5433/db":                      {"u", "p", "h1:5432 h2:5433", "db"},
		"postgresql://u:p@h1,[::2]:7/db":                           {"u", "p", "h1 [::2]:7", "db"},
		"postgresql+asyncpg://u:p@/db?host=a:1&host=b:2":           {"u", "p", "a:1 b:2", "db"},
		"postgresql+psycopg://u:p@/db?host=a,b&port=1,2":           {"u", "p", "a:1 b:2", "db"},
		"postgresql+psycopg://u:p@/db?host=a,b&port=7":             {"u", "p", "a:7 b:7", "db"},
		"postgresql://u:p@ignored:9/db?host=real:1":                {"u", "p", "real:1", "db"},
		"postgresql://u:p@h/db?host=::1":                           {"u", "p", "[::1]", "db"},
		"postgresql:///?user=u&password=p&dbname=db&host=h&port=1": {"u", "p", "h:1", "db"},
		"cockroachdb://u:p@h:26257/db":                             {"u", "p", "h:26257", "db"},
		"cockroachdb+psycopg://u@h/db":                             {"u", "", "h", "db"},
		"postgresql://u:p@h/test@test":                             {"u", "p", "h", "test@test"},
		"postgresql://u:p@h/a@b@c?application_name=me@here":        {"u", "p", "h", "a@b@c"},
		"postgresql://u@h/a@b":                                     {"u", "", "h", "a@b"},
		"postgresql://u:p@h?application_name=me@here":              {"u", "p", "h", ""},
		"postgresql://u:p@h//d":                                    {"u", "p", "h", "/d"},
		"postgresql:////d":                                         {"", "", "", "/d"},
		"postgresql://u:p#q?r@h/d#e":                               {"u", "p#q?r", "h", "d#e"},
		"mysql+pymysql://app:pw@db.example:3306/test@test":         {"app", "pw", "db.example:3306", "test@test"},
		"postgresql://u:p@/db?hostaddr=10.0.0.1&port=7":            {"u", "p", "10.0.0.1:7", "db"},
		"postgresql://u:p@a,b/db?hostaddr=10.0.0.1,::1&require_auth=scram-sha-256,md5&load_balance_hosts=random&tcp_user_timeout=3000": {"u", "p", "a b", "db"},
		"mysql+aiomysql://u:p@h:3307/db?charset=utf8mb4":                 {"u", "p", "h:3307", "db"},
		"mysql+asyncmy://u:p@h/db":                                       {"u", "p", "h", "db"},
		"mysql+pymysql://u:p@h/db?binary_prefix=true":                    {"u", "p", "h", "db"},
		"mysql+mysqldb://u:p@h/db?use_unicode=1":                         {"u", "p", "h", "db"},
		"mysql://u:p@h/db":                                               {"u", "p", "h", "db"},
		"mariadb://u:p@h/db":                                             {"u", "p", "h", "db"},
		"mariadb+pymysql://u:p@h/db":                                     {"u", "p", "h", "db"},
		"mariadb+mariadbconnector://u:p@127.0.0.1:3307/db":               {"u", "p", "127.0.0.1:3307", "db"},
		"mysql://u:p%2Fw%20+@h/my%2Ddb":                                  {"u", "p/w +", "h", "my-db"},
		"mysql://u:p@/db":                                                {"u", "p", "", "db"},
		"mysql://u@h":                                                    {"u", "", "h", ""},
		"mysql://:p@h/db":                                                {"", "p", "h", "db"},
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
			got.user, got.password = u.User(), u.Password().Reveal()
			got.database = u.Database()
			var addresses []string
			for _, h := range u.Hosts() {
				address := h.Name
				if strings.Contains(address, ":") {
					address = "[" + address + "]"
				}
				if h.Port != 0 {
					address += fmt.Sprintf(":%d", h.Port)
				}
				addresses = append(addresses, address)
			}
			got.address = strings.Join(addresses, " ")
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

// malformedURL is a line of testdata/malformed.txt: a URL in Go's quotes, a tab
// and what its error must say. Where a password stands, the URL has the marker.
type malformedURL struct{ raw, says string }

func malformedURLs(t testing.TB) []malformedURL {
	t.Helper()
	text, err := os.ReadFile("testdata/malformed.txt")
	if err != nil {
		t.Fatal(err)
	}
	var list []malformedURL
	for line := range strings.Lines(string(text)) {
		quoted, says, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		raw, err := strconv.Unquote(quoted)
		if err != nil || says == "" {
			t.Fatalf("testdata/malformed.txt: %s: %v", line, err)
		}
		list = append(list, malformedURL{raw, says})
	}
	return list
}

func TestParseURLMalformed(t *testing.T) {
	t.Parallel()
	marked := 0
	for _, test := range malformedURLs(t) {
		if strings.Contains(test.raw, marker) {
			marked++
		}
		t.Run(test.raw, func(t *testing.T) {
			t.Parallel()
			u, err := dburl.ParseURL(test.raw)
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
			var target dburl.URL
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
	var zero dburl.URL
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

// What a URL returns is a copy: nobody changes the URL through it.
func TestURLIsImmutable(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{"postgresql://a,b/d?application_name=x", "mysql://a,b/d"} {
		u := parse(t, raw)
		u.Hosts()[0].Name = "evil"
		if u.Engine() == dburl.PostgreSQL {
			u.PostgreSQL().Runtime["application_name"] = "evil"
			u.PostgreSQL().Settings["sslmode"] = "evil"
		} else {
			u.MySQL().Variables["time_zone"] = "evil"
		}
		if !reflect.DeepEqual(u, parse(t, raw)) {
			t.Errorf("%s was changed", raw)
		}
	}
	var zero dburl.URL
	if zero.Hosts() != nil || zero.User() != "" || !zero.Password().IsZero() || zero.Invalid() != nil || zero.SeeksPrimary() || zero.StatementCache(7) != 7 || zero.ConnectTimeout(7) != 7 {
		t.Error("the zero URL says something")
	}
	if u := parse(t, "postgresql://h/d?statement_cache_size=3&timeout=2"); u.StatementCache(7) != 3 || u.ConnectTimeout(7) != 2*time.Second {
		t.Error("the URL's own numbers are not taken")
	}
	for raw, want := range map[string]bool{"mysql://a/d": false, "mysql://a,b/d": true, "postgresql://a,b/d": false, "postgresql://a,b/d?target_session_attrs=read-write": true} {
		if parse(t, raw).SeeksPrimary() != want {
			t.Errorf("%s: want %t", raw, want)
		}
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

func ExampleParseURL() {
	u, err := dburl.ParseURL("postgresql+asyncpg://app:p%40ss@db1,db2:5433/openhands?ssl=require")
	fmt.Println(u, u.Engine(), u.Database(), err)
	_, err = dburl.ParseURL("postgresql://app:secret@db1:port/openhands")
	fmt.Println(err != nil)
	// Output:
	// postgresql+asyncpg://app:***@db1,db2:5433/openhands?ssl=require postgresql openhands <nil>
	// true
}

func parse(t *testing.T, raw string) dburl.URL {
	t.Helper()
	u, err := dburl.ParseURL(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// A file that is named and not used would lose what is stored in silence.
func TestMemoryBesideAFileIsRefused(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"sqlite:///file.db?mode=memory", "sqlite+aiosqlite:////srv/file.db?mode=memory"} {
		_, err := dburl.ParseURL(url)
		if err == nil || !strings.Contains(err.Error(), "mode=memory would keep nothing in the file that it names") {
			t.Errorf("%s: %v", url, err)
		}
	}
}
