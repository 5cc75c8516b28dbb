// Package credentials says what a connection logs in with that is not in DATABASE_URL:
// the account, and the password from where it is kept, a file or what a program prints.
package credentials
