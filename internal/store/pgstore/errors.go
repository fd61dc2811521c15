package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"kindred/internal/store"
)

// failure is an error of a batch with the statement that failed.
type failure struct {
	statement statement
	cause     error
}

func (f *failure) Error() string { return specs[f.statement].name + ": " + f.cause.Error() }
func (f *failure) Unwrap() error { return f.cause }

// verdict is what an error means for the call that met it.
type verdict int

const (
	isFatal   verdict = iota // the call ends with it
	isStale                  // something is not as it was read, or believed: run again
	isRefused                // the server has undone the transaction; again, it may succeed
	isLost                   // the connection or the server went away
)

// ours are errors that the engine has made, and that say all there is to say.
func ours(err error) bool {
	return errors.Is(err, store.ErrUnknownOutcome) || errors.Is(err, store.ErrCorrupt) || errors.Is(err, errUnsafe)
}

// judge tells what an error of a batch means.
func judge(err error) verdict {
	var p *pgconn.PgError
	if ours(err) {
		return isFatal
	}
	if errors.Is(err, errStale) {
		return isStale
	}
	if !errors.As(err, &p) {
		return isLost // of the network, or of the connection
	}
	switch {
	case p.SeverityUnlocalized == "FATAL" || p.SeverityUnlocalized == "PANIC":
		if isMistake(p.Code) {
			return isFatal
		}
		return isLost
	case p.Code == stale, p.Code == taken:
		return isStale
	case p.Code == "40001", p.Code == "40P01", p.Code == "55P03": // serialisation, deadlock, lock not available
		return isRefused
	case p.Code == "53300", p.Code == "25006", // too many connections, a standby or a demoted primary
		p.Code == "26000", p.Code == "0A000", // a prepared statement is gone, or its plan no longer fits
		strings.HasPrefix(p.Code, "57P"), strings.HasPrefix(p.Code, "08"): // shutting down, starting, connection
		return isLost
	}
	return isFatal
}

// isMistake tells of a refused connection that trying again does not help: of
// credentials, names of databases, and settings.
func isMistake(code string) bool {
	return strings.HasPrefix(code, "28") || strings.HasPrefix(code, "3D") || strings.HasPrefix(code, "42") || strings.HasPrefix(code, "22")
}

// isCancelled tells of a statement that was cancelled or took too long.
func isCancelled(err error) bool { return hasCode(err, "57014") }

func hasCode(err error, code string) bool {
	var p *pgconn.PgError
	return errors.As(err, &p) && p.Code == code
}

// outward is the error to return for one that ends a call. Messages of the server
// may quote values, so its code and what it is about are all that is kept of it.
func outward(ctx context.Context, err error) error {
	if err == nil || ours(err) {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var p *pgconn.PgError
	if !errors.As(err, &p) {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	at := ""
	var f *failure
	if errors.As(err, &f) {
		at = specs[f.statement].name + ": "
	}
	text := fmt.Sprintf("%sPostgreSQL error %s (%s)", at, p.Code, safeMessage(p))
	switch {
	case strings.HasPrefix(p.Code, "XX00") && p.Code != "XX000":
		return fmt.Errorf("%w: %s", store.ErrCorrupt, text)
	case p.Code == "57014":
		return fmt.Errorf("%w: %sthe statement took longer than statement_timeout", store.ErrUnavailable, at)
	case strings.HasPrefix(p.Code, "53"), judge(err) == isLost:
		return fmt.Errorf("%w: %s", store.ErrUnavailable, text)
	case judge(err) == isRefused:
		return fmt.Errorf("%w: %s", store.ErrConflict, text)
	}
	return fmt.Errorf("pgstore: %s", text)
}

// safeMessage is the message of a server where it is sure to be about the server
// and not about what is stored: of resources, operators, connections, damage.
func safeMessage(p *pgconn.PgError) string {
	for _, class := range []string{"08", "25", "28", "3D", "40", "42", "53", "55", "57", "58", "XX"} {
		if strings.HasPrefix(p.Code, class) {
			return p.Message
		}
	}
	return "message withheld"
}
