package app

import (
	"fmt"
	"runtime/debug"
	"strings"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"github.com/openhands-go/server/app/compat"
	"github.com/openhands-go/server/httpmodule"
)

const (
	// program is what the program calls itself.
	program = "openhands-server"
	// title names the server in its documentation.
	title = "OpenHands Server"
	// version is that of a build which is no tagged release.
	version = "0.1.0"
)

// info tells the HTTP side who it is.
func info(cfg Config) httpmodule.Info {
	build, _ := debug.ReadBuildInfo()
	return httpmodule.Info{
		Title: title, Version: release(build), Members: compat.Info(cfg.AgentServerVersion, release(build), build),
	}
}

// ownRelease is the version of this program.
func ownRelease() string {
	build, _ := debug.ReadBuildInfo()
	return release(build)
}

// release returns the version of the build, without a leading v.
func release(build *debug.BuildInfo) string {
	if build == nil {
		return version
	}
	if v := build.Main.Version; semver.IsValid(v) && !module.IsPseudoVersion(v) {
		return strings.TrimPrefix(semver.Canonical(v)+semver.Build(v), "v")
	}
	return version
}

// describeBuild says which source a binary was built from, and by which Go.
func describeBuild(build *debug.BuildInfo) string {
	text := program + " " + release(build)
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
