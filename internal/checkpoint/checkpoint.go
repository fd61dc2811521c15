// Package checkpoint lets the running server give its store's state at a moment to
// whoever makes a backup: a directory beside the data, of files that change no more,
// which is there until it is deleted.
//
// Only the embedded engine has checkpoints; a database that nodes share has its own
// means.
package checkpoint

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"kindred/internal/access"
	"kindred/internal/api/kindredapi"
	"kindred/internal/fault"
)

const (
	// most is how many there may be: each keeps files that the store has done with.
	most = 4
	// kept is how long one may stay.
	kept = 24 * time.Hour
)

// Engine is what a checkpoint is made of.
type Engine interface {
	// Checkpoint writes the engine's state into a directory that is not there yet.
	Checkpoint(dir string) error
}

// Service makes and deletes checkpoints.
type Service struct {
	engine   Engine // nil: there are none
	dir      string
	resource string
	now      func() time.Time
	log      *slog.Logger
	turn     chan struct{} // one at a time
}

// New makes a service that puts checkpoints into a directory, which is its own: what is
// in it is of a server that is no more, and is removed.
func New(engine Engine, dir, region, account string, now func() time.Time, log *slog.Logger) (*Service, error) {
	s := &Service{engine: engine, dir: dir, resource: fmt.Sprintf("arn:aws:kindred:%s:%s:store", region, account), now: now, log: log, turn: make(chan struct{}, 1)}
	if engine == nil {
		return s, nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("checkpoints of an earlier run: %w", err)
	}
	return s, nil
}

var nameForm = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}$`)

// CreateCheckpoint writes a checkpoint and says where it is.
func (s *Service) CreateCheckpoint(ctx context.Context, _ *kindredapi.CreateCheckpointRequest) (*kindredapi.Checkpoint, error) {
	if err := access.Require(ctx, access.Check{Action: "kindred:CreateCheckpoint", Resource: s.resource}); err != nil {
		return nil, err
	}
	if s.engine == nil {
		return nil, fault.New(fault.Invalid, "The store is a database that nodes share: back it up with its own means (docs/operations.md)")
	}
	if err := s.take(ctx); err != nil {
		return nil, err
	}
	defer func() { <-s.turn }()
	there, err := s.list()
	if err != nil {
		return nil, err
	}
	if there >= most {
		return nil, fault.New(fault.Busy, "There are %d checkpoints; delete one first", most)
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	var random [4]byte
	_, _ = rand.Read(random[:]) // it never fails
	at := s.now().UTC()
	name := at.Format("20060102T150405Z") + "-" + hex.EncodeToString(random[:])
	dir := filepath.Join(s.dir, name)
	if err := s.engine.Checkpoint(dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	return &kindredapi.Checkpoint{Name: name, Directory: absolute, CreatedAt: at}, nil
}

// DeleteCheckpoint removes a checkpoint; one that is not there is no error.
func (s *Service) DeleteCheckpoint(ctx context.Context, in *kindredapi.DeleteCheckpointRequest) (*kindredapi.DeleteCheckpointResponse, error) {
	if err := access.Require(ctx, access.Check{Action: "kindred:DeleteCheckpoint", Resource: s.resource}); err != nil {
		return nil, err
	}
	if !nameForm.MatchString(in.Name) {
		return nil, fault.New(fault.Invalid, "Name: want the name of a checkpoint")
	}
	if err := s.take(ctx); err != nil {
		return nil, err
	}
	defer func() { <-s.turn }()
	return &kindredapi.DeleteCheckpointResponse{}, os.RemoveAll(filepath.Join(s.dir, in.Name))
}

func (s *Service) take(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// list counts the checkpoints, and removes those that somebody has forgotten.
func (s *Service) list() (n int, err error) {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	for _, e := range entries {
		at, perr := time.Parse("20060102T150405Z", e.Name()[:min(len(e.Name()), 16)])
		if perr == nil && s.now().Sub(at) < kept {
			n++
			continue
		}
		s.log.Warn("a checkpoint that nobody has deleted is removed", "name", e.Name())
		err = errors.Join(err, os.RemoveAll(filepath.Join(s.dir, e.Name())))
	}
	return n, err
}
