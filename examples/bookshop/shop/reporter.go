package shop

import (
	"context"
	"errors"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/feed"
	"github.com/openhands-go/server/httpmodule"
)

// Reporter is the shop's background job: it copies orders into the database of
// reports, and serves them from there.
type Reporter struct {
	shop, reports *dbmodule.SessionFactory
	feed          *feed.Feed
	log           *zap.Logger
}

// Databases are the shop's two.
type Databases struct {
	fx.In

	Shop    *dbmodule.SessionFactory
	Reports *dbmodule.SessionFactory `name:"reports"`
}

// NewReporter makes the job. Run does the work.
func NewReporter(d Databases, f *feed.Feed, log *zap.Logger) *Reporter {
	return &Reporter{shop: d.Shop, reports: d.Reports, feed: f, log: log}
}

// Run works whenever an order was placed, and once a minute for what a crash left
// over, until ctx ends.
func (r *Reporter) Run(ctx context.Context) {
	placed := r.feed.Subscribe(orderTopic, "")
	defer placed.Close()
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		if err := r.report(ctx); err != nil && ctx.Err() == nil {
			r.log.Error("report orders", zap.Error(err)) // the next round tries again
		}
		select {
		case <-ctx.Done():
			return
		case <-placed.Hints():
		case <-tick.C:
		}
	}
}

// atOnce bounds a unit of work.
const atOnce = 100

// report has sessions of its own, as every job must: there is no request. No
// transaction spans two databases, so what it does may be done twice: the sale
// is stored first, under the order's id, and then the order is marked.
func (r *Reporter) report(ctx context.Context) error {
	for {
		var orders []Order
		s := r.feed.Sessions().New() // it sees what a hint tells of, as a replica may not yet
		err := s.NewSelect().Model(&orders).Relation("Book").
			Where("reported = ?", false).OrderExpr("?TableAlias.id").Limit(atOnce).Scan(ctx)
		if err = errors.Join(err, s.Close()); err != nil || len(orders) == 0 {
			return err
		}
		for _, order := range orders {
			if err := r.reportOne(ctx, order); err != nil {
				return err
			}
		}
	}
}

func (r *Reporter) reportOne(ctx context.Context, order Order) error {
	err := r.reports.InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
		_, err := s.NewInsert().Model(&Sale{OrderID: order.ID, Title: order.Book.Title, Cents: order.Cents, Sold: order.Placed}).Exec(ctx)
		return err
	})
	if err != nil && !errors.Is(err, dbmodule.ErrUnique) {
		return err
	}
	return r.shop.InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
		_, err := s.NewUpdate().Model((*Order)(nil)).Set("reported = ?", true).Where("id = ?", order.ID).Exec(ctx)
		return err
	})
}

// runReporter ties the job to the application: it runs while both databases
// are connected.
func runReporter(lc fx.Lifecycle, r *Reporter) {
	var cancel context.CancelFunc
	done := make(chan struct{})
	lc.Append(fx.Hook{
		OnStart: func(ctx context.Context) error {
			// The start's context ends with the start.
			ctx, cancel = context.WithCancel(context.WithoutCancel(ctx))
			go func() {
				defer close(done)
				r.Run(ctx)
			}()
			return nil
		},
		OnStop: func(ctx context.Context) error {
			cancel()
			select {
			case <-done:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
	})
}

type salesOutput struct{ Body []Sale }

// SaleRoutes serve the reports.
func SaleRoutes(r *Reporter) httpmodule.Routes {
	return func(_ *echo.Echo, api huma.API) {
		huma.Get(api, "/sales", func(ctx context.Context, _ *struct{}) (*salesOutput, error) {
			out := &salesOutput{Body: []Sale{}}
			return out, httpmodule.Session(ctx, r.reports).NewSelect().Model(&out.Body).Order("order_id").Scan(ctx)
		})
	}
}
