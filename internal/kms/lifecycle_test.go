package kms_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"kindred/internal/api/kmsapi"
	"kindred/internal/fault"
	"kindred/internal/kms"
	"kindred/internal/rootkey"
	"kindred/internal/store"
	"kindred/internal/store/memstore"
)

func (f *fixture) rotations(in kmsapi.ListKeyRotationsRequest) []kmsapi.RotationsListEntry {
	f.t.Helper()
	var out []kmsapi.RotationsListEntry
	for {
		page, err := f.ListKeyRotations(f.admin, &in)
		f.ok(err)
		out = append(out, page.Rotations...)
		if in.Marker = page.NextMarker; in.Marker == nil {
			return out
		}
	}
}

func (f *fixture) rotation(key string) *kmsapi.GetKeyRotationStatusResponse {
	f.t.Helper()
	out, err := f.GetKeyRotationStatus(f.admin, &kmsapi.GetKeyRotationStatusRequest{KeyId: key})
	f.ok(err)
	return out
}

func (f *fixture) schedule(key string, days int) *kmsapi.ScheduleKeyDeletionResponse {
	f.t.Helper()
	out, err := f.ScheduleKeyDeletion(f.admin, &kmsapi.ScheduleKeyDeletionRequest{KeyId: key, PendingWindowInDays: &days})
	f.ok(err)
	return out
}

func TestRotationOnDemand(t *testing.T) {
	f := newFixture(t)
	k := f.key()
	var blobs [][]byte
	var materials []string
	seal := func() {
		out, err := f.GenerateDataKey(f.admin, &kmsapi.GenerateDataKeyRequest{KeyId: k, KeySpec: new("AES_256")})
		f.ok(err)
		blobs = append(blobs, out.CiphertextBlob)
		materials = append(materials, *out.KeyMaterialId)
	}
	seal()
	dates := []time.Time{f.now}
	for range 25 {
		f.pass(time.Hour)
		out, err := f.RotateKeyOnDemand(f.admin, &kmsapi.RotateKeyOnDemandRequest{KeyId: k})
		f.ok(err)
		if *out.KeyId != k {
			t.Errorf("rotated %s", *out.KeyId)
		}
		dates = append(dates, f.now)
		seal()
	}
	_, err := f.RotateKeyOnDemand(f.admin, &kmsapi.RotateKeyOnDemandRequest{KeyId: k})
	f.fails(err, "RotateKeyOnDemand", "LimitExceededException")
	for i, blob := range blobs {
		out, err := f.node().Decrypt(f.admin, &kmsapi.DecryptRequest{CiphertextBlob: blob})
		f.ok(err)
		if *out.KeyMaterialId != materials[i] {
			t.Errorf("ciphertext %d was opened with material %s, want %s", i, *out.KeyMaterialId, materials[i])
		}
	}
	all := f.rotations(kmsapi.ListKeyRotationsRequest{KeyId: k, Limit: new(7), IncludeKeyMaterial: new("ALL_KEY_MATERIAL")})
	if len(all) != 26 || all[0].RotationDate != nil || all[0].RotationType != nil || *all[0].KeyMaterialState != "NON_CURRENT" {
		t.Fatalf("%d materials, the first %+v", len(all), all[0])
	}
	got := f.rotations(kmsapi.ListKeyRotationsRequest{KeyId: k, Limit: new(7)})
	if !reflect.DeepEqual(got, all[1:]) {
		t.Errorf("rotations %+v", got)
	}
	for i, r := range got {
		state := "NON_CURRENT"
		if i == 24 {
			state = "CURRENT"
		}
		want := kmsapi.RotationsListEntry{KeyId: &k, KeyMaterialId: &materials[i+1], KeyMaterialState: &state, RotationDate: &dates[i+1], RotationType: new("ON_DEMAND")}
		if !reflect.DeepEqual(r, want) {
			t.Errorf("rotation %d: %+v", i, r)
		}
	}
	if *f.describe(k).CurrentKeyMaterialId != materials[25] {
		t.Error("DescribeKey has other current material")
	}
	_, err = f.ListKeyRotations(f.admin, &kmsapi.ListKeyRotationsRequest{KeyId: k, Marker: new("x")})
	f.fails(err, "ListKeyRotations", "InvalidMarkerException")
}

