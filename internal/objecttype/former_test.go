package objecttype_test

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/objecttype"
	"kindred/internal/profile"
)

// card is a type that writes its name somewhere.
func card(target string) ingesttest.Type {
	return ingesttest.Type{Create: true, Fields: map[string]string{"no": "no", "mail": "mail|EMAIL_ADDRESS", "name": "name>" + target},
		Keys: map[string]string{"cardNo": "UNIQUE:no", "_email": "PROFILE:mail", "byName": ":name"}}
}

func lookedUp(t *testing.T, w *ingesttest.World, name string) *objecttype.Type {
	t.Helper()
	c, err := w.Domains.Config(w.Ctx(), "d")
	if err != nil {
		t.Fatal(err)
	}
	typ, err := w.Types.Lookup(c, name)
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

func formers(t *testing.T, w *ingesttest.World, name string) (list []profile.Mapping) {
	t.Helper()
	c, err := w.Domains.Config(w.Ctx(), "d")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range objecttype.Formers(c, name) {
		list = append(list, f.Mapping())
	}
	return list
}

// TestFormerMappings: what bears on records is kept when it changes, the last five,
// and can be put in force again while the rest stays.
func TestFormerMappings(t *testing.T) {
	w := ingesttest.New(t)
	w.NewDomain("d")
	w.PutType("d", "Card", card("_profile.Attributes.a0"))
	first := lookedUp(t, w, "Card").Mapped()
	same := card("_profile.Attributes.a0")
	same.Days, same.Max = 7, 3
	w.PutType("d", "Card", same)
	if got := lookedUp(t, w, "Card").Mapped(); got != first || len(formers(t, w, "Card")) != 0 {
		t.Errorf("expiry and limits have changed the mapping, or one is kept")
	}
	for i := 1; i < 4; i++ {
		w.Clock.Step(time.Second)
		c := card(fmt.Sprint("_profile.Attributes.a", i))
		c.Days = i
		w.PutType("d", "Card", c)
	}
	list := formers(t, w, "Card")
	if len(list) != 3 || list[2] != first {
		t.Fatalf("kept: %x, the first was %x", list, first)
	}
	restore := func(m profile.Mapping) error {
		return w.Domains.Configure(w.Ctx(), "d", func(e *domain.Edit) error { return w.TypeService.Restore(e, "Card", m) })
	}
	if err := restore(first); err != nil {
		t.Fatal(err)
	}
	typ := lookedUp(t, w, "Card")
	if typ.Mapped() != first || *typ.ExpirationDays != 3 {
		t.Errorf("restored: %x, %d days", typ.Mapped(), *typ.ExpirationDays)
	}
	if got := formers(t, w, "Card"); len(got) != 3 || got[1] != list[0] {
		t.Errorf("kept after that: %x", got)
	}
	for i := range 9 {
		w.PutType("d", "Card", card(fmt.Sprint("_profile.Attributes.b", i)))
	}
	if got := formers(t, w, "Card"); len(got) != objecttype.MaxFormer {
		t.Errorf("%d are kept", len(got))
	}
	w.IsFault(restore(first), fault.Invalid, "not kept any more")
}

// TestMappingsOfTemplates: a type that takes the place of a template's implicit one
// keeps that as its former.
func TestMappingsOfTemplates(t *testing.T) {
	w := ingesttest.New(t)
	w.NewDomain("d")
	name := objecttype.Templates()[0].ID
	implicit := lookedUp(t, w, name).Mapped()
	w.PutType("d", name, card("_profile.FirstName"))
	if got := formers(t, w, name); len(got) != 1 || got[0] != implicit {
		t.Errorf("kept: %x, want %x", got, implicit)
	}
}

// TestSameKeys: which changes of a mapping may send records elsewhere.
func TestSameKeys(t *testing.T) {
	base := func() *objecttype.Definition {
		return &objecttype.Definition{AllowProfileCreation: true, Fields: map[string]objecttype.Field{
			"no": {Source: "_source.no"}, "mail": {Source: "_source.mail", ContentType: "EMAIL_ADDRESS"}, "name": {Source: "_source.name", Target: "_profile.FirstName"}},
			Keys: map[string][]objecttype.KeyDef{"cardNo": {{StandardIdentifiers: []string{"UNIQUE"}, FieldNames: []string{"no"}}},
				"_email": {{StandardIdentifiers: []string{"PROFILE"}, FieldNames: []string{"mail"}}}, "byName": {{FieldNames: []string{"name"}}}}}
	}
	for what, c := range map[string]struct {
		change      func(d *objecttype.Definition)
		same, keeps bool
	}{
		"nothing":                      {func(*objecttype.Definition) {}, true, true},
		"a target":                     {func(d *objecttype.Definition) { d.Fields["name"] = objecttype.Field{Source: "_source.name"} }, true, true},
		"a key for searches":           {func(d *objecttype.Definition) { delete(d.Keys, "byName") }, true, true},
		"the source of a key":          {func(d *objecttype.Definition) { d.Fields["mail"] = objecttype.Field{Source: "_source.m"} }, false, false},
		"the source of the unique key": {func(d *objecttype.Definition) { d.Fields["no"] = objecttype.Field{Source: "_source.n"} }, false, true},
		"one key more":                 {func(d *objecttype.Definition) { d.Keys["more"] = d.Keys["_email"] }, false, true},
		"one key less":                 {func(d *objecttype.Definition) { delete(d.Keys, "_email") }, false, false},
		"whether profiles are made":    {func(d *objecttype.Definition) { d.AllowProfileCreation = false }, false, true},
		"a field with the same source": {func(d *objecttype.Definition) {
			d.Fields["tel"] = objecttype.Field{Source: "_source.mail", ContentType: "PHONE_NUMBER"}
		}, false, false},
		"a key's identifiers": {func(d *objecttype.Definition) {
			d.Keys["_email"] = []objecttype.KeyDef{{StandardIdentifiers: []string{"PROFILE", "LOOKUP_ONLY"}, FieldNames: []string{"mail"}}}
		}, false, false},
	} {
		d := base()
		d.Fields, d.Keys = maps.Clone(d.Fields), maps.Clone(d.Keys)
		c.change(d)
		if got := d.SameKeys(base()); got != c.same {
			t.Errorf("%s: the same keys: %v", what, got)
		}
		if got := d.KeepsKeys(base()); got != c.keeps {
			t.Errorf("%s: keeps the keys: %v", what, got)
		}
	}
}

// TestTargets: whether a type may write a path.
func TestTargets(t *testing.T) {
	def := &objecttype.Definition{Fields: map[string]objecttype.Field{"no": {Source: "_source.no"}, "a": {Source: "_source.a", Target: "_profile.Attributes.{{kind}}"},
		"b": {Source: "_source.b", Target: "_profile.Address.City"}, "s": {Source: "_source.s", Target: "_asset.SerialNumber"}},
		Keys: map[string][]objecttype.KeyDef{"no": {{StandardIdentifiers: []string{"UNIQUE", "PROFILE", "ASSET"}, FieldNames: []string{"no"}}}}}
	c, err := objecttype.Compile(def)
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[[2]string]bool{{"_profile", "Attributes.any"}: true, {"_profile", "Attributes"}: false, {"_profile", "Address.City"}: true, {"_profile", "Address.State"}: false,
		{"_profile", "FirstName"}: false, {"_asset", "SerialNumber"}: true, {"_asset", ""}: true, {"_order", ""}: false, {"_order", "Name"}: false} {
		if got := c.Targets(at[0], at[1]); got != want {
			t.Errorf("%s %s: %v", at[0], at[1], got)
		}
	}
}
