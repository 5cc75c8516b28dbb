package postgres_test

import (
	"crypto/tls"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/engine/postgres"
)

func TestConfigDefaults(t *testing.T) {
	t.Parallel()
	c := config(t, "postgresql+asyncpg://u:p@h/db")
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

func TestConfigOptions(t *testing.T) {
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
			if c := config(t, "postgresql://u:p@h/db?"+query); !check(c) {
				t.Errorf("mode %v, TLS %v, fallbacks %d, connect timeout %v, parameters %v", c.DefaultQueryExecMode, c.TLSConfig, len(c.Fallbacks), c.ConnectTimeout, c.RuntimeParams)
			}
		})
	}
}

func TestConfigQuotes(t *testing.T) {
	t.Parallel()
	c := config(t, `postgresql://it's\me:p@h/a' host=evil?passfile=/no'ne`)
	if c.User != `it's\me` || c.Database != `a' host=evil` || c.Host != "h" {
		t.Errorf("user %q, database %q, host %q", c.User, c.Database, c.Host)
	}
}

func TestConfigPassfile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pass file")
	if err := os.WriteFile(file, []byte("h:5432:db:u:from the file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	query := "?passfile=" + strings.ReplaceAll(file, " ", "+")
	if c := config(t, "postgresql://u@h/db"+query); c.Password != "from the file" {
		t.Errorf("password %q", c.Password)
	}
	if c := config(t, "postgresql://u:own@h/db"+query); c.Password != "own" {
		t.Errorf("password %q", c.Password)
	}
}

func TestConfigErrorNamesTheFile(t *testing.T) {
	t.Parallel()
	for _, query := range []string{"sslmode=verify-full&sslrootcert=/nonexistent/ca.pem", "ssl=require&sslcert=/nonexistent/ca.pem&sslkey=/nonexistent/ca.pem"} {
		_, err := postgres.Config(parse(t, "postgresql://u:"+marker+"@h/db?sslpassword="+marker+"&"+query), 10*time.Second)
		if err == nil || !strings.Contains(err.Error(), "/nonexistent/ca.pem") || !strings.HasPrefix(err.Error(), "dbmodule: configure pgx: ") {
			t.Errorf("%s: %v", query, err)
		}
		if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), marker) {
			t.Errorf("the password is in %#v", err)
		}
	}
}

// TestConfigIgnoresEnvironment sets every variable that pgx reads to
// something that would change the connection or stop it.
func TestConfigIgnoresEnvironment(t *testing.T) {
	urls := []string{
		"postgresql://u:p@h:5433/db?ssl=require",
		"postgresql://u@h",
		"postgresql://u:p@h1,h2/db?target_session_attrs=read-write&application_name=mine",
		"postgresql:///db?host=/run/nowhere&user=u",
	}
	var before []string
	for _, raw := range urls {
		before = append(before, describe(config(t, raw)))
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
			if after := describe(config(t, raw)); after != before[i] {
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

func TestConfigOfAnotherEngine(t *testing.T) {
	t.Parallel()
	for _, u := range []dburl.URL{{}, parse(t, "sqlite:///a.db")} {
		if _, err := postgres.Config(u, 10*time.Second); err == nil {
			t.Errorf("%q is taken", u)
		}
	}
}

func config(t *testing.T, raw string) *pgx.ConnConfig {
	t.Helper()
	c, err := postgres.Config(parse(t, raw), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func parse(t *testing.T, raw string) dburl.URL {
	t.Helper()
	u, err := dburl.ParseURL(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// marker stands where a password stands; it must never be printed.
const marker = "hunter2MARK"

// What the driver is given of a URL's parts.
func TestDriverGetsTheParts(t *testing.T) {
	t.Parallel()
	type want struct{ user, password, addresses, database string }
	for raw, want := range map[string]want{
		"postgresql+asyncpg://u:p@h:5433/db":             {"u", "p", "h:5433", "db"},
		"postgresql://us%40er:p%40%3A%2F%3F%25@h/d%2Fb":  {"us@er", "p@:/?%", "h:5432", "d/b"},
		"postgresql://u:p@[2001:db8::1]:6000/db":         {"u", "p", "[2001:db8::1]:6000", "db"},
		"postgresql://u:p@[fe80::1%25eth0]/db":           {"u", "p", "[fe80::1%eth0]:5432", "db"},
		"postgresql://u:p@:5433/db?host=/run/postgresql": {"u", "p", "/run/postgresql:5433", "db"},
		"postgresql://u:p@h1,[::2]:7/db":                 {"u", "p", "h1:5432 [::2]:7", "db"},
		"postgresql+psycopg://u:p@/db?host=a,b&port=1,2": {"u", "p", "a:1 b:2", "db"},
		"postgresql://u:pw@h/test@test":                  {"u", "pw", "h:5432", "test@test"},
	} {
		c := config(t, raw)
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
		got := want
		got.user, got.password, got.addresses, got.database = c.User, c.Password, strings.Join(addresses, " "), c.Database
		if len(want.password) > 1 && strings.Contains(c.ConnString(), want.password) {
			t.Errorf("%s: pgx keeps the password in its connection string", raw)
		}
		if got != want {
			t.Errorf("%s: got %+v, want %+v", raw, got, want)
		}
	}
	if config(t, "postgresql://h/db").User == "" {
		t.Error("nobody logs in")
	}
}

// FuzzConfig checks that no refusal of a URL's settings tells a password.
func FuzzConfig(f *testing.F) {
	f.Add("h/db", "ssl=true&host=/run/x")
	f.Add("a,b:1/d", "sslrootcert=/nowhere&sslmode=verify-full")
	f.Fuzz(func(t *testing.T, rest, query string) {
		raw := "postgresql://u:" + marker + "@" + rest + "?" + query + "&sslpassword=" + marker
		u, err := dburl.ParseURL(raw)
		if err != nil || strings.Contains(u.Database()+rest+query, marker) {
			return
		}
		_, err = postgres.Config(u, 10*time.Second)
		if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, marker) {
			t.Fatalf("%q: %s", raw, text)
		}
	})
}

// Each host comes first at times, and keeps its attempts with TLS and without.
func TestHostsAreShuffled(t *testing.T) {
	t.Parallel()
	first := map[string]int{}
	for range 300 {
		c := config(t, "postgresql://u:p@a,b,c/db?load_balance_hosts=random")
		postgres.ShuffleHosts(c)
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
