package feed_test

import (
	"context"
	"fmt"
	"time"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/feed"
)

// A subscriber reads what is stored each time that it gets a hint.
func ExampleNew() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cfg := dbmodule.DefaultConfig()
	if err := cfg.URL.UnmarshalText([]byte("sqlite:///:memory:")); err != nil {
		panic(err)
	}
	db, err := dbmodule.Open(cfg, nil)
	if err != nil {
		panic(err)
	}
	defer db.Close()
	if _, err := db.DB().ExecContext(ctx, "CREATE TABLE orders (id text PRIMARY KEY, state text)"); err != nil {
		panic(err)
	}

	f, err := feed.New(feed.DefaultConfig(), nil, db)
	if err != nil {
		panic(err)
	}
	if err := f.Start(ctx); err != nil {
		panic(err)
	}
	defer f.Close()

	sub := f.Subscribe("order", "7")
	defer sub.Close()
	err = db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
		if _, err := s.ExecContext(ctx, "INSERT INTO orders VALUES ('7', 'paid')"); err != nil {
			return err
		}
		return f.Publish(ctx, s, "order", "7")
	})
	if err != nil {
		panic(err)
	}

	<-sub.Hints() // something changed: read what is stored
	var state string
	s := f.Sessions().New()
	if err := s.NewSelect().Table("orders").Column("state").Where("id = ?", "7").Scan(ctx, &state); err != nil {
		panic(err)
	}
	fmt.Println(state, s.Close())
	// Output: paid <nil>
}
