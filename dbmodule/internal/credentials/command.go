package credentials

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"strings"
	"time"
)

// Command returns the source that runs a program, anew each time, and takes what
// it prints. The command is split at spaces and runs without a shell. Errors
// begin with the setting's name. They repeat neither the command's words nor its
// output, either of which may be secret.
func Command(setting, command string) Source {
	return func(ctx context.Context) (string, error) {
		password, err := run(ctx, command)
		if err != nil {
			return "", fmt.Errorf("%s: %w", setting, err)
		}
		return password, nil
	}
}

func run(ctx context.Context, command string) (string, error) {
	words := strings.Fields(command)
	if len(words) == 0 {
		return "", errors.New("names no program")
	}
	var out capped
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Stdout = &out
	endGroup(cmd)
	// A process that the program left behind may keep its output open.
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	if err != nil {
		return "", explain(ctx, err)
	}
	return onePassword(out.bytes)
}

// explain says why a program gave no password.
func explain(ctx context.Context, err error) error {
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("it was ended: %w", context.Cause(ctx))
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return errors.New("there is no such program")
	case errors.Is(err, fs.ErrPermission):
		return errors.New("the program may not be run by this account")
	case errors.As(err, &exit):
		return fmt.Errorf("it failed with %s, and what it printed is not shown", exit.ProcessState)
	case errors.Is(err, exec.ErrWaitDelay):
		return errors.New("it ended and left a process behind that keeps its output open")
	}
	return errors.New("it could not be run")
}

// capped keeps the beginning of an output, and one byte more than may be.
type capped struct{ bytes []byte }

// Write keeps what there is room for.
func (c *capped) Write(p []byte) (int, error) {
	room := longest + 1 - len(c.bytes)
	c.bytes = append(c.bytes, p[:min(room, len(p))]...)
	return len(p), nil
}
