package profilecmd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles/types"

	"kindred/internal/remote"
	"kindred/kindredclient"
)

// maxPage is the most that the API answers at once.
const maxPage = 100

// show writes the fields of a profile.
func (c *command) show(ctx context.Context) error {
	p, err := c.client.GetProfileProvenance(ctx, c.domain, c.args[0])
	if err != nil {
		return err
	}
	values := map[string]string{}
	for _, f := range p.Fields {
		values[f.Field] = f.Value
		if f.Values != nil {
			values[f.Field] = strings.Join(f.Values, ", ")
		}
	}
	if c.json {
		return remote.WriteJSON(c.out, struct {
			ProfileID          string `json:"ProfileId"`
			SuccessorProfileID string `json:"SuccessorProfileId"`
			Fields             map[string]string
		}{p.ProfileID, p.SuccessorProfileID, values})
	}
	c.about(p.ProfileID, p.SuccessorProfileID, "is part of")
	return c.fields(values)
}

// about begins an account of a profile.
func (c *command) about(id, successor, relation string) {
	if id == successor {
		fmt.Fprintf(c.out, "Profile %s\n", id)
		return
	}
	fmt.Fprintf(c.out, "Profile %s %s %s\n", id, relation, successor)
}

func (c *command) fields(values map[string]string) error {
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		row(w, "  "+name, values[name])
	}
	return w.Flush()
}

// provenance writes a line for each value that stands and, below it, one for each
// that it stands before.
func (c *command) provenance(ctx context.Context) error {
	p, err := c.client.GetProfileProvenance(ctx, c.domain, c.args[0])
	if err != nil {
		return err
	}
	if c.json {
		return remote.WriteJSON(c.out, p)
	}
	c.about(p.ProfileID, p.SuccessorProfileID, "is part of")
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	if len(p.Fields) > 0 {
		row(w, "  FIELD", "VALUE", "FROM", "TIME", "BY", "PROFILE", "MERGE")
	}
	for i := range p.Fields {
		f := &p.Fields[i]
		origin(w, f.Field, &f.ProvenanceValue, false)
		for j := range f.Displaced {
			origin(w, "  before", &f.Displaced[j].ProvenanceValue, f.Displaced[j].Cleared)
		}
		if more := f.DisplacedCount - len(f.Displaced); more > 0 {
			row(w, "    "+strconv.Itoa(more)+" more")
		}
	}
	return w.Flush()
}

func origin(w io.Writer, name string, v *kindredclient.ProvenanceValue, cleared bool) {
	text := v.Value
	switch {
	case cleared:
		text = "(removed)"
	case v.Values != nil:
		text = strings.Join(v.Values, ", ")
	}
	from := v.Kind
	if v.ObjectTypeName != "" {
		from += " " + v.ObjectTypeName
	}
	if v.Priority != 0 {
		from += " (priority " + strconv.Itoa(v.Priority) + ")"
	}
	row(w, "  "+name, text, from, when(v.Time), v.PerformedBy, v.BaseProfileID, v.MergeID)
}

