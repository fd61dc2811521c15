package benchcmd

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"

	"kindred/internal/load"
	"kindred/kindredclient"
)

// stepNames are the steps that a mix can have.
var stepNames = []string{"ingest", "search", "read", "merge"}

const (
	objectType = "Member"
	atOnce     = 8 // calls that prepare
	pairs      = 20_000
)

// target is a domain that is put under load.
type target struct {
	client   *kindredclient.Client
	domain   string
	profiles int
	ids      []string // of profiles that are read
	merging  []string // of those that are merged, two by two
	fresh    atomic.Int64
}

func newTarget(client *kindredclient.Client, profiles int) *target {
	var random [6]byte
	_, _ = rand.Read(random[:]) // it never fails
	return &target{client: client, domain: "bench-" + hex.EncodeToString(random[:]), profiles: profiles}
}

func (t *target) do(ctx context.Context, method, path string, in, out any) error {
	return t.client.Do(ctx, method, "/domains/"+t.domain+path, in, out)
}

// definition has twelve fields and three keys.
const definition = `{"Description": "Members, for kindred bench", "AllowProfileCreation": true,
	"Fields": {
		"id": {"Source": "_source.id", "Target": "_profile.AccountNumber"},
		"first": {"Source": "_source.name.first", "Target": "_profile.FirstName", "ContentType": "NAME"},
		"last": {"Source": "_source.name.last", "Target": "_profile.LastName", "ContentType": "NAME"},
		"email": {"Source": "_source.email", "Target": "_profile.EmailAddress", "ContentType": "EMAIL_ADDRESS"},
		"phone": {"Source": "_source.phone", "Target": "_profile.PhoneNumber", "ContentType": "PHONE_NUMBER"},
		"street": {"Source": "_source.address.street", "Target": "_profile.Address.Address1"},
		"city": {"Source": "_source.address.city", "Target": "_profile.Address.City"},
		"zip": {"Source": "_source.address.zip", "Target": "_profile.Address.PostalCode"},
		"country": {"Source": "_source.address.country", "Target": "_profile.Address.Country"},
		"tier": {"Source": "_source.tier", "Target": "_profile.Attributes.tier"},
		"since": {"Source": "_source.since", "Target": "_profile.Attributes.since"},
		"note": {"Source": "_source.note", "Target": "_profile.Attributes.note"}},
	"Keys": {
		"memberId": [{"StandardIdentifiers": ["PROFILE", "UNIQUE"], "FieldNames": ["id"]}],
		"_email": [{"FieldNames": ["email"]}],
		"_phone": [{"FieldNames": ["phone"]}]}}`

// record is the record number i, of about half a kilobyte.
func record(i int64) string {
	return fmt.Sprintf(`{"id":"M-%d","name":{"first":"First%d","last":"Last%d"},"email":"member%d@example.com","phone":"+1%03d555%04d","address":{"street":"%d Main Street","city":"Springfield","zip":"%05d","country":"US"},`+
		`"tier":"gold","since":"2019","note":"a note of some length that nobody reads, as they are in records of applications of all sorts","visits":[{"at":"2026-01-01","shop":"north"},{"at":"2026-02-01","shop":"south"}],"consent":{"mail":true,"phone":false}}`,
		i, i%5000, i%9973, i, 200+i/10_000%700, i%10_000, i%900, i%100_000)
}

// prepare makes the domain and what is looked for.
func (t *target) prepare(ctx context.Context, merging bool) error {
	if err := t.do(ctx, http.MethodPost, "", map[string]any{"DefaultExpirationDays": 366}, nil); err != nil {
		return err
	}
	if err := t.do(ctx, http.MethodPut, "/object-types/"+objectType, json.RawMessage(definition), nil); err != nil {
		return err
	}
	err := each(ctx, t.profiles, func(i int) error { return t.ingest(ctx, int64(i)) })
	if err != nil {
		return err
	}
	t.fresh.Store(int64(t.profiles))
	t.ids = make([]string, min(t.profiles, 10_000))
	if err := each(ctx, len(t.ids), func(i int) (err error) {
		t.ids[i], err = t.find(ctx, int64(i))
		return err
	}); err != nil || !merging {
		return err
	}
	t.merging = make([]string, 2*pairs)
	return each(ctx, len(t.merging), func(i int) error {
		var out struct{ ProfileId string }
		err := t.do(ctx, http.MethodPost, "/profiles", map[string]string{"FirstName": "Twin", "LastName": fmt.Sprint(i / 2)}, &out)
		t.merging[i] = out.ProfileId
		return err
	})
}

// each calls fn for all numbers below n, several at the same time.
func each(ctx context.Context, n int, fn func(i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var all sync.WaitGroup
	for range atOnce {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(n) && ctx.Err() == nil; i = next.Add(1) - 1 {
				if err := fn(int(i)); err != nil {
					cancel(err)
				}
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

func (t *target) ingest(ctx context.Context, i int64) error {
	return t.do(ctx, http.MethodPut, "/profiles/objects", map[string]string{"ObjectTypeName": objectType, "Object": record(i)}, nil)
}

func (t *target) find(ctx context.Context, i int64) (id string, err error) {
	var out struct{ Items []struct{ ProfileId string } }
	err = t.do(ctx, http.MethodPost, "/profiles/search", map[string]any{"KeyName": "_email", "Values": []string{fmt.Sprintf("member%d@example.com", i)}}, &out)
	if err == nil && len(out.Items) != 1 {
		err = fmt.Errorf("%d profiles have the address of one", len(out.Items))
	}
	if err != nil {
		return "", err
	}
	return out.Items[0].ProfileId, nil
}

// steps are those of a mix.
func (t *target) steps(mix map[string]int) []load.Step {
	do := map[string]func(context.Context, int64) error{
		"ingest": func(ctx context.Context, _ int64) error { return t.ingest(ctx, t.fresh.Add(1)-1) },
		"search": func(ctx context.Context, i int64) error {
			_, err := t.find(ctx, i*7919%int64(t.profiles))
			return err
		},
		"read": func(ctx context.Context, i int64) error {
			var out struct{ Profiles []struct{ ProfileId string } }
			err := t.do(ctx, http.MethodPost, "/batch-get-profiles", map[string]any{"ProfileIds": []string{t.ids[i*7919%int64(len(t.ids))]}}, &out)
			if err == nil && len(out.Profiles) != 1 {
				err = errors.New("a profile is gone")
			}
			return err
		},
		"merge": func(ctx context.Context, i int64) error {
			if 2*i+1 >= int64(len(t.merging)) {
				return &kindredclient.Error{Name: "no more profiles to merge"}
			}
			return t.do(ctx, http.MethodPost, "/profiles/objects/merge", map[string]any{"MainProfileId": t.merging[2*i], "ProfileIdsToBeMerged": []string{t.merging[2*i+1]}}, nil)
		},
	}
	var steps []load.Step
	for _, name := range stepNames {
		if mix[name] > 0 {
			steps = append(steps, load.Step{Name: name, Weight: mix[name], Do: do[name]})
		}
	}
	return steps
}

// remove deletes the domain; one that was not made is no error.
func (t *target) remove(ctx context.Context) error {
	err := t.do(ctx, http.MethodDelete, "", nil, nil)
	var answer *kindredclient.Error
	if errors.As(err, &answer) && answer.Status == http.StatusNotFound {
		return nil
	}
	return err
}
