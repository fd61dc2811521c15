// Package ingest takes records in: it maps a record by its object type, finds or
// makes the profile it belongs to, and stores it, in one durable transaction.
// What cannot be stored goes back to the caller, or, where the domain has a dead
// letter queue, there with its reason. Nothing is dropped.
package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"kindred/internal/api/profileapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/mapping"
	"kindred/internal/objecttype"
	"kindred/internal/profile"
	"kindred/internal/resource"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// MaxObject is the largest object in bytes (quota: 250 KB).
const MaxObject = 250 * 1024

// DeadLetters takes what could not be ingested.
type DeadLetters interface {
	Put(ctx context.Context, letters ...*resource.Letter) error
}

// Service is the ingestion part of the API.
type Service struct {
	domains *domain.Domains
	types   *objecttype.Types
	letters DeadLetters
	count   func(outcome string, n int)
}

// NewService makes the API. count is told how many objects came to an outcome,
// for metrics; it may be nil.
func NewService(d *domain.Domains, t *objecttype.Types, letters DeadLetters, count func(outcome string, n int)) *Service {
	if count == nil {
		count = func(string, int) {}
	}
	return &Service{d, t, letters, count}
}

// Reasons that dead letters carry (AWS: error messages in the dead letter
// queue).
const (
	reasonKeyMissing = "Customer Profiles cannot ingest the object due to the EncryptionKey does not exist in the Region, " +
		"the EncryptionKey does not have a grant for Customer Profiles to use, or the EncryptionKey does not have the GenerateDataKey permission"
	reasonKeyState   = "KMS key is invalid"
	reasonKeyInvalid = "Customer Profiles cannot ingest the object due to invalid KMS key"
)

var (
	errMissingKey = fault.New(fault.Invalid, "The UNIQUE key or PROFILE key does not exist in the profile object")
	errTooLarge   = fault.New(fault.Invalid, "Your data contains profile object larger than %d bytes", MaxObject)
)

// PutProfileObject ingests one record. When it returns without error the record
// is stored and found, or lies in the dead letter queue of the domain.
func (s *Service) PutProfileObject(ctx context.Context, in *profileapi.PutProfileObjectRequest) (*profileapi.PutProfileObjectResponse, error) {
	r, err := s.Put(ctx, in.DomainName, in.ObjectTypeName, []string{in.Object})
	if err != nil {
		return nil, err
	}
	if r[0].Err != nil {
		return nil, r[0].Err
	}
	out := &profileapi.PutProfileObjectResponse{}
	if r[0].UniqueKey != "" {
		out.ProfileObjectUniqueKey = &r[0].UniqueKey
	}
	return out, nil
}

// BatchPutProfileObject ingests up to ten records of one type. Each of them
// succeeds or fails by itself; those that succeed become durable together.
func (s *Service) BatchPutProfileObject(ctx context.Context, in *profileapi.BatchPutProfileObjectRequest) (*profileapi.BatchPutProfileObjectResponse, error) {
	seen := map[string]bool{}
	bodies := make([]string, len(in.Items))
	for i, it := range in.Items {
		if seen[it.Id] {
			return nil, fault.New(fault.Invalid, "Items: the Id of item %d is not unique in the request", i+1)
		}
		seen[it.Id] = true
		bodies[i] = it.Object
	}
	results, err := s.Put(ctx, in.DomainName, in.ObjectTypeName, bodies)
	if err != nil {
		return nil, err
	}
	out := &profileapi.BatchPutProfileObjectResponse{}
	for i, r := range results {
		if r.Err != nil {
			code, message := status(r.Err)
			out.Failed = append(out.Failed, profileapi.BatchPutProfileObjectErrorItem{Id: in.Items[i].Id, Code: code, Message: &message})
			continue
		}
		out.Successful = append(out.Successful, profileapi.BatchPutProfileObjectResponseItem{Id: in.Items[i].Id, ProfileObjectUniqueKey: r.UniqueKey})
	}
	return out, nil
}

// status is the HTTP status and the text that an item's error would have had as
// an answer of its own.
func status(err error) (int, string) {
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind == fault.Internal {
		return 500, "The object could not be ingested because of an internal error"
	}
	switch f.Kind {
	case fault.Denied:
		return 403, f.Message
	case fault.NotFound:
		return 404, f.Message
	case fault.Busy:
		return 429, f.Message
	}
	return 400, f.Message
}

