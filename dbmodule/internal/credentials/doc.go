// Package credentials gets the password of a connection from where it is kept
// outside DATABASE_URL: a file, or what a program prints.
package credentials