func TestAutomaticRotation(t *testing.T) {
	f := newFixture(t)
	k := f.key()
	if got := f.rotation(k); *got.KeyRotationEnabled || got.NextRotationDate != nil || got.RotationPeriodInDays != nil {
		t.Errorf("a new key: %+v", got)
	}
	f.ok(f.EnableKeyRotation(f.admin, &kmsapi.EnableKeyRotationRequest{KeyId: k}))
	if got := f.rotation(k); !*got.KeyRotationEnabled || *got.RotationPeriodInDays != 365 || !got.NextRotationDate.Equal(f.now.Add(365*day)) {
		t.Errorf("by default: %+v", got)
	}
	f.pass(10 * day)
	f.ok(f.EnableKeyRotation(f.admin, &kmsapi.EnableKeyRotationRequest{KeyId: k, RotationPeriodInDays: new(90)}))
	due := f.now.Add(90 * day)
	f.pass(day)
	f.ok(f.EnableKeyRotation(f.admin, &kmsapi.EnableKeyRotationRequest{KeyId: k, RotationPeriodInDays: new(90)}))
	if got := f.rotation(k); *got.RotationPeriodInDays != 90 || !got.NextRotationDate.Equal(due) {
		t.Errorf("the same period again: %+v, want %v", got, due)
	}

	first := *f.describe(k).CurrentKeyMaterialId
	f.now = due.Add(-time.Second)
	if *f.describe(k).CurrentKeyMaterialId != first {
		t.Error("rotated before it was due")
	}
	f.now = due
	out, err := f.GenerateDataKey(f.admin, &kmsapi.GenerateDataKeyRequest{KeyId: k, KeySpec: new("AES_256")})
	f.ok(err)
	if *out.KeyMaterialId == first {
		t.Error("the first use after the date has the old material")
	}
	got := f.rotations(kmsapi.ListKeyRotationsRequest{KeyId: k})
	if len(got) != 1 || *got[0].RotationType != "AUTOMATIC" || !got[0].RotationDate.Equal(due) {
		t.Errorf("rotations %+v", got)
	}

	// A disabled key waits until it is enabled; a sweep rotates what nobody uses.
	f.ok(f.DisableKey(f.admin, &kmsapi.DisableKeyRequest{KeyId: k}))
	f.pass(400 * day)
	f.ok(f.Sweep(context.Background()))
	if got := f.rotation(k); !*got.KeyRotationEnabled || got.NextRotationDate != nil {
		t.Errorf("while disabled: %+v", got)
	}
	if got := f.rotations(kmsapi.ListKeyRotationsRequest{KeyId: k}); len(got) != 1 {
		t.Errorf("%d rotations of a disabled key", len(got))
	}
	f.ok(f.EnableKey(f.admin, &kmsapi.EnableKeyRequest{KeyId: k}))
	f.ok(f.Sweep(context.Background()))
	f.ok(f.Sweep(context.Background()))
	if got := f.rotations(kmsapi.ListKeyRotationsRequest{KeyId: k}); len(got) != 2 {
		t.Errorf("%d rotations after the key was enabled, want 2", len(got))
	}
	if got := f.rotation(k); !got.NextRotationDate.Equal(f.now.Add(90 * day)) {
		t.Errorf("next rotation %v", got.NextRotationDate)
	}

	f.ok(f.DisableKeyRotation(f.admin, &kmsapi.DisableKeyRotationRequest{KeyId: k}))
	f.pass(1000 * day)
	f.ok(f.Sweep(context.Background()))
	if got := f.rotations(kmsapi.ListKeyRotationsRequest{KeyId: k}); len(got) != 2 || *f.rotation(k).KeyRotationEnabled {
		t.Errorf("%d rotations after rotation was disabled", len(got))
	}
	f.ok(f.EnableKeyRotation(f.admin, &kmsapi.EnableKeyRotationRequest{KeyId: k}))
	f.schedule(k, 7)
	if got := f.rotation(k); *got.KeyRotationEnabled {
		t.Errorf("pending deletion: %+v", got)
	}
}