// Result is what became of one record. A record in the dead letter queue counts
// as taken in: Letter is then its reason.
type Result struct {
	UniqueKey string
	Profile   profile.ID
	Letter    string
	Err       error

	refused bool // the record was no valid request: it goes back to the caller
}

// record is a record on its way through.
type record struct {
	body   string
	mapped *objecttype.Mapped
	result *Result
}

// load gives the configuration of a domain that was last seen to be in force.
type load func(context.Context) (*domain.Config, error)

func (s *Service) named(domainName string) load {
	return func(ctx context.Context) (*domain.Config, error) { return s.domains.Likely(ctx, domainName) }
}

func (s *Service) identified(of domain.ID) load {
	return func(ctx context.Context) (*domain.Config, error) { return s.domains.LikelyOf(ctx, of) }
}

// Put ingests records of one type, in order, in one transaction. The error is
// that of the call as a whole; single records have theirs in the results. It is
// what all ways in share: calls, contact records, files.
func (s *Service) Put(ctx context.Context, domainName, typeName string, bodies []string) ([]Result, error) {
	return s.take(ctx, s.named(domainName), typeName, bodies)
}

// PutInto is [Service.Put] for work on a domain that began before: its name may
// have changed meanwhile, and be another domain's.
func (s *Service) PutInto(ctx context.Context, of domain.ID, typeName string, bodies []string) ([]Result, error) {
	return s.take(ctx, s.identified(of), typeName, bodies)
}

func (s *Service) take(ctx context.Context, of load, typeName string, bodies []string) ([]Result, error) {
	cfg, results, err := s.attempt(ctx, of, typeName, bodies, nil)
	if err != nil {
		return nil, err
	}
	if err := s.settle(ctx, cfg, typeName, bodies, results); err != nil {
		return nil, err
	}
	return results, nil
}

// attempt stores what can be stored under the configuration in force; the other
// records have their errors. A trial does the same and stores nothing.
func (s *Service) attempt(ctx context.Context, of load, typeName string, bodies []string, as *trial) (*domain.Config, []Result, error) {
	for range 16 { // as often as the configuration may change under one call
		cfg, results, err := s.put(ctx, of, typeName, bodies, as)
		if !domain.IsStale(err) {
			return cfg, results, err
		}
	}
	return nil, nil, fault.New(fault.Busy, "The configuration of the domain is changing; try again")
}

func (s *Service) put(ctx context.Context, of load, typeName string, bodies []string, as *trial) (*domain.Config, []Result, error) {
	cfg, err := of(ctx)
	if err != nil {
		return nil, nil, err
	}
	typ, err := s.typeOf(cfg, typeName, as)
	if err != nil {
		return nil, nil, errors.Join(s.domains.Confirm(ctx, cfg), err)
	}
	if as == nil {
		if noted, err := s.types.Used(ctx, s.domains, cfg, typ); err != nil {
			return nil, nil, err
		} else if noted {
			return s.put(ctx, of, typeName, bodies, as)
		}
	}
	results := make([]Result, len(bodies))
	all := mapRecords(cfg, typ, bodies, results)
	records := make([]*record, 0, len(all))
	for i := range all {
		r := &all[i]
		if r.result.Err == nil {
			records = append(records, r)
			continue
		}
		r.result.refused = !errors.Is(r.result.Err, errTooLarge)
	}
	if len(records) > 0 {
		if err := s.store(ctx, cfg, typ, records, as); err != nil {
			return nil, nil, err
		}
	}
	if slices.ContainsFunc(results, func(r Result) bool { return r.Err != nil }) {
		if err := s.domains.Confirm(ctx, cfg); err != nil {
			return nil, nil, err // judged by a configuration that is out of force
		}
	}
	return cfg, results, nil
}

// typeOf finds the object type of a name, or that which a trial has in its place.
func (s *Service) typeOf(cfg *domain.Config, name string, as *trial) (typ *objecttype.Type, err error) {
	switch {
	case as != nil && as.candidate != nil:
		typ, err = as.candidate(cfg)
	case strings.HasPrefix(name, "_"):
		return nil, fault.New(fault.Invalid, "ObjectTypeName: objects of the standard type %s are made by mappings and cannot be put", name)
	default:
		typ, err = s.types.Lookup(cfg, name)
	}
	if as != nil {
		as.typ = typ
	}
	return typ, err
}

// mapShare is how many records are worth a goroutine of their own.
const mapShare = 32

