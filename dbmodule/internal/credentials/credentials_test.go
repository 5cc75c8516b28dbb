package credentials_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/internal/credentials"
)

// secret stands where a password stands; no error may show it.
const secret = "hunter2MARK"

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(content), 0o700))
	return path
}

// One newline at the end belongs to the file or the program, spaces to the
// password.
func TestPasswordIsReadEachTime(t *testing.T) {
	t.Parallel()
	path := write(t, "password", "first\n")
	for name, source := range map[string]credentials.Source{
		"file": credentials.File("FILE", path), "command": credentials.Command("COMMAND", "cat  "+path),
	} {
		for content, want := range map[string]string{"first\n": "first", " second ": " second ", "third\r\n": "third", "p:w@/%#é": "p:w@/%#é"} {
			require.NoError(t, os.WriteFile(path, []byte(content), 0o700))
			password, err := credentials.Ask(t.Context(), source)
			require.NoError(t, err, name)
			assert.Equal(t, want, password, name)
		}
	}
}

func TestErrorsSayWhatIsWrongAndNoSecret(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	none := filepath.Join(folder, "none")
	for name, test := range map[string]struct {
		source credentials.Source
		want   string
	}{
		"no file":        {credentials.File("THE_FILE", none), "THE_FILE " + none + ": no such file"},
		"a folder":       {credentials.File("THE_FILE", folder), "it is not a regular file"},
		"empty":          {credentials.File("THE_FILE", write(t, "a", "\n")), "it is empty"},
		"lines":          {credentials.File("THE_FILE", write(t, "a", secret+"\n"+secret+"\n")), "more than one line"},
		"NUL":            {credentials.File("THE_FILE", write(t, "a", secret+"\x00")), "more than one line"},
		"long":           {credentials.File("THE_FILE", write(t, "a", strings.Repeat(secret, 10_000))), "more than a password"},
		"names nothing":  {credentials.Command("THE_COMMAND", "  "), "THE_COMMAND: names no program"},
		"no program":     {credentials.Command("THE_COMMAND", "no-such-program-"+secret), "THE_COMMAND: there is no such program"},
		"no executable":  {credentials.Command("THE_COMMAND", folder), "may not be run"},
		"fails":          {credentials.Command("THE_COMMAND", write(t, "a", "#!/bin/sh\necho "+secret+"\necho "+secret+" >&2\nexit 3\n")+" "+secret), "exit status 3"},
		"prints nothing": {credentials.Command("THE_COMMAND", "true"), "it is empty"},
		"prints much":    {credentials.Command("THE_COMMAND", "cat "+write(t, "a", strings.Repeat(secret, 10_000))), "more than a password"},
	} {
		password, err := credentials.Ask(t.Context(), test.source)
		require.ErrorContains(t, err, test.want, name)
		assert.Empty(t, password, name)
		for e := err; e != nil; e = errors.Unwrap(e) {
			assert.NotContains(t, fmt.Sprintf("%v %+v %#v", e, e, e), secret, name)
		}
	}
}

// A source that hangs is left when its time is over.
func TestAskHasATimeLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, err := credentials.Ask(t.Context(), func(ctx context.Context) (string, error) {
			<-ctx.Done()
			return "", context.Cause(ctx)
		})
		require.ErrorContains(t, err, "longer than 10s")
	})
}

// A program is ended with its caller.
func TestCommandEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	ctx, leave := context.WithCancelCause(t.Context())
	started := filepath.Join(t.TempDir(), "started")
	script := write(t, "hang", "#!/bin/sh\ntouch "+started+"\nexec sleep 300\n")
	done := make(chan error, 1)
	go func() {
		_, err := credentials.Command("THE_COMMAND", script)(ctx)
		done <- err
	}()
	for _, err := os.Stat(started); err != nil; _, err = os.Stat(started) {
		if t.Context().Err() != nil {
			t.Fatal("it never started")
		}
	}
	leave(errors.New("the caller left"))
	require.ErrorContains(t, <-done, "it was ended: the caller left")
}
