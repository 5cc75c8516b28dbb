package shop

import (
	"context"
	"errors"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule/feed"
	"github.com/openhands-go/server/httpmodule"
	"github.com/openhands-go/server/httpmodule/httpstream"
)

// What units of work publish: that an order was placed, and that a book's copies have changed.
const (
	orderTopic = "order" // its only key is empty
	stockTopic = "stock" // its keys are the ids of books
)

// OrderTopic tells the feed how to see that another process has placed an order, where the
// database does not tell by itself.
func OrderTopic() feed.Topic {
	return feed.Topic{Name: orderTopic, Versions: func(ctx context.Context, db bun.IDB, _ []string) (map[string]int64, error) {
		var last int64
		err := db.NewSelect().Model((*Order)(nil)).ColumnExpr("coalesce(max(id), 0)").Scan(ctx, &last)
		return map[string]int64{"": last}, err
	}}
}

// StockTopic is the same for a book's copies.
func StockTopic() feed.Topic {
	return feed.Topic{Name: stockTopic, Versions: func(ctx context.Context, db bun.IDB, ids []string) (map[string]int64, error) {
		var books []Book
		err := db.NewSelect().Model(&books).Column("id", "copies").Where("id IN (?)", bun.List(ids)).Scan(ctx)
		left := make(map[string]int64, len(books))
		for _, book := range books {
			left[strconv.FormatInt(book.ID, 10)] = int64(book.Copies)
		}
		return left, err
	}}
}

// StockRoutes show how many copies of a book are left, by server-sent events: at first, and
// whenever one is sold, by whichever process.
func StockRoutes(f *feed.Feed, streams *httpstream.Streams) httpmodule.Routes {
	return func(e *echo.Echo, api huma.API) {
		streams.Route(api, e.GET("/books/:id/stock", func(c echo.Context) error {
			id, err := strconv.ParseInt(c.Param("id"), 10, 64)
			if err != nil {
				return echo.ErrNotFound
			}
			if _, err := copies(c.Request().Context(), f, id); err != nil {
				return err // a book that is not there is 404, by httpmodule's table of errors
			}
			return streams.Events(func(ctx context.Context, w *httpstream.EventWriter) error {
				return showStock(ctx, w, f, id)
			})(c)
		}))
	}
}

// showStock subscribes first and reads then: what is sold after it has read is hinted at.
func showStock(ctx context.Context, w *httpstream.EventWriter, f *feed.Feed, id int64) error {
	sub := f.Subscribe(stockTopic, strconv.FormatInt(id, 10))
	defer sub.Close()
	for shown := -1; ; {
		left, err := copies(ctx, f, id)
		if err != nil {
			return err
		}
		if left != shown { // a hint may be about nothing
			if err := w.Send("", "", []byte(strconv.Itoa(left))); err != nil {
				return err
			}
			shown = left
		}
		select {
		case <-sub.Hints():
		case <-ctx.Done():
			return nil
		}
	}
}

// copies reads with a session of the feed's, which sees what a hint tells of, and keeps it no longer.
func copies(ctx context.Context, f *feed.Feed, id int64) (int, error) {
	s := f.Sessions().New()
	book := &Book{ID: id}
	err := s.NewSelect().Model(book).Column("copies").WherePK().Scan(ctx)
	return book.Copies, errors.Join(err, s.Close())
}
