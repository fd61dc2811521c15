package previewcmd

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"kindred/kindredclient"
)

// write shows the account of one record.
func (c *command) write(e entry) error {
	if c.json {
		out := json.NewEncoder(c.out)
		out.SetEscapeHTML(false)
		return out.Encode(e)
	}
	fmt.Fprintf(c.out, "%s, record %d: %s\n", e.File, e.Record, headline(e.Preview))
	for _, table := range []func(io.Writer, *kindredclient.Preview) bool{fields, keys, standards, changes} {
		w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
		if table(w, e.Preview) {
			if err := w.Flush(); err != nil {
				return err
			}
		}
	}
	_, err := fmt.Fprintln(c.out)
	return err
}

// headline says the outcome in one line.
func headline(p *kindredclient.Preview) string {
	text := p.Outcome
	if p.ProfileID != "" {
		text += ", profile " + p.ProfileID
	}
	if p.MovedFrom != "" {
		text += ", from profile " + p.MovedFrom
	}
	if p.Error != nil {
		text += ": " + oneLine(p.Error.Message)
		if p.Error.Destination == "DEAD_LETTER_QUEUE" {
			text += " (to the dead letter queue)"
		}
	}
	return text
}

func fields(w io.Writer, p *kindredclient.Preview) bool {
	for i, f := range p.Fields {
		if i == 0 {
			row(w, "FIELD", "VALUE", "WRITES TO", "PROBLEM")
		}
		value := f.Value
		if len(f.Values) > 0 {
			value = "[" + strings.Join(f.Values, ", ") + "]"
		}
		row(w, f.Name, short(value), strings.Join(f.WritesTo, ", "), f.Problem)
	}
	return len(p.Fields) > 0
}

func keys(w io.Writer, p *kindredclient.Preview) bool {
	for i, k := range p.Keys {
		if i == 0 {
			row(w, "KEY", "NORMALISED", "TRIED", "FINDING", "STORED", "PROFILES")
		}
		tried, stored, profiles := "", "yes", strings.Join(k.ProfileIDs, " ")
		if k.Tried > 0 {
			tried = fmt.Sprint(k.Tried)
		}
		if !k.Stored {
			stored = "no: " + k.NotStored
		}
		if k.More {
			profiles += " …"
		}
		if k.Problem != "" {
			profiles = k.Problem
		}
		row(w, k.Name+" ("+strings.Join(k.StandardIdentifiers, ",")+")", short(k.NormalizedValue), tried, k.Finding, stored, profiles)
	}
	return len(p.Keys) > 0
}

func standards(w io.Writer, p *kindredclient.Preview) bool {
	for i, s := range p.StandardObjects {
		if i == 0 {
			row(w, "OBJECT", "OUTCOME", "ID", "FOUND BY")
		}
		var by []string
		for _, k := range s.FoundBy {
			by = append(by, k.KeyName)
		}
		row(w, s.ObjectTypeName, s.Outcome, s.ID, strings.Join(by, ", "))
	}
	return len(p.StandardObjects) > 0
}

func changes(w io.Writer, p *kindredclient.Preview) bool {
	for i, ch := range p.Changes {
		if i == 0 {
			row(w, "PROFILE", "BEFORE", "AFTER", "REASON")
		}
		row(w, ch.Field, shown(ch.Before), shown(ch.After), ch.Reason)
	}
	return len(p.Changes) > 0
}

func shown(s *string) string {
	if s == nil {
		return "-"
	}
	return short(*s)
}

// maxCell bounds a value in a table, in characters; --json has it whole.
const maxCell = 60

func short(s string) string {
	if r := []rune(s); len(r) > maxCell {
		return string(r[:maxCell-1]) + "…"
	}
	return s
}

func row(w io.Writer, values ...string) {
	for i, v := range values {
		values[i] = oneLine(v)
	}
	fmt.Fprintln(w, "  "+strings.Join(values, "\t"))
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
