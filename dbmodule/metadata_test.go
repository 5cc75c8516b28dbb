package dbmodule_test

import (
	"slices"
	"testing"

	"go.uber.org/fx"
	"go.uber.org/fx/fxtest"

	"github.com/openhands-go/server/dbmodule"
)

type shelf struct{}

type reader struct{}

func TestModelsJoinOneGroup(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name    string
		options []fx.Option
		want    []any
	}{
		{"nothing", nil, nil},
		{"none", []fx.Option{dbmodule.Models()}, nil},
		{"one", []fx.Option{dbmodule.Models((*shelf)(nil))}, []any{(*shelf)(nil)}},
		{"two at once", []fx.Option{dbmodule.Models((*shelf)(nil), (*reader)(nil))}, []any{(*shelf)(nil), (*reader)(nil)}},
		{
			"two packages",
			[]fx.Option{fx.Module("a", dbmodule.Models((*shelf)(nil))), fx.Module("b", dbmodule.Models((*reader)(nil)))},
			[]any{(*shelf)(nil), (*reader)(nil)},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			type params struct {
				fx.In
				Models []any `group:"dbmodule.models"`
			}
			var got params
			app := fxtest.New(t, fx.Options(tt.options...), fx.Populate(&got))
			app.RequireStart().RequireStop()
			if len(got.Models) != len(tt.want) {
				t.Fatalf("models = %T, want %T", got.Models, tt.want)
			}
			for _, want := range tt.want {
				if !slices.Contains(got.Models, want) {
					t.Errorf("%T is not among the models", want)
				}
			}
		})
	}
}
