package deadlettercmd

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"kindred/internal/remote"
	"kindred/kindredclient"
)

// Bounds of the API.
const (
	maxPage    = 100
	maxRedrive = 10_000
	maxIDs     = 1000
)

// list shows letters from as many pages as it takes.
func (c *command) list(ctx context.Context) error {
	var all *kindredclient.DeadLetters
	in := kindredclient.ListDeadLettersInput{DeadLetterFilter: c.filter}
	for {
		in.MaxResults = min(maxPage, c.limit)
		if all != nil {
			in.MaxResults = min(maxPage, c.limit-len(all.Items))
		}
		page, err := c.client.ListDeadLetters(ctx, c.domain, in)
		if err != nil {
			return err
		}
		if all != nil {
			page.Items = append(all.Items, page.Items...)
		}
		all = page
		if in.NextToken = page.NextToken; in.NextToken == "" || len(all.Items) >= c.limit {
			break
		}
	}
	if c.json {
		return c.listJSON(all)
	}
	if err := c.letters(all.Items); err != nil {
		return err
	}
	if err := c.tallies("\nLETTERS", all.Counts); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "\n%d of %d letters shown.\n", len(all.Items), all.Matched)
	for _, line := range []struct {
		when bool
		text string
	}{
		{all.QueueURL == "" && all.QueueProblem == "", "The domain has no dead letter queue."},
		{all.QueueProblem != "", all.QueueProblem + "."},
		{all.QueueProblem == "" && !all.Complete, fmt.Sprintf("There are more than the %d that could be looked at.", all.Examined)},
		{all.InFlight > 0, fmt.Sprintf("%d messages are held by others and were not seen; look again in a minute.", all.InFlight)},
		{all.Foreign > 0, fmt.Sprintf("%d messages in the queue are no letters of this domain.", all.Foreign)},
		{all.MaxReceiveCount > 0, movesAway(all.MaxReceiveCount)},
	} {
		if line.when {
			fmt.Fprintln(c.out, line.text)
		}
	}
	return nil
}

func movesAway(receives int) string {
	return fmt.Sprintf("The queue has a redrive policy: a letter is moved away after %d receives, and each list is one.", receives)
}

// listJSON leaves the records out unless they were asked for.
func (c *command) listJSON(all *kindredclient.DeadLetters) error {
	if c.showRecords {
		return remote.WriteJSON(c.out, all)
	}
	type letter struct {
		kindredclient.DeadLetter
		Body string `json:",omitempty"` // hides that of the letter
	}
	out := struct {
		*kindredclient.DeadLetters
		Items []letter
	}{all, make([]letter, 0, len(all.Items))}
	for _, l := range all.Items {
		out.Items = append(out.Items, letter{DeadLetter: l})
	}
	return remote.WriteJSON(c.out, out)
}

func (c *command) letters(items []kindredclient.DeadLetter) error {
	if len(items) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	row(w, "ID", "SENT", "OBJECT TYPE", "STATE", "RECEIVED", "ERROR")
	for _, l := range items {
		row(w, l.ID, l.SentAt.Format(time.RFC3339), l.ObjectTypeName, l.State, fmt.Sprint(l.ReceiveCount), l.Message)
		if c.showRecords {
			if err := w.Flush(); err != nil {
				return err
			}
			fmt.Fprintln(c.out, "    "+oneLine(l.Body))
		}
	}
	return w.Flush()
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

func (c *command) tallies(title string, list []kindredclient.DeadLetterTally) error {
	if len(list) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, title+"\tOBJECT TYPE\tERROR")
	for _, t := range list {
		row(w, fmt.Sprint(t.Count), t.ObjectTypeName, t.Message)
	}
	return w.Flush()
}

// redrive calls as often as there are more letters and a call gets further.
func (c *command) redrive(ctx context.Context) error {
	if len(c.ids) > maxIDs {
		return fmt.Errorf("--id: at most %d may be given", maxIDs)
	}
	sum := &kindredclient.Redrive{}
	in := kindredclient.RedriveDeadLettersInput{DeadLetterFilter: c.filter, IDs: c.ids, DryRun: c.dryRun}
	var failed error
	for {
		in.Limit = maxRedrive
		if c.limit > 0 {
			in.Limit = min(maxRedrive, c.limit-sum.Redriven-sum.Failed)
		}
		out, err := c.client.RedriveDeadLetters(ctx, c.domain, in)
		if err != nil {
			failed = err // what was done before is told all the same
			break
		}
		add(sum, out)
		in.NextToken = out.NextToken
		done := c.limit > 0 && sum.Redriven+sum.Failed >= c.limit
		stuck := out.Redriven == 0 && (out.NextToken == "" || out.Failed == 0)
		if !out.More || done || stuck {
			break
		}
	}
	if failed != nil && sum.Examined == 0 {
		return failed
	}
	if err := c.report(sum); err != nil {
		return err
	}
	if failed == nil && sum.Failed > 0 && !c.dryRun {
		failed = fmt.Errorf("%d letters failed again", sum.Failed)
	}
	return failed
}

// add adds the answer of another call; messages looked at in both count once.
func add(sum, out *kindredclient.Redrive) {
	sum.DryRun, sum.InFlight, sum.More, sum.NextToken, sum.MaxReceiveCount = out.DryRun, out.InFlight, out.More, out.NextToken, out.MaxReceiveCount
	sum.Examined, sum.Matched, sum.Skipped = max(sum.Examined, out.Examined), max(sum.Matched, out.Matched), max(sum.Skipped, out.Skipped)
	sum.Redriven += out.Redriven
	sum.Failed += out.Failed
	sum.Results = append(sum.Results, out.Results...)
	for _, f := range out.Failures {
		at := -1
		for i := range sum.Failures {
			if sum.Failures[i].ObjectTypeName == f.ObjectTypeName && sum.Failures[i].Message == f.Message {
				at = i
			}
		}
		if at < 0 {
			sum.Failures = append(sum.Failures, f)
		} else {
			sum.Failures[at].Count += f.Count
		}
	}
}

func (c *command) report(sum *kindredclient.Redrive) error {
	if c.json {
		return remote.WriteJSON(c.out, sum)
	}
	shown := 0
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	for _, r := range sum.Results {
		if r.Message == "" && r.Note == "" {
			continue
		}
		if shown == 0 {
			row(w, "ID", "SENT", "OBJECT TYPE", "STATE", "ERROR", "NOTE")
		}
		row(w, r.ID, r.SentAt.Format(time.RFC3339), r.ObjectTypeName, r.State, r.Message, r.Note)
		if shown++; shown == maxPage {
			break
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := c.tallies("\nFAILED", sum.Failures); err != nil {
		return err
	}
	verb := "ingested"
	if sum.DryRun {
		verb = "would be ingested"
	}
	fmt.Fprintf(c.out, "\n%d letters %s, %d failed, %d skipped.\n", sum.Redriven, verb, sum.Failed, sum.Skipped)
	for _, line := range []struct {
		when bool
		text string
	}{
		{sum.More, "There are more letters."},
		{sum.InFlight > 0, fmt.Sprintf("%d messages were held by others; run again in a minute.", sum.InFlight)},
		{sum.MaxReceiveCount > 0, movesAway(sum.MaxReceiveCount)},
	} {
		if line.when {
			fmt.Fprintln(c.out, line.text)
		}
	}
	return nil
}
