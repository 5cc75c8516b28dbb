package httpmodule

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
)

// Paths of the probes.
const (
	pathAlive      = "/alive"
	pathHealth     = "/health"
	pathReady      = "/ready"
	pathServerInfo = "/server_info"
)

const (
	// readyTimeout bounds how long the database may take to answer a probe.
	readyTimeout = 2 * time.Second
	// readyMaxAge is how long an answer is reused. /ready needs no key, and clients must not
	// be able to keep the database busy with it.
	readyMaxAge = time.Second
)

// ownTag is the tag of the server's own routes in the documentation.
const ownTag = "Server"

// registerOwn registers the server's own routes.
func (s *Server) registerOwn() {
	open := []map[string][]string{}
	for _, path := range []string{pathAlive, pathHealth} {
		huma.Register(s.api, huma.Operation{
			Method: http.MethodGet, Path: path, OperationID: path[1:], Tags: []string{ownTag}, Security: open,
			Summary: "Say whether the process answers",
		}, func(context.Context, *struct{}) (*aliveOutput, error) {
			return &aliveOutput{Body: aliveBody{Status: "ok"}}, nil
		})
	}
	huma.Register(s.api, huma.Operation{
		Method: http.MethodGet, Path: pathReady, OperationID: "ready", Tags: []string{ownTag}, Security: open,
		Summary:     "Say whether requests would succeed: the database answers and its schema is the one that is needed",
		Description: "503 with the reasons when they would not, and from the moment the server is told to stop. It does not write itself: it reports writes of requests that failed in the last 30 seconds.",
	}, s.ready)
	huma.Register(s.api, huma.Operation{
		Method: http.MethodGet, Path: pathServerInfo, OperationID: "server-info", Tags: []string{ownTag},
		Summary: "Describe the server",
	}, s.serverInfo)

	s.openRoute(http.MethodGet, pathOpenAPI)
	s.echo.GET(pathOpenAPI, s.serveOpenAPI)
	s.openRoute(http.MethodGet, pathDocs)
	s.echo.GET(pathDocs, s.docs.servePage)
	s.openRoute(http.MethodGet, pathDocs+"/*")
	s.echo.GET(pathDocs+"/*", s.docs.serveAsset)
}

type aliveBody struct {
	Status string `json:"status" example:"ok"`
}

type aliveOutput struct{ Body aliveBody }

type readyOutput struct {
	Status int
	Body   readiness
}

// readiness is the body of /ready.
type readiness struct {
	Status string `json:"status" enum:"ready,not ready"`
	// Detail has the reasons if the server is not ready, as in every error. Message has the
	// same text, because OpenHands' clients read that member.
	Detail   string            `json:"detail,omitempty" doc:"the reasons, when not ready"`
	Message  string            `json:"message,omitempty" doc:"the same"`
	Reasons  []string          `json:"reasons,omitempty"`
	Database databaseReadiness `json:"database"`
	// Databases are the program's other databases, by name.
	Databases map[string]databaseReadiness `json:"databases,omitempty" doc:"the program's other databases, by name"`
}

// TransformSchema gives the documentation an example.
func (*readiness) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.Examples = []any{readiness{Status: "ready", Database: databaseReadiness{
		Engine: string(dbmodule.PostgreSQL), Schema: &dbmodule.SchemaState{Ready: true},
		Pool: dbmodule.PoolStats{MaxOpen: 15, Open: 2, InUse: 1, Idle: 1}, Reads: true, Writes: true,
	}}}
	return s
}

type databaseReadiness struct {
	Engine string                `json:"engine"`
	Schema *dbmodule.SchemaState `json:"schema,omitempty" doc:"absent when the database does not answer"`
	Pool   dbmodule.PoolStats    `json:"pool"`
	Reads  bool                  `json:"reads" doc:"whether the database answers"`
	Writes bool                  `json:"writes" doc:"false when it does not answer, or when a request could not store anything in the last 30 seconds because the disk is full or nothing may be changed"`
	// Replicas are in the order of the setting; none of them hinders readiness.
	Replicas []replicaReadiness `json:"replicas,omitempty" doc:"whether reads go to each of DATABASE_REPLICA_URLS"`
}

// replicaReadiness has no reasons, because they may name hosts. They are in the log.
type replicaReadiness struct {
	Fit  bool               `json:"fit"`
	Lag  time.Duration      `json:"lag_ns"`
	Pool dbmodule.PoolStats `json:"pool"`
}

func replicasOf(db *dbmodule.Database) []replicaReadiness {
	var all []replicaReadiness
	for _, r := range db.Replicas() {
		all = append(all, replicaReadiness{Fit: r.Fit, Lag: r.Lag, Pool: r.Pool})
	}
	return all
}

