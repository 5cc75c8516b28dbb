package shop

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/feed"
	"github.com/openhands-go/server/httpmodule"
)

// Orders sells books by a typed route, which /docs describes.
type Orders struct {
	sessions *dbmodule.SessionFactory
	feed     *feed.Feed
}

// NewOrders makes the orders' handlers.
func NewOrders(sessions *dbmodule.SessionFactory, f *feed.Feed) *Orders {
	return &Orders{sessions: sessions, feed: f}
}

// OrderRoutes are the orders' routes.
func OrderRoutes(o *Orders) httpmodule.Routes {
	return func(_ *echo.Echo, api huma.API) {
		huma.Register(api, huma.Operation{
			OperationID: "place-order", Method: http.MethodPost, Path: "/orders",
			Summary: "Buy a copy of a book", DefaultStatus: http.StatusCreated,
		}, o.place)
	}
}

type placeInput struct {
	Key  string `header:"Idempotency-Key" required:"true" minLength:"1" doc:"made up by the client: however often it sends an order, one is placed"`
	Body struct {
		BookID int64  `json:"book_id"`
		Email  string `json:"email" format:"email"`
	}
}

type placeOutput struct{ Status int }

// place has a unit of work of its own, not the request's session: InTx runs it
// again after a conflict, and the key makes it happen once even if the client
// or the database repeats itself.
func (o *Orders) place(ctx context.Context, in *placeInput) (*placeOutput, error) {
	err := o.sessions.InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
		result, err := s.NewUpdate().Model((*Book)(nil)).Set("copies = copies - 1").Where("id = ?", in.Body.BookID).Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, dbmodule.ErrNotFound)
		}
		book := &Book{ID: in.Body.BookID}
		if err := s.NewSelect().Model(book).WherePK().Scan(ctx); err != nil {
			return err
		}
		order := &Order{BookID: book.ID, Email: in.Body.Email, Cents: book.Cents, Placed: time.Now().UTC()}
		if _, err := s.NewInsert().Model(order).Exec(ctx); err != nil {
			return err
		}
		// Told once it is committed, and never if it is not: to the reporter, and to who looks at
		// the book's stock, in every process of the shop.
		return errors.Join(
			o.feed.Publish(ctx, s, orderTopic, ""),
			o.feed.Publish(ctx, s, stockTopic, strconv.FormatInt(book.ID, 10)),
		)
	}, dbmodule.IdempotencyKey("order "+in.Key))
	if errors.Is(err, dbmodule.ErrCheck) {
		return nil, huma.Error409Conflict("no copy is left")
	}
	if err != nil {
		return nil, err
	}
	return &placeOutput{Status: http.StatusCreated}, nil
}
