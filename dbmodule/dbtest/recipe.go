package dbtest

import (
	"cmp"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"syscall"

	"github.com/openhands-go/server/dbmodule"
)

// recipe says how to find, set up, run and end the servers of one engine.
type recipe struct {
	engine dbmodule.Engine
	// variable is the environment variable with the URL of an external server.
	variable string
	// account is the user to run the server as when root runs the tests:
	// neither server starts as root.
	account string
	// path is PATH, for the programs that the binaries call.
	path string
	// folders are searched for the binaries, in this order.
	folders []string
	find    func(folders []string) (binaries, error)
	// initialise writes files that the set-up needs into the layout, and returns the
	// command that creates an empty data directory.
	initialise func(b binaries, l layout, o serverOptions) ([]string, error)
	// serve returns the command that runs the server.
	serve func(b binaries, l layout, port int, o serverOptions) []string
	// shutdown is the signal for an orderly end. discard is the signal for a server
	// whose data is no longer needed; it leaves nothing behind in the system.
	shutdown, discard syscall.Signal
	// database names a database that exists from the start and is empty.
	database string
	// socket returns the unix socket of the server, as clients name it.
	socket func(l layout) string
}

// binaries are the two programs of an engine.
type binaries struct{ initialise, serve string }

// user is the administrator of every throwaway server.
const user = "dbtest"

// maxConnections leaves room for many pools at once.
const maxConnections = 500

// layout is the folder of one server; everything that belongs to it is inside.
type layout struct {
	folder   string
	password string
}

func (l layout) data() string   { return filepath.Join(l.folder, "data") }
func (l layout) log() string    { return filepath.Join(l.folder, "log") }
func (l layout) secret() string { return filepath.Join(l.folder, "secret") }

// passfile is the file in which PostgreSQL's programs look for passwords: the folder
// is their HOME.
func (l layout) passfile() string { return filepath.Join(l.folder, ".pgpass") }

// executable finds the first of the names in a folder.
func executable(folder string, names ...string) string {
	for _, name := range names {
		if path, err := exec.LookPath(filepath.Join(folder, name)); err == nil {
			return path
		}
	}
	return ""
}

// searchPath returns the folders of PATH, and then the folders in which packages
// install servers.
func searchPath(path string, installed []string) []string {
	var folders []string
	for _, folder := range filepath.SplitList(path) {
		if filepath.IsAbs(folder) {
			folders = append(folders, folder)
		}
	}
	return append(folders, installed...)
}

// glob lists the folders of the patterns; of one pattern, those with the
// highest version number first.
func glob(patterns ...string) []string {
	number := regexp.MustCompile(`[0-9]+(\.[0-9]+)?`)
	version := func(path string) float64 {
		n, err := strconv.ParseFloat(number.FindString(path), 64)
		if err != nil {
			return 0
		}
		return n
	}
	var folders []string
	for _, pattern := range patterns {
		// A pattern that can't be read would be a mistake in this package.
		matches, _ := filepath.Glob(pattern)
		slices.SortStableFunc(matches, func(a, b string) int { return cmp.Compare(version(b), version(a)) })
		folders = append(folders, matches...)
	}
	return folders
}
