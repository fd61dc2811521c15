package domain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"kindred/internal/api/kindredapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/content"
	"kindred/internal/fault"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// Checker looks at the queue and the key that a domain is to use, before it
// does. Its refusals are faults that say what to add.
type Checker interface {
	// CheckQueue: the queue exists and its policy lets Customer Profiles send
	// for this domain.
	CheckQueue(ctx context.Context, url, domainName string) error
	// CheckKey: the key exists, is symmetric and enabled, and both the caller
	// and Customer Profiles may use it for this domain; a grant is taken if the
	// key policy does not say so by itself.
	CheckKey(ctx context.Context, use KeyUse) error
}

// Pager seals the positions of paginated answers.
type Pager interface {
	Seal(operation string, args []string, position []byte) (string, error)
	Open(operation string, args []string, token string) ([]byte, error)
}

// NextToken is the token for the page after a position.
func NextToken(p Pager, operation string, args []string, position []byte) (*string, error) {
	t, err := p.Seal(operation, args, position)
	return &t, err
}

// maxDomains is the quota of an account and region.
const maxDomains = 100

// fallbackExpirationDays is used when a domain was made without a number.
const fallbackExpirationDays = 365

// Service is the domain part of the API.
type Service struct {
	*Domains
	check  Checker
	pages  Pager
	region string
	acct   string
}

// NewService makes the API over domains of an account and region.
func NewService(d *Domains, check Checker, pages Pager, region, account string) *Service {
	return &Service{Domains: d, check: check, pages: pages, region: region, acct: account}
}

// ARN names a resource of a domain; tail is empty for the domain itself.
func (s *Service) ARN(domain, tail string) string {
	arn := "arn:aws:profile:" + s.region + ":" + s.acct + ":domains/" + domain
	if tail != "" {
		arn += "/" + tail
	}
	return arn
}

// CreateDomain makes a domain. One of that name that exists is an error whose
// text CloudFormation and Terraform look for.
func (s *Service) CreateDomain(ctx context.Context, in *profileapi.CreateDomainRequest) (*profileapi.CreateDomainResponse, error) {
	info := Info{Name: in.DomainName, DefaultExpirationDays: in.DefaultExpirationDays, Settings: DefaultSettings}
	if err := info.apply(in.DefaultEncryptionKey, in.DeadLetterQueueUrl, in.Matching, in.RuleBasedMatching, in.DataStore); err != nil {
		return nil, err
	}
	if err := s.absent(ctx, in.DomainName); err != nil {
		return nil, err
	}
	id := NewID()
	if info.DeadLetterQueueURL != "" {
		if err := s.check.CheckQueue(ctx, info.DeadLetterQueueURL, info.Name); err != nil {
			return nil, err
		}
	}
	use := KeyUse{KeyID: info.DefaultEncryptionKey, Domain: id, DomainName: info.Name}
	if use.KeyID != "" {
		if err := s.check.CheckKey(ctx, use); err != nil {
			return nil, err
		}
	}
	key, err := s.GenerateDataKey(ctx, use)
	if err != nil {
		return nil, err
	}
	index := newIndexKey()
	err = s.store.Update(ctx, func(tx store.Tx) error {
		lists, err := tx.Scan(ctx, store.Span{Partition: names, Start: []byte{'n'}, End: []byte{'n' + 1}, Limit: maxDomains})
		if err != nil {
			return fmt.Errorf("domain names: %w", err)
		}
		for _, rec := range lists[0] {
			if string(rec.Key.Sort[1:]) == in.DomainName {
				return exists(in.DomainName)
			}
		}
		if len(lists[0]) >= maxDomains {
			return fault.New(fault.Invalid, "An account has at most %d domains in a region", maxDomains)
		}
		info.CreatedAt, info.LastUpdatedAt = tx.Now(), tx.Now()
		e := &Edit{Config: &Config{ID: id, Info: info}, Tx: tx, d: s.Domains}
		e.PutJSON(infoItem, info)
		e.AddDataKey(key, index)
		if len(in.Tags) > 0 {
			e.PutTags("", in.Tags)
		}
		e.bump()
		tx.Put(nameKey(in.DomainName), id[:])
		return e.err
	})
	if err != nil {
		return nil, err
	}
	out := &profileapi.CreateDomainResponse{DomainName: info.Name, DefaultExpirationDays: info.DefaultExpirationDays,
		DefaultEncryptionKey: optional(info.DefaultEncryptionKey), DeadLetterQueueUrl: optional(info.DeadLetterQueueURL),
		DataStore: info.dataStore(), CreatedAt: info.CreatedAt, LastUpdatedAt: info.LastUpdatedAt, Tags: in.Tags}
	out.Matching, out.RuleBasedMatching, err = info.matching()
	return out, err
}

