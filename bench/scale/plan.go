package scale

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/openhands-go/server/bench/contract"
	"github.com/openhands-go/server/dbmodule"
)

// Plan is how the database answers a statement.
type Plan struct {
	Statement string
	Steps     []string
	// FullScan says that a step reads a whole table or index.
	FullScan bool
}

// planner asks for the plans of the statements that requests lead to, which it
// takes from the log of all statements.
type planner struct {
	engine dbmodule.Engine
	logged *observer.ObservedLogs
	server *server
	pools  contract.Pools
}

func newPlanner(ctx context.Context, c contract.Config) (*planner, error) {
	core, logged := observer.New(zapcore.InfoLevel)
	s, err := openServer(ctx, c, zap.New(core))
	if err != nil {
		return nil, err
	}
	pools, err := contract.Open(c)
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return &planner{engine: c.Engine, logged: logged, server: s, pools: pools}, nil
}

func (p *planner) close() error { return errors.Join(p.server.close(), p.pools.Close()) }

// statements are those with which the server reads and changes rows for a request.
func (p *planner) statements(ctx context.Context, r request) ([]string, error) {
	p.logged.TakeAll()
	if _, err := p.server.do(ctx, r); err != nil {
		return nil, err
	}
	var statements []string
	for _, entry := range p.logged.TakeAll() {
		statement, _ := entry.ContextMap()["statement"].(string)
		switch verb, _, _ := strings.Cut(strings.TrimSpace(statement), " "); strings.ToUpper(verb) {
		case "SELECT", "UPDATE", "DELETE":
			statements = append(statements, statement)
		}
	}
	return statements, nil
}

// of returns the plans of a request's statements.
func (p *planner) of(ctx context.Context, r request) ([]Plan, error) {
	statements, err := p.statements(ctx, r)
	if err != nil {
		return nil, err
	}
	var plans []Plan
	for _, statement := range statements {
		plan, err := p.explain(ctx, statement)
		if err != nil {
			return nil, err
		}
		plans = append(plans, plan)
	}
	return plans, nil
}

func (p *planner) explain(ctx context.Context, statement string) (_ Plan, err error) {
	explain := "EXPLAIN "
	if p.engine == dbmodule.SQLite {
		explain = "EXPLAIN QUERY PLAN "
	}
	rows, err := p.pools.Writer.QueryContext(ctx, explain+statement)
	if err != nil {
		return Plan{}, fmt.Errorf("scale: explain %.200s: %w", statement, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	plan := Plan{Statement: statement}
	for rows.Next() {
		step, err := p.step(rows)
		if err != nil {
			return Plan{}, fmt.Errorf("scale: explain: %w", err)
		}
		plan.Steps = append(plan.Steps, step)
		plan.FullScan = plan.FullScan || p.fullScan(step)
	}
	return plan, rows.Err()
}

// step reads one line of a plan.
func (p *planner) step(rows *sql.Rows) (string, error) {
	names, err := rows.Columns()
	if err != nil {
		return "", err
	}
	cells := make([]sql.NullString, len(names))
	into := make([]any, len(names))
	for i := range cells {
		into[i] = &cells[i]
	}
	if err := rows.Scan(into...); err != nil {
		return "", err
	}
	if p.engine != dbmodule.MySQL {
		return strings.TrimSpace(cells[len(cells)-1].String), nil
	}
	var parts []string
	for i, name := range names {
		switch name {
		case "table", "type", "key", "rows", "Extra":
			if cells[i].Valid {
				parts = append(parts, name+"="+cells[i].String)
			}
		}
	}
	return strings.Join(parts, " "), nil
}

// fullScan reads a step. An index that is read in its order, up to a LIMIT, is
// none.
func (p *planner) fullScan(step string) bool {
	switch p.engine {
	case dbmodule.SQLite:
		return strings.HasPrefix(step, "SCAN ") && !strings.Contains(step, " USING INDEX ") && step != "SCAN CONSTANT ROW"
	case dbmodule.PostgreSQL:
		return strings.Contains(step, "Seq Scan on")
	default:
		return strings.Contains(step, "type=ALL") || strings.Contains(step, "type=index ") && strings.Contains(step, "Using filesort")
	}
}
