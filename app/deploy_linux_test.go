package app_test

import (
	"debug/elf"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
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

const deploy = "../docs/deploy/"

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// knownSetting fails the test for a variable that is no setting of the server's.
func knownSetting(t *testing.T, where, name string) {
	t.Helper()
	for _, s := range listed(t) {
		if s.Name == name {
			return
		}
	}
	t.Errorf("%s sets %s, which is no setting", where, name)
}

// instruction is one of a Dockerfile.
type instruction struct{ name, rest string }

// dockerfile reads the instructions.
func dockerfile(t *testing.T) []instruction {
	t.Helper()
	var all []instruction
	text := strings.ReplaceAll(read(t, deploy+"Dockerfile"), "\\\n", " ")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, rest, _ := strings.Cut(line, " ")
		if !slices.Contains([]string{"FROM", "WORKDIR", "COPY", "RUN", "ENV", "VOLUME", "EXPOSE", "USER", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"}, name) {
			t.Errorf("no instruction: %s", line)
		}
		all = append(all, instruction{name, strings.TrimSpace(rest)})
	}
	return all
}

// last returns what the last instruction of a name says.
func last(all []instruction, name string) string {
	found := ""
	for _, i := range all {
		if i.name == name {
			found = i.rest
		}
	}
	return found
}

// list reads the JSON form of a command.
func list(t *testing.T, text string) []string {
	t.Helper()
	var words []string
	if err := json.Unmarshal([]byte(text[strings.IndexByte(text, '['):]), &words); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return words
}

// environmentOf reads ENV's pairs.
func environmentOf(all []instruction) map[string]string {
	variables := map[string]string{}
	for _, i := range all {
		if i.name != "ENV" {
			continue
		}
		for pair := range strings.FieldsSeq(i.rest) {
			name, value, _ := strings.Cut(pair, "=")
			variables[name] = value
		}
	}
	return variables
}

func TestDockerfile(t *testing.T) {
	t.Parallel()
	all := dockerfile(t)
	var goVersion string
	for line := range strings.Lines(read(t, "../go.mod")) {
		if version, ok := strings.CutPrefix(strings.TrimSpace(line), "go "); ok {
			goVersion = strings.Join(strings.Split(version, ".")[:2], ".")
		}
	}
	var stages, made []string
	for _, i := range all {
		words := strings.Fields(i.rest)
		switch i.name {
		case "FROM":
			if len(words) == 3 && words[1] == "AS" {
				stages = append(stages, words[2])
			}
			if name, version, _ := strings.Cut(words[0], ":"); name == "golang" && version != goVersion {
				t.Errorf("it builds with Go %s, go.mod says %s", version, goVersion)
			}
		case "COPY":
			words = slices.DeleteFunc(words, func(word string) bool { return strings.HasPrefix(word, "--") })
			for _, source := range words[:len(words)-1] {
				if strings.HasPrefix(source, "/") {
					if !slices.Contains(made, source) {
						t.Errorf("%s is copied, and nothing makes it", source)
					}
				} else if _, err := os.Stat(filepath.Join("..", source)); err != nil {
					t.Errorf("what is copied is not there: %v", err)
				}
			}
		case "RUN":
			for _, word := range words {
				if strings.HasPrefix(word, "/") {
					made = append(made, word)
				}
			}
		}
	}
	if !slices.Equal(stages, []string{"build"}) {
		t.Errorf("stages %v", stages)
	}
	for name := range environmentOf(all) {
		knownSetting(t, "Dockerfile", name)
	}
	if user := last(all, "USER"); user == "" || strings.HasPrefix(user, "0") || strings.HasPrefix(user, "root") {
		t.Errorf("it runs as %q", user)
	}
	entry, check := list(t, last(all, "ENTRYPOINT")), list(t, last(all, "HEALTHCHECK"))
	if !slices.Contains(made, entry[0]) || check[0] != entry[0] {
		t.Errorf("ENTRYPOINT %v, HEALTHCHECK %v", entry, check)
	}
	for _, arguments := range [][]string{check[1:], list(t, last(all, "CMD"))} {
		if r := call(t, append(arguments, "--help")...); r.code != 0 {
			t.Errorf("%v: %s", arguments, r.stderr)
		}
	}
}

// built runs the Dockerfile's own line on this machine and returns the binary.
func built(t *testing.T) string {
	t.Helper()
	for _, i := range dockerfile(t) {
		if i.name != "RUN" || !strings.Contains(i.rest, "go build") {
			continue
		}
		binary := filepath.Join(t.TempDir(), "openhands-server")
		command := exec.Command("sh", "-c", strings.Replace(i.rest, " -o /openhands-server", " -o "+binary, 1))
		command.Dir = ".."
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", i.rest, err, out)
		}
		return binary
	}
	t.Fatal("nothing is built")
	return ""
}

