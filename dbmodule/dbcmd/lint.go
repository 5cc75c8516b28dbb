package dbcmd

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/migrate"
)

// lint checks the SQL of every revision, compares the models with the snapshots, and runs the
// revisions on SQLite in memory.
func (t *tree) lint(cmd *cobra.Command) error {
	sources, err := t.sources(cmd)
	if err != nil {
		return err
	}
	m, err := migrate.New(sources)
	if err != nil {
		return err
	}
	revisions := m.Graph().Revisions()
	var findings []finding
	for _, r := range revisions {
		found, err := t.lintScripts(cmd, m, r)
		if err != nil {
			return err
		}
		findings = append(findings, found...)
	}
	found, err := t.checkModels(cmd)
	if err != nil {
		return err
	}
	findings = append(findings, found...)
	tried := ""
	if slices.Contains(t.config.Engines, dbmodule.SQLite) {
		ctx, stop := interruptible(cmd.Context())
		defer stop()
		found, err := t.replay(ctx, cmd, m)
		if err != nil {
			return err
		}
		findings = append(findings, found...)
		tried = ", up, down and up again on SQLite"
	}
	return conclude(cmd, findings, fmt.Sprintf("%s in order%s.", plural(len(revisions), "revision"), tried))
}

// lintScripts returns the findings about a revision's SQL files.
func (t *tree) lintScripts(cmd *cobra.Command, m *migrate.Migrator, r *migrate.Revision) ([]finding, error) {
	if m.IsCode(r) {
		return nil, nil
	}
	var findings []finding
	seen := map[string]bool{}
	for _, engine := range t.config.Engines {
		script, err := m.Script(r, engine)
		if err != nil {
			text := fmt.Sprintf("there is no SQL for %s: add %s", engine, path.Join(r.Folder, string(engine)+".sql"))
			if !errors.Is(err, migrate.ErrNoScript) { // there is a SQL file, but it is invalid
				text = fmt.Sprintf("%s: mend it, or add %s", strings.TrimPrefix(err.Error(), "migrate: read revision: "), path.Join(r.Folder, string(engine)+".sql"))
			}
			findings = append(findings, finding{where: r.Folder, text: text})
			continue
		}
		risky, err := t.lintTraffic(cmd, engine, script)
		if err != nil {
			return nil, err
		}
		for _, f := range risky { // all.sql has the same findings on several engines
			if !slices.Contains(findings, f) {
				findings = append(findings, f)
			}
		}
		if seen[script.File] {
			continue
		}
		seen[script.File] = true
		if script.Irreversible {
			findings = append(findings, finding{
				where: script.File,
				text:  `it can't be taken back: add a section "-- migrate:downgrade", empty if there is nothing to do`,
			})
		}
		for _, s := range destructive(engine, script.Upgrade) {
			findings = append(findings, finding{
				where: fmt.Sprintf("%s:%d", script.File, s.Line),
				text:  "it deletes data: " + firstLine(s.Text),
				note:  true,
			})
		}
	}
	return findings, nil
}
