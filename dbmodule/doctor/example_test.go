package doctor_test

import (
	"context"
	"fmt"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/doctor"
)

func ExampleExamine() {
	cfg := dbmodule.DefaultConfig()
	cfg.URL, _ = dbmodule.ParseURL("sqlite://")
	cfg.StatementTimeout = 0
	report := doctor.Examine(context.Background(), cfg, doctor.Options{})
	for _, f := range report.Findings {
		if f.Level == doctor.Warning {
			fmt.Printf("%s: %s\n", f.Check, f.Do)
		}
	}
	fmt.Println(report.Healthy())
	// Output:
	// DATABASE_STATEMENT_TIMEOUT: set DATABASE_STATEMENT_TIMEOUT, for example to 20s
	// file: name a file in DATABASE_URL, if it is to stay
	// true
}
