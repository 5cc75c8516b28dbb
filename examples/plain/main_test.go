package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/zap/zaptest"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/httpmodule"
)

func TestNotes(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		web := httpmodule.DefaultConfig()
		web.Port = 0
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		addresses, ended := make(chan string, 1), make(chan error, 1)
		go func() {
			ended <- run(ctx, cfg, web, zaptest.NewLogger(t), func(address string) { addresses <- address })
		}()
		select {
		case address := <-addresses:
			post(t, "http://"+address+"/notes", `{"text": "buy milk"}`)
			if got, want := get(t, "http://"+address+"/notes"), `[{"id":1,"text":"buy milk"}]`; got != want {
				t.Errorf("notes: %s, want %s", got, want)
			}
		case err := <-ended:
			t.Fatal(err)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func post(t *testing.T, url, body string) {
	t.Helper()
	res, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("post: %s", res.Status)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}
