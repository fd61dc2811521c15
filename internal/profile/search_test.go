package profile_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"kindred/internal/api/profileapi"
	"kindred/internal/fault"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/profile"
)

// terms reads "key=value|value" into the keys of a search.
func terms(in *profileapi.SearchProfilesRequest, list ...string) {
	for i, text := range list {
		key, values, _ := strings.Cut(text, "=")
		if i == 0 {
			in.KeyName, in.Values = key, strings.Split(values, "|")
			continue
		}
		in.AdditionalSearchKeys = append(in.AdditionalSearchKeys, profileapi.AdditionalSearchKey{KeyName: key, Values: strings.Split(values, "|")})
	}
}

func searched(t *testing.T, w *ingesttest.World, operator string, list ...string) []profileapi.Profile {
	t.Helper()
	in := &profileapi.SearchProfilesRequest{DomainName: "d"}
	if operator != "" {
		in.LogicalOperator = &operator
	}
	terms(in, list...)
	out, err := w.Profiles.SearchProfiles(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	if out.NextToken != nil {
		t.Errorf("%v: there is another page", list)
	}
	return out.Items
}

func TestSearchProfiles(t *testing.T) {
	w := world(t, map[string]ingesttest.Type{"Crm": {Create: true,
		Fields: map[string]string{"id": "id>_profile.AccountNumber", "mail": "mail>_profile.EmailAddress|EMAIL_ADDRESS", "first": "first|NAME", "born": "born", "n": "n|NUMBER", "m": "m|NUMBER",
			"tel": "tel|PHONE_NUMBER"},
		Keys: map[string]string{"crmId": "PROFILE,UNIQUE:id", "nameAndBirth": "PROFILE:first,born", "pair": ":n,m", "call": ":tel"}}})
	names := map[string]string{}
	note := func(name string, id profile.ID) { names[id.String()] = name }
	note("ann", w.Create("d", `{"FirstName":"Ann","MiddleName":"von","LastName":"Lund","EmailAddress":"Ann@X.org","PhoneNumber":"(206) 555-0101","AccountNumber":"A-1"}`))
	note("bea", w.Create("d", `{"FirstName":"Bea","LastName":"Lund","BusinessEmailAddress":"all@x.org","MobilePhoneNumber":"+47 22 33 44 55"}`))
	note("cid", w.Create("d", `{"LastName":"Straße","EmailAddress":"all@x.org"}`))
	note("dag", w.Put("d", "Crm", `{"id":"C1","mail":"Dag@x.org","first":"Dag  Ivar","born":"1970-01-01","n":"01","m":"2.50"}`))
	for _, c := range []struct {
		operator string
		terms    []string
		want     string // names with what they were found by
	}{
		{"", []string{"_email=ann@x.org"}, "ann[_email=ann@x.org]"},
		{"", []string{"_email= ANN@X.ORG "}, "ann[_email= ANN@X.ORG ]"},
		{"", []string{"_email=ann@x"}, ""},
		{"", []string{"_email=all@x.org"}, "bea[_email=all@x.org] cid[_email=all@x.org]"},
		{"", []string{"_email=dag@X.org"}, "dag[_email=dag@X.org]"},
		{"", []string{"_phone=+1 206 555 0101"}, "ann[_phone=+1 206 555 0101]"},
		{"", []string{"_phone=2065550101"}, "ann[_phone=2065550101]"},
		{"", []string{"_phone=+4722334455"}, "bea[_phone=+4722334455]"},
		{"", []string{"_phone=22334455"}, ""},
		{"", []string{"_fullName=ann  VON lund"}, "ann[_fullName=ann  VON lund]"},
		{"", []string{"_fullName=ann lund"}, ""},
		{"", []string{"_fullName=STRASSE"}, "cid[_fullName=STRASSE]"},
		{"", []string{"_account=A-1"}, "ann[_account=A-1]"},
		{"", []string{"_account=a-1"}, ""},
		{"", []string{"_account=C1"}, "dag[_account=C1]"},
		{"", []string{"crmId=C1"}, "dag[crmId=C1]"},
		{"", []string{"nameAndBirth=dag ivar 1970-01-01"}, "dag[nameAndBirth=dag ivar 1970-01-01]"},
		{"", []string{"nameAndBirth=DAG IVAR  1970-01-01"}, "dag[nameAndBirth=DAG IVAR  1970-01-01]"},
		{"", []string{"pair=1 2.5"}, "dag[pair=1 2.5]"},
		{"", []string{"pair=01 2.50"}, "dag[pair=01 2.50]"},
		{"", []string{"noSuchKey=1"}, ""},
		{"", []string{"_email="}, ""},
		{"", []string{"_phone=anonymous"}, ""},
		{"OR", []string{"_email=ann@x.org", "_phone=+4722334455", "_account=X"}, "ann[_email=ann@x.org] bea[_phone=+4722334455]"},
		{"OR", []string{"_email=all@x.org|ann@x.org|none@x.org", "_fullName=bea lund"}, "ann[_email=ann@x.org] bea[_email=all@x.org _fullName=bea lund] cid[_email=all@x.org]"},
		{"", []string{"_email=ann@x.org", "_account=A-1"}, "ann[_email=ann@x.org _account=A-1]"},
		{"AND", []string{"_email=ann@x.org", "_account=A-1"}, "ann[_email=ann@x.org _account=A-1]"},
		{"AND", []string{"_email=all@x.org|ann@x.org", "_fullName=bea lund|strasse"}, "bea[_email=all@x.org|ann@x.org _fullName=bea lund|strasse] cid[_email=all@x.org|ann@x.org _fullName=bea lund|strasse]"},
		{"AND", []string{"_email=ann@x.org", "_account=C1"}, ""},
		{"AND", []string{"_email=ann@x.org", "noSuchKey=1"}, ""},
		{"AND", []string{"noSuchKey=1", "_email=ann@x.org"}, ""},
		{"AND", []string{"_email=ann@x.org", "_account="}, ""},
		{"AND", []string{"_email=all@x.org"}, "bea[_email=all@x.org] cid[_email=all@x.org]"},
	} {
		var got []string
		for _, p := range searched(t, w, c.operator, c.terms...) {
			var by []string
			for _, f := range p.FoundByItems {
				by = append(by, *f.KeyName+"="+strings.Join(f.Values, "|"))
			}
			got = append(got, names[*p.ProfileId]+"["+strings.Join(by, " ")+"]")
		}
		slices.Sort(got)
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s %q: %s, want %s", c.operator, c.terms, text, c.want)
		}
	}
}

