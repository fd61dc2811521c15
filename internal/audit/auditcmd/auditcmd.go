// Package auditcmd is the command "kindred audit": it looks into the audit trail of a
// running server.
package auditcmd

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"kindred/internal/remote"
	"kindred/kindredclient"
)

const usage = `usage: kindred audit [flags]

Shows who called what, the newest first. Credentials are found as by every AWS client.

`

// Run runs "kindred audit" with the arguments after that word.
func Run(ctx context.Context, args []string, stdout io.Writer) error {
	var server remote.Server
	var q kindredclient.AuditQuestion
	var since, until string
	var limit int
	var asJSON, changes bool
	fs := flag.NewFlagSet("kindred audit", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	server.Flags(fs)
	attributes := map[string]*string{
		"Username":     fs.String("user", "", "of a user, by `name` or ARN"),
		"EventName":    fs.String("operation", "", "of an `operation`, such as DeleteProfile"),
		"ResourceName": fs.String("resource", "", "on a `resource`, by the name in the request, such as a domain's or the id of a profile"),
		"ErrorCode":    fs.String("error", "", "that ended with an `error`, such as AccessDeniedException"),
		"AccessKeyId":  fs.String("key", "", "signed with an access `key`"),
	}
	fs.BoolVar(&changes, "changes", false, "without reads")
	fs.StringVar(&since, "since", "", "from a `time` on: 2026-11-26T09:00:00Z, or 2h ago")
	fs.StringVar(&until, "until", "", "up to a `time`")
	fs.IntVar(&limit, "limit", 100, "at most `N` events")
	fs.BoolVar(&asJSON, "json", false, "as JSON lines, in the shape of CloudTrail's records")
	rest, err := remote.Parse(fs, args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		fs.SetOutput(stdout)
		fs.PrintDefaults()
		return nil
	}
	if len(rest) > 0 {
		err = errors.Join(err, fmt.Errorf("%q is not wanted: there are only flags", rest[0]))
	}
	if limit < 1 {
		err = errors.Join(err, errors.New("--limit: want 1 or more"))
	}
	for name, to := range map[string]struct {
		text string
		at   **time.Time
	}{"--since": {since, &q.Start}, "--until": {until, &q.End}} {
		at, perr := parseTime(to.text, time.Now())
		if perr != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", name, perr))
		}
		*to.at = at
	}
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	for key, value := range attributes {
		if *value != "" {
			q.Attributes = append(q.Attributes, kindredclient.AuditAttribute{AttributeKey: key, AttributeValue: *value})
		}
	}
	if changes {
		q.Attributes = append(q.Attributes, kindredclient.AuditAttribute{AttributeKey: "ReadOnly", AttributeValue: "false"})
	}
	client, err := server.Client(ctx)
	if err == nil {
		err = show(ctx, client, &q, limit, asJSON, stdout)
	}
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

// parseTime reads a time, or a span before now.
func parseTime(text string, now time.Time) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	if d, err := time.ParseDuration(strings.TrimSuffix(strings.TrimSuffix(text, "ago"), " ")); err == nil {
		at := now.Add(-d)
		return &at, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, errors.New("want a time such as 2026-11-26T09:00:00Z, or a span such as 2h")
	}
	return &at, nil
}

func show(ctx context.Context, client *kindredclient.Client, q *kindredclient.AuditQuestion, limit int, asJSON bool, out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	if !asJSON {
		fmt.Fprintln(table, "TIME\tWHO\tFROM\tOPERATION\tON\tERROR")
	}
	for shown := 0; shown < limit; {
		events, next, err := client.LookupEvents(ctx, q)
		if err != nil {
			return err
		}
		for _, e := range events {
			if shown++; shown > limit {
				break
			}
			if asJSON {
				fmt.Fprintln(out, e.CloudTrailEvent)
				continue
			}
			var record struct{ SourceIPAddress string }
			if err := json.Unmarshal([]byte(e.CloudTrailEvent), &record); err != nil {
				return err
			}
			var on []string
			for _, r := range e.Resources {
				on = append(on, r.ResourceName)
			}
			service, _, _ := strings.Cut(e.EventSource, ".")
			fmt.Fprintf(table, "%s\t%s\t%s\t%s:%s\t%s\t%s\n", e.EventTime.UTC().Format(time.RFC3339), e.Username, record.SourceIPAddress, service, e.EventName, strings.Join(on, " "), e.ErrorCode)
		}
		if next == "" {
			break
		}
		q.NextToken = next
	}
	return table.Flush()
}