func exists(name string) error { return fault.New(fault.Exists, "Domain %s already exists", name) }

func (s *Service) absent(ctx context.Context, name string) error {
	_, err := s.Config(ctx, name)
	switch {
	case err == nil:
		return exists(name)
	case fault.Is(err, fault.NotFound):
		return nil
	}
	return err
}

// apply takes over the members of a request that are present. An empty string
// clears; an absent member keeps its value.
func (i *Info) apply(key, queue *string, m *profileapi.MatchingRequest, rb *profileapi.RuleBasedMatchingRequest, ds *profileapi.DataStoreRequest) (err error) {
	if key != nil {
		i.DefaultEncryptionKey = *key
	}
	if queue != nil {
		i.DeadLetterQueueURL = *queue
	}
	if m != nil {
		i.Matching, err = json.Marshal(profileapi.MatchingResponse{Enabled: &m.Enabled, JobSchedule: m.JobSchedule,
			AutoMerging: m.AutoMerging, ExportingConfig: m.ExportingConfig})
	}
	if rb != nil && err == nil {
		out := profileapi.RuleBasedMatchingResponse{Enabled: &rb.Enabled, MatchingRules: rb.MatchingRules,
			MaxAllowedRuleLevelForMerging: rb.MaxAllowedRuleLevelForMerging, MaxAllowedRuleLevelForMatching: rb.MaxAllowedRuleLevelForMatching,
			AttributeTypesSelector: rb.AttributeTypesSelector, ConflictResolution: rb.ConflictResolution, ExportingConfig: rb.ExportingConfig}
		if rb.Enabled {
			out.Status = new("PENDING")
		}
		i.RuleBasedMatching, err = json.Marshal(out)
	}
	if ds != nil && ds.Enabled != nil {
		if i.DataStoreEnabled && !*ds.Enabled {
			return fault.New(fault.Invalid, "DataStore.Enabled: a data store cannot be switched off")
		}
		if *ds.Enabled && i.DefaultEncryptionKey == "" {
			return fault.New(fault.Invalid, "DataStore.Enabled: a data store needs a DefaultEncryptionKey of the customer")
		}
		i.DataStoreEnabled = *ds.Enabled
	}
	if i.DataStoreEnabled && i.DefaultEncryptionKey == "" {
		return fault.New(fault.Invalid, "DefaultEncryptionKey: a domain with a data store needs a key of the customer")
	}
	return err
}

func (i *Info) dataStore() *profileapi.DataStoreResponse {
	if !i.DataStoreEnabled {
		return nil
	}
	return &profileapi.DataStoreResponse{Enabled: new(true)}
}

