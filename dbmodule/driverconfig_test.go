package dbmodule_test

import (
	"crypto/tls"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

func TestPgxConfigDefaults(t *testing.T) {
	t.Parallel()
	c := pgxConfig(t, "postgresql+asyncpg://u:p@h/db")
	if c.DefaultQueryExecMode != pgx.QueryExecModeExec || c.StatementCacheCapacity != 0 || c.DescriptionCacheCapacity != 0 {
		t.Errorf("mode %v, caches %d and %d: statements would stay on the server", c.DefaultQueryExecMode, c.StatementCacheCapacity, c.DescriptionCacheCapacity)
	}
	if c.ConnectTimeout != 10*time.Second {
		t.Errorf("connect timeout %v", c.ConnectTimeout)
	}
	if want := map[string]string{"application_name": "openhands-server"}; !maps.Equal(c.RuntimeParams, want) {
		t.Errorf("runtime parameters %v, want %v", c.RuntimeParams, want)
	}
	if c.TLSConfig == nil || len(c.Fallbacks) != 1 || c.Fallbacks[0].TLSConfig != nil {
		t.Error("TLS is not preferred with plain text as the fallback")
	}
}

func TestPgxConfigOptions(t *testing.T) {
	t.Parallel()
	for query, check := range map[string]func(c *pgx.ConnConfig) bool{
		"ssl=require":                       func(c *pgx.ConnConfig) bool { return c.TLSConfig.InsecureSkipVerify && len(c.Fallbacks) == 0 },
		"ssl=true":                          func(c *pgx.ConnConfig) bool { return c.TLSConfig.InsecureSkipVerify && len(c.Fallbacks) == 0 },
		"ssl=disable":                       func(c *pgx.ConnConfig) bool { return c.TLSConfig == nil && len(c.Fallbacks) == 0 },
		"ssl=false":                         func(c *pgx.ConnConfig) bool { return c.TLSConfig == nil && len(c.Fallbacks) == 0 },
		"ssl=prefer":                        func(c *pgx.ConnConfig) bool { return c.TLSConfig != nil && len(c.Fallbacks) == 1 },
		"sslmode=allow":                     func(c *pgx.ConnConfig) bool { return c.TLSConfig == nil && len(c.Fallbacks) == 1 },
		"sslmode=verify-full":               func(c *pgx.ConnConfig) bool { return !c.TLSConfig.InsecureSkipVerify && c.TLSConfig.ServerName == "h" },
		"sslmode=verify-ca":                 func(c *pgx.ConnConfig) bool { return c.TLSConfig.VerifyPeerCertificate != nil },
		"ssl_min_protocol_version=TLSv1.3":  func(c *pgx.ConnConfig) bool { return c.TLSConfig.MinVersion == tls.VersionTLS13 },
		"timeout=2.5":                       func(c *pgx.ConnConfig) bool { return c.ConnectTimeout == 2500*time.Millisecond },
		"connect_timeout=0":                 func(c *pgx.ConnConfig) bool { return c.ConnectTimeout == 0 },
		"command_timeout=1.5":               func(c *pgx.ConnConfig) bool { return c.RuntimeParams["statement_timeout"] == "1500" },
		"command_timeout=0.0001":            func(c *pgx.ConnConfig) bool { return c.RuntimeParams["statement_timeout"] == "1" },
		"command_timeout=0":                 func(c *pgx.ConnConfig) bool { return c.RuntimeParams["statement_timeout"] == "0" },
		"statement_timeout=5min":            func(c *pgx.ConnConfig) bool { return c.RuntimeParams["statement_timeout"] == "5min" },
		"lock_timeout=500":                  func(c *pgx.ConnConfig) bool { return c.RuntimeParams["lock_timeout"] == "500" },
		"application_name=a+b%2Bc":          func(c *pgx.ConnConfig) bool { return c.RuntimeParams["application_name"] == "a b+c" },
		"plan_cache_mode=force_custom_plan": func(c *pgx.ConnConfig) bool { return c.RuntimeParams["plan_cache_mode"] == "force_custom_plan" },
		"options=-c+search_path%3Dx":        func(c *pgx.ConnConfig) bool { return c.RuntimeParams["options"] == "-c search_path=x" },
		"timezone=UTC&search_path=a,b": func(c *pgx.ConnConfig) bool {
			return c.RuntimeParams["timezone"] == "UTC" && c.RuntimeParams["search_path"] == "a,b"
		},
		"prepared_statement_cache_size=500": func(c *pgx.ConnConfig) bool {
			return c.DefaultQueryExecMode == pgx.QueryExecModeExec && c.StatementCacheCapacity == 0
		},
		"statement_cache_size=0": func(c *pgx.ConnConfig) bool { return c.DefaultQueryExecMode == pgx.QueryExecModeExec },
		"default_query_exec_mode=cache_statement&statement_cache_size=7": func(c *pgx.ConnConfig) bool {
			return c.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement && c.StatementCacheCapacity == 7
		},
		"default_query_exec_mode=simple_protocol": func(c *pgx.ConnConfig) bool { return c.DefaultQueryExecMode == pgx.QueryExecModeSimpleProtocol },
		"target_session_attrs=read-write":         func(c *pgx.ConnConfig) bool { return c.ValidateConnect != nil },
		"target_session_attrs=any":                func(c *pgx.ConnConfig) bool { return c.ValidateConnect == nil },
		"require_auth=scram-sha-256":              func(c *pgx.ConnConfig) bool { return c.RequireAuth == "scram-sha-256" },
		"hostaddr=10.0.0.7": func(c *pgx.ConnConfig) bool {
			addresses, err := c.LookupFunc(t.Context(), "h")
			return c.Host == "h" && err == nil && len(addresses) == 1 && addresses[0] == "10.0.0.7"
		},
		"hostaddr=10.0.0.7&sslmode=verify-full": func(c *pgx.ConnConfig) bool { return c.TLSConfig.ServerName == "h" },
		"channel_binding=require":               func(c *pgx.ConnConfig) bool { return c.ChannelBinding == "require" },
		"keepalives=0&keepalives_idle=3&gssencmode=disable&client_encoding=utf8&async_fallback=true": func(c *pgx.ConnConfig) bool { return len(c.RuntimeParams) == 1 },
	} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			if c := pgxConfig(t, "postgresql://u:p@h/db?"+query); !check(c) {
				t.Errorf("mode %v, TLS %v, fallbacks %d, connect timeout %v, parameters %v", c.DefaultQueryExecMode, c.TLSConfig, len(c.Fallbacks), c.ConnectTimeout, c.RuntimeParams)
			}
		})
	}
}

