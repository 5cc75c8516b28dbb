package shop_test

import (
	"bufio"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/fx"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/feed"
	"github.com/openhands-go/server/examples/bookshop/migrations"
	"github.com/openhands-go/server/examples/bookshop/shop"
	"github.com/openhands-go/server/httpmodule/servertest"
)

//go:embed testdata
var testdata embed.FS

// bookshop is the whole application, on two databases of the test's own.
type bookshop struct {
	*servertest.App
	dispossessed, solaris *shop.Book
}

// published is how long a test waits for what was published: less than the 15 seconds after which the
// feed asks PostgreSQL by itself.
const published = 10 * time.Second

func each(t *testing.T, fn func(t *testing.T, s bookshop)) {
	t.Helper()
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			fn(t, open(t, engine))
		})
	}
}

func open(t *testing.T, engine dbmodule.Engine) bookshop {
	t.Helper()
	cfg := dbtest.NewConfig(t, engine, dbtest.WithRevisions(migrations.Source()))
	reports := dbtest.NewConfig(t, engine, dbtest.WithModels(shop.ReportModels()...))
	// The feed hardly asks by itself: what these tests see at once was published.
	rarely := feed.Config{PollInterval: time.Minute}
	app := servertest.Start(t, cfg, shop.Module, dbmodule.NamedConfig(shop.Reports, reports), fx.Supply(rarely))
	rows := dbtest.Fixtures(t, app.Database, testdata, "testdata/books.yml")
	return bookshop{
		App:          app,
		dispossessed: rows.MustRow("Book.dispossessed").(*shop.Book),
		solaris:      rows.MustRow("Book.solaris").(*shop.Book),
	}
}

// send returns the status, and decodes the answer unless out is nil.
func (s bookshop) send(t *testing.T, method, path, key, body string, out any) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if out != nil {
		if err := json.NewDecoder(res.Body).Decode(out); err != nil {
			t.Fatal(err)
		}
	}
	return res.StatusCode
}

func (s bookshop) order(t *testing.T, key string, book *shop.Book) int {
	t.Helper()
	return s.send(t, http.MethodPost, "/orders", key, fmt.Sprintf(`{"book_id": %d, "email": "reader@example.com"}`, book.ID), nil)
}

func TestCatalogue(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s bookshop) {
		const dune = `{"title": "Dune", "author": {"name": "Frank Herbert"}, "copies": 2, "cents": 1000}`
		for _, want := range []int{http.StatusCreated, http.StatusConflict} {
			if got := s.send(t, http.MethodPost, "/books", "", dune, nil); got != want {
				t.Errorf("add: %d, want %d", got, want)
			}
		}
		var books []shop.Book
		if got := s.send(t, http.MethodGet, "/books", "", "", &books); got != http.StatusOK {
			t.Fatalf("list: %d", got)
		}
		if len(books) != 3 || books[2].Title != "Dune" || books[2].Author.Name != "Frank Herbert" {
			t.Errorf("books: %+v", books)
		}
	})
}

func TestAnOrderSentAgainIsPlacedOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s bookshop) {
		for range 3 {
			if got := s.order(t, "a key", s.dispossessed); got != http.StatusCreated {
				t.Errorf("order: %d", got)
			}
		}
		count, err := s.Database.DB().NewSelect().Model((*shop.Order)(nil)).Count(t.Context())
		if err != nil || count != 1 {
			t.Errorf("%d orders (%v), want 1", count, err)
		}
		if got := s.order(t, "another", &shop.Book{ID: 99}); got != http.StatusNotFound {
			t.Errorf("order of a book that is not there: %d", got)
		}
	})
}

func TestTheLastCopyIsSoldOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s bookshop) {
		var sold, refused atomic.Int64
		var readers sync.WaitGroup
		for i := range 8 {
			readers.Go(func() {
				switch got := s.order(t, fmt.Sprint(i), s.solaris); got {
				case http.StatusCreated:
					sold.Add(1)
				case http.StatusConflict:
					refused.Add(1)
				default:
					t.Errorf("order: %d", got)
				}
			})
		}
		readers.Wait()
		if sold.Load() != 1 || refused.Load() != 7 {
			t.Errorf("%d sold, %d refused", sold.Load(), refused.Load())
		}
	})
}

func TestOrdersAreReported(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s bookshop) {
		for _, key := range []string{"1", "2"} {
			s.order(t, key, s.dispossessed)
		}
		ctx, cancel := context.WithTimeout(t.Context(), published)
		defer cancel()
		var sales []shop.Sale
		for len(sales) < 2 {
			s.send(t, http.MethodGet, "/sales", "", "", &sales)
			select {
			case <-ctx.Done():
				t.Fatalf("sales: %+v", sales)
			case <-time.After(10 * time.Millisecond):
			}
		}
		if sales[1].Title != "The Dispossessed" || sales[1].Cents != 1200 {
			t.Errorf("sales: %+v", sales)
		}
	})
}

func TestStockIsShownAsItIsSold(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s bookshop) {
		if got := s.send(t, http.MethodGet, "/books/99/stock", "", "", nil); got != http.StatusNotFound {
			t.Errorf("stock of a book that is not there: %d", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), published)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/books/%d/stock", s.URL, s.dispossessed.ID), nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		lines := bufio.NewScanner(res.Body)
		for sold := range 3 {
			if sold > 0 {
				s.order(t, fmt.Sprint(sold), s.dispossessed)
			}
			text := ""
			for !strings.HasPrefix(text, "data: ") {
				if !lines.Scan() {
					t.Fatalf("the stream ended: %v", lines.Err())
				}
				text = lines.Text()
			}
			if want := fmt.Sprint("data: ", s.dispossessed.Copies-sold); text != want {
				t.Errorf("%s, want %s", text, want)
			}
		}
	})
}