func (i *Info) matching() (m *profileapi.MatchingResponse, rb *profileapi.RuleBasedMatchingResponse, err error) {
	if i.Matching != nil {
		err = json.Unmarshal(i.Matching, &m)
	}
	if i.RuleBasedMatching != nil {
		err = errors.Join(err, json.Unmarshal(i.RuleBasedMatching, &rb))
	}
	return m, rb, err
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// GetDomain describes a domain with its totals, which are exact.
func (s *Service) GetDomain(ctx context.Context, in *profileapi.GetDomainRequest) (*profileapi.GetDomainResponse, error) {
	c, err := s.Config(ctx, in.DomainName)
	if err != nil {
		return nil, err
	}
	stats, err := s.stats(ctx, c)
	if err != nil {
		return nil, err
	}
	out := &profileapi.GetDomainResponse{DomainName: c.Info.Name, DefaultExpirationDays: &c.Info.DefaultExpirationDays,
		DefaultEncryptionKey: optional(c.Info.DefaultEncryptionKey), DeadLetterQueueUrl: optional(c.Info.DeadLetterQueueURL),
		Stats: stats, DataStore: c.Info.dataStore(), CreatedAt: c.Info.CreatedAt, LastUpdatedAt: c.Info.LastUpdatedAt, Tags: c.Tags("")}
	out.Matching, out.RuleBasedMatching, err = c.Info.matching()
	return out, err
}

// UpdateDomain changes the members that are given.
func (s *Service) UpdateDomain(ctx context.Context, in *profileapi.UpdateDomainRequest) (*profileapi.UpdateDomainResponse, error) {
	c, err := s.Config(ctx, in.DomainName)
	if err != nil {
		return nil, err
	}
	if q := in.DeadLetterQueueUrl; q != nil && *q != "" && *q != c.Info.DeadLetterQueueURL {
		if err := s.check.CheckQueue(ctx, *q, in.DomainName); err != nil {
			return nil, err
		}
	}
	var key *NewDataKey
	var index []byte
	if k := in.DefaultEncryptionKey; k != nil && *k != c.Info.DefaultEncryptionKey {
		use := KeyUse{KeyID: *k, Domain: c.ID, DomainName: in.DomainName}
		if *k != "" {
			if err := s.check.CheckKey(ctx, use); err != nil {
				return nil, err
			}
		}
		// The index key outlives the data key that protects it, so the old key
		// must be usable once more.
		if index, err = s.IndexKey(ctx, c); err != nil {
			return nil, err
		}
		if key, err = s.GenerateDataKey(ctx, use); err != nil {
			return nil, err
		}
	}
	var info Info
	var tags map[string]string
	err = s.Configure(ctx, in.DomainName, func(e *Edit) error {
		if err := e.Same(c); err != nil {
			return err
		}
		info = e.Info
		if err := info.apply(in.DefaultEncryptionKey, in.DeadLetterQueueUrl, in.Matching, in.RuleBasedMatching, in.DataStore); err != nil {
			return err
		}
		if in.DefaultExpirationDays != nil {
			info.DefaultExpirationDays = *in.DefaultExpirationDays
		}
		info.LastUpdatedAt = e.Tx.Now()
		tags = e.Tags("")
		if key != nil {
			e.AddDataKey(key, index)
			if err := s.Rekeyed(ctx, e); err != nil {
				return err
			}
		}
		e.PutJSON(infoItem, info)
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := &profileapi.UpdateDomainResponse{DomainName: info.Name, DefaultExpirationDays: &info.DefaultExpirationDays,
		DefaultEncryptionKey: optional(info.DefaultEncryptionKey), DeadLetterQueueUrl: optional(info.DeadLetterQueueURL),
		DataStore: info.dataStore(), CreatedAt: info.CreatedAt, LastUpdatedAt: info.LastUpdatedAt, Tags: tags}
	out.Matching, out.RuleBasedMatching, err = info.matching()
	return out, err
}

// DeleteDomain removes a domain and everything in it. From its answer on the
// name is free; what was stored is gone when it returns, or, if it is
// interrupted, after the next start (see [Domains.Sweep]).
func (s *Service) DeleteDomain(ctx context.Context, in *profileapi.DeleteDomainRequest) (*profileapi.DeleteDomainResponse, error) {
	var id ID
	err := s.store.Update(ctx, func(tx store.Tx) (err error) {
		if id, err = s.resolve(ctx, tx, in.DomainName); err != nil {
			return err
		}
		tx.Delete(nameKey(in.DomainName))
		tx.Delete(id.configKey(revisionItem)) // whoever works with the configuration now cannot commit
		tx.Put(goneKey(id), nil)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.forget(in.DomainName)
	// Half an erasure is worse than a slow answer: a caller that hangs up does
	// not stop it.
	if err := s.erase(context.WithoutCancel(ctx), id); err != nil {
		return nil, err
	}
	return &profileapi.DeleteDomainResponse{Message: "Domain " + in.DomainName + " has been deleted"}, nil
}

func (d *Domains) erase(ctx context.Context, id ID) error {
	d.mu.Lock()
	delete(d.configs, id)
	delete(d.rings, id)
	d.mu.Unlock()
	if err := d.store.DropPrefix(ctx, id.Prefix()); err != nil {
		return fmt.Errorf("domain %s: %w", id, err)
	}
	return d.store.Update(ctx, func(tx store.Tx) error {
		tx.Delete(goneKey(id))
		return nil
	})
}

// Sweep finishes deletions of domains that were interrupted. It is called at
// start, and now and then, for those of nodes that do not start again.
func (d *Domains) Sweep(ctx context.Context) error {
	var gone []ID
	err := d.store.View(ctx, func(r store.Reader) error {
		lists, err := r.Scan(ctx, store.Span{Partition: names, Start: []byte{'x'}, End: []byte{'x' + 1}, Limit: store.MaxScan})
		if err != nil {
			return err
		}
		gone = nil
		for _, rec := range lists[0] {
			var id ID
			copy(id[:], rec.Key.Sort[1:])
			gone = append(gone, id)
		}
		return nil
	})
	for _, id := range gone {
		err = errors.Join(err, d.erase(ctx, id))
	}
	return err
}

// after are up to limit domains whose names come after one, ascending. They are
// of one moment, so that a domain that is given another name meanwhile is there
// once.
func (d *Domains) after(ctx context.Context, name string, limit int) (list []*Config, err error) {
	start := append([]byte{'n'}, name...)
	if name != "" {
		start = append(start, 0)
	}
	err = d.store.View(ctx, func(r store.Reader) error {
		list = list[:0]
		lists, err := r.Scan(ctx, store.Span{Partition: names, Start: start, End: []byte{'n' + 1}, Limit: limit})
		if err != nil {
			return fmt.Errorf("domain names: %w", err)
		}
		for _, rec := range lists[0] {
			id, err := parseID(rec.Value)
			if err != nil {
				return err
			}
			c, err := d.current(ctx, r, id, fmt.Errorf("domain %s has a name and no configuration: %w", id, store.ErrCorrupt))
			if err != nil {
				return err
			}
			list = append(list, c)
		}
		return nil
	})
	return list, err
}

// ListDomains lists the account's domains by name.
func (s *Service) ListDomains(ctx context.Context, in *profileapi.ListDomainsRequest) (*profileapi.ListDomainsResponse, error) {
	limit, last := 100, ""
	if in.MaxResults != nil {
		limit = *in.MaxResults
	}
	if in.NextToken != nil {
		pos, err := s.pages.Open("ListDomains", nil, *in.NextToken)
		if err != nil {
			return nil, err
		}
		last = string(pos)
	}
	list, err := s.after(ctx, last, limit+1)
	if err != nil {
		return nil, err
	}
	out := &profileapi.ListDomainsResponse{Items: []profileapi.ListDomainItem{}}
	if len(list) > limit {
		list = list[:limit]
		if out.NextToken, err = NextToken(s.pages, "ListDomains", nil, []byte(list[limit-1].Info.Name)); err != nil {
			return nil, err
		}
	}
	for _, c := range list {
		out.Items = append(out.Items, profileapi.ListDomainItem{DomainName: c.Info.Name, CreatedAt: c.Info.CreatedAt,
			LastUpdatedAt: c.Info.LastUpdatedAt, Tags: c.Tags("")})
	}
	return out, nil
}

// GetDomainSettings answers Kindred's own settings of a domain.
func (s *Service) GetDomainSettings(ctx context.Context, in *kindredapi.GetDomainSettingsRequest) (*kindredapi.DomainSettings, error) {
	c, err := s.Config(ctx, in.DomainName)
	if err != nil {
		return nil, err
	}
	return c.Info.Settings.shape(), nil
}

// PutDomainSettings changes the settings that are given. They act on records
// that are ingested from then on.
func (s *Service) PutDomainSettings(ctx context.Context, in *kindredapi.PutDomainSettingsRequest) (*kindredapi.DomainSettings, error) {
	if c := in.DefaultCountry; c != nil && !content.ValidCountry(*c) {
		return nil, fault.New(fault.Invalid, "DefaultCountry: not a country code of ISO 3166 (two capital letters) with a telephone numbering plan")
	}
	var set Settings
	err := s.Configure(ctx, in.DomainName, func(e *Edit) error {
		info := e.Info
		if in.DefaultCountry != nil {
			info.Settings.DefaultCountry = *in.DefaultCountry
		}
		if in.MaxObjectsPerProfilePerSecond != nil {
			info.Settings.MaxObjectsPerProfilePerSecond = *in.MaxObjectsPerProfilePerSecond
		}
		info.LastUpdatedAt = e.Tx.Now()
		set = info.Settings
		e.PutJSON(infoItem, info)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return set.shape(), nil
}

func (s Settings) shape() *kindredapi.DomainSettings {
	return &kindredapi.DomainSettings{DefaultCountry: s.DefaultCountry, MaxObjectsPerProfilePerSecond: &s.MaxObjectsPerProfilePerSecond}
}

// Expiry is when something ingested at a time expires: after the days of its
// object type, else the domain's.
func (c *Config) Expiry(at time.Time, days *int) time.Time {
	n := c.Info.DefaultExpirationDays
	if days != nil {
		n = *days
	}
	if n <= 0 {
		n = fallbackExpirationDays
	}
	return at.AddDate(0, 0, n)
}

// Totals are changes to a domain's counts.
type Totals struct{ Profiles, Metered, Objects, Bytes int64 }

// shards spreads the totals, so that a distributed engine has no single row
// that every ingestion changes.
const shards = 16

// totalNames are those of the counters. Of what is metered, only what a profile
// counts for beyond the one that it is: nothing for nearly all, and so nothing to
// write.
var totalNames = [4]string{"profiles", "further", "objects", "bytes"}

// Count adds to the totals of a domain. The shard is any byte that is spread
// evenly, such as the first of a profile id.
func (c *Config) Count(tx *seal.Tx, shard byte, t Totals) {
	p := c.ID.Partition('n', shard%shards)
	for i, n := range [4]int64{t.Profiles, t.Metered - t.Profiles, t.Objects, t.Bytes} {
		tx.Add(store.Key{Partition: p, Sort: []byte(totalNames[i])}, n)
	}
}

// Totals reads the counts of a domain, which are exact.
func (c *Config) Totals(ctx context.Context, r store.Reader) (Totals, error) {
	var keys []store.Key
	for shard := range byte(shards) {
		for _, name := range totalNames {
			keys = append(keys, store.Key{Partition: c.ID.Partition('n', shard), Sort: []byte(name)})
		}
	}
	counts, err := r.Count(ctx, keys...)
	if err != nil {
		return Totals{}, fmt.Errorf("domain totals: %w", err)
	}
	var sum [4]int64
	for i, n := range counts {
		sum[i%len(sum)] += n
	}
	return Totals{Profiles: sum[0], Metered: sum[0] + sum[1], Objects: sum[2], Bytes: sum[3]}, nil
}

func (d *Domains) stats(ctx context.Context, c *Config) (*profileapi.DomainStats, error) {
	var t Totals
	err := d.store.View(ctx, func(r store.Reader) (err error) {
		t, err = c.Totals(ctx, r)
		return err
	})
	return &profileapi.DomainStats{ProfileCount: &t.Profiles, MeteringProfileCount: &t.Metered, ObjectCount: &t.Objects, TotalSize: &t.Bytes}, err
}

// Metered is what a profile counts for in MeteringProfileCount: one for its
// first hundred objects, and one more for each hundred begun.
func Metered(objects int) int64 {
	if objects <= 0 {
		return 1
	}
	return int64(1 + (objects-1)/100)
}

// tag items hold the tags of the resource whose ARN has the tail, as a JSON
// object; the domain's own tail is empty.
const tagItems = "tag/"

// Tags are the tags of a resource of the domain; nil if it has none.
func (c *Config) Tags(tail string) map[string]string {
	b := c.Item(tagItems + tail)
	if b == nil {
		return nil
	}
	var tags map[string]string
	if json.Unmarshal(b, &tags) != nil || len(tags) == 0 {
		return nil
	}
	return tags
}

// PutTags sets the tags of a resource; none removes them.
func (e *Edit) PutTags(tail string, tags map[string]string) {
	if len(tags) == 0 {
		e.Delete(tagItems + tail)
		return
	}
	e.PutJSON(tagItems+tail, tags)
}

// TagKeys are the sorted keys of tags.
func TagKeys(tags map[string]string) []string {
	keys := make([]string, 0, len(tags))
	for k := range tags {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
