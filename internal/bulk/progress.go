package bulk

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// How often progress is shown.
const (
	barEvery  = 200 * time.Millisecond
	lineEvery = 5 * time.Second
)

const barWidth = 30

// Show writes the progress of a run to w until ctx ends: as one line that is
// written over on a terminal, as a line every few seconds elsewhere.
func (r *Run) Show(ctx context.Context, w io.Writer, terminal bool) {
	every := lineEvery
	if terminal {
		every = barEvery
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	began, first := time.Now(), r.Totals()
	before, last, rate := began, first, 0.0
	for {
		select {
		case <-ctx.Done():
			if terminal {
				fmt.Fprint(w, "\r\x1b[K")
			}
			return
		case now := <-tick.C:
			t := r.Totals()
			// The rate of late, so that it can be seen when something changes.
			latest := float64(t.records()-last.records()) / now.Sub(before).Seconds()
			if rate == 0 || !terminal {
				rate = latest
			}
			rate += (latest - rate) / 10
			before, last = now, t
			read, size := r.Bytes()
			text := status(t, rate, read, size, terminal)
			if r.Waiting != nil {
				if what := r.Waiting(); what != "" {
					text += ", waiting for " + what
				}
			}
			if terminal {
				fmt.Fprint(w, "\r\x1b[K", text)
			} else {
				fmt.Fprintln(w, text)
			}
		}
	}
}

func (t *Totals) records() int64 { return t.Ingested + t.Failed }

// status is a line of progress. The size is 0 if it is not known.
func status(t Totals, rate float64, read, size int64, bar bool) string {
	var b strings.Builder
	if size > 0 {
		part := min(1, float64(read)/float64(size))
		if bar {
			full := int(part * barWidth)
			fmt.Fprintf(&b, "[%s%s] ", strings.Repeat("#", full), strings.Repeat(".", barWidth-full))
		}
		fmt.Fprintf(&b, "%3.0f %%, ", 100*part)
	}
	fmt.Fprintf(&b, "%d records, %.0f/s, %d failed", t.records(), rate, t.Failed)
	return b.String()
}

// Summary says what became of the records of a job.
func (t Totals) Summary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d records ingested", t.Ingested)
	if t.DeadLetters > 0 {
		fmt.Fprintf(&b, ", %d of them into the dead letter queue", t.DeadLetters)
	}
	fmt.Fprintf(&b, ", %d failed\n", t.Failed)
	byCount := slices.SortedFunc(maps.Keys(t.Reasons), func(a, b string) int {
		return cmp.Or(cmp.Compare(t.Reasons[b], t.Reasons[a]), cmp.Compare(a, b))
	})
	for _, reason := range byCount {
		fmt.Fprintf(&b, "%9d  %s\n", t.Reasons[reason], reason)
	}
	return b.String()
}
