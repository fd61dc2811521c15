package rekey_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"kindred/internal/api/kindredapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/rekey"
	"kindred/internal/resource"
)

// TestGetDomainEncryption tells of each data key and how its KMS key stands.
func TestGetDomainEncryption(t *testing.T) {
	deletion := time.Date(2026, 4, 1, 12, 0, 0, 0, time.UTC)
	onBoth(t, func(t *testing.T, n *node) {
		n.NewDomain("d")
		n.fill(2)
		n.setKey(keyA)
		n.setKey(keyB)
		n.keys.status[keyA] = resource.KeyStatus{State: "PendingDeletion", DeletionDate: deletion}
		n.keys.status[keyB] = resource.KeyStatus{State: "Enabled", Enabled: true}
		n.keys.status[keyT] = resource.KeyStatus{State: "Disabled", Disabled: true}
		out := n.encryption()
		var got []string
		for _, k := range append(out.Domain.DataKeys, out.ObjectTypes[0].DataKeys...) {
			line := k.State + " " + k.KmsKeyState
			if k.DeletionDate != nil {
				line += " " + k.DeletionDate.Format(time.RFC3339)
			}
			if k.Warning != nil {
				line += " warned"
			}
			got = append(got, line)
		}
		want := "BEING_REPLACED ENABLED\nBEING_REPLACED PENDING_DELETION 2026-04-01T12:00:00Z warned\nIN_FORCE ENABLED\nIN_FORCE DISABLED warned"
		if text := strings.Join(got, "\n"); text != want {
			t.Errorf("data keys:\n%s\nwant\n%s", text, want)
		}
		if *out.Domain.KmsKeyId != keyB || *out.ObjectTypes[0].KmsKeyId != keyT || *out.ObjectTypes[0].ObjectTypeName != "Own" {
			t.Errorf("keys in force: %s", ingesttest.Compact(t.Fatal, out))
		}
		if len(out.Warnings) != 2 || !strings.Contains(out.Warnings[0]+out.Warnings[1], "2026-04-01") {
			t.Errorf("warnings: %q", out.Warnings)
		}
		if out.Reseal == nil || out.Reseal.State != "PENDING" || len(*out.Reseal.JobId) != 32 {
			t.Errorf("resealing: %+v", out.Reseal)
		}
		delete(n.keys.status, keyB)
		if got := n.encryption().Domain.DataKeys[2]; got.KmsKeyState != "UNKNOWN" || got.Warning != nil {
			t.Errorf("a key that works and cannot be seen: %+v", got)
		}
		n.Keys.Disable(keyB)
		if got := n.encryption().Domain.DataKeys[2]; got.KmsKeyState != "DISABLED" || got.Warning == nil {
			t.Errorf("a key that is disabled and cannot be seen: %+v", got)
		}
		n.Keys.Refuse(keyB, fault.New(fault.Invalid, "no grant").Because(resource.ErrKeyMissing))
		if got := n.encryption().Domain.DataKeys[2]; got.KmsKeyState != "OUT_OF_REACH" || got.Warning == nil {
			t.Errorf("a key that neither works nor can be seen: %+v", got)
		}
		if _, err := n.rekey.GetDomainEncryption(context.Background(), &kindredapi.GetDomainEncryptionRequest{DomainName: "d"}); !fault.Is(err, fault.Denied) {
			t.Errorf("without permission: %v", err)
		}
		_, err := n.rekey.GetDomainEncryption(n.admin(), &kindredapi.GetDomainEncryptionRequest{DomainName: "none"})
		n.IsFault(err, fault.NotFound, "none")
	})
}

// TestLook wraps data keys anew after a rotation, and counts and logs keys at risk.
func TestLook(t *testing.T) {
	onBoth(t, func(t *testing.T, n *node) {
		var log bytes.Buffer
		n.NewDomain("d", under(keyA))
		n.NewDomain("e", under(keyB))
		ids := n.fill(3)
		for _, k := range []string{keyA, keyB, keyT} {
			n.keys.status[k] = resource.KeyStatus{State: "Enabled", Enabled: true}
		}
		n.rekeyTo(&log)
		look := func(want int, risk rekey.Risk) {
			t.Helper()
			if err := n.rekey.Look(n.Ctx()); err != nil {
				t.Fatal(err)
			}
			if got := n.rekey.AtRisk(risk); got != want {
				t.Errorf("%d keys are %s, want %d", got, risk, want)
			}
		}
		before := n.config()
		look(0, rekey.Disabled)
		if n.config() != before {
			t.Error("a look changes the configuration for nothing")
		}
		n.keys.rotated[keyA] = true
		look(0, rekey.Disabled)
		if n.config() == before {
			t.Error("the data key was not wrapped anew")
		}
		if !strings.Contains(log.String(), "newest material") {
			t.Errorf("log: %s", log.String())
		}
		n.Clock.Step(10 * time.Second)
		n.readable("wrapped anew", ids)

		n.keys.status[keyB] = resource.KeyStatus{State: "PendingDeletion", DeletionDate: n.Clock.Now()}
		n.keys.status[keyT] = resource.KeyStatus{State: "Disabled", Disabled: true}
		look(1, rekey.PendingDeletion)
		look(1, rekey.Disabled)
		look(0, rekey.OutOfReach)
		if text := log.String(); !strings.Contains(text, keyB) || !strings.Contains(text, "pending_deletion") || !strings.Contains(text, "object_type=Own") {
			t.Errorf("log: %s", text)
		}
		n.keys.status[keyB] = resource.KeyStatus{State: "Enabled", Enabled: true}
		look(0, rekey.PendingDeletion)
		n.keys.refuse = errors.New("key service: no answer")
		if err := n.rekey.Look(n.Ctx()); err == nil {
			t.Error("a key service that does not answer is no trouble")
		}
	})
}

// TestRefusals counts what another checker refuses for a key's state, and nothing
// else.
func TestRefusals(t *testing.T) {
	var r rekey.Refusals
	inner := &ingesttest.Checker{}
	var log bytes.Buffer
	check := r.Watch(inner, slog.New(slog.NewTextHandler(&log, nil)))
	for _, c := range []struct {
		err  error
		risk rekey.Risk
	}{
		{nil, ""},
		{errors.New("key service: no answer"), ""},
		{fault.New(fault.Denied, "no"), ""},
		{fault.New(fault.Invalid, "deleted soon").Because(errors.Join(resource.ErrKeyState, resource.ErrKeyDeletion)), rekey.PendingDeletion},
		{fault.New(fault.Invalid, "off").Because(resource.ErrKeyState), rekey.Disabled},
		{fault.New(fault.Invalid, "none").Because(resource.ErrKeyMissing), rekey.OutOfReach},
	} {
		inner.Key = c.err
		before := map[rekey.Risk]int{}
		for _, risk := range rekey.Risks() {
			before[risk] = r.Count(risk)
		}
		if err := check.CheckKey(context.Background(), domain.KeyUse{KeyID: keyA}); err != c.err {
			t.Errorf("%v becomes %v", c.err, err)
		}
		for _, risk := range rekey.Risks() {
			want := before[risk]
			if risk == c.risk {
				want++
			}
			if got := r.Count(risk); got != want {
				t.Errorf("%v: %d of %s, want %d", c.err, got, risk, want)
			}
		}
	}
	if n := strings.Count(log.String(), "\n"); n != 3 {
		t.Errorf("%d lines are logged: %s", n, log.String())
	}
}
