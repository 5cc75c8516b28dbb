package compat

import (
	"fmt"
	"runtime/debug"
	"strings"
)

// AgentServerVersion is the agent server version whose routes and answers this server
// follows, and which it names in /server_info unless a setting says otherwise.
//
// Clients compare it before they talk to a server: today's web and mobile clients want at
// least 1.28.0, the npm client asks for 1.31.0 in places, and types of its newest release
// come from 1.44.0. So it is that one, and not this server's own release.
const AgentServerVersion = "1.44.0"

// Info is what /server_info says besides what every server says: the members of an
// agent server of that version. release is this server's own.
func Info(version, release string, build *debug.BuildInfo) map[string]any {
	revision := "unknown"
	if build != nil {
		for _, s := range build.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	return map[string]any{
		"version":           version,
		"sdk_version":       version,
		"tools_version":     version,
		"workspace_version": version,
		"release":           release,
		"build_git_sha":     revision,
		"build_git_ref":     "unknown",
		"python_version":    "unknown", // there is none
		"usable_tools":      []string{},
		// A create that is sent again finds the conversation that is there.
		"capabilities":         []string{"idempotent_conversation_create_v1"},
		"conversation_runtime": "local",
		"redoc":                "/docs",
	}
}

// CheckVersion says what is wrong with a version that clients have to compare.
func CheckVersion(version string) error {
	parts := strings.Split(version, ".")
	for _, part := range parts {
		if part == "" || strings.Trim(part, "0123456789") != "" || len(part) > 6 {
			parts = nil
		}
	}
	if len(parts) != 3 {
		return fmt.Errorf("takes three numbers with dots between, for example %s", AgentServerVersion)
	}
	return nil
}