func (s *Server) ready(ctx context.Context, _ *struct{}) (*readyOutput, error) {
	schema, reasons := s.databaseCheck.ask(ctx, s.database, s.log)
	writes := schema != nil
	if failure := s.writes.recent(); failure != "" {
		reasons, writes = append(slices.Clone(reasons), failure), false
	}
	if s.draining.Load() {
		reasons = append([]string{"the server is stopping"}, reasons...)
	}
	others, wrong := s.checkOthers(ctx)
	reasons = slices.Concat(reasons, wrong)
	out := &readyOutput{Status: http.StatusOK, Body: readiness{
		Status: "ready", Reasons: reasons, Database: readinessOf(s.database, schema, writes), Databases: others,
	}}
	if len(reasons) > 0 {
		out.Status, out.Body.Status = http.StatusServiceUnavailable, "not ready"
		out.Body.Detail = notReady(reasons)
		out.Body.Message = out.Body.Detail
	}
	return out, nil
}

// databaseCheck checks a database for /ready, and remembers the result for readyMaxAge. One
// goroutine at a time checks; others wait for its result.
type databaseCheck struct {
	mu      sync.Mutex
	asked   time.Time
	schema  *dbmodule.SchemaState
	reasons []string
}

// ask returns the schema's state, nil if the database does not answer, and the reasons why it is
// not ready. Anybody may read the reasons; the errors themselves go to the log.
func (p *databaseCheck) ask(ctx context.Context, db *dbmodule.Database, log *zap.Logger) (*dbmodule.SchemaState, []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.asked) >= readyMaxAge {
		// Other requests reuse the result, so the check must not end with this request.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyTimeout)
		defer cancel()
		p.schema, p.reasons = checkDatabase(ctx, db, log)
		p.asked = time.Now()
	}
	return p.schema, p.reasons
}

// ping checks that the database answers. On SQLite it uses a reader's connection, because the one
// writer may be busy for a long time although the database is fine.
func ping(ctx context.Context, db *dbmodule.Database) error {
	if db.Engine() != dbmodule.SQLite {
		return db.Ping(ctx)
	}
	session := db.Sessions().New(dbmodule.ReadOnly())
	_, err := session.ExecContext(dbmodule.Unobserved(ctx), "SELECT 1")
	return errors.Join(err, session.Close())
}

// noAnswerReason says why a database does not answer. It contains nothing secret.
func noAnswerReason(err error) string {
	// SQLITE_READONLY_DBMOVED: the file or its write-ahead log is no longer at its path.
	const moved = "1032"
	var known *dbmodule.Error
	if errors.As(err, &known) && known.Engine == dbmodule.SQLite && known.Code == moved {
		return "the database's file or its write-ahead log was moved, deleted or replaced"
	}
	return "the database does not answer"
}

func checkDatabase(ctx context.Context, db *dbmodule.Database, log *zap.Logger) (*dbmodule.SchemaState, []string) {
	if err := ping(ctx, db); err != nil {
		log.Warn("not ready", zap.Error(err))
		return nil, []string{noAnswerReason(err)}
	}
	schema, err := db.SchemaState(ctx)
	if err != nil {
		log.Warn("not ready", zap.Error(err))
		return nil, []string{"the database's schema can't be read"}
	}
	if schema.Ready {
		return &schema, nil
	}
	hindering, _ := schema.Problems()
	return &schema, hindering
}

type serverInfoOutput struct{ Body Raw[serverInfo] }

// serverInfo documents the body of /server_info, with the names that OpenHands'
// agent server uses.
type serverInfo struct {
	Title    string  `json:"title" example:"Library"`
	Version  string  `json:"version" example:"1.2.3"`
	Uptime   float64 `json:"uptime" doc:"seconds since the server was made"`
	IdleTime float64 `json:"idle_time" doc:"seconds since the last request that was neither a probe nor this one"`
	Docs     string  `json:"docs" example:"/docs" doc:"path of the API documentation"`
}

func (s *Server) serverInfo(context.Context, *struct{}) (*serverInfoOutput, error) {
	body, err := json.Marshal(s.Describe())
	return &serverInfoOutput{Body: body}, err
}

// Describe returns the content of /server_info: title, version, uptime, idle_time, docs and
// the Members of [Info].
func (s *Server) Describe() map[string]any {
	now := time.Now()
	members := map[string]any{
		"title":     s.info.Title,
		"version":   s.info.Version,
		"uptime":    now.Sub(s.created).Seconds(),
		"idle_time": now.Sub(time.Unix(0, s.lastRequest.Load())).Seconds(),
		"docs":      pathDocs,
	}
	maps.Copy(members, s.info.Members)
	return members
}