func TestPgxConfigQuotes(t *testing.T) {
	t.Parallel()
	c := pgxConfig(t, `postgresql://it's\me:p@h/a' host=evil?passfile=/no'ne`)
	if c.User != `it's\me` || c.Database != `a' host=evil` || c.Host != "h" {
		t.Errorf("user %q, database %q, host %q", c.User, c.Database, c.Host)
	}
}

func TestPgxConfigPassfile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pass file")
	if err := os.WriteFile(file, []byte("h:5432:db:u:from the file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	query := "?passfile=" + strings.ReplaceAll(file, " ", "+")
	if c := pgxConfig(t, "postgresql://u@h/db"+query); c.Password != "from the file" {
		t.Errorf("password %q", c.Password)
	}
	if c := pgxConfig(t, "postgresql://u:own@h/db"+query); c.Password != "own" {
		t.Errorf("password %q", c.Password)
	}
}

func TestPgxConfigErrorNamesTheFile(t *testing.T) {
	t.Parallel()
	for _, query := range []string{"sslmode=verify-full&sslrootcert=/nonexistent/ca.pem", "ssl=require&sslcert=/nonexistent/ca.pem&sslkey=/nonexistent/ca.pem"} {
		_, err := dbmodule.PgxConfig(parse(t, "postgresql://u:"+marker+"@h/db?sslpassword="+marker+"&"+query))
		if err == nil || !strings.Contains(err.Error(), "/nonexistent/ca.pem") || !strings.HasPrefix(err.Error(), "dbmodule: configure pgx: ") {
			t.Errorf("%s: %v", query, err)
		}
		if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), marker) {
			t.Errorf("the password is in %#v", err)
		}
	}
}

