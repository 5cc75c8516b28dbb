package credentials

import (
	"errors"
	"os"
	"os/user"
	"strconv"

	"github.com/openhands-go/server/dbmodule/dburl"
)

// Account returns the user to log in as. Without one in the URL it is the user
// that this process runs as, which is what the Python drivers fall back to.
// They look at $USER first; this function does not look at the environment.
func Account(u dburl.URL) (string, error) {
	if u.User() != "" {
		return u.User(), nil
	}
	account, err := user.LookupId(strconv.Itoa(os.Getuid()))
	if err != nil {
		return "", errors.New("the URL names no user and this process's account has no name: write user@ before the host")
	}
	return account.Username, nil
}
