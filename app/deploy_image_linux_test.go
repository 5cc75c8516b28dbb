package app_test

import (
	"debug/elf"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

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
