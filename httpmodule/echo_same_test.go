package httpmodule_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAnswersAreThoseOfEcho registers what Echo's users write on plain Echo and on a server, and
// compares the answers. HEAD is compared with what plain Echo answers GET.
func TestAnswersAreThoseOfEcho(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "index.html"), []byte("<p>index</p>"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "a.txt"), []byte("0123456789"), 0o600))
	require.NoError(t, os.Chtimes(filepath.Join(folder, "a.txt"), time.Unix(1e9, 0), time.Unix(1e9, 0)))
	require.NoError(t, os.Mkdir(filepath.Join(folder, "sub"), 0o700))

	for name, one := range map[string]struct {
		routes func(e *echo.Echo)
		ask    []asked
	}{
		"static files": {func(e *echo.Echo) {
			e.Static("/static", folder)
			e.StaticFS("/embedded", fstest.MapFS{"b.txt": {Data: []byte("embedded")}})
			e.File("/one", filepath.Join(folder, "a.txt"))
			e.GET("/attached", func(c echo.Context) error { return c.Attachment(filepath.Join(folder, "a.txt"), "ä b.txt") })
			e.GET("/inline", func(c echo.Context) error { return c.Inline(filepath.Join(folder, "a.txt"), "b.txt") })
			e.GET("/wrapped/*", echo.WrapHandler(http.StripPrefix("/wrapped/", http.FileServer(http.Dir(folder)))))
		}, []asked{
			get("/static/a.txt"), get("/static/"), get("/static"), get("/static/sub"), get("/static/none"), get("/static/../go.mod"), get("/static/%2e%2e/x"),
			get("/static/a.txt", "Range", "bytes=2-4"), get("/static/a.txt", "Range", "bytes=20-"), get("/static/a.txt", "If-Modified-Since", "Sun, 09 Sep 2040 01:46:40 GMT"),
			get("/embedded/b.txt"), get("/one"), get("/attached"), get("/inline"), get("/wrapped/a.txt"), get("/wrapped/sub"), get("/wrapped/"),
			head("/static/a.txt"), head("/one"), head("/wrapped/a.txt"), head("/embedded/b.txt"),
		}},
		"a single page application": {func(e *echo.Echo) {
			e.Use(middleware.StaticWithConfig(middleware.StaticConfig{Root: folder, HTML5: true, Skipper: func(c echo.Context) bool { return strings.HasPrefix(c.Request().URL.Path, "/api") }}))
			e.GET("/api/x", pathAndMethod)
		}, []asked{get("/a.txt"), get("/any/where"), get("/api/x"), get("/api/none"), get("/")}},
		"answers": {func(e *echo.Echo) {
			e.JSONSerializer = &echo.DefaultJSONSerializer{} // the server's own escapes nothing for HTML
			e.GET("/json", func(c echo.Context) error { return c.JSON(http.StatusOK, map[string]any{"a": "<&>", "b": 1.0}) })
			e.GET("/pretty", func(c echo.Context) error { return c.JSONPretty(http.StatusOK, map[string]any{"a": 1}, "  ") })
			e.GET("/jsonp", func(c echo.Context) error { return c.JSONP(http.StatusOK, "f", map[string]any{"a": 1}) })
			e.GET("/jsonblob", func(c echo.Context) error { return c.JSONBlob(http.StatusOK, []byte(`{"a":1}`)) })
			e.GET("/xml", func(c echo.Context) error { return c.XML(http.StatusOK, struct{ A int }{1}) })
			e.GET("/html", func(c echo.Context) error { return c.HTML(http.StatusOK, "<p>") })
			e.GET("/blob", func(c echo.Context) error { return c.Blob(http.StatusOK, "image/png", []byte{1, 2}) })
			e.GET("/stream", func(c echo.Context) error { return c.Stream(http.StatusOK, "text/csv", strings.NewReader("a,b")) })
			e.GET("/204", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
			e.GET("/304", func(c echo.Context) error { return c.NoContent(http.StatusNotModified) })
			e.GET("/nothing", func(echo.Context) error { return nil })
			e.GET("/raw", func(c echo.Context) error { _, err := c.Response().Write([]byte("raw")); return err })
			e.GET("/status", func(c echo.Context) error { c.Response().WriteHeader(http.StatusAccepted); return nil })
			e.GET("/length", func(c echo.Context) error {
				c.Response().Header().Set("Content-Length", "5")
				return c.String(http.StatusOK, "hello")
			})
			e.GET("/redirect", func(c echo.Context) error { return c.Redirect(http.StatusFound, "/json?a=b") })
			e.POST("/redirect", func(c echo.Context) error { return c.Redirect(http.StatusSeeOther, "/json") })
			e.GET("/cookie", func(c echo.Context) error {
				c.SetCookie(&http.Cookie{Name: "a", Value: "b", HttpOnly: true})
				c.SetCookie(&http.Cookie{Name: "c", Value: "d"})
				return pathAndMethod(c)
			})
			e.GET("/twice", func(c echo.Context) error { _ = pathAndMethod(c); return c.String(http.StatusTeapot, "more") })
			e.GET("/late", func(c echo.Context) error { _ = pathAndMethod(c); return errors.New("too late") })
			e.GET("/hooks", func(c echo.Context) error {
				c.Response().Before(func() { c.Response().Header().Set("X-Own", "before") })
				c.Response().After(func() { c.Response().Header().Set("X-Own", "after") })
				return pathAndMethod(c)
			})
			e.GET("/chosen", func(c echo.Context) error {
				c.Response().Status = http.StatusAccepted
				return c.JSON(http.StatusCreated, 1)
			})
		}, []asked{
			get("/json"), get("/json?pretty"), get("/pretty"), get("/jsonp"), get("/jsonblob"), get("/xml"), get("/html"), get("/blob"), get("/stream"), get("/204"), get("/304"), get("/nothing"),
			get("/raw"), get("/status"), get("/length"), get("/redirect"), post("/redirect", ""), get("/cookie"), get("/twice"), get("/late"), get("/hooks"), get("/chosen"),
			head("/json"), head("/stream"), head("/204"), head("/304"), head("/length"), head("/redirect"), head("/cookie"), head("/blob"),
		}},
		"failures": {func(e *echo.Echo) {
			e.GET("/error", func(echo.Context) error { return errors.New("no") })
			e.GET("/http", func(echo.Context) error { return echo.NewHTTPError(http.StatusTeapot, map[string]any{"a": 1}) })
			e.GET("/panic", func(echo.Context) error { panic("no") }, middleware.Recover())
			e.GET("/partial", func(c echo.Context) error {
				c.Response().WriteHeader(http.StatusOK)
				_, _ = c.Response().Write([]byte("part"))
				c.Response().Flush()
				panic(http.ErrAbortHandler)
			})
		}, []asked{get("/error"), get("/http"), get("/panic"), get("/partial"), get("/none"), post("/error", ""), head("/error"), head("/none")}},
		"routing": {func(e *echo.Echo) {
			e.Any("/any", pathAndMethod)
			e.Match([]string{http.MethodGet, http.MethodPut}, "/match", pathAndMethod)
			e.Add("PROPFIND", "/dav", pathAndMethod)
			e.GET("/u/:id", func(c echo.Context) error { return c.String(http.StatusOK, c.Param("id")+c.QueryParam("q")) }).Name = "user"
			e.GET("/u/new", pathAndMethod)
			e.GET("/u/:id/files/*", func(c echo.Context) error { return c.String(http.StatusOK, c.Param("id")+" "+c.Param("*")) })
			e.GET("/reverse", func(c echo.Context) error { return c.String(http.StatusOK, c.Echo().Reverse("user", 7)) })
			e.GET("/escaped\\:colon", pathAndMethod)
			g := e.Group("/g", ordered("group"))
			g.GET("", pathAndMethod)
			g.GET("/", pathAndMethod)
			g.GET("/x", pathAndMethod, ordered("route"))
			g.RouteNotFound("/*", func(c echo.Context) error { return c.String(http.StatusOK, "nothing here") })
			g.Group("/h", ordered("inner")).GET("/y", pathAndMethod)
			e.RouteNotFound("/nf/*", func(c echo.Context) error { return c.String(http.StatusNotFound, "own") })
		}, []asked{
			get("/any"), post("/any", ""),
			{method: "REPORT", path: "/any"},
			{method: "OPTIONS", path: "/any"},
			get("/match"),
			{method: "PUT", path: "/match"},
			{method: "PROPFIND", path: "/dav"},
			get("/dav"),
			get("/u/7?q=8"), get("/u/a%2Fb"), get("/u/new"), get("/u/7/files/a/b%20c"), get("/reverse"), get("/escaped:colon"),
			get("/g"), get("/g/"), get("/g/x"), get("/g/none"), get("/g/h/y"), get("/nf/a"), get("/any/"),
			head("/u/7?q=8"), head("/u/new"), head("/u/7/files/a/b"), head("/g/x"), head("/any"), head("/match"), head("/g/h/y"),
		}},
		"hosts": {func(e *echo.Echo) {
			e.Host("api.example").GET("/x/:id", func(c echo.Context) error { return c.String(http.StatusOK, "api "+c.Param("id")) })
			e.GET("/x/:id", func(c echo.Context) error { return c.String(http.StatusOK, "main "+c.Param("id")) })
		}, []asked{get("/x/1"), get("/x/1", "Host", "api.example"), head("/x/1", "Host", "api.example"), get("/y", "Host", "api.example")}},
		"before routing": {func(e *echo.Echo) {
			e.Pre(middleware.RemoveTrailingSlash(), middleware.MethodOverride(), middleware.Rewrite(map[string]string{"/old/*": "/new/$1"}), ordered("pre"))
			e.Use(ordered("use 1"))
			e.Use(ordered("use 2"), middleware.Rewrite(map[string]string{"/new/*": "/elsewhere/$1"}))
			e.GET("/new/:id", func(c echo.Context) error { return c.String(http.StatusOK, c.Param("id")+" "+c.Request().URL.Path) }, ordered("route"))
			e.PUT("/new/:id", pathAndMethod)
		}, []asked{get("/old/7"), get("/new/7/"), post("/old/7", "", "X-HTTP-Method-Override", "PUT"), get("/none"), head("/old/7")}},
		"redirects of slashes": {func(e *echo.Echo) {
			e.Pre(middleware.AddTrailingSlashWithConfig(middleware.TrailingSlashConfig{RedirectCode: http.StatusMovedPermanently}))
			e.GET("/x/", pathAndMethod)
		}, []asked{get("/x"), get("/x/"), get("/x?a=b")}},
		"own parts of Echo": {func(e *echo.Echo) {
			e.Use(withOwnContext)
			e.Binder = ownBinder{}
			e.Validator = ownValidator{}
			e.Renderer = ownRenderer{template.Must(template.New("page").Parse("<p>{{.}}</p>"))}
			e.GET("/bound/:id", func(c echo.Context) error {
				var into string
				if err := c.Bind(&into); err != nil {
					return err
				}
				return c.String(http.StatusOK, into)
			})
			e.GET("/context", func(c echo.Context) error { return c.String(http.StatusOK, fmt.Sprintf("%T", c)) })
			e.GET("/validated", func(c echo.Context) error { return c.Validate(1) })
			e.GET("/rendered", func(c echo.Context) error { return c.Render(http.StatusOK, "page", "<a>") })
		}, []asked{get("/bound/7"), get("/context"), get("/validated"), get("/rendered"), head("/bound/7"), head("/context"), head("/rendered"), get("/none")}},
		"own errors": {func(e *echo.Echo) {
			e.HTTPErrorHandler = func(err error, c echo.Context) { _ = c.String(http.StatusOK, "handled: "+err.Error()) }
			e.GET("/error", func(echo.Context) error { return errors.New("no") })
		}, []asked{get("/error"), get("/none"), post("/error", ""), head("/error")}},
		"binding": {func(e *echo.Echo) {
			e.JSONSerializer = &echo.DefaultJSONSerializer{}
			e.POST("/form", func(c echo.Context) error {
				file, err := c.FormFile("f")
				if err != nil {
					return c.String(http.StatusOK, c.FormValue("a")+" no file")
				}
				return c.String(http.StatusOK, c.FormValue("a")+" "+file.Filename)
			})
			e.POST("/bind/:id", func(c echo.Context) error {
				var in struct {
					ID int    `param:"id"`
					Q  string `query:"q"`
					A  string `json:"a" form:"a"`
				}
				if err := c.Bind(&in); err != nil {
					return err
				}
				return c.JSON(http.StatusOK, in)
			})
			e.GET("/query", func(c echo.Context) error {
				var n int
				var many []string
				if err := echo.QueryParamsBinder(c).Int("n", &n).Strings("m", &many).BindError(); err != nil {
					return err
				}
				return c.JSON(http.StatusOK, map[string]any{"n": n, "m": many})
			})
			e.POST("/body", func(c echo.Context) error {
				body, err := io.ReadAll(c.Request().Body)
				return errors.Join(err, c.Blob(http.StatusOK, "text/plain", body))
			})
		}, []asked{
			post("/form", "a=b", "Content-Type", "application/x-www-form-urlencoded"),
			post("/form", "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"n.txt\"\r\n\r\nhello\r\n--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--x--\r\n", "Content-Type", "multipart/form-data; boundary=x"),
			post("/bind/7?q=8", `{"a":"b"}`, "Content-Type", "application/json"), post("/bind/7", "a=b", "Content-Type", "application/x-www-form-urlencoded"),
			post("/bind/7", "", "Content-Type", "application/json"), get("/query?n=1&m=a&m=b"), get("/query?n=x"), post("/body", "raw"),
		}},
		"middleware of Echo's": {func(e *echo.Echo) {
			e.GET("/gzip", func(c echo.Context) error { return c.String(http.StatusOK, strings.Repeat("long ", 1000)) }, middleware.Gzip())
			e.GET("/secure", pathAndMethod, middleware.Secure())
			e.GET("/basic", pathAndMethod, middleware.BasicAuth(func(user, password string, _ echo.Context) (bool, error) { return user == "a" && password == "b", nil }))
			e.GET("/csrf", pathAndMethod, middleware.CSRFWithConfig(middleware.CSRFConfig{TokenLookup: "header:X-CSRF"}))
			e.POST("/limit", pathAndMethod, middleware.BodyLimit("2B"))
			e.GET("/within", func(c echo.Context) error { <-c.Request().Context().Done(); return c.Request().Context().Err() }, middleware.ContextTimeout(10*time.Millisecond))
			e.GET("/dump", pathAndMethod, middleware.BodyDump(func(c echo.Context, _, out []byte) { c.Response().Header().Set("X-Own", string(out)) }))
			e.POST("/unzip", func(c echo.Context) error {
				body, err := io.ReadAll(c.Request().Body)
				return errors.Join(err, c.Blob(http.StatusOK, "text/plain", body))
			}, middleware.Decompress())
			e.GET("/std", pathAndMethod, echo.WrapMiddleware(func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("X-Own", "std")
					next.ServeHTTP(w, r)
				})
			}))
			e.GET("/stops", pathAndMethod, echo.WrapMiddleware(func(http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusPaymentRequired) })
			}))
			e.GET("/fails", func(echo.Context) error { return echo.ErrTeapot }, echo.WrapMiddleware(func(next http.Handler) http.Handler { return next }))
			e.GET("/mux", echo.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusCreated)
				_, _ = io.WriteString(w, "mux")
			})))
		}, []asked{
			get("/gzip", "Accept-Encoding", "gzip"), get("/gzip"), get("/secure"), get("/basic"), get("/basic", "Authorization", "Basic YTpi"), get("/csrf"), post("/limit", "abc"), post("/limit", "a"),
			get("/within"), get("/dump"), get("/std"), get("/stops"), get("/fails"), get("/mux"), head("/std"), head("/mux"), head("/secure"),
		}},
		"streams": {func(e *echo.Echo) {
			e.GET("/flushed", func(c echo.Context) error {
				w := c.Response()
				w.Header().Set("Content-Type", "text/event-stream")
				w.WriteHeader(http.StatusOK)
				for i := range 3 {
					if _, err := fmt.Fprintf(w, "data: %d\n\n", i); err != nil {
						return err
					}
					w.Flush()
				}
				return nil
			})
			e.GET("/controlled", func(c echo.Context) error {
				rc := http.NewResponseController(c.Response())
				return errors.Join(rc.SetWriteDeadline(time.Now().Add(time.Minute)), rc.SetReadDeadline(time.Now().Add(time.Minute)),
					rc.EnableFullDuplex(), rc.Flush(), c.String(http.StatusOK, "controlled"))
			})
			e.GET("/hijacked", func(c echo.Context) error {
				conn, buffer, err := c.Response().Hijack()
				if err != nil {
					return err
				}
				defer func() { _ = conn.Close() }()
				_, err = buffer.WriteString("HTTP/1.1 299 Own\r\nContent-Length: 3\r\nConnection: close\r\n\r\nown")
				return errors.Join(err, buffer.Flush())
			})
			e.GET("/early", func(c echo.Context) error {
				c.Response().Header().Set("Link", "</x>")
				c.Response().Writer.WriteHeader(http.StatusEarlyHints)
				return pathAndMethod(c)
			})
			e.GET("/trailer", func(c echo.Context) error {
				c.Response().Header().Set("Trailer", "X-T")
				err := pathAndMethod(c)
				c.Response().Header().Set("X-T", "t")
				return err
			})
			e.GET("/readfrom", func(c echo.Context) error {
				_, err := io.Copy(c.Response(), bufio.NewReader(strings.NewReader(strings.Repeat("x", 5000))))
				return err
			})
		}, []asked{get("/flushed"), get("/controlled"), get("/hijacked"), get("/early"), get("/trailer"), get("/readfrom"), head("/flushed")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reference, own := onEcho(t, one.routes), onServer(t, one.routes)
			for _, r := range one.ask {
				says := fmt.Sprintf("%s %s %v", r.method, r.path, r.header)
				want, got := r, answerOf(t, own, r)
				if r.method == http.MethodHead {
					want.method = http.MethodGet
				}
				expected := answerOf(t, reference, want)
				if r.method == http.MethodHead {
					expected.body = ""
					delete(expected.header, "Transfer-Encoding")
				}
				if strings.Contains(expected.header["Allow"], http.MethodGet) { // HEAD is allowed where GET is
					delete(expected.header, "Allow")
					assert.Contains(t, got.header["Allow"], http.MethodHead, says)
					delete(got.header, "Allow")
				}
				assert.Equal(t, expected, got, says)
			}
		})
	}
}

// A second look at what a client gets as it comes: what was flushed arrives before the handler has
// returned.
func TestWhatIsFlushedArrives(t *testing.T) {
	t.Parallel()
	more := make(chan struct{})
	base := onServer(t, func(e *echo.Echo) {
		e.GET("/x", func(c echo.Context) error {
			_, _ = c.Response().Write([]byte("first\n"))
			c.Response().Flush()
			select {
			case <-more:
			case <-c.Request().Context().Done():
				return context.Cause(c.Request().Context())
			}
			_, err := c.Response().Write([]byte("second\n"))
			return err
		}, withOwnContext)
	})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/x", nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	lines := bufio.NewReader(response.Body)
	first, err := lines.ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "first\n", first)
	close(more)
	rest, err := io.ReadAll(lines)
	require.NoError(t, err)
	assert.Equal(t, "second\n", string(rest))
}
