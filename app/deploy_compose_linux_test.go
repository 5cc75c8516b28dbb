package app_test

import (
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/openhands-go/server/app"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// composition is what of a compose file is looked at.
type composition struct {
	Services map[string]struct {
		Build       struct{ Context, Dockerfile string }
		Image       string
		Environment map[string]string
		Secrets     []string
		Volumes     []string
		DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
		Healthcheck struct {
			Test              []string
			Interval, Timeout time.Duration
			Retries           int
			StartPeriod       time.Duration `yaml:"start_period"`
		}
		StopGrace   string `yaml:"stop_grace_period"`
		Ports       []string
		ReadOnly    bool `yaml:"read_only"`
		Tmpfs       []string
		CapDrop     []string `yaml:"cap_drop"`
		SecurityOpt []string `yaml:"security_opt"`
		Restart     string
		ShmSize     string `yaml:"shm_size"`
	}
	Volumes map[string]any
	Secrets map[string]struct{ File string }
}

func compose(t *testing.T) composition {
	t.Helper()
	var c composition
	decoder := yaml.NewDecoder(strings.NewReader(read(t, deploy+"compose.yaml")))
	decoder.KnownFields(true)
	if err := decoder.Decode(&c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCompose(t *testing.T) {
	t.Parallel()
	c := compose(t)
	server, database := c.Services["server"], c.Services["database"]
	for name := range server.Environment {
		knownSetting(t, "compose.yaml", name)
	}
	for name := range database.Environment {
		if !slices.Contains([]string{"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD_FILE", "POSTGRES_INITDB_ARGS"}, name) {
			t.Errorf("the image of PostgreSQL knows no %s", name)
		}
	}
	if _, err := os.Stat(filepath.Join(deploy, server.Build.Context, server.Build.Dockerfile)); err != nil {
		t.Error(err)
	}
	for service, s := range c.Services {
		for _, secret := range s.Secrets {
			if c.Secrets[secret].File == "" {
				t.Errorf("%s uses the secret %s, which nobody defines", service, secret)
			}
		}
		for _, volume := range s.Volumes {
			name, _, _ := strings.Cut(volume, ":")
			if _, ok := c.Volumes[name]; !ok {
				t.Errorf("%s uses the volume %s, which nobody defines", service, name)
			}
		}
		for name, on := range s.DependsOn {
			if on.Condition == "service_healthy" && len(c.Services[name].Healthcheck.Test) == 0 {
				t.Errorf("%s waits for the health of %s, which has no check", service, name)
			}
		}
		for name, value := range s.Environment {
			if strings.Contains(name, "PASSWORD") {
				if secret := path.Base(value); path.Dir(value) != "/run/secrets" || !slices.Contains(s.Secrets, secret) {
					t.Errorf("%s: %s names no secret of the service", service, name)
				}
			}
		}
	}
	u, err := url.Parse(server.Environment["DATABASE_URL"])
	if err != nil {
		t.Fatal(err)
	}
	if u.Hostname() != "database" || u.User.Username() != database.Environment["POSTGRES_USER"] || u.Path != "/"+database.Environment["POSTGRES_DB"] {
		t.Errorf("the server looks for %s", u)
	}
	grace, err := time.ParseDuration(server.StopGrace)
	if err != nil || grace <= app.Server().DefaultConfig().StopTimeout() {
		t.Errorf("stop_grace_period %s (%v), and a stop may take %s", grace, err, app.Server().DefaultConfig().StopTimeout())
	}
}

// The composed settings serve, with the database where the tests have it.
func TestComposedSettingsServe(t *testing.T) {
	t.Parallel()
	database, err := url.Parse(dbtest.URL(t, dbmodule.PostgreSQL))
	if err != nil {
		t.Fatal(err)
	}
	secret, _ := database.User.Password()
	database.User = url.User(database.User.Username())
	file := filepath.Join(t.TempDir(), "database-password")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	variables := []string{"PORT=0"}
	for name, value := range compose(t).Services["server"].Environment {
		switch name {
		case "DATABASE_URL":
			value = database.String()
		case "DATABASE_PASSWORD_FILE":
			value = file
		case "SESSION_API_KEY":
			value = "key"
		}
		variables = append(variables, name+"="+value)
	}
	p := start(t, nil, variables...)
	response, err := http.Get(p.serving(t).URL + "/ready")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Error(response.Status)
	}
	p.signal(t, syscall.SIGTERM)
	if code := p.wait(t); code != 0 || strings.Contains(p.output(), secret) {
		t.Errorf("exit code %d:\n%s", code, p.output())
	}
}