// TestPgxConfigIgnoresEnvironment sets every variable that pgx reads to
// something that would change the connection or stop it.
func TestPgxConfigIgnoresEnvironment(t *testing.T) {
	urls := []string{
		"postgresql://u:p@h:5433/db?ssl=require",
		"postgresql://u@h",
		"postgresql://u:p@h1,h2/db?target_session_attrs=read-write&application_name=mine",
		"postgresql:///db?host=/run/nowhere&user=u",
	}
	var before []string
	for _, raw := range urls {
		before = append(before, describe(pgxConfig(t, raw)))
	}
	home := t.TempDir()
	for name, text := range map[string]string{
		".pgpass":                    "*:*:*:*:evil\n",
		".pg_service.conf":           "[evil]\nhost=evil\npassword=evil\nsearch_path=evil\n",
		".postgresql/root.crt":       "not a certificate",
		".postgresql/postgresql.crt": "not a certificate",
		".postgresql/postgresql.key": "not a key",
	} {
		file := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("HOME", home)
	for name, value := range map[string]string{
		"PGHOST": "evil", "PGPORT": "nonsense", "PGDATABASE": "evil", "PGUSER": "evil", "PGPASSWORD": "evil",
		"PGPASSFILE": filepath.Join(home, ".pgpass"), "PGAPPNAME": "evil", "PGCONNECT_TIMEOUT": "nonsense",
		"PGSSLMODE": "nonsense", "PGSSLKEY": "/nonexistent", "PGSSLCERT": "/nonexistent", "PGSSLCERTMODE": "nonsense",
		"PGSSLSNI": "0", "PGSSLROOTCERT": "/nonexistent", "PGSSLPASSWORD": "evil", "PGSSLNEGOTIATION": "direct",
		"PGTARGETSESSIONATTRS": "nonsense", "PGTZ": "Asia/Tokyo", "PGOPTIONS": "-c search_path=evil",
		"PGMINPROTOCOLVERSION": "nonsense", "PGMAXPROTOCOLVERSION": "nonsense", "PGCHANNELBINDING": "nonsense", "PGREQUIREAUTH": "nonsense",
	} {
		t.Setenv(name, value)
	}
	for _, service := range []struct{ name, file string }{
		{"", ""},
		{"evil", filepath.Join(home, ".pg_service.conf")},
		{"missing", filepath.Join(home, ".pg_service.conf")},
		{"evil", "/nonexistent"},
	} {
		t.Setenv("PGSERVICE", service.name)
		t.Setenv("PGSERVICEFILE", service.file)
		for i, raw := range urls {
			if after := describe(pgxConfig(t, raw)); after != before[i] {
				t.Errorf("PGSERVICE=%s: %s: was %s, is %s", service.name, raw, before[i], after)
			}
		}
	}
}

func describe(c *pgx.ConnConfig) string {
	s := fmt.Sprint(c.Host, c.Port, c.Database, c.User, c.Password, c.RuntimeParams, c.ConnectTimeout, c.SSLNegotiation, c.SSLCertMode,
		c.MinProtocolVersion, c.MaxProtocolVersion, c.ChannelBinding, c.RequireAuth, c.ValidateConnect != nil, c.KerberosSpn, c.KerberosSrvName)
	tlsOf := func(t *tls.Config) string {
		if t == nil {
			return "plain"
		}
		return fmt.Sprint(t.ServerName, t.InsecureSkipVerify, t.RootCAs != nil, len(t.Certificates), t.NextProtos)
	}
	s += tlsOf(c.TLSConfig)
	for _, f := range c.Fallbacks {
		s += fmt.Sprint(" ", f.Host, f.Port, tlsOf(f.TLSConfig))
	}
	return s
}

func TestMySQLConfigDefaults(t *testing.T) {
	t.Parallel()
	c := mysqlConfig(t, "mysql+aiomysql://u:p@h/db")
	if c.Loc != time.UTC || !c.ParseTime || c.Params["time_zone"] != "'+00:00'" {
		t.Errorf("location %v, parse time %t, time zone %s", c.Loc, c.ParseTime, c.Params["time_zone"])
	}
	if !strings.Contains(c.Params["sql_mode"], "STRICT_TRANS_TABLES") || !c.ClientFoundRows || !c.InterpolateParams || c.MultiStatements || c.AllowAllFiles {
		t.Errorf("mode %s, found rows %t, interpolation %t, several statements %t, files %t", c.Params["sql_mode"], c.ClientFoundRows, c.InterpolateParams, c.MultiStatements, c.AllowAllFiles)
	}
	if c.Timeout != 10*time.Second || c.ReadTimeout != 0 || c.WriteTimeout != 0 || c.MaxAllowedPacket != 0 {
		t.Errorf("timeouts %v, %v, %v, packet %d", c.Timeout, c.ReadTimeout, c.WriteTimeout, c.MaxAllowedPacket)
	}
	if c.TLS != nil || !strings.Contains(c.FormatDSN(), "charset=utf8mb4") {
		t.Errorf("TLS %v, or the character set is not utf8mb4", c.TLS)
	}
}

func TestMySQLConfigOptions(t *testing.T) {
	t.Parallel()
	for query, check := range map[string]func(c *mysql.Config) bool{
		"charset=utf8":                                 func(c *mysql.Config) bool { return strings.Contains(c.FormatDSN(), "charset=utf8mb4") },
		"collation=utf8mb4_unicode_ci":                 func(c *mysql.Config) bool { return c.Collation == "utf8mb4_unicode_ci" },
		"connect_timeout=3":                            func(c *mysql.Config) bool { return c.Timeout == 3*time.Second },
		"timeout=1m":                                   func(c *mysql.Config) bool { return c.Timeout == time.Minute },
		"read_timeout=4&write_timeout=.5":              func(c *mysql.Config) bool { return c.ReadTimeout == 4*time.Second && c.WriteTimeout == time.Second/2 },
		"readTimeout=4s&writeTimeout=5":                func(c *mysql.Config) bool { return c.ReadTimeout == 4*time.Second && c.WriteTimeout == 5*time.Second },
		"max_allowed_packet=16777216":                  func(c *mysql.Config) bool { return c.MaxAllowedPacket == 16<<20 },
		"compress=true":                                func(c *mysql.Config) bool { return strings.Contains(c.FormatDSN(), "compress=true") },
		"program_name=mine":                            func(c *mysql.Config) bool { return c.ConnectionAttributes == "program_name:mine" },
		"auth_plugin=mysql_native_password&no_delay=1": func(c *mysql.Config) bool { return !c.AllowCleartextPasswords },
		"auth_plugin=mysql_clear_password&ssl=true":    func(c *mysql.Config) bool { return c.AllowCleartextPasswords && c.TLS != nil },
		"sql_mode=ansi_quotes":                         func(c *mysql.Config) bool { return c.Params["sql_mode"] == "'ANSI_QUOTES,STRICT_TRANS_TABLES'" },
		"sql_mode=TRADITIONAL":                         func(c *mysql.Config) bool { return c.Params["sql_mode"] == "'TRADITIONAL'" },
		"init_command=SET+SESSION+wsrep_sync_wait%3D1,+max_statement_time+%3D+(1%2B2)": func(c *mysql.Config) bool {
			return c.Params["wsrep_sync_wait"] == "1" && c.Params["max_statement_time"] == "(1+2)" && len(c.Params) == 4
		},
		"init_command=SET+sql_mode%3D'STRICT_ALL_TABLES'": func(c *mysql.Config) bool { return c.Params["sql_mode"] == "'STRICT_ALL_TABLES'" },
		"ssl=false":                func(c *mysql.Config) bool { return c.TLS == nil },
		"ssl_disabled=true":        func(c *mysql.Config) bool { return c.TLS == nil },
		"ssl=true":                 func(c *mysql.Config) bool { return c.TLS.InsecureSkipVerify && !c.AllowFallbackToPlaintext },
		"tls=true":                 func(c *mysql.Config) bool { return !c.TLS.InsecureSkipVerify && c.TLS.ServerName == "h" },
		"tls=skip-verify":          func(c *mysql.Config) bool { return c.TLS.InsecureSkipVerify },
		"ssl_mode=PREFERRED":       func(c *mysql.Config) bool { return c.TLS.InsecureSkipVerify && c.AllowFallbackToPlaintext },
		"ssl_mode=VERIFY_CA":       func(c *mysql.Config) bool { return c.TLS.VerifyConnection != nil },
		"ssl_mode=VERIFY_IDENTITY": func(c *mysql.Config) bool { return !c.TLS.InsecureSkipVerify },
		"ssl_verify_cert=true":     func(c *mysql.Config) bool { return c.TLS.VerifyConnection != nil },
		"ssl_verify_cert=false":    func(c *mysql.Config) bool { return c.TLS.InsecureSkipVerify && c.TLS.VerifyConnection == nil },
		"ssl_verify_cert=true&ssl_verify_identity=true": func(c *mysql.Config) bool { return !c.TLS.InsecureSkipVerify },
	} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			if c := mysqlConfig(t, "mysql+pymysql://u@h/db?"+query); !check(c) {
				t.Errorf("got %s with TLS %v", c.FormatDSN(), c.TLS)
			}
		})
	}
}