// freeAddress is one on which nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// The binary needs nothing else: it is served from a root that has it and an
// empty folder alone, by an account without rights. Only root can make one;
// others run it where it is, with an empty environment.
func TestImage(t *testing.T) {
	t.Parallel()
	binary := built(t)
	file, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	libraries, err := file.ImportedLibraries()
	if err != nil || len(libraries) > 0 || slices.ContainsFunc(file.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Errorf("the binary needs %v (%v)", libraries, err)
	}
	_ = file.Close()

	root := t.TempDir()
	if err := os.Rename(binary, filepath.Join(root, "openhands-server")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	variables := environmentOf(dockerfile(t))
	variables["PORT"], variables["SESSION_API_KEY"] = strings.TrimPrefix(freeAddress(t), "127.0.0.1:"), "key"
	attributes := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	at := "/openhands-server"
	if os.Geteuid() == 0 {
		const nonroot = 65532 // the Dockerfile's USER
		if err := os.Chown(filepath.Join(root, "data"), nonroot, nonroot); err != nil {
			t.Fatal(err)
		}
		attributes.Chroot, attributes.Credential = root, &syscall.Credential{Uid: nonroot, Gid: nonroot}
	} else {
		at = filepath.Join(root, "openhands-server")
		variables["DATABASE_URL"] = "sqlite:///" + filepath.Join(root, "data", "openhands.db")
	}
	run := func(arguments ...string) *exec.Cmd {
		cmd := &exec.Cmd{Path: at, Args: append([]string{at}, arguments...), Env: []string{}, Dir: "/", SysProcAttr: attributes}
		for name, value := range variables {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		return cmd
	}
	if out, err := run("healthcheck").CombinedOutput(); err == nil {
		t.Errorf("nobody listens, and it is well: %s", out)
	}
	server := run("serve")
	var log strings.Builder
	server.Stderr = &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	var out []byte
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if out, err = run("healthcheck").CombinedOutput(); err == nil {
			break
		}
	}
	if err != nil || string(out) != "ok\n" {
		t.Errorf("healthcheck: %v: %s", err, out)
	}
	if out, err := run("healthcheck", "--alive").CombinedOutput(); err != nil {
		t.Errorf("healthcheck --alive: %v: %s", err, out)
	}
	if out, err := run("db", "doctor").CombinedOutput(); err != nil {
		t.Errorf("doctor: %v: %s", err, out)
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("%v: %s", err, log.String())
	}
	if _, err := os.Stat(filepath.Join(root, "data", "openhands.db")); err != nil {
		t.Error(err)
	}
}

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

// unit reads the settings of the systemd unit, all values of each.
func unit(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for line := range strings.Lines(read(t, deploy+"openhands-server.service")) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "#") // what is suggested counts too
		if name, value, ok := strings.Cut(line, "="); ok && regexp.MustCompile(`^[A-Z][A-Za-z]+$`).MatchString(name) {
			all[name] = append(all[name], value)
		}
	}
	return all
}

func TestUnit(t *testing.T) {
	t.Parallel()
	u := unit(t)
	cfg := app.Server().DefaultConfig()
	for _, pair := range u["Environment"] {
		name, _, _ := strings.Cut(pair, "=")
		knownSetting(t, "openhands-server.service", name)
	}
	seconds := func(name string) time.Duration {
		d, err := time.ParseDuration(u[name][0] + "s")
		if err != nil {
			t.Error(err)
		}
		return d
	}
	if seconds("TimeoutStopSec") <= cfg.StopTimeout() || seconds("TimeoutStartSec") <= cfg.StartTimeout {
		t.Errorf("systemd waits %s and %s, and a start may take %s, a stop %s", u["TimeoutStartSec"], u["TimeoutStopSec"], cfg.StartTimeout, cfg.StopTimeout())
	}
	words := strings.Fields(u["ExecStart"][0])
	if r := call(t, append(words[1:], "--help")...); r.code != 0 {
		t.Errorf("%v: %s", words, r.stderr)
	}
	if state := "/var/lib/" + u["StateDirectory"][0]; !strings.Contains(u["Environment"][0], "sqlite+aiosqlite:///"+state+"/") || u["WorkingDirectory"][0] != state {
		t.Errorf("the database is not in %s", state)
	}
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		lacking(t, "install the package systemd", err)
	}
	// The program has to be there.
	text := strings.ReplaceAll(read(t, deploy+"openhands-server.service"), words[0], serverBinary(t))
	file := filepath.Join(t.TempDir(), "openhands-server.service")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(analyze, "verify", "--man=no", "--recursive-errors=no", file).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	// 0 is a service that can do nothing, 100 one that may do everything.
	out, err = exec.Command(analyze, "security", "--offline=true", "--threshold=20", "--no-pager", file).CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
}

