package mysql_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/engine/mysql"
)

func TestConfigDefaults(t *testing.T) {
	t.Parallel()
	c := configFor(t, "mysql+aiomysql://u:p@h/db")
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

func TestConfigOptions(t *testing.T) {
	t.Parallel()
	for query, check := range map[string]func(c *driver.Config) bool{
		"charset=utf8":                                 func(c *driver.Config) bool { return strings.Contains(c.FormatDSN(), "charset=utf8mb4") },
		"collation=utf8mb4_unicode_ci":                 func(c *driver.Config) bool { return c.Collation == "utf8mb4_unicode_ci" },
		"connect_timeout=3":                            func(c *driver.Config) bool { return c.Timeout == 3*time.Second },
		"timeout=1m":                                   func(c *driver.Config) bool { return c.Timeout == time.Minute },
		"read_timeout=4&write_timeout=.5":              func(c *driver.Config) bool { return c.ReadTimeout == 4*time.Second && c.WriteTimeout == time.Second/2 },
		"readTimeout=4s&writeTimeout=5":                func(c *driver.Config) bool { return c.ReadTimeout == 4*time.Second && c.WriteTimeout == 5*time.Second },
		"max_allowed_packet=16777216":                  func(c *driver.Config) bool { return c.MaxAllowedPacket == 16<<20 },
		"compress=true":                                func(c *driver.Config) bool { return strings.Contains(c.FormatDSN(), "compress=true") },
		"program_name=mine":                            func(c *driver.Config) bool { return c.ConnectionAttributes == "program_name:mine" },
		"auth_plugin=mysql_native_password&no_delay=1": func(c *driver.Config) bool { return !c.AllowCleartextPasswords },
		"auth_plugin=mysql_clear_password&ssl=true":    func(c *driver.Config) bool { return c.AllowCleartextPasswords && c.TLS != nil },
		"sql_mode=ansi_quotes":                         func(c *driver.Config) bool { return c.Params["sql_mode"] == "'ANSI_QUOTES,STRICT_TRANS_TABLES'" },
		"sql_mode=TRADITIONAL":                         func(c *driver.Config) bool { return c.Params["sql_mode"] == "'TRADITIONAL'" },
		"init_command=SET+SESSION+wsrep_sync_wait%3D1,+max_statement_time+%3D+(1%2B2)": func(c *driver.Config) bool {
			return c.Params["wsrep_sync_wait"] == "1" && c.Params["max_statement_time"] == "(1+2)" && len(c.Params) == 4
		},
		"init_command=SET+sql_mode%3D'STRICT_ALL_TABLES'": func(c *driver.Config) bool { return c.Params["sql_mode"] == "'STRICT_ALL_TABLES'" },
		"ssl=false":                func(c *driver.Config) bool { return c.TLS == nil },
		"ssl_disabled=true":        func(c *driver.Config) bool { return c.TLS == nil },
		"ssl=true":                 func(c *driver.Config) bool { return c.TLS.InsecureSkipVerify && !c.AllowFallbackToPlaintext },
		"tls=true":                 func(c *driver.Config) bool { return !c.TLS.InsecureSkipVerify && c.TLS.ServerName == "h" },
		"tls=skip-verify":          func(c *driver.Config) bool { return c.TLS.InsecureSkipVerify },
		"ssl_mode=PREFERRED":       func(c *driver.Config) bool { return c.TLS.InsecureSkipVerify && c.AllowFallbackToPlaintext },
		"ssl_mode=VERIFY_CA":       func(c *driver.Config) bool { return c.TLS.VerifyConnection != nil },
		"ssl_mode=VERIFY_IDENTITY": func(c *driver.Config) bool { return !c.TLS.InsecureSkipVerify },
		"ssl_verify_cert=true":     func(c *driver.Config) bool { return c.TLS.VerifyConnection != nil },
		"ssl_verify_cert=false":    func(c *driver.Config) bool { return c.TLS.InsecureSkipVerify && c.TLS.VerifyConnection == nil },
		"ssl_verify_cert=true&ssl_verify_identity=true": func(c *driver.Config) bool { return !c.TLS.InsecureSkipVerify },
	} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			if c := configFor(t, "mysql+pymysql://u@h/db?"+query); !check(c) {
				t.Errorf("got %s with TLS %v", c.FormatDSN(), c.TLS)
			}
		})
	}
}

func TestConfigErrorNamesTheFile(t *testing.T) {
	t.Parallel()
	for _, query := range []string{"ssl_ca=/nonexistent/ca.pem", "ssl_cert=/nonexistent/ca.pem&ssl_key=/nonexistent/ca.pem&ssl=true"} {
		_, err := configOf(parse(t, "mysql://u:"+marker+"@h/db?ssl_key_password="+marker+"&"+query))
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
	for _, u := range []dburl.URL{{}, parse(t, "sqlite:///a.db")} {
		if _, err := configOf(u); err == nil {
			t.Errorf("%q is taken", u)
		}
	}
}

func configOf(u dburl.URL) (*driver.Config, error) {
	host := dburl.Host{}
	if hosts := u.Hosts(); hosts != nil {
		host = hosts[0]
	}
	return mysql.Config(u, 10*time.Second, host)
}

func configFor(t *testing.T, raw string) *driver.Config {
	t.Helper()
	c, err := configOf(parse(t, raw))
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
	type want struct{ user, password, address, database string }
	for raw, want := range map[string]want{
		"mysql+pymysql://app:pw@db.example:3306/test@test": {"app", "pw", "db.example:3306", "test@test"},
		"mysql://u@h":               {"u", "", "h:3306", ""},
		"mysql://u:p@/db":           {"u", "p", "localhost:3306", "db"},
		"mysql://u:p@[::1]:3307/db": {"u", "p", "[::1]:3307", "db"},
		"mysql+aiomysql://u:p@/db?unix_socket=/run/mysqld/mysqld.sock": {"u", "p", "/run/mysqld/mysqld.sock", "db"},
	} {
		c := configFor(t, raw)
		got := want
		got.user, got.password, got.address, got.database = c.User, c.Passwd, c.Addr, c.DBName
		if got != want {
			t.Errorf("%s: got %+v, want %+v", raw, got, want)
		}
	}
	if configFor(t, "mysql://:p@h/db").User == "" {
		t.Error("nobody logs in")
	}
}

// FuzzConfig checks that no refusal of a URL's settings tells a password.
func FuzzConfig(f *testing.F) {
	f.Add("h/db", "ssl=true&unix_socket=/run/x")
	f.Add("h/d", "ssl_ca=/nowhere&init_command=SET+a=1")
	f.Fuzz(func(t *testing.T, rest, query string) {
		raw := "mysql://u:" + marker + "@" + rest + "?" + query + "&ssl_key_password=" + marker
		u, err := dburl.ParseURL(raw)
		if err != nil || strings.Contains(u.Database()+rest+query, marker) {
			return
		}
		_, err = configOf(u)
		if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, marker) {
			t.Fatalf("%q: %s", raw, text)
		}
	})
}
