package program

import (
	"cmp"
	"fmt"
	"runtime/debug"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"github.com/openhands-go/server/dbmodule/migrate"
)

// Release returns the version of this build, without a leading v: the version of the main module if it
// is a tagged release, and Version otherwise.
func (p Program) Release() string {
	build, _ := debug.ReadBuildInfo()
	return p.release(build)
}

func (p Program) release(build *debug.BuildInfo) string {
	if build != nil {
		if v := build.Main.Version; semver.IsValid(v) && !module.IsPseudoVersion(v) {
			return strings.TrimPrefix(semver.Canonical(v)+semver.Build(v), "v")
		}
	}
	return cmp.Or(p.Version, "0.0.0-dev")
}

// build returns the name of this build for a database's migration history.
func (p Program) build() migrate.Build {
	info, _ := debug.ReadBuildInfo()
	return migrate.Build(p.describe(info))
}

// describe returns name, version, source revision and Go version of a build.
func (p Program) describe(build *debug.BuildInfo) string {
	text := p.Name + " " + p.release(build)
	if build == nil {
		return text
	}
	var revision, modified string
	for _, s := range build.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = ", modified"
		}
	}
	if revision != "" {
		text += fmt.Sprintf(" (revision %.12s%s)", revision, modified)
	}
	return text + " " + build.GoVersion
}