// mapRecords maps the records of a call; the results have the errors. Of loads,
// which hand on many at once from one goroutine, each processor maps some.
func mapRecords(cfg *domain.Config, typ *objecttype.Type, bodies []string, results []Result) []record {
	all := make([]record, len(bodies))
	part := func(from, to int) {
		for i := from; i < to; i++ {
			all[i] = record{body: bodies[i], result: &results[i]}
			all[i].mapped, results[i].Err = mapRecord(cfg, typ, bodies[i])
		}
	}
	share := max(mapShare, (len(bodies)+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0))
	var g sync.WaitGroup
	var failed atomic.Value // what another goroutine panicked with is the caller's
	for from := share; from < len(bodies); from += share {
		g.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					failed.Store(fmt.Sprint(p))
				}
			}()
			part(from, min(from+share, len(bodies)))
		})
	}
	part(0, min(share, len(bodies)))
	g.Wait()
	if p := failed.Load(); p != nil {
		panic(p)
	}
	return all
}

// mapRecord parses and maps a record. But for a size over the limit, its errors
// are the caller's whether or not there is a dead letter queue: the request
// itself is wrong.
func mapRecord(cfg *domain.Config, typ *objecttype.Type, body string) (*objecttype.Mapped, error) {
	if len(body) > MaxObject {
		return nil, errTooLarge
	}
	doc, err := mapping.ParseDocument([]byte(body))
	if err != nil {
		return nil, fault.New(fault.Invalid, "Object: not a JSON object: %s", err)
	}
	m, err := typ.Map(doc, cfg.Info.Settings.DefaultCountry)
	if errors.Is(err, objecttype.ErrMissingKey) {
		return nil, errMissingKey
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "Object: %s", err)
	}
	return m, nil
}

// store puts records into their profiles. A record that cannot be put is taken
// out and the transaction run again without it, so that it leaves nothing
// behind. Only trouble that no record is to blame for is returned. A rehearsal
// ends with the transaction given up.
func (s *Service) store(ctx context.Context, cfg *domain.Config, typ *objecttype.Type, records []*record, as *trial) error {
	ring, err := s.domains.Ring(ctx, cfg)
	if err == nil {
		err = s.domains.TypeKeyProblem(ctx, cfg, typ.Name)
	}
	if err != nil {
		if reason := keyReason(err); reason != "" {
			for _, r := range records {
				r.result.Err = fault.New(fault.Invalid, "%s", reason).Because(err)
			}
			return nil
		}
		return err
	}
	for _, r := range records {
		r.result.UniqueKey = profile.NewOrigin(ring, typ.Name, r.mapped.Unique).UniqueKey()
	}
	for {
		var bad *record
		err := s.domains.UpdateWith(ctx, cfg, func(tx *seal.Tx) error {
			bad = nil
			for i, q := range s.ask(ctx, tx, cfg, typ, records, as) {
				r := records[i]
				if q == nil {
					continue
				}
				in := s.object(tx, cfg, typ, r)
				if as != nil {
					in.Explain = as.explain
				}
				id, err := profile.Attach(ctx, tx, cfg, q, typ.AllowProfileCreation, in)
				if err != nil {
					bad = r
					return err
				}
				r.result.Profile = id
				tx.Count(domain.TallyObjects, 1)
			}
			if as != nil {
				return cmp.Or(tx.Err(), errRehearsal)
			}
			return nil
		})
		var f *fault.Error
		switch {
		case err == nil, errors.Is(err, errRehearsal):
			return nil
		case errors.Is(err, store.ErrConflict):
			return fault.New(fault.Busy, "Too many changes to the same profile at the same time; try again").Because(err)
		case bad != nil && errors.As(err, &f) && f.Kind == fault.Invalid:
			bad.result.Err = f
		default:
			return err
		}
	}
}

// ask asks for the profiles of all records that have no error yet, nil for the others.
// Where there are several, they are looked for together.
func (s *Service) ask(ctx context.Context, tx *seal.Tx, cfg *domain.Config, typ *objecttype.Type, records []*record, as *trial) []*profile.Question {
	list, asked := make([]*profile.Question, len(records)), make([]*profile.Question, 0, len(records))
	for i, r := range records {
		if r.result.Err != nil {
			continue
		}
		var x *profile.Explanation
		if as != nil {
			x = as.explain
		}
		list[i] = profile.Ask(tx, cfg, lookup(r.mapped), profile.NewOrigin(tx.Ring(), typ.Name, r.mapped.Unique), x)
		asked = append(asked, list[i])
	}
	if len(asked) > 1 {
		profile.Ahead(ctx, tx, asked)
	}
	return list
}