func TestSearchByProfileID(t *testing.T) {
	w := world(t, nil)
	a, b := w.Create("d", `{"FirstName":"Ann","EmailAddress":"a@x.org"}`), w.Create("d", `{"FirstName":"Bea"}`)
	gone := profile.NewID().String()
	list := searched(t, w, "OR", "_profileId="+a.String()+"|"+gone+"|nonsense", "_profileId="+b.String())
	if len(list) != 2 {
		t.Errorf("found %d", len(list))
	}
	if list := searched(t, w, "AND", "_profileId="+a.String(), "_email=a@x.org"); len(list) != 1 {
		t.Errorf("AND: found %d", len(list))
	}
	if list := searched(t, w, "AND", "_email=a@x.org", "_profileId="+b.String()+"|"+a.String()); len(list) != 1 {
		t.Errorf("AND the other way: found %d", len(list))
	}
	if list := searched(t, w, "AND", "_email=a@x.org", "_profileId="+b.String()); len(list) != 0 {
		t.Errorf("AND with another's id: found %d", len(list))
	}
}

func TestSearchRefusals(t *testing.T) {
	w := world(t, nil)
	ctx := context.Background()
	in := &profileapi.SearchProfilesRequest{DomainName: "d", KeyName: "_email", Values: slices.Repeat([]string{"a"}, 60),
		AdditionalSearchKeys: []profileapi.AdditionalSearchKey{{KeyName: "_phone", Values: slices.Repeat([]string{"a"}, 41)}}}
	_, err := w.Profiles.SearchProfiles(ctx, in)
	w.IsFault(err, fault.Invalid, "Values")
	forged := "AAAA"
	_, err = w.Profiles.SearchProfiles(ctx, &profileapi.SearchProfilesRequest{DomainName: "d", KeyName: "_email", Values: []string{"a"}, NextToken: &forged})
	w.IsFault(err, fault.Invalid, "NextToken")
	_, err = w.Profiles.SearchProfiles(ctx, &profileapi.SearchProfilesRequest{DomainName: "e", KeyName: "_email", Values: []string{"a"}})
	w.IsFault(err, fault.NotFound, "Domain e")
}

