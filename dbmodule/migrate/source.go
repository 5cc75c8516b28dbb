package migrate

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate/graph"
)

// Source is where revisions come from: a file system, usually embedded, with one
// folder for each revision, and the functions of revisions in Go code. Several
// sources make one history.
type Source struct {
	// FS holds the folders of revisions. Files beside them are ignored, and so are the
	// folder [SnapshotFolder] and names that begin with "." or "_".
	FS fs.FS
	// Code are the Go functions of the revisions whose folders have no SQL.
	Code []Code
	// VersionTable names the version table and the history. The sources of a migrator
	// must name the same tables; a source with the zero value uses those of the others.
	VersionTable VersionTable
}

// versionTable returns the tables that the sources name. It returns an error if they differ.
func versionTable(sources []Source) (VersionTable, error) {
	var table VersionTable
	for _, source := range sources {
		switch {
		case source.VersionTable == VersionTable{} || source.VersionTable == table:
		case table == VersionTable{}:
			table = source.VersionTable
		default:
			return table, fmt.Errorf("migrate: sources of one history name two version tables, %+v and %+v: name one, or make two migrators of them", table, source.VersionTable)
		}
	}
	if table.history() == table.name() {
		return table, fmt.Errorf("migrate: the version table and its history are both called %s: give them two names", table.name())
	}
	return table, nil
}

// SnapshotFolder is the folder beside the revisions that describes the schema after
// all of them. This package does not read it; autogenerate does.
const SnapshotFolder = "snapshot"

// RevisionFile is the name of the file in a revision's folder with its id, its message and the
// revisions that it follows.
const RevisionFile = "revision.txt"

// allEngines is the name, without .sql, of the SQL file for engines without a file of their own.
const allEngines = "all"

// load reads the revisions of all sources, in the order of their folders. The error joins all
// problems that it finds; each names its file or folder.
func load(sources []Source) ([]*Revision, contents, error) {
	var (
		revisions []*Revision
		all       = contents{}
		errs      []error
	)
	for _, source := range sources {
		loaded, found, err := source.load()
		errs = append(errs, err)
		revisions = append(revisions, loaded...)
		maps.Copy(all, found)
	}
	return revisions, all, errors.Join(errs...)
}

func (s Source) load() ([]*Revision, contents, error) {
	if s.FS == nil {
		return nil, nil, errors.New("migrate: a source has no file system")
	}
	entries, err := fs.ReadDir(s.FS, ".")
	if err != nil {
		return nil, nil, fmt.Errorf("migrate: read revisions: %w", err)
	}
	var (
		revisions []*Revision
		found     = contents{}
		errs      []error
	)
	for _, entry := range entries {
		name := entry.Name()
		if entry.Type()&fs.ModeSymlink != 0 && isRevisionLink(s.FS, name) {
			errs = append(errs, fmt.Errorf("migrate: read revision: %s is a symbolic link, which go:embed leaves out of the program: put the folder itself here, or begin the link's name with \"_\"", name))
			continue
		}
		if !entry.IsDir() || name == SnapshotFolder || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
			continue
		}
		r, work, err := loadRevision(s.FS, name)
		if err != nil {
			errs = append(errs, fmt.Errorf("migrate: read revision: %w", err))
			continue
		}
		revisions = append(revisions, r)
		found[r.ID] = work
	}
	errs = append(errs, s.attachCode(revisions, found))
	return revisions, found, errors.Join(errs...)
}

// isRevisionLink reports whether a symbolic link leads to a folder, whose name does not exclude it
// from the revisions.
func isRevisionLink(files fs.FS, name string) bool {
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return false
	}
	info, err := fs.Stat(files, name)
	return err == nil && info.IsDir()
}

