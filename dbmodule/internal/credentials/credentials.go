package credentials

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
)

// Source returns the password for a connection that is about to be made. Several
// goroutines may call it at once. Its errors don't quote the password.
type Source func(ctx context.Context) (string, error)

// Timeout bounds each call of a [Source] by [Ask], whose connection may have no
// limit.
const Timeout = 10 * time.Second

// longest is in bytes and more than any server takes for a password.
const longest = 64 << 10

// Ask calls the source, and gives it [Timeout] at most.
func Ask(ctx context.Context, source Source) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, Timeout, fmt.Errorf("it took longer than %s", Timeout))
	defer cancel()
	return source(ctx)
}

// File returns the source that reads a file, anew each time. Errors begin with
// the setting's name, and name the file.
func File(setting, path string) Source {
	return func(context.Context) (string, error) {
		password, err := readFile(path)
		if err != nil {
			return "", fmt.Errorf("%s %s: %w", setting, path, err)
		}
		return password, nil
	}
}

func readFile(path string) (string, error) {
	// What is no file, such as a pipe, could keep its reader waiting.
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	var password string
	if err == nil {
		password, err = readPassword(path)
	}
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		err = path.Err // it repeats the path
	}
	return password, err
}

func readPassword(path string) (password string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // it was only read
	content, err := io.ReadAll(io.LimitReader(f, longest+1))
	if err != nil {
		return "", err
	}
	return onePassword(content)
}

// onePassword takes the newline away that editors and commands end a line
// with, and nothing else: spaces may belong to a password.
func onePassword(content []byte) (string, error) {
	if len(content) > longest {
		return "", errors.New("it has more than a password")
	}
	password := strings.TrimRight(string(content), "\r\n")
	if password == "" {
		return "", errors.New("it is empty")
	}
	if strings.ContainsAny(password, "\r\n\x00") {
		return "", errors.New("it has more than one line: it must have only the password")
	}
	return password, nil
}