// TestSearchPages reads a list of 250 profiles with one key in pages of many
// sizes, and while profiles come and go.
func TestSearchPages(t *testing.T) {
	w := world(t, nil)
	ctx := context.Background()
	var all []string
	for i := range 250 {
		all = append(all, w.Create("d", fmt.Sprintf(`{"EmailAddress":"all@x.org","AccountNumber":"%d"}`, i%7)).String())
	}
	slices.Sort(all)
	pages := func(in profileapi.SearchProfilesRequest, size int, between func()) (ids []string) {
		in.DomainName, in.MaxResults = "d", &size
		for {
			out, err := w.Profiles.SearchProfiles(ctx, &in)
			if err != nil {
				t.Fatal(err)
			}
			if len(out.Items) > size {
				t.Errorf("a page of %d has %d items", size, len(out.Items))
			}
			for _, p := range out.Items {
				ids = append(ids, *p.ProfileId)
			}
			if out.NextToken == nil {
				return ids
			}
			in.NextToken = out.NextToken
			between()
		}
	}
	nothing := func() {}
	and := "AND"
	one := profileapi.SearchProfilesRequest{KeyName: "_email", Values: []string{"all@x.org"}}
	several := profileapi.SearchProfilesRequest{KeyName: "_email", Values: []string{"all@x.org", "ALL@x.org", "none@x.org"},
		AdditionalSearchKeys: []profileapi.AdditionalSearchKey{{KeyName: "_account", Values: []string{"1", "2"}}}}
	both := several
	both.LogicalOperator = &and
	var some []string
	for _, p := range all {
		id, _ := profile.ParseID(p)
		if n := *w.Get("d", id).AccountNumber; n == "1" || n == "2" {
			some = append(some, p)
		}
	}
	for _, size := range []int{1, 7, 20, 100} {
		for what, c := range map[string]struct {
			in   profileapi.SearchProfilesRequest
			want []string
		}{"one key": {one, all}, "OR": {several, all}, "AND": {both, some}} {
			if size == 1 && what != "AND" {
				continue // 250 calls say no more than 72
			}
			if got := pages(c.in, size, nothing); !slices.Equal(got, c.want) {
				t.Errorf("%s in pages of %d: %d profiles, want %d", what, size, len(got), len(c.want))
			}
		}
	}
	var fresh []string
	got := pages(one, 20, func() {
		fresh = append(fresh, w.Create("d", `{"EmailAddress":"all@x.org"}`).String())
	})
	if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
		t.Error("while profiles are added: out of order or twice")
	}
	for _, id := range all {
		if !slices.Contains(got, id) {
			t.Errorf("while profiles are added: %s is missing", id)
		}
	}
	// The last place of a page may be deleted before the next page is read.
	left := slices.Clone(all)
	got = pages(one, 50, func() {
		if _, err := w.Profiles.DeleteProfile(ctx, &profileapi.DeleteProfileRequest{DomainName: "d", ProfileId: left[len(left)-1]}); err != nil {
			t.Fatal(err)
		}
		left = left[:len(left)-1]
	})
	for _, id := range left {
		if !slices.Contains(got, id) {
			t.Errorf("while profiles are deleted: %s is missing", id)
		}
	}
}

// TestTokensAreBound: a token serves for the same search only.
func TestTokensAreBound(t *testing.T) {
	w := world(t, nil)
	w.NewDomain("e")
	for range 3 {
		w.Create("d", `{"EmailAddress":"all@x.org"}`)
	}
	ctx, size := context.Background(), 1
	in := profileapi.SearchProfilesRequest{DomainName: "d", KeyName: "_email", Values: []string{"all@x.org"}, MaxResults: &size}
	out, err := w.Profiles.SearchProfiles(ctx, &in)
	if err != nil || out.NextToken == nil {
		t.Fatalf("%v %v", out, err)
	}
	and := "AND"
	for what, change := range map[string]func(*profileapi.SearchProfilesRequest){
		"another domain":   func(r *profileapi.SearchProfilesRequest) { r.DomainName = "e" },
		"another key":      func(r *profileapi.SearchProfilesRequest) { r.KeyName = "_phone" },
		"another value":    func(r *profileapi.SearchProfilesRequest) { r.Values = []string{"x"} },
		"another operator": func(r *profileapi.SearchProfilesRequest) { r.LogicalOperator = &and },
		"another term": func(r *profileapi.SearchProfilesRequest) {
			r.AdditionalSearchKeys = []profileapi.AdditionalSearchKey{{KeyName: "_phone", Values: []string{"1"}}}
		},
	} {
		changed := in
		changed.NextToken = out.NextToken
		change(&changed)
		if _, err := w.Profiles.SearchProfiles(ctx, &changed); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	size = 2 // the size of a page may change
	in.NextToken = out.NextToken
	if out, err := w.Profiles.SearchProfiles(ctx, &in); err != nil || len(out.Items) != 2 {
		t.Errorf("%v %v", out, err)
	}
}

// TestSearchAndOverLargeLists: a search with AND of which the first key has more
// profiles than one call tests answers empty pages and goes on.
func TestSearchAndOverLargeLists(t *testing.T) {
	w := world(t, nil)
	ctx := context.Background()
	// One profile at the end of the order has both keys.
	var last string
	for range 450 {
		last = max(last, w.Create("d", `{"EmailAddress":"all@x.org"}`).String())
	}
	id, _ := profile.ParseID(last)
	w.Edit("d", id, `{"AccountNumber":"rare"}`)
	and := "AND"
	for _, swap := range []bool{false, true} {
		in := profileapi.SearchProfilesRequest{DomainName: "d", KeyName: "_email", Values: []string{"all@x.org"}, LogicalOperator: &and,
			AdditionalSearchKeys: []profileapi.AdditionalSearchKey{{KeyName: "_account", Values: []string{"rare"}}}}
		if swap {
			in.KeyName, in.Values = "_account", []string{"rare"}
			in.AdditionalSearchKeys = []profileapi.AdditionalSearchKey{{KeyName: "_email", Values: []string{"all@x.org"}}}
		}
		var got []string
		for {
			out, err := w.Profiles.SearchProfiles(ctx, &in)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range out.Items {
				got = append(got, *p.ProfileId)
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				break
			}
		}
		if len(got) != 1 || got[0] != last {
			t.Errorf("found %v, want %s", got, last)
		}
	}
}
