package node

import (
	"context"
	"log/slog"
	"time"

	"kindred/internal/tracing"
)

// sweepEvery is how often a node looks for what another has left when it died.
const sweepEvery = time.Minute

// again makes of work that is done once work that is done again and again, until the
// context ends. A failure is told of and is no end.
func again(log *slog.Logger, what string, work func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		tick := time.NewTicker(sweepEvery)
		defer tick.Stop()
		for {
			if err := tracing.Work(ctx, what, work); err != nil && ctx.Err() == nil {
				log.WarnContext(ctx, what+" is not finished", "error", err)
			}
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
		}
	}
}
