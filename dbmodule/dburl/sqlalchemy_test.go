package dburl_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/dburl"
)

// madeByPython is what SQLAlchemy's make_url reads in a URL, or that it
// refuses the URL.
type madeByPython struct {
	Error    bool
	User     string
	Password string
	Host     string
	Port     int
	Database string
	// Name is the option application_name, the last of several.
	Name string
}

const makeURLs = `
import json, sys
from sqlalchemy.engine.url import make_url
out = []
for raw in json.load(sys.stdin):
    try:
        u = make_url(raw)
        name = u.query.get("application_name", "")
        out.append({"user": u.username or "", "password": u.password or "", "host": u.host or "", "port": u.port or 0,
                    "database": u.database or "", "name": name[-1] if isinstance(name, tuple) else name})
    except Exception:
        out.append({"error": True})
json.dump(out, sys.stdout)
`

// python returns a Python that has SQLAlchemy, which distributions install for
// their own Python only.
func python(t *testing.T) string {
	t.Helper()
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(python, "-c", "import sqlalchemy").Run() == nil {
			return python
		}
	}
	const reason = "no python3 has SQLAlchemy: install the package python3-sqlalchemy"
	if os.Getenv("DBTEST_REQUIRE") == "all" {
		t.Fatal(reason)
	}
	t.Skip(reason)
	return ""
}

// randomURL puts parts together in which each character that separates parts
// occurs where it does not belong.
func randomURL(r *rand.Rand) string {
	pick := func(items ...string) string { return items[r.IntN(len(items))] }
	word := func() string {
		var b strings.Builder
		for range 1 + r.IntN(3) {
			b.WriteString(pick("a", "b1", "@", "/", "//", ":", "?", "#", "&", "=", "+", " ", "%40", "%2F", "%25", "%", "%3a", "[", "]", ",", ";", "ü", "'", ".", "-"))
		}
		return b.String()
	}
	plain := func() string { return pick("u", "me", "x_y", "a.b") }
	either := func() string {
		if r.IntN(2) == 0 {
			return plain()
		}
		return word()
	}
	var b strings.Builder
	b.WriteString(pick("postgresql", "postgresql+asyncpg", "mysql+pymysql", "cockroachdb") + "://")
	switch r.IntN(4) {
	case 0:
	case 1:
		b.WriteString(either() + "@")
	default:
		b.WriteString(either() + ":" + either() + "@")
	}
	b.WriteString(pick("", "h", "db.example", "127.0.0.1", "[::1]", "[2001:db8::1]", "h_x", "a,b", word()))
	b.WriteString(pick("", "", ":5433", ":", ":x"))
	if r.IntN(4) > 0 {
		b.WriteString("/" + pick("", either(), either()+"@"+either(), plain()+"@"+plain(), word()+word()))
	}
	if strings.HasPrefix(b.String(), "mysql") {
		return b.String()
	}
	switch r.IntN(3) {
	case 0:
		b.WriteString("?application_name=" + either())
	case 1:
		b.WriteString("?application_name=" + plain() + "@" + plain())
	}
	return b.String()
}