// attachCode adds the Go functions of Code to found. It returns an error for code without a
// revision, and for revisions with both SQL and code, or neither.
func (s Source) attachCode(revisions []*Revision, found contents) error {
	var errs []error
	for i := range s.Code {
		code := &s.Code[i]
		at := slices.IndexFunc(revisions, func(r *Revision) bool { return r.ID == code.Revision })
		switch {
		case at < 0:
			errs = append(errs, fmt.Errorf("migrate: code for revision %q: no folder has a %s with that id", code.Revision, RevisionFile))
		case code.Upgrade == nil && code.Backfill == nil:
			errs = append(errs, fmt.Errorf("migrate: code for revision %s: both Upgrade and Backfill are nil", code.Revision))
		case code.Upgrade != nil && code.Backfill != nil:
			errs = append(errs, fmt.Errorf("migrate: code for revision %s has both Upgrade and Backfill: make them two revisions", code.Revision))
		case len(found[code.Revision].scripts) > 0:
			errs = append(errs, fmt.Errorf("migrate: revision %s in %s has both SQL and Go code: keep one", code.Revision, revisions[at].Folder))
		case found[code.Revision].code != nil:
			errs = append(errs, fmt.Errorf("migrate: revision %s has code twice", code.Revision))
		default:
			found[code.Revision] = content{code: code}
		}
	}
	for _, r := range revisions {
		if c := found[r.ID]; c.code == nil && len(c.scripts) == 0 {
			errs = append(errs, fmt.Errorf("migrate: folder %s: revision %s has neither SQL nor Go code: add %s, or a migrate.Code to the source",
				r.Folder, r.ID, sqlFileNames()))
		}
	}
	return errors.Join(errs...)
}

// loadRevision reads the folder of a revision.
func loadRevision(files fs.FS, folder string) (*Revision, content, error) {
	text, err := fs.ReadFile(files, path.Join(folder, RevisionFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, content{}, fmt.Errorf("folder %s is no revision: it has no %s; remove it, or begin its name with \"_\"", folder, RevisionFile)
	}
	if err != nil {
		return nil, content{}, err
	}
	r, err := graph.ParseRevision(string(text))
	if err != nil {
		return nil, content{}, fmt.Errorf("%s: %w", path.Join(folder, RevisionFile), err)
	}
	r.Folder = folder
	entries, err := fs.ReadDir(files, folder)
	if err != nil {
		return nil, content{}, err
	}
	var errs []error
	texts := map[string]string{}
	for _, entry := range entries {
		name := path.Join(folder, entry.Name())
		base, isSQL := strings.CutSuffix(entry.Name(), ".sql")
		if !isSQL || entry.IsDir() {
			continue
		}
		if base != allEngines && !slices.Contains(Engines(), dbmodule.Engine(base)) {
			errs = append(errs, fmt.Errorf("%s: no engine has this name: want %s", name, sqlFileNames()))
			continue
		}
		sql, err := fs.ReadFile(files, name)
		texts[base] = string(sql)
		errs = append(errs, err)
	}
	work, err := parseScripts(folder, texts)
	return r, work, errors.Join(append(errs, err)...)
}

// parseScripts reads for each engine its own file, or else all.sql. An error in all.sql that only
// some engines have goes to unread, because the program may not run on these.
func parseScripts(folder string, texts map[string]string) (content, error) {
	c := content{scripts: map[dbmodule.Engine]Script{}, unread: map[dbmodule.Engine]error{}}
	var errs []error
	shared := 0
	for _, engine := range Engines() {
		if text, ok := texts[string(engine)]; ok {
			script, err := ParseScript(engine, text)
			script.File = path.Join(folder, string(engine)+".sql")
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", script.File, err))
			}
			c.scripts[engine] = script
			continue
		}
		text, ok := texts[allEngines]
		if !ok {
			continue
		}
		shared++
		script, err := ParseScript(engine, text)
		script.File = path.Join(folder, allEngines+".sql")
		if err != nil {
			c.unread[engine] = fmt.Errorf("%s, read as %s's: %w", script.File, engine, err)
		}
		c.scripts[engine] = script
	}
	if shared > 0 && len(c.unread) == shared {
		errs = append(errs, joinUnread(c.unread))
	}
	return c, errors.Join(errs...)
}

// joinUnread joins the errors of all engines, without those that repeat another one's text.
func joinUnread(unread map[dbmodule.Engine]error) error {
	var causes []string
	var errs []error
	for _, engine := range Engines() {
		if unread[engine] == nil {
			continue
		}
		cause := errors.Unwrap(unread[engine]).Error()
		if !slices.Contains(causes, cause) {
			causes, errs = append(causes, cause), append(errs, unread[engine])
		}
	}
	return errors.Join(errs...)
}

// Engines returns the engines for which a revision can have SQL.
func Engines() []dbmodule.Engine {
	return []dbmodule.Engine{dbmodule.SQLite, dbmodule.PostgreSQL, dbmodule.MySQL}
}

func sqlFileNames() string {
	var names []string
	for _, engine := range Engines() {
		names = append(names, string(engine)+".sql")
	}
	return strings.Join(names, ", ") + " or " + allEngines + ".sql"
}
