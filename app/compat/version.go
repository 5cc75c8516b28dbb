package compat

import (
	"fmt"
	"runtime/debug"
	"strings"
)

// AgentServerVersion is the agent server version whose routes and answers this server implements. It is
// the default of AGENT_SERVER_VERSION, which /server_info names.
//
// Clients check it before they use a server: current web and mobile clients need at least 1.28.0, the npm
// client needs 1.31.0 for some calls, and the types of its newest release come from 1.44.0. Therefore
// /server_info names this version, and not the server's own release.
const AgentServerVersion = "1.44.0"

// Info returns the members that an agent server of that version has in /server_info. release is this
// server's own version.
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
		"python_version":    "unknown", // this server has no Python
		"usable_tools":      []string{},
		// A repeated create returns the existing conversation.
		"capabilities":         []string{"idempotent_conversation_create_v1"},
		"conversation_runtime": "local",
		"redoc":                "/docs",
	}
}

// CheckVersion returns an error unless a version is one that clients can compare, x.y.z.
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
