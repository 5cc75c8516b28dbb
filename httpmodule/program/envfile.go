package program

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/openhands-go/server/httpmodule/program/envfile"
)

// envFileVariable names the file with more variables.
const envFileVariable = "ENV_FILE"

// loadEnvFile adds the variables of the file that ENV_FILE names to the process's environment. So
// OpenTelemetry and the commands that print passwords get them too. Variables that are set already are
// not changed. If the file has an error, it adds none.
func loadEnvFile() error {
	path := os.Getenv(envFileVariable)
	if path == "" {
		return nil
	}
	variables, err := envfile.Read(besideBinary(path))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("program: %s=%s: there is no such file", envFileVariable, path)
	}
	if err != nil {
		return fmt.Errorf("program: %s: %s", envFileVariable, strings.TrimPrefix(err.Error(), "envfile: "))
	}
	for _, v := range variables {
		if v.Name == envFileVariable {
			return fmt.Errorf("program: %s: line %d: the file can't set ENV_FILE", envFileVariable, v.Line)
		}
	}
	for _, v := range variables {
		if _, set := os.LookupEnv(v.Name); set {
			continue
		}
		if err := os.Setenv(v.Name, v.Value); err != nil {
			return fmt.Errorf("program: %s: line %d: %w", envFileVariable, v.Line, err)
		}
	}
	return nil
}

// besideBinary returns the path of a file. If a relative path does not exist in the working directory,
// it tries the folder of the program's binary.
func besideBinary(path string) string {
	if _, err := os.Stat(path); err == nil || filepath.IsAbs(path) {
		return path
	}
	binary, err := os.Executable()
	if err != nil {
		return path
	}
	if resolved, err := filepath.EvalSymlinks(binary); err == nil {
		binary = resolved
	}
	if beside := filepath.Join(filepath.Dir(binary), path); exists(beside) {
		return beside
	}
	return path
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