// history lists the records of a history, or writes one with its content.
func (c *command) history(ctx context.Context) error {
	if len(c.args) > 1 {
		return c.record(ctx, c.args[1])
	}
	in := &customerprofiles.ListProfileHistoryRecordsInput{DomainName: &c.domain, ProfileId: &c.args[0], ObjectTypeName: optional(c.objectType),
		ActionType: types.ActionType(strings.ToUpper(c.action)), PerformedBy: optional(c.by)}
	list := []types.ProfileHistoryRecord{}
	for {
		in.MaxResults = aws.Int32(int32(min(maxPage, c.limit-len(list))))
		page, err := c.profiles.ListProfileHistoryRecords(ctx, in)
		if err != nil {
			return err
		}
		list = append(list, page.ProfileHistoryRecords...)
		if in.NextToken = page.NextToken; in.NextToken == nil || len(list) >= c.limit {
			break
		}
	}
	if c.json {
		return remote.WriteJSON(c.out, list)
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	if len(list) > 0 {
		row(w, "RECORD", "TIME", "ACTION", "OBJECT TYPE", "BY")
	}
	for _, r := range list {
		row(w, aws.ToString(r.Id), r.CreatedAt.UTC().Format(timeForm), string(r.ActionType), aws.ToString(r.ObjectTypeName), aws.ToString(r.PerformedBy))
	}
	return c.counted(w, len(list), "records", in.NextToken != nil)
}

// counted ends a list.
func (c *command) counted(w *tabwriter.Writer, n int, what string, more bool) error {
	if err := w.Flush(); err != nil {
		return err
	}
	text := ""
	if more {
		text = " There are more."
	}
	_, err := fmt.Fprintf(c.out, "\n%d %s shown.%s\n", n, what, text)
	return err
}

func (c *command) record(ctx context.Context, id string) error {
	r, err := c.profiles.GetProfileHistoryRecord(ctx, &customerprofiles.GetProfileHistoryRecordInput{DomainName: &c.domain, ProfileId: &c.args[0], Id: &id})
	if err != nil {
		return err
	}
	if c.json {
		return remote.WriteJSON(c.out, struct {
			types.ProfileHistoryRecord
			Content *string
		}{types.ProfileHistoryRecord{Id: r.Id, ObjectTypeName: r.ObjectTypeName, CreatedAt: r.CreatedAt, LastUpdatedAt: r.LastUpdatedAt,
			ActionType: r.ActionType, ProfileObjectUniqueKey: r.ProfileObjectUniqueKey, PerformedBy: r.PerformedBy}, r.Content})
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	for _, line := range [][2]string{{"record", aws.ToString(r.Id)}, {"time", r.CreatedAt.UTC().Format(timeForm)}, {"action", string(r.ActionType)},
		{"object type", aws.ToString(r.ObjectTypeName)}, {"unique key", aws.ToString(r.ProfileObjectUniqueKey)}, {"by", aws.ToString(r.PerformedBy)},
		{"content", aws.ToString(r.Content)}} {
		if line[1] != "" {
			row(w, line[0], line[1])
		}
	}
	return w.Flush()
}

// asOf writes the fields that a profile had at a time.
func (c *command) asOf(ctx context.Context) error {
	at, err := time.Parse(time.RFC3339, c.args[1])
	if err != nil {
		return fmt.Errorf("TIME %q: want a time such as 2026-11-25T09:30:00Z", c.args[1])
	}
	p, err := c.client.DescribeProfileAsOf(ctx, c.domain, c.args[0], at)
	if err != nil {
		return err
	}
	if c.json {
		return remote.WriteJSON(c.out, p)
	}
	values, err := flatten(p.Profile)
	if err != nil {
		return err
	}
	c.about(p.ProfileID, p.SuccessorProfileID, "was part of")
	fmt.Fprintf(c.out, "As of %s\n", when(p.AsOf))
	return c.fields(values)
}

// flatten gives the values of a profile by their paths.
func flatten(profile json.RawMessage) (map[string]string, error) {
	var members map[string]any
	d := json.NewDecoder(bytes.NewReader(profile))
	d.UseNumber()
	if err := d.Decode(&members); err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	delete(members, "ProfileId")
	values := map[string]string{}
	for name, v := range members {
		switch v := v.(type) {
		case nil:
		case string:
			values[name] = v
		case map[string]any:
			if name == "EngagementPreferences" {
				b, err := json.Marshal(v)
				if err != nil {
					return nil, fmt.Errorf("profile: %w", err)
				}
				values[name] = string(b)
				continue
			}
			for below, x := range v {
				values[name+"."+below] = fmt.Sprint(x)
			}
		default:
			values[name] = fmt.Sprint(v)
		}
	}
	return values, nil
}

// lineage writes an account of each merge.
func (c *command) lineage(ctx context.Context) error {
	var all *kindredclient.MergeLineage
	for token := ""; ; token = all.NextToken {
		n := 0
		if all != nil {
			n = len(all.Merges)
		}
		page, err := c.client.GetMergeLineage(ctx, c.domain, c.args[0], min(maxPage, c.limit-n), token)
		if err != nil {
			return err
		}
		if all == nil {
			all = page
		} else {
			all.Merges, all.NextToken = append(all.Merges, page.Merges...), page.NextToken
		}
		if all.NextToken == "" || len(all.Merges) >= c.limit {
			break
		}
	}
	if c.json {
		return remote.WriteJSON(c.out, all)
	}
	c.about(all.ProfileID, all.SuccessorProfileID, "is part of")
	for i := range all.Merges {
		if err := c.merge(&all.Merges[i]); err != nil {
			return err
		}
	}
	return c.counted(tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0), len(all.Merges), "merges", all.NextToken != "")
}

func (c *command) merge(m *kindredclient.Merge) error {
	fmt.Fprintf(c.out, "\nMerge %s, %s\n", oneLine(m.MergeID), oneLine(m.State))
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	row(w, "  into", m.MainProfileID)
	row(w, "  of", strings.Join(m.MergedProfileIDs, " "))
	row(w, "  at", when(m.MergedAt))
	row(w, "  by", strings.TrimSpace(m.MergedBy+" "+m.Rule))
	if m.UndoneAt != nil {
		row(w, "  undone", strings.TrimSpace(when(*m.UndoneAt)+" "+m.UndoneBy))
	}
	for _, f := range m.Fields {
		row(w, "  field "+f.Field, f.SourceProfileID)
	}
	for _, f := range m.ChosenFields {
		row(w, "  chosen "+f.Field, f.SourceProfileID)
	}
	return w.Flush()
}

// unmerge undoes a merge and tells what came of it.
func (c *command) unmerge(ctx context.Context) error {
	u, err := c.client.UnmergeProfiles(ctx, c.domain, c.args[0])
	if err != nil {
		return err
	}
	if c.json {
		return remote.WriteJSON(c.out, u)
	}
	fmt.Fprintf(c.out, "Merge %s is undone.\nProfile %s stays", u.MergeID, u.MainProfileID)
	for _, id := range u.RestoredProfileIDs {
		fmt.Fprintf(c.out, ",\nprofile %s stands for itself again", id)
	}
	_, err = fmt.Fprintf(c.out, ".\n%d objects that only the merge had let in have found their way anew.\n", u.MovedObjects)
	return err
}

// timeForm keeps milliseconds, so that what is shown can be asked for.
const timeForm = "2006-01-02T15:04:05.000Z07:00"

func when(t kindredclient.Time) string { return t.Format(timeForm) }

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
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