func TestDeletion(t *testing.T) {
	f := newFixture(t)
	k, kept := f.key(), f.key()
	f.alias("alias/k", k)
	f.grant(k, kmsapi.CreateGrantRequest{GranteePrincipal: new(userARN("g")), RetiringPrincipal: new(userARN("r")), Operations: []string{"Decrypt"}, Name: new("n")})
	blob := f.encrypt(k, "text", nil)
	arn := *f.describe(k).Arn
	for _, days := range []int{1, 6, 31, 365} {
		_, err := f.ScheduleKeyDeletion(f.admin, &kmsapi.ScheduleKeyDeletionRequest{KeyId: k, PendingWindowInDays: &days})
		f.fails(err, "ScheduleKeyDeletion", "ValidationException")
	}
	out, err := f.ScheduleKeyDeletion(f.admin, &kmsapi.ScheduleKeyDeletionRequest{KeyId: k})
	f.ok(err)
	date := f.now.Add(30 * day)
	if *out.KeyId != arn || *out.KeyState != "PendingDeletion" || *out.PendingWindowInDays != 30 || !out.DeletionDate.Equal(date) {
		t.Errorf("scheduled %+v", out)
	}
	if m := f.describe(k); *m.Enabled || *m.KeyState != "PendingDeletion" || !m.DeletionDate.Equal(date) {
		t.Errorf("pending: %+v", m)
	}
	_, err = f.decrypt(f.admin, blob, nil)
	f.fails(err, "Decrypt", "KMSInvalidStateException")

	cancelled, err := f.CancelKeyDeletion(f.admin, &kmsapi.CancelKeyDeletionRequest{KeyId: arn})
	f.ok(err)
	if m := f.describe(k); *cancelled.KeyId != arn || *m.KeyState != "Disabled" || m.DeletionDate != nil {
		t.Errorf("cancelled: %+v", m)
	}
	f.pass(40 * day)
	f.ok(f.Sweep(context.Background()))
	f.ok(f.EnableKey(f.admin, &kmsapi.EnableKeyRequest{KeyId: k}))
	if got, err := f.decrypt(f.admin, blob, nil); err != nil || got != "text" {
		t.Fatalf("after the cancellation: %q, %v", got, err)
	}

	f.schedule(k, 7)
	f.pass(7*day - time.Second)
	f.ok(f.Sweep(context.Background()))
	f.describe(k)
	f.pass(time.Second)
	// No sweep yet: the use finds out by itself.
	_, err = f.decrypt(f.admin, blob, nil)
	f.fails(err, "Decrypt", "AccessDeniedException")
	_, err = f.Decrypt(f.admin, &kmsapi.DecryptRequest{CiphertextBlob: blob, KeyId: &k})
	f.fails(err, "Decrypt", "NotFoundException")
	_, err = f.DescribeKey(f.admin, &kmsapi.DescribeKeyRequest{KeyId: "alias/k"})
	f.fails(err, "DescribeKey", "NotFoundException")
	_, err = f.CancelKeyDeletion(f.admin, &kmsapi.CancelKeyDeletionRequest{KeyId: k})
	f.fails(err, "CancelKeyDeletion", "NotFoundException")
	keys, err := f.ListKeys(f.admin, &kmsapi.ListKeysRequest{})
	f.ok(err)
	if len(keys.Keys) != 1 || *keys.Keys[0].KeyId != kept {
		t.Errorf("left: %+v", keys.Keys)
	}
	f.alias("alias/k", kept)
	f.ok(f.DeleteAlias(f.admin, &kmsapi.DeleteAliasRequest{AliasName: "alias/k"}))
	left, err := f.store.ScanPrefix(context.Background(), []byte("kms/"), store.Key{}, store.MaxScan)
	f.ok(err)
	if len(left) != 3 { // the other key's record, its material, its place in the list
		t.Errorf("%d records are left, want 3", len(left))
	}
}

func TestSweepDestroysWhatNobodyAsksFor(t *testing.T) {
	f := newFixture(t)
	var doomed []string
	for range 5 {
		k := f.key()
		f.encrypt(k, "x", nil)
		doomed = append(doomed, k)
		f.schedule(k, 7)
	}
	f.pass(7 * day)
	f.ok(f.Sweep(context.Background()))
	left, err := f.store.ScanPrefix(context.Background(), []byte("kms/"), store.Key{}, store.MaxScan)
	f.ok(err)
	if len(left) != 0 {
		t.Errorf("%d records are left of %d destroyed keys", len(left), len(doomed))
	}
}

func TestRunSweepsUntilItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		defer st.Close()
		f := &fixture{t: t, store: st, root: rootkey.Random()}
		f.Service = kms.New(kms.Config{Store: st, Root: f.root, Region: region, Account: account})
		f.admin = f.user("admin", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:*","Resource":"*"}}`)
		f.schedule(f.key(), 7)
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- f.Run(ctx) }()
		left := func() int {
			synctest.Wait()
			got, err := st.ScanPrefix(context.Background(), []byte("kms/key/"), store.Key{}, store.MaxScan)
			f.ok(err)
			return len(got)
		}
		time.Sleep(7*day - time.Minute) // of synctest's clock
		if left() == 0 {
			t.Error("destroyed too early")
		}
		time.Sleep(2 * time.Minute)
		if left() != 0 {
			t.Error("not destroyed")
		}
		stop()
		f.ok(<-done)
	})
}