// The same text is cut into the same parts as by SQLAlchemy, unless it is
// refused for a reason that is on the list.
func TestPartsAreSQLAlchemys(t *testing.T) {
	t.Parallel()
	python := python(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	raws := []string{
		"mysql+pymysql://app:secret@db.example:3306/test@test", "postgresql://u:p@h/a@b@c", "postgresql://u@h/d@x", "postgresql://u@h@x/d",
		"postgresql://u:p@h/d?application_name=a@b", "postgresql://u:p@h?application_name=a@b", "postgresql://u:a?b#c/d:e&f=g@h/d", "postgresql://u:%40%3A%2F%3F%23%25@h/d",
		"postgresql://u:p+q%20r@h/d", "postgresql://u:p@[::1]:5432/d", "postgresql://[2001:db8::1]/d", "postgresql://u:p@/d", "postgresql:///d", "postgresql:////d",
		"postgresql://h//d", "postgresql://h/d/e", "postgresql://h/d#frag", "postgresql://h?application_name=x", "postgresql://h/?application_name=x", "postgresql://h/d?",
		"postgresql://h/d?application_name=", "postgresql://h/d?application_name=a%26b%3Dc+d%2Be", "postgresql://@h/d", "postgresql://:@h/d", "postgresql://u:@h/d",
		"postgresql://u%3Ax:p@h/d", "postgresql://svc@project.iam:p@h/d", "postgresql://h:1/d@x", "postgresql://h:1/d?application_name=b@x", "postgresql://u:p@a,b:1/d",
	}
	certain := len(raws)
	for range 5000 {
		raws = append(raws, randomURL(r))
	}
	input, err := json.Marshal(raws)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), python, "-c", makeURLs)
	cmd.Stdin = bytes.NewReader(input)
	cmd.Stderr = os.Stderr
	output, err := cmd.Output()
	require.NoError(t, err)
	var theirs []madeByPython
	require.NoError(t, json.Unmarshal(output, &theirs))
	require.Len(t, theirs, len(raws))

	agreed := 0
	for i, raw := range raws {
		u, err := dburl.ParseURL(raw)
		switch {
		case err != nil && !theirs[i].Error && (i < certain || !refusedOnPurpose(err, theirs[i])):
			t.Errorf("%q is refused: %v; SQLAlchemy reads %+v", raw, err, theirs[i])
		case err == nil && theirs[i].Error && !acceptedOnPurpose(raw):
			t.Errorf("%q is accepted as %+v; SQLAlchemy refuses it", raw, madeHere(u))
		case err == nil && !theirs[i].Error:
			agreed++
			// Since 2.1 SQLAlchemy decodes the database's name, as we do.
			if database, err := url.PathUnescape(theirs[i].Database); err == nil {
				theirs[i].Database = database
			}
			if theirs[i].Name == "" {
				theirs[i].Name = "openhands-server"
			}
			if u.Engine() == dburl.MySQL {
				theirs[i].Name = ""
			}
			theirs[i].Host, err = url.PathUnescape(theirs[i].Host)
			require.NoError(t, err, raw)
			if got := madeHere(u); got != theirs[i] {
				t.Errorf("%q is %+v; SQLAlchemy reads %+v", raw, got, theirs[i])
			}
		}
	}
	require.Greater(t, agreed, 1000, "URLs that both accept")
}

func madeHere(u dburl.URL) madeByPython {
	made := madeByPython{User: u.User(), Password: u.Password().Reveal(), Database: u.Database(), Name: u.PostgreSQL().Runtime["application_name"]}
	var hosts []string
	for _, h := range u.Hosts() {
		hosts = append(hosts, h.Name)
		made.Port = int(h.Port) // SQLAlchemy takes one, behind the last host
	}
	made.Host = strings.Join(hosts, ",")
	return made
}

// refusedOnPurpose knows what SQLAlchemy takes and a server or a reader of
// logs would suffer from.
func refusedOnPurpose(err error, theirs madeByPython) bool {
	if strings.Contains(err.Error(), "an @ that does not end the password") {
		// It may be part of one, which would be printed.
		return strings.Contains(theirs.Host, "@") || strings.Contains(theirs.Database, "@") && strings.ContainsAny(theirs.Database, ":/") ||
			strings.Contains(theirs.Name, "@") && strings.ContainsAny(theirs.Name, ":/") || theirs.Name == "" // another option
	}
	for _, reason := range []string{
		"has a % that two hexadecimal digits do not follow",
		"is not UTF-8 once its percent signs are decoded",
		"has a character that host names do not have",
		"an IPv6 address in brackets", "no valid IPv6 address", "more than one colon",
		"one of its hosts is empty",
		"has a name that is not a word", "has no value", "is not known for", "is given more than once", // options
		"begins or ends with a space",
	} {
		if strings.Contains(err.Error(), reason) {
			return true
		}
	}
	return false
}

// acceptedOnPurpose knows what is taken beyond SQLAlchemy: a colon without a
// port, and a port for each of several hosts.
func acceptedOnPurpose(raw string) bool {
	_, rest, _ := strings.Cut(raw, "://")
	_, _, _, rest = dburl.CutUserinfo(rest)
	rest, _, _ = strings.Cut(rest, "?")
	authority, _, _ := strings.Cut(rest, "/")
	return strings.HasSuffix(authority, ":") || strings.Contains(authority, ",")
}

func ExampleURL() {
	u, err := dburl.ParseURL("mysql+pymysql://app:secret@db.example:3306/shop")
	fmt.Println(u.Engine(), u.Hosts(), u.User(), u.Password(), u.Database(), err)
	// Output: mysql [{db.example 3306}] app *** shop <nil>
}
