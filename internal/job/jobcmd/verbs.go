package jobcmd

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"kindred/internal/remote"
	"kindred/kindredclient"
)

// maxPage is the most jobs that the API answers at once.
const maxPage = 100

// list shows jobs from as many pages as it takes.
func (c *command) list(ctx context.Context) error {
	all := kindredclient.JobPage{Items: []kindredclient.Job{}}
	in := c.filter
	for {
		in.MaxResults = min(maxPage, c.limit-len(all.Items))
		page, err := c.client.ListJobs(ctx, c.domain, in)
		if err != nil {
			return err
		}
		all.Items = append(all.Items, page.Items...)
		all.NextToken = page.NextToken
		if in.NextToken = page.NextToken; in.NextToken == "" || len(all.Items) >= c.limit {
			break
		}
	}
	if c.json {
		return remote.WriteJSON(c.out, all)
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	if len(all.Items) > 0 {
		row(w, "ID", "CREATED", "KIND", "SUBJECT", "STATE", "DONE", "FAILED", "MESSAGE")
	}
	for _, j := range all.Items {
		row(w, j.ID, when(j.CreatedAt), j.Kind, j.Subject, state(&j), done(&j), strconv.FormatInt(j.FailedCount, 10), j.Message)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	more := ""
	if all.NextToken != "" {
		more = " There are more."
	}
	_, err := fmt.Fprintf(c.out, "\n%d jobs shown.%s\n", len(all.Items), more)
	return err
}

// single is a command on one job, which shows what became of it.
func single(call func(*kindredclient.Client, context.Context, string, string) (*kindredclient.Job, error)) func(*command, context.Context) error {
	return func(c *command, ctx context.Context) error {
		j, err := call(c.client, ctx, c.domain, c.job)
		if err != nil {
			return err
		}
		if c.json {
			return remote.WriteJSON(c.out, j)
		}
		return c.show(j)
	}
}

func (c *command) show(j *kindredclient.Job) error {
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	for _, line := range [][2]string{{"id", j.ID}, {"kind", j.Kind}, {"subject", j.Subject}, {"state", state(j)}, {"message", j.Message},
		{"done", done(j)}, {"failed", strconv.FormatInt(j.FailedCount, 10)}} {
		field(w, line[0], line[1])
	}
	for _, name := range slices.Sorted(maps.Keys(j.Counters)) {
		field(w, name, strconv.FormatInt(j.Counters[name], 10))
	}
	field(w, "requested by", j.RequestedBy)
	field(w, "created", when(j.CreatedAt))
	if j.StartedAt != nil {
		field(w, "started", when(*j.StartedAt))
	}
	field(w, "updated", when(j.LastUpdatedAt))
	if j.EndedAt != nil {
		field(w, "ended", when(*j.EndedAt))
	}
	return w.Flush()
}

// field writes a line of what has a value.
func field(w io.Writer, name, value string) {
	if value != "" {
		row(w, name, value)
	}
}

func when(t kindredclient.Time) string { return t.Format(time.RFC3339) }

func state(j *kindredclient.Job) string {
	if j.Cancelling {
		return j.State + " (cancelling)"
	}
	return j.State
}

func done(j *kindredclient.Job) string {
	text := strconv.FormatInt(j.DoneCount, 10)
	if j.TotalCount != nil {
		text += " of " + strconv.FormatInt(*j.TotalCount, 10)
	}
	return text
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
