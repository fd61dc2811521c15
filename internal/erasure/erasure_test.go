package erasure_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kindred/internal/access"
	"kindred/internal/api/kindredapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/erasure"
	"kindred/internal/fault"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/page"
	"kindred/internal/policy"
	"kindred/internal/profile"
	"kindred/internal/seal"
	"kindred/internal/store"
	"kindred/internal/store/pebblestore"
)

const (
	keyA  = "arn:aws:kms:eu-central-1:111122223333:key/a"
	keyT  = "arn:aws:kms:eu-central-1:111122223333:key/t"
	asker = "arn:aws:iam::111122223333:user/officer"
)

// stubborn is an engine that does not expunge as long as it has an error.
type stubborn struct {
	store.Store
	err error
}

func (s *stubborn) Expunge(ctx context.Context, prefix []byte) error {
	if s.err != nil {
		return s.err
	}
	return s.Store.Expunge(ctx, prefix)
}

type node struct {
	*ingesttest.World
	engine  *stubborn
	erasure *erasure.Service
}

func newNode(t testing.TB, s store.Store, clock *ingesttest.Clock, keys *ingesttest.Keys) *node {
	t.Helper()
	n := &node{engine: &stubborn{Store: s}}
	n.World = ingesttest.Over(t, n.engine, clock, keys)
	pages, err := page.New(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	n.erasure = erasure.New(erasure.Config{Domains: n.Domain, Profiles: n.Profiles, Pages: pages, Seal: ingesttest.Cipher(t, "erasure"),
		MAC: func(m []byte) []byte { h := hmac.New(sha256.New, []byte("of the test")); h.Write(m); return h.Sum(nil) },
		Log: slog.New(slog.DiscardHandler)})
	return n
}

func onBoth(t *testing.T, test func(t *testing.T, n *node)) {
	t.Helper()
	for name, engine := range map[string]ingesttest.Engine{"memory": ingesttest.Memory, "pebble": ingesttest.Pebble} {
		t.Run(name, func(t *testing.T) {
			clock := ingesttest.NewClock()
			s := engine(t, clock.Now)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
			test(t, newNode(t, s, clock, ingesttest.NewKeys()))
		})
	}
}

func as(t testing.TB, action string) context.Context {
	t.Helper()
	p, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"`+action+`","Resource":"*"}]}`), policy.Options{Kind: policy.Identity})
	if err != nil {
		t.Fatal(err)
	}
	return access.WithCaller(context.Background(), &access.Caller{Type: access.User, Account: ingesttest.Account, ARN: asker, Policies: []*policy.Policy{p}})
}

func (n *node) erase(id profile.ID) *kindredapi.ErasureReport {
	n.T.Helper()
	out, err := n.erasure.EraseProfile(as(n.T, "kindred:EraseProfile"), &kindredapi.EraseProfileRequest{DomainName: "d", ProfileId: id.String()})
	if err != nil {
		n.T.Fatal(err)
	}
	return out
}

// fill makes a domain with profiles that have an object of a type with a key of its
// own and one without, an asset, a manual fact and a key that was added.
func (n *node) fill(count int) []profile.ID {
	n.T.Helper()
	n.NewDomain("d", func(in *profileapi.CreateDomainRequest) { key := keyA; in.DefaultEncryptionKey = &key })
	fields := map[string]string{"id": "id", "mail": "mail>_profile.EmailAddress|EMAIL_ADDRESS", "asset": "asset>_asset.AssetName"}
	n.PutType("d", "Note", ingesttest.Type{Create: true, Fields: fields, Keys: map[string]string{"noteId": "UNIQUE:id", "_email": "PROFILE:mail", "noteAsset": "ASSET:asset"}})
	n.PutType("d", "Own", ingesttest.Type{Create: true, Fields: map[string]string{"id": "id", "mail": fields["mail"]}, Keys: map[string]string{"ownId": "UNIQUE:id", "_email": "PROFILE:mail"}, Key: keyT})
	ids := make([]profile.ID, count)
	for i := range ids {
		ids[i] = n.Put("d", "Note", fmt.Sprintf(`{"id":"%d","mail":"m%d@x.org","asset":"a%d"}`, i, i, i))
		n.Put("d", "Own", fmt.Sprintf(`{"id":"%d","mail":"m%d@x.org"}`, i, i))
		n.Edit("d", ids[i], `{"FirstName":"Ann"}`)
		if _, err := n.Profiles.AddProfileKey(n.Ctx(), &profileapi.AddProfileKeyRequest{DomainName: "d", ProfileId: ids[i].String(), KeyName: "_phone", Values: []string{fmt.Sprintf("+1206555%04d", i)}}); err != nil {
			n.T.Fatal(err)
		}
	}
	return ids
}

// about are the records that have an id anywhere, apart in those of its partition
// and others.
func about(t testing.TB, s store.Store, id profile.ID) (own, others []store.Record) {
	t.Helper()
	for _, rec := range ingesttest.Dump(t, s) {
		switch {
		case bytes.HasSuffix(rec.Key.Partition, id[:]):
			own = append(own, rec)
		case bytes.Contains(bytes.Join([][]byte{rec.Key.Partition, rec.Key.Sort, rec.Value}, nil), id[:]):
			others = append(others, rec)
		}
	}
	return own, others
}

// TestNothingOfAnErasedProfileIsLeft: no record and no index entry, and the report
// counts what there was.
func TestNothingOfAnErasedProfileIsLeft(t *testing.T) {
	onBoth(t, func(t *testing.T, n *node) {
		ids := n.fill(3)
		before, _ := about(t, n.Store, ids[0])
		own, leading := about(t, n.Store, ids[1])
		r := n.erase(ids[1])
		if a, b := about(t, n.Store, ids[1]); len(a)+len(b) > 0 {
			t.Errorf("%d records and %d entries are left", len(a), len(b))
		}
		kinds := map[byte]int{}
		for _, rec := range own {
			kinds[rec.Key.Sort[0]]++
		}
		want := kindredapi.ErasedCounts{Profiles: 1, Objects: kinds['o'], Contributions: kinds['c'], StandardObjects: kinds['s'],
			OtherRecords: kinds['a'] + kinds['h'] + kinds['m'] + kinds['k'] + kinds['y'], IndexEntries: len(leading), KeysDestroyed: 2}
		if *r.Erased != want || want.Objects != 2 || want.StandardObjects == 0 || want.IndexEntries < 4 {
			t.Errorf("erased %+v, want %+v", *r.Erased, want)
		}
		if r.State != "ERASED" || r.CompletedAt == nil || *r.RequestedBy != asker || r.DomainName != "d" || len(r.Notes) == 0 || len(r.Stores) == 0 {
			t.Errorf("the report: %+v", r)
		}
		if n.Get("d", ids[1]) != nil {
			t.Error("the profile can be read")
		}
		n.Finds("d", "_email", "m1@x.org")
		n.Finds("d", "_phone", "+12065550001")
		if after, _ := about(t, n.Store, ids[0]); len(after) != len(before) {
			t.Errorf("another profile has %d records, had %d", len(after), len(before))
		}
		n.Finds("d", "_email", "m0@x.org", ids[0])
		_, err := n.erasure.EraseProfile(as(t, "*"), &kindredapi.EraseProfileRequest{DomainName: "d", ProfileId: ids[1].String()})
		n.IsFault(err, fault.NotFound, ids[1].String())
		if again := n.Put("d", "Note", `{"id":"1","mail":"m1@x.org","asset":"a1"}`); again == ids[1] {
			t.Error("it came back")
		}
	})
}

// TestInvariant4CopiesOfAnErasedProfileDoNotOpen: not with all data keys of the domain,
// as long as the secret is not there.
func TestInvariant4CopiesOfAnErasedProfileDoNotOpen(t *testing.T) {
	onBoth(t, func(t *testing.T, n *node) {
		ids := n.fill(2)
		copies, _ := about(t, n.Store, ids[0])
		kept, _ := about(t, n.Store, ids[1])
		n.erase(ids[0])
		cfg, err := n.Domains.Config(n.Ctx(), "d")
		if err != nil {
			t.Fatal(err)
		}
		ring, err := n.Domains.Ring(n.Ctx(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		read := seal.NewReader(nil, ring)
		secrets := map[string]seal.Secret{"none": {}}
		var gone seal.Secret
		for _, rec := range append(bytesOf('a', copies), bytesOf('a', kept)...) {
			secret, err := seal.SecretOf(rec.Value)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.HasSuffix(rec.Key.Partition, ids[0][:]) {
				gone = secret
			} else {
				secrets["of another profile"] = secret
			}
		}
		tried := 0
		for _, rec := range copies {
			if rec.Key.Sort[0] == 'k' || rec.Key.Sort[0] == 'a' {
				continue
			}
			tried++
			if _, err := ring.Open(rec.Key, rec.Value); !errors.Is(err, seal.ErrDamaged) {
				t.Errorf("%q opens with the data keys alone: %v", rec.Key.Sort[:1], err)
			}
			for what, secret := range secrets {
				if _, err := read.Under(secret).Open(rec.Key, rec.Value); !errors.Is(err, seal.ErrDamaged) {
					t.Errorf("%q opens under the secret %s: %v", rec.Key.Sort[:1], what, err)
				}
			}
			if _, err := read.Under(gone).Open(rec.Key, rec.Value); err != nil {
				t.Errorf("it is not the secret that kept it closed: %v", err)
			}
		}
		if tried < 5 {
			t.Errorf("only %d copies", tried)
		}
	})
}

func bytesOf(tag byte, list []store.Record) (out []store.Record) {
	for _, rec := range list {
		if rec.Key.Sort[0] == tag {
			out = append(out, rec)
		}
	}
	return out
}

// TestTheFilesForgetTheProfile: neither its records as they were sealed nor its
// secret are in any file of the engine.
func TestTheFilesForgetTheProfile(t *testing.T) {
	dir, clock := t.TempDir(), ingesttest.NewClock()
	s, err := pebblestore.Open(dir, pebblestore.Options{Clock: clock.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	n := newNode(t, s, clock, ingesttest.NewKeys())
	ids := n.fill(5)
	copies, _ := about(t, s, ids[2])
	found := func() (count int) {
		t.Helper()
		for _, rec := range copies {
			if n := len(rec.Value); n > 0 && n < store.ExpungedBelow && inFiles(t, dir, rec.Value) {
				count++
			}
		}
		return count
	}
	if found() < 5 {
		t.Fatal("the records are in no file to begin with")
	}
	n.erase(ids[2])
	if c := found(); c > 0 {
		t.Errorf("%d records are still in files", c)
	}
	secret, err := seal.SecretOf(bytesOf('a', copies)[0].Value)
	if err != nil || inFiles(t, dir, secret[:]) {
		t.Errorf("the secret is still in a file, %v", err)
	}
}

func inFiles(t *testing.T, dir string, text []byte) (found bool) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // removed while we look
			return nil
		}
		if err != nil || d.IsDir() || found {
			return err
		}
		b, err := os.ReadFile(path)
		found = bytes.Contains(b, text)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestErasuresAreCompleted: when the engine fails, or the process ends between the
// two parts, the profile is gone all the same, and the rest follows.
func TestErasuresAreCompleted(t *testing.T) {
	onBoth(t, func(t *testing.T, n *node) {
		ids := n.fill(2)
		n.engine.err = errors.New("the disk is full")
		r := n.erase(ids[0])
		if r.State != "ERASING" || r.CompletedAt != nil {
			t.Errorf("the report: %+v", r)
		}
		if n.Get("d", ids[0]) != nil {
			t.Error("the profile is there")
		}
		if err := n.erasure.Sweep(n.Ctx()); err == nil || !strings.Contains(err.Error(), "full") {
			t.Errorf("sweep: %v", err)
		}
		other := newNode(t, n.engine.Store, n.Clock, n.Keys)
		other.Clock.Step(time.Minute)
		for range 2 {
			if err := other.erasure.Sweep(other.Ctx()); err != nil {
				t.Fatal(err)
			}
		}
		got, err := other.erasure.GetErasureReport(as(t, "*"), &kindredapi.GetErasureReportRequest{DomainName: "d", ErasureId: &r.ErasureId})
		if err != nil || got.State != "ERASED" || got.CompletedAt == nil || !got.CompletedAt.Equal(other.Clock.Now()) {
			t.Errorf("after the sweep: %+v, %v", got, err)
		}
		if *got.Erased != *r.Erased || !got.RequestedAt.Equal(r.RequestedAt) {
			t.Errorf("the report has changed: %+v", got)
		}
	})
}

// TestReports are found by their id and by the profile's, newest first, without the
// domain's key and in their domain only, and name nobody.
func TestReports(t *testing.T) {
	onBoth(t, func(t *testing.T, n *node) {
		ids := n.fill(5)
		var made []string
		for _, id := range ids {
			n.Clock.Step(time.Second)
			made = append(made, n.erase(id).ErasureId)
		}
		n.NewDomain("e")
		n.Keys.Disable(keyA)
		n.Clock.Step(10 * time.Second)
		text := ids[3].String()
		got, err := n.erasure.GetErasureReport(as(t, "kindred:GetErasureReport"), &kindredapi.GetErasureReportRequest{DomainName: "d", ProfileId: &text})
		if err != nil || got.ErasureId != made[3] {
			t.Fatalf("by the profile's id: %+v, %v", got, err)
		}
		b, err := json.Marshal(got)
		if err != nil || bytes.Contains(b, []byte(text)) || bytes.Contains(b, []byte("x.org")) || bytes.Contains(b, []byte("Ann")) {
			t.Errorf("the report names somebody: %s, %v", b, err)
		}
		for _, rec := range ingesttest.Dump(t, n.Store) {
			ofReports := len(rec.Key.Partition) > 9 && rec.Key.Partition[9] == 'e' // who removed a profile is no secret
			if ofReports && bytes.Contains(rec.Value, []byte("officer")) || bytes.Contains(rec.Value, []byte(got.ProfileHash)) {
				t.Errorf("a report is stored in clear")
			}
		}
		var listed []string
		in := &kindredapi.ListErasureReportsRequest{DomainName: "d", MaxResults: new(2)}
		for {
			out, err := n.erasure.ListErasureReports(as(t, "kindred:ListErasureReports"), in)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range out.Items {
				listed = append([]string{r.ErasureId}, listed...)
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				break
			}
		}
		if strings.Join(listed, " ") != strings.Join(made, " ") {
			t.Errorf("listed from the oldest on %v, made %v", listed, made)
		}
		if out, err := n.erasure.ListErasureReports(as(t, "*"), &kindredapi.ListErasureReportsRequest{DomainName: "e"}); err != nil || len(out.Items) != 0 {
			t.Errorf("in another domain: %+v, %v", out, err)
		}
		nobody := strings.Repeat("0", 32)
		for what, c := range map[string]struct {
			in   kindredapi.GetErasureReportRequest
			kind fault.Kind
		}{
			"another domain, by id":      {kindredapi.GetErasureReportRequest{DomainName: "e", ErasureId: &made[0]}, fault.NotFound},
			"another domain, by profile": {kindredapi.GetErasureReportRequest{DomainName: "e", ProfileId: &text}, fault.NotFound},
			"an unknown profile":         {kindredapi.GetErasureReportRequest{DomainName: "d", ProfileId: &nobody}, fault.NotFound},
			"an unknown erasure":         {kindredapi.GetErasureReportRequest{DomainName: "d", ErasureId: &nobody}, fault.NotFound},
			"an unknown domain":          {kindredapi.GetErasureReportRequest{DomainName: "none", ErasureId: &made[0]}, fault.NotFound},
			"neither":                    {kindredapi.GetErasureReportRequest{DomainName: "d"}, fault.Invalid},
			"both":                       {kindredapi.GetErasureReportRequest{DomainName: "d", ErasureId: &made[0], ProfileId: &text}, fault.Invalid},
			"no id at all":               {kindredapi.GetErasureReportRequest{DomainName: "d", ErasureId: new("12")}, fault.Invalid},
			"too long an id":             {kindredapi.GetErasureReportRequest{DomainName: "d", ErasureId: new(nobody + "00")}, fault.Invalid},
		} {
			if _, err := n.erasure.GetErasureReport(as(t, "*"), &c.in); !fault.Is(err, c.kind) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if _, err := n.Domain.DeleteDomain(n.Ctx(), &profileapi.DeleteDomainRequest{DomainName: "d"}); err != nil {
			t.Fatal(err)
		}
		if err := n.erasure.Sweep(n.Ctx()); err != nil {
			t.Error(err)
		}
	})
}

// TestErasingNeedsPermission for each operation of its own.
func TestErasingNeedsPermission(t *testing.T) {
	n := newNode(t, ingesttest.Memory(t, time.Now), ingesttest.NewClock(), ingesttest.NewKeys())
	id := n.fill(1)[0]
	ctx := as(t, "kindred:Other")
	_, err := n.erasure.EraseProfile(ctx, &kindredapi.EraseProfileRequest{DomainName: "d", ProfileId: id.String()})
	n.IsFault(err, fault.Denied, "kindred:EraseProfile")
	_, err = n.erasure.GetErasureReport(ctx, &kindredapi.GetErasureReportRequest{DomainName: "d", ErasureId: new(id.String())})
	n.IsFault(err, fault.Denied, "kindred:GetErasureReport")
	_, err = n.erasure.ListErasureReports(ctx, &kindredapi.ListErasureReportsRequest{DomainName: "d"})
	n.IsFault(err, fault.Denied, "kindred:ListErasureReports")
	if n.Get("d", id) == nil {
		t.Error("the profile is gone")
	}
}
