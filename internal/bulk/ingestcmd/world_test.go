package ingestcmd

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kindred/internal/api/profileapi"
	"kindred/internal/node"
	"kindred/internal/remote"
	"kindred/internal/rootkey"
	"kindred/internal/store"
	"kindred/internal/store/memstore"
	"kindred/internal/store/pebblestore"
)

// targets are standard fields for a mapping of 20 fields.
var targets = []string{"_profile.AccountNumber", "_profile.FirstName", "_profile.LastName", "_profile.MiddleName",
	"_profile.EmailAddress", "_profile.PhoneNumber", "_profile.BirthDate", "_profile.BusinessName", "_profile.GenderString",
	"_profile.Address.Address1", "_profile.Address.City", "_profile.Address.State", "_profile.Address.Country",
	"_profile.Address.PostalCode", "_profile.Attributes.tier", "_profile.Attributes.segment", "_profile.Attributes.store",
	"_profile.Attributes.language", "_profile.Attributes.consent", "_profile.AdditionalInformation"}

// world is a node with the domain d and two object types: Member, and T with
// an id and a name.
type world struct {
	t testing.TB
	*node.Node
}

func newNode(t testing.TB, st store.Store, root *rootkey.Key) *world {
	t.Helper()
	n, err := node.New(node.Config{Store: st, Root: root, Region: remote.DefaultRegion, Account: "000000000000",
		Endpoint: func() string { return "http://127.0.0.1" }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return &world{t, n}
}

func (w *world) create() {
	w.t.Helper()
	ctx := context.Background()
	if _, err := w.DomainAPI.CreateDomain(ctx, &profileapi.CreateDomainRequest{DomainName: "d", DefaultExpirationDays: 366}); err != nil {
		w.t.Fatal(err)
	}
	member := &profileapi.PutProfileObjectTypeRequest{DomainName: "d", ObjectTypeName: "Member", Description: "x",
		AllowProfileCreation: new(true), Fields: map[string]profileapi.ObjectTypeField{}, Keys: map[string][]profileapi.ObjectTypeKey{
			"memberId": {{StandardIdentifiers: []string{"PROFILE", "UNIQUE"}, FieldNames: []string{"f00"}}},
			"_email":   {{StandardIdentifiers: []string{"PROFILE", "SECONDARY"}, FieldNames: []string{"f04"}}},
			"_phone":   {{FieldNames: []string{"f05"}}}}}
	for i, target := range targets {
		f := profileapi.ObjectTypeField{Source: new(fmt.Sprintf("_source.f%02d", i)), Target: new(target)}
		switch target {
		case "_profile.EmailAddress":
			f.ContentType = new("EMAIL_ADDRESS")
		case "_profile.PhoneNumber":
			f.ContentType = new("PHONE_NUMBER")
		}
		member.Fields[fmt.Sprintf("f%02d", i)] = f
	}
	simple := &profileapi.PutProfileObjectTypeRequest{DomainName: "d", ObjectTypeName: "T", Description: "x", AllowProfileCreation: new(true),
		Fields: map[string]profileapi.ObjectTypeField{
			"id":   {Source: new("_source.id"), Target: new("_profile.AccountNumber")},
			"name": {Source: new("_source.name"), Target: new("_profile.FirstName")}},
		Keys: map[string][]profileapi.ObjectTypeKey{"k": {{StandardIdentifiers: []string{"PROFILE", "UNIQUE"}, FieldNames: []string{"id"}}}}}
	for _, in := range []*profileapi.PutProfileObjectTypeRequest{member, simple} {
		if _, err := w.TypesAPI.PutProfileObjectType(ctx, in); err != nil {
			w.t.Fatal(err)
		}
	}
}

// names are the first names of the profiles with the account numbers 0 to n-1,
// "-" where there is not one.
func (w *world) names(n int) (list []string) {
	w.t.Helper()
	for i := range n {
		out, err := w.Profiles.SearchProfiles(context.Background(), &profileapi.SearchProfilesRequest{DomainName: "d", KeyName: "k", Values: []string{fmt.Sprint(i)}})
		if err != nil {
			w.t.Fatal(err)
		}
		name := "-"
		if len(out.Items) == 1 && out.Items[0].FirstName != nil {
			name = *out.Items[0].FirstName
		}
		list = append(list, name)
	}
	return list
}

// objects is how many objects the domain holds.
func (w *world) objects() int64 {
	w.t.Helper()
	out, err := w.DomainAPI.GetDomain(context.Background(), &profileapi.GetDomainRequest{DomainName: "d"})
	if err != nil {
		w.t.Fatal(err)
	}
	return *out.Stats.ObjectCount
}

// serve makes a world in memory that is served, and says how to reach it.
func serve(t testing.TB) (w *world, flags []string) {
	t.Helper()
	for _, name := range []string{"AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_REGION"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_ENDPOINT_URL_CUSTOMER_PROFILES", "http://127.0.0.1:1") // --endpoint goes before it
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	st := memstore.New()
	t.Cleanup(func() { _ = st.Close() })
	w = newNode(t, st, rootkey.Random())
	w.create()
	file := filepath.Join(t.TempDir(), "credentials")
	if err := w.IAM.Bootstrap(context.Background(), file, true); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(w.Server)
	t.Cleanup(srv.Close)
	return w, []string{"--endpoint", srv.URL, "--credentials", file}
}

// dataDir makes the directory of a stopped server with the domain d.
func dataDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	inDir(t, dir, (*world).create)
	return dir
}

// inDir opens a data directory as a server does, for as long as do runs.
func inDir(t testing.TB, dir string, do func(*world)) {
	t.Helper()
	st, err := pebblestore.Open(filepath.Join(dir, "store"), pebblestore.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	root, err := rootkey.Open(filepath.Join(dir, "root.key"))
	if err != nil {
		t.Fatal(err)
	}
	do(newNode(t, st, root))
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// run runs the command, and returns what it has printed.
func run(args ...string) (stdout string, err error) {
	var out, progress bytes.Buffer
	err = Run(context.Background(), args, strings.NewReader(""), &out, &progress)
	return out.String(), err
}
