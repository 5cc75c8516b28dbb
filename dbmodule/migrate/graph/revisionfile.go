package graph

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// The fields of revision.txt, as Alembic names them.
const (
	fieldID           = "Revision ID"
	fieldRevises      = "Revises"
	fieldBranchLabels = "Branch Labels"
	fieldDependsOn    = "Depends On"
	fieldCreateDate   = "Create Date"
	fieldReplaces     = "Replaces" // not one of Alembic's; omitted if it is empty
)

// ParseRevision reads the text of a revision.txt: a message, an empty line, and
// fields. The error joins the problems of the text.
func ParseRevision(text string) (*Revision, error) {
	head, rest, _ := strings.Cut(strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n"), "\n\n")
	r := &Revision{Message: strings.Join(strings.Fields(head), " ")}
	seen := map[string]bool{}
	var errs []error
	for _, line := range strings.Split(rest, "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		switch {
		case !ok:
			errs = append(errs, fmt.Errorf("line %q: want a field, for example %q", line, fieldRevises+": 1f0c2d9a4b7e"))
			continue
		case seen[name]:
			errs = append(errs, fmt.Errorf("field %q stands there twice", name))
			continue
		}
		seen[name] = true
		errs = append(errs, r.setField(name, strings.TrimSpace(value)))
	}
	if strings.HasPrefix(head, fieldID+":") && !seen[fieldID] { // else it is a message that begins so
		return nil, fmt.Errorf("it begins with its fields: begin with a message and an empty line")
	}
	for _, name := range []string{fieldID, fieldRevises} {
		if !seen[name] {
			errs = append(errs, fmt.Errorf("the field %q is missing", name))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *Revision) setField(name, value string) (err error) {
	switch name {
	case fieldID:
		r.ID = value
		if err = checkID(value); err != nil {
			err = fmt.Errorf("%s %w", name, err)
		}
	case fieldRevises:
		r.DownRevisions = splitList(value)
	case fieldBranchLabels:
		r.BranchLabels = splitList(value)
	case fieldDependsOn:
		r.DependsOn = splitList(value)
	case fieldReplaces:
		r.Replaces = splitList(value)
		for _, sum := range r.Replaces {
			if !checksumPattern.MatchString(sum) {
				return fmt.Errorf("%s %q: want the 64 hexadecimal digits of a checksum", name, sum)
			}
		}
	case fieldCreateDate:
		if value == "" {
			return nil
		}
		if r.CreateDate, err = time.Parse(time.RFC3339, value); err != nil {
			return fmt.Errorf("%s %q: want a time such as 2026-11-24T20:30:00Z", name, value)
		}
		r.CreateDate = r.CreateDate.UTC()
	default:
		return fmt.Errorf("no field is called %q: there are %s", name, strings.Join([]string{
			fieldID, fieldRevises, fieldBranchLabels, fieldDependsOn, fieldCreateDate, fieldReplaces,
		}, ", "))
	}
	return err
}

// splitList splits a list of names at its commas.
func splitList(text string) []string {
	var names []string
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// Text returns the text of the revision's revision.txt.
func (r *Revision) Text() string {
	date := ""
	if !r.CreateDate.IsZero() {
		date = r.CreateDate.UTC().Format(time.RFC3339)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", strings.Join(strings.Fields(r.Message), " "))
	for _, field := range []struct{ name, value string }{
		{fieldID, r.ID},
		{fieldRevises, strings.Join(r.DownRevisions, ", ")},
		{fieldBranchLabels, strings.Join(r.BranchLabels, ", ")},
		{fieldDependsOn, strings.Join(r.DependsOn, ", ")},
		{fieldCreateDate, date},
	} {
		b.WriteString(strings.TrimSpace(field.name+": "+field.value) + "\n")
	}
	if len(r.Replaces) > 0 {
		b.WriteString(fieldReplaces + ": " + strings.Join(r.Replaces, ", ") + "\n")
	}
	return b.String()
}
