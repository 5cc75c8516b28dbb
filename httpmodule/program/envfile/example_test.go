package envfile_test

import (
	"fmt"

	"github.com/openhands-go/server/httpmodule/program/envfile"
)

func ExampleParse() {
	variables, err := envfile.Parse("# settings of the shop\nPORT=8080\nexport GREETING=\"good \\\"morning\\\"\"\nPASSWORD='a#b$c'\n")
	for _, v := range variables {
		fmt.Printf("line %d: %s is %s\n", v.Line, v.Name, v.Value)
	}
	fmt.Println(err)

	_, err = envfile.Parse("PORT=8080 # the shop's\n")
	fmt.Println(err)
	// Output:
	// line 2: PORT is 8080
	// line 3: GREETING is good "morning"
	// line 4: PASSWORD is a#b$c
	// <nil>
	// line 1: use quotes for a value with # in it; a comment has a line of its own
}
