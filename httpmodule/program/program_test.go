package program_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/httpmodule"
	"github.com/openhands-go/server/httpmodule/program"
)

type song struct {
	ID    int64  `bun:",pk,autoincrement"`
	Title string `bun:",notnull"`
}

// own is settings of the program's own.
type own struct {
	Greeting string `envconfig:"SONGS_GREETING" default:"hello" desc:"what / says"`
}

func routes(cfg own, sessions *dbmodule.SessionFactory) httpmodule.Routes {
	return func(e *echo.Echo, _ huma.API) {
		e.GET("/", func(c echo.Context) error {
			n, err := httpmodule.Session(c.Request().Context(), sessions).NewSelect().Model((*song)(nil)).Count(c.Request().Context())
			if err != nil {
				return err
			}
			return c.String(http.StatusOK, fmt.Sprint(cfg.Greeting, " ", n))
		})
	}
}

func songs() program.Program {
	return program.Program{
		Name: "songs", Title: "Songs", Version: "1.2.3", Short: "Keep songs", Long: "Keeps songs.",
		Models: []any{(*song)(nil)}, Routes: []any{routes}, Settings: []any{&own{Greeting: "hello"}},
	}
}

// output takes what several goroutines write.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// Not parallel, as all here: it changes the folder and the environment.
func TestCommands(t *testing.T) {
	for _, test := range []struct {
		name        string
		args        []string
		environment map[string]string
		code        int
		out, err    string // parts of what is printed
	}{
		{"version", []string{"version"}, nil, 0, "songs 1.2.3", ""},
		{"help", []string{"--help"}, nil, 0, "Keeps songs. Without a command it serves.", ""},
		{"config", []string{"config"}, map[string]string{"SONGS_GREETING": "hi"}, 0, "SONGS_GREETING", ""},
		{"config as JSON", []string{"config", "--format", "json"}, nil, 0, `"name": "SONGS_GREETING"`, ""},
		{"config by --json", []string{"config", "--json"}, nil, 0, `"name": "SONGS_GREETING"`, ""},
		{"two forms", []string{"config", "--json", "--format", "table"}, nil, 2, "", "--json and --format table contradict each other"},
		{"a wrong format", []string{"config", "--format", "xml"}, nil, 2, "", "--format takes table or json"},
		{"openapi", []string{"openapi"}, nil, 0, `"title": "Songs"`, ""},
		{"no such command", []string{"sing"}, nil, 2, "", `songs: there is no command "sing"`},
		{"one wrong setting", []string{"serve"}, map[string]string{"PORT": "abc"}, 1, "", "songs: PORT: takes a whole number\n"},
		{"two wrong settings", []string{"serve"}, map[string]string{"PORT": "abc", "DATABASE_URL": "x"}, 1, "", "songs: 2 settings can't be used:\n"},
		{"no server", []string{"healthcheck"}, map[string]string{"PORT": "1"}, 1, "", "songs: ask for health: "},
		{"no revisions", []string{"db", "status"}, nil, 1, "", `begin by "songs db init"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			for name, value := range test.environment {
				t.Setenv(name, value)
			}
			var stdout, stderr bytes.Buffer
			assert.Equal(t, test.code, songs().Run(t.Context(), test.args, strings.NewReader(""), &stdout, &stderr))
			assert.Contains(t, stdout.String(), test.out)
			assert.Contains(t, stderr.String(), test.err)
		})
	}
}

// What a program's own options get wrong names the types, and is one line.
func TestServeWithAWrongGraph(t *testing.T) {
	t.Setenv("DATABASE_URL", "sqlite://")
	t.Setenv("PORT", "0")
	for want, options := range map[string]fx.Option{
		`cannot provide dbmodule.TableManager from [0].Field0: already provided by`: autogen.Module,
		`missing type: uint64`:     fx.Invoke(func(uint64) {}),
		"songs: no song was found": fx.Invoke(func() error { return errors.New("no song was found") }),
	} {
		program := songs()
		program.Options = options
		var stderr bytes.Buffer
		assert.Equal(t, 1, program.Run(t.Context(), nil, strings.NewReader(""), &bytes.Buffer{}, &stderr))
		assert.Contains(t, stderr.String(), want)
		assert.Equal(t, 1, strings.Count(stderr.String(), "\n"), stderr.String())
	}
}

// A server that has no such database: the start says what makes it.
func TestServeWithoutADatabase(t *testing.T) {
	cfg := dbtest.Config(t, dbmodule.PostgreSQL)
	host := cfg.URL.Hosts()[0]
	nowhere := url.URL{
		Scheme: "postgresql", User: url.UserPassword(cfg.URL.User(), cfg.URL.Password().Reveal()),
		Host: net.JoinHostPort(host.Name, strconv.Itoa(int(host.Port))), Path: "/nowhere",
	}
	t.Setenv("DATABASE_URL", nowhere.String())
	t.Setenv("PORT", "0")
	var stderr bytes.Buffer
	assert.Equal(t, 1, songs().Run(t.Context(), nil, strings.NewReader(""), &bytes.Buffer{}, &stderr))
	assert.Contains(t, stderr.String(), `create it with "songs db prepare"`)
}

func TestServe(t *testing.T) {
	folder := t.TempDir()
	for name, value := range map[string]string{
		"DATABASE_URL": "sqlite:///" + filepath.Join(folder, "songs.db"), "PORT": "0", "LOG_FORMAT": "console", "SONGS_GREETING": "hi",
	} {
		t.Setenv(name, value)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	stderr := &output{}
	code := make(chan int, 1)
	go func() { code <- songs().Run(ctx, nil, strings.NewReader(""), &bytes.Buffer{}, stderr) }()
	var url string
	require.Eventually(t, func() bool {
		if m := regexp.MustCompile(`serving +(http\S+)`).FindStringSubmatch(stderr.String()); m != nil {
			url = m[1]
		}
		return url != ""
	}, time.Minute, 10*time.Millisecond)
	assert.Contains(t, stderr.String(), "Songs 1.2.3")
	assert.Contains(t, stderr.String(), "1 table, complete")
	response, err := http.Get(url) //nolint:noctx // it is a test's own server
	require.NoError(t, err)
	var body bytes.Buffer
	_, err = body.ReadFrom(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, "hi 0", body.String())
	stop()
	assert.Equal(t, 0, <-code)
	assert.Contains(t, stderr.String(), "stopped")
	_, err = os.Stat(filepath.Join(folder, "songs.db"))
	assert.NoError(t, err)
}

// Each program stores in a file of its own, and config says which.
func TestDefaultDatabase(t *testing.T) {
	own, err := dbmodule.ParseURL("postgresql://songs@db.example/songs")
	require.NoError(t, err)
	for _, test := range []struct {
		name string
		p    program.Program
		url  string
	}{
		{"the name's", songs(), "sqlite:///./songs.db"},
		{"a name that is no file's", program.Program{Name: "a/b c?mode=ro%41"}, "sqlite:///./a_b_c_mode_ro_41.db"},
		{"no name", program.Program{}, "sqlite:///./app.db"},
		{"the program's own", program.Program{Name: "songs", DatabaseURL: own}, "postgresql://songs@db.example/songs"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg, read := test.p.ReadConfig()
			require.NoError(t, read.Err())
			assert.Equal(t, test.url, cfg.Database.URL.String())
			url := read.List()[0]
			assert.Equal(t, [3]string{"DATABASE_URL", test.url, test.url}, [3]string{url.Name, url.Value, url.Default})

			t.Setenv("DATABASE_URL", "sqlite:///other.db")
			cfg, read = test.p.ReadConfig()
			require.NoError(t, read.Err())
			assert.Equal(t, "sqlite:///other.db", cfg.Database.URL.String())
			url = read.List()[0]
			assert.Equal(t, [2]string{"sqlite:///other.db", test.url}, [2]string{url.Value, url.Default})
		})
	}
}

// The file has the name that the program is given, and not the binary's, which may change.
func TestMainStoresInAFileOfItsOwn(t *testing.T) {
	if os.Getenv("SONGS_MAIN") != "" {
		os.Args = []string{os.Args[0], "config", "--json"}
		program.Main(program.Program{Name: os.Getenv("SONGS_NAME")})
	}
	for name, url := range map[string]string{"": "sqlite:///./app.db", "shop": "sqlite:///./shop.db"} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestMainStoresInAFileOfItsOwn$") //nolint:gosec // this test
		cmd.Env = append(os.Environ(), "SONGS_MAIN=1", "SONGS_NAME="+name)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		assert.Contains(t, string(out), `"value": "`+url+`"`)
	}
}

// Complete sees what the environment says before that is checked.
func TestComplete(t *testing.T) {
	t.Setenv("HOST", "0.0.0.0")
	p := songs()
	_, read := p.ReadConfig()
	assert.ErrorContains(t, read.Err(), "HOST=0.0.0.0: others could reach the server without a key")
	p.Complete = func(cfg *program.Config) { cfg.HTTP.AllowInsecure = cfg.HTTP.Host == "0.0.0.0" }
	cfg, read := p.ReadConfig()
	require.NoError(t, read.Err())
	assert.True(t, cfg.HTTP.AllowInsecure)
}

func ExampleSources() {
	p := program.Program{Name: "library", Revisions: program.Sources( /* migrations.Source() */ )}
	fmt.Println(len(p.Revisions(nil)), p.DefaultConfig().Database.Schema)
	// Output: 0 migrate
}

// A test of the application needs no command line.
func ExampleProgram_Module() {
	p := program.Program{Name: "library"}
	var factory *dbmodule.SessionFactory
	app := fx.New(fx.NopLogger, p.Module(p.DefaultConfig()), fx.Provide(nopLogger), fx.Populate(&factory))
	fmt.Println(app.Err(), factory != nil)
	// Output: <nil> true
}

func nopLogger() *zap.Logger { return zap.NewNop() }