// keyReason is what a dead letter says of a key that cannot be used; empty if
// the error is of another kind.
func keyReason(err error) string {
	switch {
	case errors.Is(err, resource.ErrKeyMissing):
		return reasonKeyMissing
	case errors.Is(err, resource.ErrKeyState):
		return reasonKeyState
	case errors.Is(err, resource.ErrKeyInvalid):
		return reasonKeyInvalid
	}
	return ""
}

// settle sends what could not be stored to the dead letter queue, if there is
// one. Records that were not valid requests stay errors.
func (s *Service) settle(ctx context.Context, cfg *domain.Config, typeName string, bodies []string, results []Result) error {
	var letters []*resource.Letter
	ok := 0
	for i := range results {
		r := &results[i]
		switch {
		case r.Err == nil:
			ok++
		case goesToQueue(cfg, r):
			_, r.Letter = status(r.Err)
			r.Err = nil
			letters = append(letters, &resource.Letter{QueueURL: cfg.Info.DeadLetterQueueURL, DomainID: cfg.ID, Domain: cfg.Info.Name,
				ObjectType: typeName, Reason: r.Letter, Body: bodies[i]})
		default:
			s.count("refused", 1)
		}
	}
	s.count("stored", ok)
	if len(letters) == 0 {
		return nil
	}
	s.count("dead_letter", len(letters))
	if err := s.letters.Put(ctx, letters...); err != nil {
		return fmt.Errorf("ingest: %w", err)
	}
	return nil
}

// goesToQueue reports whether a record that failed becomes a dead letter.
func goesToQueue(cfg *domain.Config, r *Result) bool {
	return cfg.Info.DeadLetterQueueURL != "" && !r.refused
}

// lookup lists the values of the PROFILE keys in the order in which they are
// tried: those that are not SECONDARY first.
func lookup(m *objecttype.Mapped) []profile.Key {
	keys := make([]profile.Key, 0, len(m.Keys))
	for i := range trials(m.Keys) {
		keys = append(keys, profile.Key{Name: m.Keys[i].Name, Value: m.Keys[i].Value})
	}
	return keys
}

// trials goes through the keys that are tried, in their order.
func trials(keys []objecttype.KeyValue) iter.Seq[int] {
	return func(yield func(int) bool) {
		for _, secondary := range [...]bool{false, true} {
			for i := range keys {
				ids := keys[i].Identifiers
				if ids.Has(objecttype.Profile) && ids.Has(objecttype.Secondary) == secondary && !yield(i) {
					return
				}
			}
		}
	}
}

// object turns a mapped record into what is put into a profile.
func (s *Service) object(tx *seal.Tx, cfg *domain.Config, typ *objecttype.Type, r *record) *profile.Object {
	m := r.mapped
	o := &profile.Object{Origin: profile.NewOrigin(tx.Ring(), typ.Name, m.Unique), Body: []byte(r.body),
		BodyKey: tx.Ring().TypeKey(typ.Name), Priority: typ.Priority(), Expires: cfg.Expiry(tx.Now(), typ.ExpirationDays).UnixMicro(),
		Maps: typ.DefinesKey, Mapping: typ.Mapped(), Email: m.Email, Phone: m.Phone, Limits: s.types.Limits(cfg)}
	if !m.SourceTime.IsZero() {
		o.SourceTime = m.SourceTime.UnixMicro()
	}
	for i := range m.Objects {
		values := make([]profile.Value, len(m.Objects[i].Fields))
		for j, f := range m.Objects[i].Fields {
			values[j] = profile.Value{Path: f.Path, Text: f.Text, List: f.List, IsList: f.IsList}
		}
		if m.Objects[i].Object == "_profile" {
			o.Values = values
			continue
		}
		o.Parts = append(o.Parts, profile.Part{Kind: m.Objects[i].Object, Values: values})
	}
	for i := range m.Keys {
		k := &m.Keys[i]
		key := profile.Key{Name: k.Name, Value: k.Value}
		lookup, newOnly := k.Identifiers.Has(objecttype.LookupOnly), k.Identifiers.Has(objecttype.NewOnly)
		switch {
		case lookup:
		case newOnly:
			o.NewOnly = append(o.NewOnly, key)
		default:
			o.Keys = append(o.Keys, key)
		}
		for _, kind := range k.Identifiers.Kinds() {
			switch p := o.Part(kind); {
			case lookup:
				p.Lookup = append(p.Lookup, key)
			case newOnly:
				p.NewOnly = append(p.NewOnly, key)
			default:
				p.Keys = append(p.Keys, key)
			}
		}
	}
	return o
}
