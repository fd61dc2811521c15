package replaycmd

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"kindred/kindredclient"
)

// show writes a job, what it counted, and the examples of a dry run.
func (c *command) show(r *kindredclient.Replay) error {
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	done := strconv.FormatInt(r.Job.DoneCount, 10)
	if r.Job.TotalCount != nil {
		done += " of " + strconv.FormatInt(*r.Job.TotalCount, 10)
	}
	for _, line := range [][2]string{{"id", r.Job.ID}, {"mode", r.Mode}, {"object type", r.ObjectTypeName}, {"rolls back", r.RollsBack},
		{"state", r.Job.State}, {"message", r.Job.Message}, {"profiles", done}, {"failed", strconv.FormatInt(r.Job.FailedCount, 10)}} {
		if line[1] != "" {
			row(w, line[0], line[1])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Job.Counters)) {
		row(w, name, strconv.FormatInt(r.Job.Counters[name], 10))
	}
	for i := range r.Examples {
		example(w, &r.Examples[i])
	}
	return w.Flush()
}

func example(w io.Writer, e *kindredclient.ReplayExample) {
	fmt.Fprintf(w, "\nprofile %s: %s%s\n", oneLine(e.ProfileID), oneLine(e.Outcome), note(e))
	for _, ch := range e.Changes {
		row(w, "  "+ch.Field, value(ch.Before), value(ch.After), ch.Reason)
	}
	for _, k := range e.Keys {
		more := ""
		if k.Ambiguous {
			more = "AMBIGUOUS"
		}
		row(w, "  key "+k.KeyName, k.NormalizedValue, k.Change, more)
	}
}

// note says what of an example is not in its changes.
func note(e *kindredclient.ReplayExample) string {
	text := ""
	if len(e.Failures) > 0 {
		text = ", objects fail: " + oneLine(strings.Join(e.Failures, ", "))
	}
	if e.Truncated {
		text += " (too large to be shown whole)"
	}
	return text
}

func value(s *string) string {
	if s == nil {
		return "-"
	}
	return *s
}

// oneLine keeps a value from breaking the table or commanding the terminal.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}

func row(w io.Writer, values ...string) {
	for i, v := range values {
		values[i] = oneLine(v)
	}
	fmt.Fprintln(w, strings.Join(values, "\t"))
}
