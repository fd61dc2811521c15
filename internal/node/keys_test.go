package node_test

import (
	"context"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"kindred/internal/api/kindredapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/fault"
)

func (w *world) encryption(t *testing.T, name string) *kindredapi.GetDomainEncryptionResponse {
	t.Helper()
	out, err := w.Keys.GetDomainEncryption(as(t, "kindred:GetDomainEncryption"), &kindredapi.GetDomainEncryptionRequest{DomainName: name})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (w *world) update(t *testing.T, name, key string) error {
	t.Helper()
	_, err := w.DomainAPI.UpdateDomain(as(t, "kms:*"), &profileapi.UpdateDomainRequest{DomainName: name, DefaultEncryptionKey: &key})
	return err
}

func (w *world) metrics() string {
	r := httptest.NewRecorder()
	w.Server.ServeHTTP(r, httptest.NewRequest("GET", "/metrics", nil))
	text, _ := io.ReadAll(r.Result().Body)
	return string(text)
}

// TestAKeyScheduledForDeletionWarns: in the answer, in a metric, and when a domain
// is to have it.
func TestAKeyScheduledForDeletionWarns(t *testing.T) {
	w := newWorld(t)
	key := w.key(t, "")
	if err := w.create(as(t, "kms:*"), "d", key); err != nil {
		t.Fatal(err)
	}
	if out := w.encryption(t, "d"); len(out.Warnings) != 0 || *out.Domain.KmsKeyId != key || out.Domain.DataKeys[0].KmsKeyState != "ENABLED" || out.Reseal != nil {
		t.Errorf("at first: %+v", out)
	}
	d, err := w.kms.ScheduleKeyDeletion(as(t, "*"), &kms.ScheduleKeyDeletionInput{KeyId: &key, PendingWindowInDays: aws.Int32(7)})
	if err != nil {
		t.Fatal(err)
	}
	out := w.encryption(t, "d")
	if k := out.Domain.DataKeys[0]; k.KmsKeyState != "PENDING_DELETION" || k.DeletionDate == nil || !k.DeletionDate.Equal(*d.DeletionDate) || k.Warning == nil {
		t.Errorf("scheduled for deletion: %+v", k)
	}
	if len(out.Warnings) != 1 || !strings.Contains(out.Warnings[0], key) {
		t.Errorf("warnings %q", out.Warnings)
	}
	if err := w.Keys.Look(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := w.create(as(t, "kms:*"), "e", w.key(t, "")); err != nil {
		t.Fatal(err)
	}
	err = w.update(t, "e", key)
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), d.DeletionDate.UTC().Format(time.DateOnly)) {
		t.Errorf("another domain is given the key: %v", err)
	}
	for _, line := range []string{`kindred_keys_at_risk{risk="pending_deletion"} 1`, `kindred_keys_at_risk{risk="disabled"} 0`,
		`kindred_keys_refused_total{risk="pending_deletion"} 1`} {
		if !strings.Contains(w.metrics(), line+"\n") {
			t.Errorf("the metrics have no %s", line)
		}
	}
}

// TestRotationIsFollowed: the data keys are wrapped by the newest material of their
// key, so that the older is not needed; without permission for that they stay.
func TestRotationIsFollowed(t *testing.T) {
	for name, c := range map[string]struct {
		policy string
		follow bool
	}{
		"by a grant":                     {"", true},
		"by a policy that allows enough": {keyPolicy(strings.Replace(forService("d"), "kms:CreateGrant", `kms:CreateGrant","kms:DescribeKey","kms:Encrypt`, 1)), true},
		"by one that does not":           {keyPolicy(forService("d")), false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			key := w.key(t, c.policy)
			if err := w.create(as(t, "kms:*"), "d", key); err != nil {
				t.Fatal(err)
			}
			look := func() any {
				t.Helper()
				if err := w.Keys.Look(context.Background()); err != nil {
					t.Fatal(err)
				}
				cfg, err := w.DomainAPI.Config(context.Background(), "d")
				if err != nil {
					t.Fatal(err)
				}
				return cfg
			}
			before := look()
			if _, err := w.kms.RotateKeyOnDemand(as(t, "*"), &kms.RotateKeyOnDemandInput{KeyId: &key}); err != nil {
				t.Fatal(err)
			}
			after := look()
			if (after != before) != c.follow {
				t.Errorf("the data keys were wrapped anew: %t, want %t", after != before, c.follow)
			}
			if look() != after {
				t.Error("they are wrapped anew without a rotation")
			}
			first := "Ann"
			if _, err := w.Profiles.CreateProfile(as(t, "profile:*"), &profileapi.CreateProfileRequest{DomainName: "d", FirstName: &first}); err != nil {
				t.Errorf("after the rotation: %v", err)
			}
		})
	}
}

// TestADomainsKeyIsReplaced from the change to the end of its job, on a node that
// runs.
func TestADomainsKeyIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		old, fresh := w.key(t, ""), w.key(t, "")
		if err := w.create(as(t, "kms:*"), "d", old); err != nil {
			t.Fatal(err)
		}
		first := "Ann"
		p, err := w.Profiles.CreateProfile(as(t, "profile:*"), &profileapi.CreateProfileRequest{DomainName: "d", FirstName: &first})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.update(t, "d", fresh); err != nil {
			t.Fatal(err)
		}
		if out := w.encryption(t, "d"); out.Reseal == nil || out.Reseal.State != "PENDING" || len(out.Domain.DataKeys) != 2 {
			t.Errorf("after the change: %+v", out)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- w.Run(ctx) }()
		time.Sleep(5 * time.Second) // of the bubble
		if out := w.encryption(t, "d"); out.Reseal != nil || len(out.Domain.DataKeys) != 1 || *out.Domain.KmsKeyId != fresh {
			t.Errorf("after the job: %+v", out)
		}
		if _, err := w.kms.ScheduleKeyDeletion(as(t, "*"), &kms.ScheduleKeyDeletionInput{KeyId: &old, PendingWindowInDays: aws.Int32(7)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(15 * time.Second)
		out, err := w.Profiles.BatchGetProfile(as(t, "profile:*"), &profileapi.BatchGetProfileRequest{DomainName: "d", ProfileIds: []string{p.ProfileId}})
		if err != nil || len(out.Profiles) != 1 || *out.Profiles[0].FirstName != first {
			t.Errorf("without the old key: %+v, %v", out, err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