// TestADataKeyOpensUntilItsKeyIsDestroyed: after any sequence of rotations,
// changes of state and cancelled deletions each data key opens if its key is
// enabled, under its own encryption context and no other; once the key is
// destroyed none does.
func TestADataKeyOpensUntilItsKeyIsDestroyed(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 20 {
		f := newFixture(t)
		type dataKey struct {
			blob, plaintext []byte
			pairs           map[string]string
		}
		var made []dataKey
		k, state := f.key(), "Enabled"
		must := func(ok bool, err error) {
			t.Helper()
			if ok != (err == nil) {
				t.Fatalf("in state %s: %v", state, err)
			}
		}
		node := f.Service
		for range 60 {
			enabled := state == "Enabled"
			switch rnd.IntN(9) {
			case 0, 1:
				pairs := map[string]string{"n": string(rune('a' + rnd.IntN(26)))}
				out, err := node.GenerateDataKey(f.admin, &kmsapi.GenerateDataKeyRequest{KeyId: k, NumberOfBytes: new(1 + rnd.IntN(64)), EncryptionContext: pairs})
				must(enabled, err)
				if err == nil {
					made = append(made, dataKey{out.CiphertextBlob, out.Plaintext, pairs})
				}
			case 2:
				_, err := node.RotateKeyOnDemand(f.admin, &kmsapi.RotateKeyOnDemandRequest{KeyId: k})
				must(enabled, err)
			case 3:
				must(enabled, node.EnableKeyRotation(f.admin, &kmsapi.EnableKeyRotationRequest{KeyId: k, RotationPeriodInDays: new(90 + rnd.IntN(10))}))
			case 4:
				if err := node.DisableKey(f.admin, &kmsapi.DisableKeyRequest{KeyId: k}); state != "PendingDeletion" {
					must(true, err)
					state = "Disabled"
				}
			case 5:
				if err := node.EnableKey(f.admin, &kmsapi.EnableKeyRequest{KeyId: k}); state != "PendingDeletion" {
					must(true, err)
					state = "Enabled"
				}
			case 6:
				_, err := node.ScheduleKeyDeletion(f.admin, &kmsapi.ScheduleKeyDeletionRequest{KeyId: k})
				must(state != "PendingDeletion", err)
				_, err = node.CancelKeyDeletion(f.admin, &kmsapi.CancelKeyDeletionRequest{KeyId: k})
				must(true, err)
				state = "Disabled"
			case 7:
				f.pass(time.Duration(rnd.IntN(100)) * day)
			case 8:
				node = f.node()
			}
			for _, d := range made {
				got, err := node.Decrypt(f.admin, &kmsapi.DecryptRequest{CiphertextBlob: d.blob, EncryptionContext: d.pairs})
				must(state == "Enabled", err)
				if err == nil && !bytes.Equal(got.Plaintext, d.plaintext) {
					t.Fatal("a data key opens to something else")
				}
				if _, err := node.Decrypt(f.admin, &kmsapi.DecryptRequest{CiphertextBlob: d.blob, EncryptionContext: map[string]string{"n": "A"}}); err == nil {
					t.Fatal("a data key opens under another encryption context")
				}
			}
		}
		if state != "PendingDeletion" {
			f.schedule(k, 7)
		}
		f.pass(30 * day)
		if rnd.IntN(2) == 0 {
			f.ok(f.Sweep(context.Background()))
		}
		for _, d := range made {
			for _, n := range []*kms.Service{node, f.Service, f.node()} {
				if _, err := n.Decrypt(f.admin, &kmsapi.DecryptRequest{CiphertextBlob: d.blob, EncryptionContext: d.pairs}); !fault.Is(err, fault.Denied) {
					t.Fatalf("after the key was destroyed: %v", err)
				}
			}
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	f := newFixture(t)
	k := f.key()
	f.ok(f.EnableKeyRotation(f.admin, &kmsapi.EnableKeyRotationRequest{KeyId: k, RotationPeriodInDays: new(90)}))
	f.pass(91 * day)
	blob := make([][]byte, 8)
	var wg sync.WaitGroup
	for i := range blob {
		wg.Go(func() {
			node := f.node()
			for range 10 {
				out, err := node.GenerateDataKey(f.admin, &kmsapi.GenerateDataKeyRequest{KeyId: k, KeySpec: new("AES_256")})
				if err != nil {
					t.Error(err)
					return
				}
				blob[i] = out.CiphertextBlob
				_, err = node.CreateGrant(f.admin, &kmsapi.CreateGrantRequest{KeyId: k, GranteePrincipal: new(userARN("g")), Operations: []string{"Decrypt"}, Name: new("n")})
				var busy *fault.Error
				if err != nil && !(errors.As(err, &busy) && busy.Kind == fault.Busy) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, b := range blob {
		_, err := f.decrypt(f.user("g"), b, nil)
		f.ok(err)
	}
	if got := f.rotations(kmsapi.ListKeyRotationsRequest{KeyId: k}); len(got) != 1 {
		t.Errorf("%d rotations, want 1", len(got))
	}
	if got := f.grants(kmsapi.ListGrantsRequest{KeyId: k}); len(got) != 1 {
		t.Errorf("%d grants of one name, want 1", len(got))
	}
}