func TestMySQLConfigErrorNamesTheFile(t *testing.T) {
	t.Parallel()
	for _, query := range []string{"ssl_ca=/nonexistent/ca.pem", "ssl_cert=/nonexistent/ca.pem&ssl_key=/nonexistent/ca.pem&ssl=true"} {
		_, err := dbmodule.MySQLConfig(parse(t, "mysql://u:"+marker+"@h/db?ssl_key_password="+marker+"&"+query))
		if err == nil || !strings.Contains(err.Error(), "/nonexistent/ca.pem") || !strings.HasPrefix(err.Error(), "dbmodule: configure MySQL driver: ") {
			t.Errorf("%s: %v", query, err)
		}
		if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), marker) {
			t.Errorf("the password is in %#v", err)
		}
	}
}

func TestConfigOfAnotherEngine(t *testing.T) {
	t.Parallel()
	for _, u := range []dbmodule.URL{{}, parse(t, "sqlite:///a.db")} {
		if _, err := dbmodule.PgxConfig(u); err == nil {
			t.Errorf("pgx takes %q", u)
		}
		if _, err := dbmodule.MySQLConfig(u); err == nil {
			t.Errorf("the MySQL driver takes %q", u)
		}
	}
}

func pgxConfig(t *testing.T, raw string) *pgx.ConnConfig {
	t.Helper()
	c, err := dbmodule.PgxConfig(parse(t, raw))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mysqlConfig(t *testing.T, raw string) *mysql.Config {
	t.Helper()
	c, err := dbmodule.MySQLConfig(parse(t, raw))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func parse(t *testing.T, raw string) dbmodule.URL {
	t.Helper()
	u, err := dbmodule.ParseURL(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// marker stands where a password stands; it must never be printed.
const marker = "hunter2MARK"

// What the drivers are given of a URL's parts.
func TestDriversGetTheParts(t *testing.T) {
	t.Parallel()
	type want struct{ user, password, addresses, database string }
	for raw, want := range map[string]want{
		"postgresql+asyncpg://u:p@h:5433/db":               {"u", "p", "h:5433", "db"},
		"postgresql://us%40er:p%40%3A%2F%3F%25@h/d%2Fb":    {"us@er", "p@:/?%", "h:5432", "d/b"},
		"postgresql://u:p@[2001:db8::1]:6000/db":           {"u", "p", "[2001:db8::1]:6000", "db"},
		"postgresql://u:p@[fe80::1%25eth0]/db":             {"u", "p", "[fe80::1%eth0]:5432", "db"},
		"postgresql://u:p@:5433/db?host=/run/postgresql":   {"u", "p", "/run/postgresql:5433", "db"},
		"postgresql://u:p@h1,[::2]:7/db":                   {"u", "p", "h1:5432 [::2]:7", "db"},
		"postgresql+psycopg://u:p@/db?host=a,b&port=1,2":   {"u", "p", "a:1 b:2", "db"},
		"postgresql://u:pw@h/test@test":                    {"u", "pw", "h:5432", "test@test"},
		"mysql+pymysql://app:pw@db.example:3306/test@test": {"app", "pw", "db.example:3306", "test@test"},
		"mysql://u@h":               {"u", "", "h:3306", ""},
		"mysql://u:p@/db":           {"u", "p", "localhost:3306", "db"},
		"mysql://u:p@[::1]:3307/db": {"u", "p", "[::1]:3307", "db"},
		"mysql+aiomysql://u:p@/db?unix_socket=/run/mysqld/mysqld.sock": {"u", "p", "/run/mysqld/mysqld.sock", "db"},
	} {
		u := parse(t, raw)
		got := want
		switch u.Engine() {
		case dbmodule.PostgreSQL:
			c := pgxConfig(t, raw)
			var addresses []string
			add := func(host string, port uint16) {
				a := fmt.Sprintf("%s:%d", host, port)
				if strings.Count(host, ":") > 1 {
					a = fmt.Sprintf("[%s]:%d", host, port)
				}
				if !slices.Contains(addresses, a) {
					addresses = append(addresses, a)
				}
			}
			add(c.Host, c.Port)
			for _, f := range c.Fallbacks {
				add(f.Host, f.Port)
			}
			got.user, got.password, got.addresses, got.database = c.User, c.Password, strings.Join(addresses, " "), c.Database
			if len(want.password) > 1 && strings.Contains(c.ConnString(), want.password) {
				t.Errorf("%s: pgx keeps the password in its connection string", raw)
			}
		case dbmodule.MySQL:
			c := mysqlConfig(t, raw)
			got.user, got.password, got.addresses, got.database = c.User, c.Passwd, c.Addr, c.DBName
		}
		if got != want {
			t.Errorf("%s: got %+v, want %+v", raw, got, want)
		}
	}
	for _, raw := range []string{"postgresql://h/db", "mysql://:p@h/db"} {
		u := parse(t, raw)
		if u.Engine() == dbmodule.PostgreSQL && pgxConfig(t, raw).User == "" || u.Engine() == dbmodule.MySQL && mysqlConfig(t, raw).User == "" {
			t.Errorf("%s: nobody logs in", raw)
		}
	}
}

// FuzzDriverConfigs checks that no driver's refusal of a URL's settings tells
// a password.
func FuzzDriverConfigs(f *testing.F) {
	f.Add("h/db", "ssl=true&host=/run/x")
	f.Add("a,b:1/d", "sslrootcert=/nowhere&sslmode=verify-full")
	f.Add("h/d", "ssl_ca=/nowhere&init_command=SET+a=1")
	f.Fuzz(func(t *testing.T, rest, query string) {
		for _, raw := range []string{
			"postgresql://u:" + marker + "@" + rest + "?" + query + "&sslpassword=" + marker,
			"mysql://u:" + marker + "@" + rest + "?" + query + "&ssl_key_password=" + marker,
		} {
			u, err := dbmodule.ParseURL(raw)
			if err != nil || strings.Contains(u.Database()+rest+query, marker) {
				continue
			}
			_, pg := dbmodule.PgxConfig(u)
			_, my := dbmodule.MySQLConfig(u)
			if text := fmt.Sprintf("%v %+v %#v %v %+v %#v", pg, pg, pg, my, my, my); strings.Contains(text, marker) {
				t.Fatalf("%q: %s", raw, text)
			}
		}
	})
}

// Each host comes first at times, and keeps its attempts with TLS and without.
func TestHostsAreShuffled(t *testing.T) {
	t.Parallel()
	first := map[string]int{}
	for range 300 {
		c := pgxConfig(t, "postgresql://u:p@a,b,c/db?load_balance_hosts=random")
		dbmodule.ShuffleHosts(c)
		first[c.Host]++
		hosts := []string{c.Host}
		encrypted := []bool{c.TLSConfig != nil}
		for _, f := range c.Fallbacks {
			hosts, encrypted = append(hosts, f.Host), append(encrypted, f.TLSConfig != nil)
		}
		if len(hosts) != 6 || hosts[0] != hosts[1] || hosts[2] != hosts[3] || hosts[4] != hosts[5] || !slices.Equal(encrypted, []bool{true, false, true, false, true, false}) {
			t.Fatal(hosts, encrypted)
		}
	}
	if len(first) != 3 {
		t.Error(first)
	}
}

// What a service and an address stand for reaches a real server.
func TestServiceAndAddressConnect(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(dbtest.URL(t, dbmodule.PostgreSQL))
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	file := filepath.Join(t.TempDir(), "services")
	text := fmt.Sprintf("[test]\nhost=no-such-host.invalid\nhostaddr=%s\nport=%s\nuser=%s\npassword=%s\ndbname=%s\nsslmode=disable\ntcp_user_timeout=30000\nload_balance_hosts=random\n",
		u.Hostname(), u.Port(), u.User.Username(), password, strings.TrimPrefix(u.Path, "/"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := dbmodule.DefaultConfig()
	cfg.URL = parse(t, "postgresql:///?service=test&servicefile="+file)
	db := dbtest.Open(t, cfg)
	if err := db.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if db.URL().Database() == "" {
		t.Error("the database's URL does not say what the service stands for")
	}
	cfg.URL = parse(t, "postgresql:///?service=none&servicefile="+file)
	if _, err := dbmodule.Open(cfg, nil); err == nil || !strings.Contains(err.Error(), "no such section") {
		t.Error(err)
	}
}
