package kms

import (
	"context"
	"encoding/base64"
	"strings"

	"kindred/internal/fault"
	"kindred/internal/store"
)

// page is one page of a listing. The position after it travels to the client as
// a marker, which is sealed and bound to the operation and its arguments.
type page struct {
	s     *Service
	bind  []byte
	limit int
	after []byte // sort key, or whatever else orders the listing
	last  []byte // set by cut or cutNames when there is more
}

// newPage reads Limit and Marker. Errors: ValidationException for a Limit over
// the operation's own bound, InvalidMarkerException.
func (s *Service) newPage(operation string, args []string, limit *int, marker *string, usual, most int) (*page, error) {
	p := &page{s: s, limit: usual, bind: []byte("marker\x00" + operation + "\x00" + strings.Join(args, "\x00"))}
	if limit != nil {
		if *limit < 1 || *limit > most {
			return nil, invalid("Limit: must be between 1 and %d", most)
		}
		p.limit = *limit
	}
	if marker == nil {
		return p, nil
	}
	sealed, err := base64.RawURLEncoding.DecodeString(*marker)
	if err == nil {
		p.after, err = s.root.Decrypt(sealed, p.bind)
	}
	if err != nil {
		return nil, fault.Named(fault.Invalid, "InvalidMarkerException",
			"Marker: it is not one that %s returned for the same arguments", operation)
	}
	return p, nil
}

// span is what to read for the page: the records that start with prefix, and
// one more than fit.
func (p *page) span(partition, prefix []byte) store.Span {
	sp := store.Span{Partition: partition, Start: prefix, End: prefixEnd(prefix), Limit: p.limit + 1}
	if p.after != nil {
		sp.Start = next(p.after)
	}
	return sp
}

// cut returns the records that fit.
func (p *page) cut(found []store.Record) []store.Record {
	p.last = nil
	if len(found) <= p.limit {
		return found
	}
	p.last = found[p.limit-1].Key.Sort
	return found[:p.limit]
}

// cutNames is for listings of sorted names that are at hand.
func (p *page) cutNames(names []string) []string {
	for p.after != nil && len(names) > 0 && names[0] <= string(p.after) {
		names = names[1:]
	}
	p.last = nil
	if len(names) <= p.limit {
		return names
	}
	p.last = []byte(names[p.limit-1])
	return names[:p.limit]
}

// rest is NextMarker and Truncated.
func (p *page) rest() (*string, *bool) {
	if p.last == nil {
		return nil, new(false)
	}
	sealed, err := p.s.root.Encrypt(p.last, p.bind)
	if err != nil {
		panic("kms: marker: " + err.Error()) // only for texts of gigabytes
	}
	return new(base64.RawURLEncoding.EncodeToString(sealed)), new(true)
}

func scan(ctx context.Context, r store.Reader, sp store.Span) ([]store.Record, error) {
	got, err := r.Scan(ctx, sp)
	if err != nil {
		return nil, err
	}
	return got[0], nil
}
