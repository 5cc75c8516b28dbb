package dburl

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
)

// WithService reads the section of libpq's service file that the option service
// names, and returns u with the settings of that section. The service file is the
// one in the option servicefile, or else ~/.pg_service.conf. A setting in the URL
// takes precedence over the file. If u has no option service, WithService returns
// u. Errors name the file and the section, but no value.
func (u URL) WithService() (URL, error) {
	o := u.PostgreSQL()
	if o.Service == "" {
		return u, nil
	}
	path := o.ServiceFile
	if path == "" {
		account, err := user.LookupId(strconv.Itoa(os.Getuid()))
		if err != nil {
			return URL{}, errors.New("dbmodule: read service of database URL: this process's account has no home folder: name the file by servicefile=/path")
		}
		path = filepath.Join(account.HomeDir, ".pg_service.conf")
	}
	fail := func(err error) (URL, error) {
		hint := ""
		if o.ServiceFile == "" { // psycopg's users name the file by a variable, which libraries here do not read
			hint = " (another file is named by the option servicefile=/path; PGSERVICEFILE is not read)"
		}
		return URL{}, fmt.Errorf("dbmodule: read service %q of database URL from %s: %w%s", o.Service, path, err, hint)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		if wrong := (*os.PathError)(nil); errors.As(err, &wrong) {
			err = wrong.Err // it repeats the path
		}
		return fail(err)
	}
	options, err := serviceOptions(string(text), o.Service)
	if err != nil {
		return fail(err)
	}
	raw := u.parts.raw.Reveal()
	given := map[string]bool{
		"user": u.User() != "", "password": !u.Password().IsZero(), "dbname": u.Database() != "",
		"host": u.parts.hosts[0].Name != "", "port": u.parts.hosts[0].Port != 0,
	}
	for _, name := range u.parts.options {
		given[name] = true
	}
	for _, option := range options {
		if !given[option.name] {
			raw += "&" + escape(option.name, "") + "=" + escape(option.value, "")
		}
	}
	parts, err := parseURL(raw)
	if err != nil {
		return fail(err)
	}
	parts.postgres.Service, parts.postgres.ServiceFile = "", ""
	return URL{parts: parts}, nil
}

// serviceOptions returns the settings of a section.
func serviceOptions(text, section string) ([]urlOption, error) {
	var options []urlOption
	inside, found := false, false
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			if found {
				return options, nil
			}
			inside = line == "["+section+"]"
			found = inside
		case inside:
			name, value, ok := strings.Cut(line, "=")
			if !ok {
				return nil, fmt.Errorf("line %d is not of the form name=value", number)
			}
			if name = strings.TrimSpace(name); name == "service" || name == "servicefile" {
				return nil, fmt.Errorf("line %d names another service: put its settings here", number)
			}
			options = append(options, urlOption{name: name, value: strings.TrimSpace(value)})
		}
	}
	if !found {
		return nil, errors.New("the file has no such section")
	}
	return options, nil
}
