package dbtest_test

import (
	"testing"

	"github.com/openhands-go/server/dbmodule/dbtest"
)

// BenchmarkFresh is what a test pays for an empty database; dropping it is not in the figure.
func BenchmarkFresh(b *testing.B) {
	for _, engine := range dbtest.Engines() {
		b.Run(string(engine), func(b *testing.B) {
			dbtest.URL(b, engine) // starts the shared server
			for b.Loop() {
				dbtest.URL(b, engine)
			}
		})
	}
}