// Type=notify: the manager is told when it serves, and when it stops.
func TestProcessTellsItsManager(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "notify") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	hear := func() string {
		_ = socket.SetReadDeadline(time.Now().Add(limit))
		b := make([]byte, 1000)
		n, err := socket.Read(b)
		if err != nil {
			return fmt.Sprint(err)
		}
		return string(b[:n])
	}
	p := start(t, nil, "PORT=0", "NOTIFY_SOCKET="+filepath.Join(dir, "s"))
	if said := hear(); said != "READY=1" {
		t.Errorf("said %q", said)
	}
	p.serving(t)
	p.signal(t, syscall.SIGTERM)
	if said := hear(); said != "STOPPING=1" {
		t.Errorf("said %q", said)
	}
	if code := p.wait(t); code != 0 {
		t.Errorf("exit code %d:\n%s", code, p.output())
	}
}

// Not parallel: it sets environment variables.
func TestHealthcheckNeedsToKnowThePort(t *testing.T) {
	environment(t, map[string]string{"PORT": "0"})
	if r := call(t, "healthcheck"); r.code != 1 || !strings.Contains(r.stderr, "PORT=0 does not say where") {
		t.Errorf("exit code %d: %s", r.code, r.all())
	}
}

// calls lists the system calls of a set of systemd's, those of sets in it
// included.
func calls(t *testing.T, analyze, set string) map[string]bool {
	t.Helper()
	out, err := exec.Command(analyze, "syscall-filter", "--no-pager", set).Output()
	if err != nil {
		t.Fatalf("systemd-analyze syscall-filter %s: %v", set, err)
	}
	all := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		switch line = strings.TrimSpace(line); {
		case line == set || line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "@"):
			for name := range calls(t, analyze, line) {
				all[name] = true
			}
		default:
			all[line] = true
		}
	}
	return all
}

// lacking skips a test for which this machine lacks something, unless all tests
// are asked for.
func lacking(t *testing.T, remedy string, err error) {
	t.Helper()
	if os.Getenv("DBTEST_REQUIRE") == "all" {
		t.Fatalf("%v: %s (DBTEST_REQUIRE asks for all)", err, remedy)
	}
	t.Skipf("%v: %s", err, remedy)
}

// What the unit forbids, the server does not call.
func TestUnitAllowsWhatTheServerCalls(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		lacking(t, "install the package systemd", err)
	}
	trace := filepath.Join(t.TempDir(), "trace")
	if out, err := exec.Command("strace", "-f", "-o", trace, "true").CombinedOutput(); err != nil {
		lacking(t, "install the package strace", fmt.Errorf("strace: %w: %s", err, out))
	}
	allowed := map[string]bool{}
	for _, value := range unit(t)["SystemCallFilter"] {
		without := strings.HasPrefix(value, "~")
		for set := range strings.FieldsSeq(strings.TrimPrefix(value, "~")) {
			for name := range calls(t, analyze, set) {
				allowed[name] = !without
			}
		}
	}
	address := freeAddress(t)
	server := exec.Command("strace", "-f", "-qq", "-o", trace, serverBinary(t), "serve")
	server.Dir = t.TempDir()
	server.Env = []string{"PORT=" + strings.TrimPrefix(address, "127.0.0.1:")}
	server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = syscall.Kill(-server.Process.Pid, syscall.SIGKILL) // strace and what it watches
		_ = server.Wait()
	}()
	for deadline := time.Now().Add(limit); ; time.Sleep(50 * time.Millisecond) {
		if err = create("http://" + address); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	name := regexp.MustCompile(`(?m)^\d+ +([a-z_0-9]+)\(`)
	seen := map[string]bool{}
	for _, m := range name.FindAllStringSubmatch(read(t, trace), -1) {
		seen[m[1]] = true
	}
	// SQLite gives its log to the database's owner, as root alone can.
	delete(seen, "fchown")
	for name := range seen {
		if !allowed[name] {
			t.Errorf("the unit forbids %s", name)
		}
	}
	if len(seen) < 20 {
		t.Errorf("only %d calls were seen", len(seen))
	}
}
