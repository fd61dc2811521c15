package job

import (
	"context"
	"encoding/json"
	"fmt"

	"kindred/internal/access"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/store"
)

// Spec is what a job is made of.
type Spec struct {
	Kind string // registered
	// Subject is what the work is about, such as the name of an object type; at
	// most MaxSubject bytes, may be empty.
	Subject string
	// Parameters are the handler's own, at most MaxParameters bytes.
	Parameters []byte
	// Unique refuses the job while another of the same kind and subject has not
	// ended, and has this one not be resumed while that is so.
	Unique bool
}

// Create makes a job inside a transaction, which is that of what the job is for:
// Edit.Tx of domain.Domains.Configure, Tx.Below of Domains.Update, or the store's
// own. The configuration must be in force, else the error is one for which
// domain.IsStale holds. The caller in the context is who asked. A node takes the
// job up within a second of the commit; see Wake.
//
// With Unique, a job of the kind and subject that has not ended is a fault.Exists
// that names it. A domain has at most MaxOpen jobs that have not ended; another is
// a fault.Busy. Of the ended ones all but the newest MaxEnded are removed.
func (j *Jobs) Create(ctx context.Context, tx store.Tx, c *domain.Config, s Spec) (*Job, error) {
	h := j.handlers[s.Kind]
	switch {
	case h == nil:
		return nil, fmt.Errorf("job: kind %.80q is not registered", s.Kind)
	case len(s.Subject) > MaxSubject:
		return nil, fault.New(fault.Invalid, "The subject of a job has at most %d bytes", MaxSubject)
	case len(s.Parameters) > MaxParameters:
		return nil, fault.New(fault.Invalid, "The parameters of a job have at most %d bytes", MaxParameters)
	}
	if err := c.InForce(ctx, tx); err != nil {
		return nil, err
	}
	if err := j.makeRoom(ctx, tx, c.ID, s); err != nil {
		return nil, err
	}
	_, reversible := h.(Undoer)
	r := &record{Unique: s.Unique, Reversible: reversible, Job: Job{ID: NewID(), Domain: c.ID, Kind: s.Kind, Subject: s.Subject,
		RequestedBy: requester(ctx), CreatedAt: tx.Now(), Parameters: s.Parameters}}
	k := r.ref().parametersKey()
	sealed, err := j.encrypt(k, s.Parameters)
	if err != nil {
		return nil, err
	}
	tx.Put(k, sealed)
	if err := j.await(tx, r, tx.Now()); err != nil {
		return nil, err
	}
	return &r.Job, j.list(tx, r)
}

func requester(ctx context.Context) string {
	c := access.From(ctx)
	switch {
	case c == nil:
		return ""
	case c.ARN == "":
		return c.ServiceName
	}
	return c.ARN
}

// makeRoom checks that another job may be open and removes old ones.
func (j *Jobs) makeRoom(ctx context.Context, tx store.Tx, d domain.ID, s Spec) error {
	entries, err := j.entries(ctx, tx, d)
	if err != nil {
		return err
	}
	if err := admit(entries, s, ID{}); err != nil {
		return err
	}
	ended := 0
	for i := len(entries) - 1; i >= 0; i-- { // the newest first
		if !entries[i].Ended {
			continue
		}
		if ended++; ended > MaxEnded {
			tx.Delete(entries[i].key)
			tx.Clear(entries[i].job.partition())
		}
	}
	return nil
}

// listEntry is an entry with its place.
type listEntry struct {
	entry
	key store.Key
	job ref
}

// entries reads the list of a domain's jobs, in the order in which they were made.
func (j *Jobs) entries(ctx context.Context, r store.Reader, d domain.ID) ([]listEntry, error) {
	lists, err := r.Scan(ctx, store.Span{Partition: listPartition(d), Limit: store.MaxScan})
	if err != nil {
		return nil, fmt.Errorf("jobs of domain %s: %w", d, err)
	}
	out := make([]listEntry, 0, len(lists[0]))
	for _, rec := range lists[0] {
		e := listEntry{key: rec.Key}
		if e.job, err = listed(d, rec); err != nil {
			return nil, err
		}
		plain, err := j.decrypt(rec.Key, rec.Value)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(plain, &e.entry); err != nil {
			return nil, fmt.Errorf("job %s: %w: %w", e.job.id, store.ErrCorrupt, err)
		}
		out = append(out, e)
	}
	return out, nil
}

// admit says whether one more job may be open beside the others; self is not
// among the others.
func admit(entries []listEntry, s Spec, self ID) error {
	open := 0
	for _, e := range entries {
		if e.Ended || e.job.id == self {
			continue
		}
		open++
		if s.Unique && e.Kind == s.Kind && e.Subject == s.Subject {
			return fault.New(fault.Exists, "Job %s of the same kind (%s) and subject has not ended", e.job.id, e.Kind)
		}
	}
	if open >= MaxOpen {
		return fault.New(fault.Busy, "A domain has at most %d jobs that have not ended", MaxOpen)
	}
	return nil
}
