package mapping_test

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"

	"kindred/internal/mapping"
)

// objectType is one entry of testdata/mappings.json: the fields of an object
// type, and what they make of records.
type objectType struct {
	Name                  string
	TimeFormat, TimeField string
	Fields                map[string]struct{ Source, Target string }
	Records               []record
}

type record struct {
	Document json.RawMessage
	Values   map[string]any    // by field: text, or a list of texts
	Places   map[string]string // by field: the path of the target, "" for nowhere
	Time     time.Time
}

func TestWorkedMappings(t *testing.T) {
	data, err := os.ReadFile("testdata/mappings.json")
	if err != nil {
		t.Fatal(err)
	}
	var types []objectType
	if err := json.Unmarshal(data, &types); err != nil {
		t.Fatal(err)
	}
	for _, o := range types {
		t.Run(o.Name, func(t *testing.T) {
			for _, r := range o.Records {
				o.check(t, r)
			}
		})
	}
}

func (o objectType) check(t *testing.T, r record) {
	t.Helper()
	doc := parse(t, string(r.Document))
	if len(r.Values) != len(o.Fields) {
		t.Errorf("%d values for %d fields", len(r.Values), len(o.Fields))
	}
	for name, field := range o.Fields {
		source, err := mapping.CompileSource(field.Source)
		if err != nil {
			t.Fatal(err)
		}
		got, err := source.Eval(doc)
		if err != nil {
			t.Fatal(err)
		}
		if want := result(r.Values[name]); got.Text != want.Text || !slices.Equal(got.List, want.List) || got.IsList != want.IsList {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
		if place, named := r.Places[name]; named {
			target, err := mapping.ParseTarget(field.Target)
			if err != nil {
				t.Fatal(err)
			}
			if path, ok, err := target.Resolve(doc); err != nil || path != place || ok != (place != "") {
				t.Errorf("%s goes to %q (%t, %v), want %q", name, path, ok, err, place)
			}
		}
		if name == o.TimeField && !r.Time.IsZero() {
			format, err := mapping.CompileTimeFormat(o.TimeFormat)
			if err != nil {
				t.Fatal(err)
			}
			if at, err := format.Parse(got.Text); err != nil || !at.Equal(r.Time) {
				t.Errorf("%s: %v, %v, want %v", name, at, err, r.Time)
			}
		}
	}
}

func result(value any) mapping.Result {
	list, isList := value.([]any)
	if !isList {
		text, _ := value.(string)
		return mapping.Result{Text: text}
	}
	r := mapping.Result{IsList: true}
	for _, v := range list {
		r.List = append(r.List, v.(string))
	}
	return r
}
