package dbquery

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"
)

// Version is SQLAlchemy's version_id_col: a column that counts how often a row was changed.
// Embed it in a model, and change the model by [Update] and [Delete].
//
//	type Book struct {
//		dbquery.Version
//		ID    int64  `bun:"id,pk,autoincrement"`
//		Title string `bun:"title,notnull"`
//	}
type Version struct {
	// Version is 0 in a new row.
	Version int64 `bun:"version,notnull,default:0" json:"version"`
}

func (v *Version) rowVersion() *int64 { return &v.Version }

// Versioned is a pointer to a model that embeds [Version].
type Versioned interface{ rowVersion() *int64 }

// ErrStale is the error of a change to a row that somebody else has changed or deleted
// since it was read: SQLAlchemy's StaleDataError. Nothing was changed. To make the
// change, read the row again; an HTTP API answers 409 or 412. InTx does not run the work
// again, because the version may come from a client.
var ErrStale = errors.New("somebody else has changed or deleted the row since it was read")

// Update stores the named columns of a model, or all columns if none are named. If the row no
// longer has the model's version, it stores nothing and returns [ErrStale]. After success the model
// and its row have the next version. After an error the model is unchanged.
func Update(ctx context.Context, db bun.IDB, model Versioned, columns ...string) (err error) {
	version := model.rowVersion()
	before := *version
	*version = before + 1
	defer func() {
		if err != nil {
			*version = before
		}
	}()
	query := db.NewUpdate().Model(model).WherePK().Where("? = ?", bun.Ident("version"), before)
	if len(columns) > 0 {
		query = query.Column(columns...).Column("version")
	}
	result, err := query.Exec(ctx)
	if err != nil {
		return fmt.Errorf("dbquery: update %T: %w", model, err)
	}
	return changed("update", model, result)
}

// Delete deletes a model's row. If the row no longer has the model's version, it deletes nothing
// and returns [ErrStale].
func Delete(ctx context.Context, db bun.IDB, model Versioned) error {
	result, err := db.NewDelete().Model(model).WherePK().Where("? = ?", bun.Ident("version"), *model.rowVersion()).Exec(ctx)
	if err != nil {
		return fmt.Errorf("dbquery: delete %T: %w", model, err)
	}
	return changed("delete", model, result)
}

// changed returns ErrStale if the statement has changed no row.
func changed(what string, model any, result interface{ RowsAffected() (int64, error) }) error {
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		err = ErrStale
	}
	if err != nil {
		return fmt.Errorf("dbquery: %s %T: %w", what, model, err)
	}
	return nil
}
