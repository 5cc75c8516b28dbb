package shop

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

// Books serves the catalogue by plain Echo handlers.
type Books struct{ sessions *dbmodule.SessionFactory }

// NewBooks makes the catalogue's handlers.
func NewBooks(sessions *dbmodule.SessionFactory) *Books { return &Books{sessions: sessions} }

// BookRoutes are the catalogue's routes.
func BookRoutes(b *Books) httpmodule.Routes {
	return func(e *echo.Echo, _ huma.API) {
		e.GET("/books", b.list)
		e.POST("/books", b.add)
	}
}

func (b *Books) list(c echo.Context) error {
	ctx := c.Request().Context()
	books := []Book{}
	// A GET's session only reads: it goes to a replica where there is one.
	err := httpmodule.Session(ctx, b.sessions).NewSelect().Model(&books).Relation("Author").Order("book.id").Scan(ctx)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, books)
}

// add stores a book and, if the shop has none of that name, its author. Both
// are committed before the answer leaves, or neither is.
func (b *Books) add(c echo.Context) error {
	var book Book
	if err := c.Bind(&book); err != nil {
		return err
	}
	if book.Author == nil || book.Author.Name == "" || book.Title == "" {
		return echo.NewHTTPError(http.StatusUnprocessableEntity, "a book has a title and an author with a name")
	}
	ctx := c.Request().Context()
	s := httpmodule.Session(ctx, b.sessions)
	author := &Author{Name: book.Author.Name}
	known, err := s.NewSelect().Model(author).Where("name = ?", author.Name).Exists(ctx)
	if err != nil {
		return err
	}
	if known {
		err = s.NewSelect().Model(author).Where("name = ?", author.Name).Scan(ctx)
	} else {
		_, err = s.NewInsert().Model(author).Exec(ctx)
	}
	if err != nil {
		return err
	}
	book.ID, book.AuthorID, book.Author = 0, author.ID, author
	if _, err := s.NewInsert().Model(&book).Exec(ctx); err != nil {
		return err // a second one of that title is 409, by httpmodule's table of errors
	}
	return c.JSON(http.StatusCreated, book)
}
