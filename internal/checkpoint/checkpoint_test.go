package checkpoint

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"kindred/internal/access"
	"kindred/internal/api/kindredapi"
	"kindred/internal/fault"
	"kindred/internal/policy"
)

// engine writes a file, or fails.
type engine struct{ fail error }

func (e *engine) Checkpoint(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return errors.Join(os.WriteFile(filepath.Join(dir, "1.sst"), []byte("x"), 0o600), e.fail)
}

func as(t *testing.T, text string) context.Context {
	t.Helper()
	doc, err := policy.Parse([]byte(text), policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return access.WithCaller(t.Context(), &access.Caller{Type: access.User, ARN: "arn:aws:iam::000000000000:user/operator", Account: "000000000000", Policies: []*policy.Policy{doc}})
}

func TestCheckpointsAreBoundedAndGoAway(t *testing.T) {
	now := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
	dir := filepath.Join(t.TempDir(), "checkpoints")
	if err := os.MkdirAll(filepath.Join(dir, "of a server that is no more"), 0o700); err != nil {
		t.Fatal(err)
	}
	e := &engine{}
	s, err := New(e, dir, "us-east-1", "000000000000", func() time.Time { return now }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("what an earlier run left is still there")
	}
	ctx := as(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kindred:*Checkpoint","Resource":"arn:aws:kindred:us-east-1:000000000000:store"}]}`)
	var made []*kindredapi.Checkpoint
	for range most {
		c, err := s.CreateCheckpoint(ctx, &kindredapi.CreateCheckpointRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(c.Directory, "1.sst")); err != nil || !filepath.IsAbs(c.Directory) {
			t.Errorf("%s: %v", c.Directory, err)
		}
		made = append(made, c)
	}
	if _, err := s.CreateCheckpoint(ctx, &kindredapi.CreateCheckpointRequest{}); !fault.Is(err, fault.Busy) {
		t.Errorf("one too many: %v", err)
	}
	for range 2 { // the second time it is gone already
		if _, err := s.DeleteCheckpoint(ctx, &kindredapi.DeleteCheckpointRequest{Name: made[0].Name}); err != nil {
			t.Error(err)
		}
	}
	e.fail = errors.New("the disk is full")
	if _, err := s.CreateCheckpoint(ctx, &kindredapi.CreateCheckpointRequest{}); !errors.Is(err, e.fail) {
		t.Error(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != most-1 {
		t.Errorf("%d are there, %v", len(entries), err)
	}
	e.fail, now = nil, now.Add(kept)
	if _, err := s.CreateCheckpoint(ctx, &kindredapi.CreateCheckpointRequest{}); err != nil {
		t.Error(err)
	}
	if entries, _ = os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%d are there a day later", len(entries))
	}
}

func TestWhoMayMakeCheckpoints(t *testing.T) {
	s, err := New(&engine{}, filepath.Join(t.TempDir(), "c"), "us-east-1", "000000000000", time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx := as(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"profile:*","Resource":"*"}]}`)
	if _, err := s.CreateCheckpoint(ctx, &kindredapi.CreateCheckpointRequest{}); !fault.Is(err, fault.Denied) {
		t.Error(err)
	}
	if _, err := s.DeleteCheckpoint(ctx, &kindredapi.DeleteCheckpointRequest{Name: "x"}); !fault.Is(err, fault.Denied) {
		t.Error(err)
	}
	ctx = as(t, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)
	for _, name := range []string{"..", "../store", "", "20261126T100000Z-5f0c1a2b/../../store"} {
		if _, err := s.DeleteCheckpoint(ctx, &kindredapi.DeleteCheckpointRequest{Name: name}); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
	shared, err := New(nil, "", "us-east-1", "000000000000", time.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shared.CreateCheckpoint(ctx, &kindredapi.CreateCheckpointRequest{}); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
}
