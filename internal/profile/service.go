package profile

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"kindred/internal/api/profileapi"
	"kindred/internal/content"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// Types is what profiles ask of the object types of a domain.
type Types interface {
	// KeyTypes are the content types of the fields of a key, one list for each
	// form in which the domain knows it; none if it knows no such key.
	KeyTypes(c *domain.Config, key string) [][]content.Type
	// Known reports whether a name is an object type of the domain, a template
	// or a standard object.
	Known(c *domain.Config, objectType string) bool
	// Render gives the text of a standard object below a profile.
	Render(kind string, id ID, facts []Fact) (string, error)
}

// Service is the profile part of the API.
type Service struct {
	domains *domain.Domains
	types   Types
	pages   domain.Pager
}

// NewService makes the API over the profiles of all domains.
func NewService(d *domain.Domains, types Types, pages domain.Pager) *Service {
	return &Service{d, types, pages}
}

// Domains are those whose profiles it serves.
func (s *Service) Domains() *domain.Domains { return s.domains }

// maxAttributes bounds the custom attributes of a profile.
const maxAttributes = 1000

// CreateProfile makes a profile of what the caller gives. It looks for no
// duplicates.
func (s *Service) CreateProfile(ctx context.Context, in *profileapi.CreateProfileRequest) (*profileapi.CreateProfileResponse, error) {
	edits, err := createEdits(in)
	if err != nil {
		return nil, err
	}
	if err := checkEdits(edits); err != nil {
		return nil, err
	}
	id := NewID()
	err = s.domains.Update(ctx, in.DomainName, func(cfg *domain.Config, tx *seal.Tx) error {
		c := begin(ctx, tx, cfg, id)
		c.head.expires = cfg.Expiry(tx.Now(), nil).UnixMicro()
		if err := c.edit(created, edits); err != nil {
			return err
		}
		return c.finish()
	})
	if err != nil {
		return nil, err
	}
	return &profileapi.CreateProfileResponse{ProfileId: id.String()}, nil
}

// UpdateProfile changes the fields that are given; an empty one is removed.
func (s *Service) UpdateProfile(ctx context.Context, in *profileapi.UpdateProfileRequest) (*profileapi.UpdateProfileResponse, error) {
	edits, err := updateEdits(in)
	if err != nil {
		return nil, err
	}
	if err := checkEdits(edits); err != nil {
		return nil, err
	}
	err = s.change(ctx, in.DomainName, in.ProfileId, func(c *change) error {
		c.head.expires = max(c.head.expires, c.cfg.Expiry(c.tx.Now(), nil).UnixMicro())
		return c.edit(updated, edits)
	})
	if err != nil {
		return nil, err
	}
	return &profileapi.UpdateProfileResponse{ProfileId: in.ProfileId}, nil
}

// checkEdits holds what the model does not say: how long a name of a custom
// attribute may be.
func checkEdits(edits []edit) error {
	for _, e := range edits {
		name, ok := strings.CutPrefix(e.path, attributes)
		if n := utf8.RuneCountInString(name); ok && (n == 0 || n > 255) {
			return fault.New(fault.Invalid, "Attributes: the name of an attribute has 1 to 255 characters")
		}
	}
	return nil
}

// change works on one profile that is there.
func (s *Service) change(ctx context.Context, domainName, profileID string, fn func(*change) error) error {
	id, ok := ParseID(profileID)
	if !ok {
		return noProfile(profileID)
	}
	return s.domains.Update(ctx, domainName, func(cfg *domain.Config, tx *seal.Tx) error {
		c, err := load(ctx, tx, cfg, id)
		if err != nil {
			return err
		}
		if err := fn(c); err != nil {
			return err
		}
		return c.finish()
	})
}

// edit writes manual facts.
func (c *change) edit(a action, edits []edit) error {
	m, err := c.loadManual()
	if err != nil {
		return err
	}
	slices.SortFunc(edits, func(a, b edit) int { return strings.Compare(a.path, b.path) })
	var facts []Fact
	for _, e := range edits {
		if e.value == nil {
			continue
		}
		f := Fact{Path: e.path, Text: *e.value, Seq: c.nextSeq(), Time: c.now, Manual: true, Cleared: *e.value == ""}
		facts = append(facts, f)
		m.set(f)
		c.stand(f)
	}
	n := 0
	for _, f := range c.standing() {
		if strings.HasPrefix(f.Path, attributes) {
			n++
		}
	}
	if n > maxAttributes {
		return fault.New(fault.Invalid, "Attributes: a profile has at most %d attributes", maxAttributes)
	}
	c.tx.Put(c.key(manualSort), m.encode())
	return c.note(a, func(e *entry) { e.facts = facts })
}

// DeleteProfile removes a profile with its objects and keys.
func (s *Service) DeleteProfile(ctx context.Context, in *profileapi.DeleteProfileRequest) (*profileapi.DeleteProfileResponse, error) {
	id, ok := ParseID(in.ProfileId)
	if !ok {
		return nil, noProfile(in.ProfileId)
	}
	err := s.domains.Update(ctx, in.DomainName, func(cfg *domain.Config, tx *seal.Tx) error {
		c, err := load(ctx, tx, cfg, id)
		if err != nil {
			return err
		}
		return c.erase(deleted)
	})
	if err != nil {
		return nil, err
	}
	return &profileapi.DeleteProfileResponse{Message: new("The profile has been deleted")}, nil
}

// BatchGetProfile reads up to 20 profiles, in the order asked for. Those that
// cannot be read are reported one by one.
func (s *Service) BatchGetProfile(ctx context.Context, in *profileapi.BatchGetProfileRequest) (*profileapi.BatchGetProfileResponse, error) {
	var out *profileapi.BatchGetProfileResponse
	err := s.domains.View(ctx, in.DomainName, func(cfg *domain.Config, r *seal.Reader) error {
		out = &profileapi.BatchGetProfileResponse{Profiles: []profileapi.Profile{}}
		ids := make([]ID, 0, len(in.ProfileIds))
		for _, text := range in.ProfileIds {
			id, _ := ParseID(text) // the zero id of what is none is nobody's
			ids = append(ids, id)
		}
		heads, locked, err := readEachProfile(ctx, r, cfg.ID, ids)
		if err != nil {
			return err
		}
		for i, h := range heads {
			if locked[i] {
				out.Errors = append(out.Errors, profileapi.BatchGetProfileError{Code: "400", ProfileId: in.ProfileIds[i], Message: domain.KeyOutOfUse})
				continue
			}
			if h == nil {
				out.Errors = append(out.Errors, profileapi.BatchGetProfileError{Code: "404", ProfileId: in.ProfileIds[i],
					Message: noProfile(in.ProfileIds[i]).Error()})
				continue
			}
			p, err := shape(ids[i], h)
			if err != nil {
				return err
			}
			out.Profiles = append(out.Profiles, *p)
		}
		return nil
	})
	return out, err
}

// readEachProfile is readProfiles of which one profile does not spoil the others:
// locked tells those that are sealed under a key that cannot be used.
func readEachProfile(ctx context.Context, r *seal.Reader, d domain.ID, ids []ID) (standing [][]Fact, locked []bool, err error) {
	locked = make([]bool, len(ids))
	if standing, err = readProfiles(ctx, r, d, ids); !errors.Is(err, seal.ErrUnknownKey) {
		return standing, locked, err
	}
	standing = make([][]Fact, len(ids))
	for i, id := range ids {
		one, err := readProfiles(ctx, r, d, []ID{id})
		if locked[i] = errors.Is(err, seal.ErrUnknownKey); locked[i] {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		standing[i] = one[0]
	}
	return standing, locked, nil
}

// readProfiles reads what stands on profiles; nil where there is none that
// clients see.
func readProfiles(ctx context.Context, r *seal.Reader, d domain.ID, ids []ID) ([][]Fact, error) {
	heads, err := readShown(ctx, r, d, ids)
	if err != nil {
		return nil, err
	}
	standing := make([][]Fact, len(ids))
	for i, h := range heads {
		switch {
		case h == nil, h.role == mergedAway:
			continue
		case h.role == rootOfGroup:
			g, err := readGroup(ctx, r.Under(h.secret), d, ids[i])
			if err != nil {
				return nil, err
			}
			standing[i] = g.facts
		default:
			standing[i] = h.facts
		}
		if standing[i] == nil {
			standing[i] = []Fact{}
		}
	}
	return standing, nil
}

// readHeads reads the heads of base profiles; nil where there is none.
func readHeads(ctx context.Context, r *seal.Reader, d domain.ID, ids []ID) ([]*head, error) {
	return readEach(ctx, r, d, ids, decodeHead)
}

// readShown is readHeads for who looks at what clients are shown only.
func readShown(ctx context.Context, r *seal.Reader, d domain.ID, ids []ID) ([]*head, error) {
	return readEach(ctx, r, d, ids, decodeShown)
}

func readEach(ctx context.Context, r *seal.Reader, d domain.ID, ids []ID, decode func([]byte) (*head, error)) ([]*head, error) {
	keys := make([]store.Key, 2*len(ids))
	for i, id := range ids {
		keys[2*i], keys[2*i+1] = headKeys(d, id)
	}
	values, err := r.GetPlain(ctx, keys...)
	if err != nil {
		return nil, fmt.Errorf("profiles: %w", err)
	}
	heads := make([]*head, len(ids))
	for i := range heads {
		secret, v := values[2*i], values[2*i+1]
		if v == nil {
			continue
		}
		if heads[i], err = openHead(r, keys[2*i+1], secret, v, decode); err != nil {
			return nil, err
		}
	}
	return heads, nil
}

// maxManualKeys bounds the keys that are added to one profile by hand.
const maxManualKeys = 1000

// AddProfileKey adds values of a key to a profile. The key must be known to the
// domain: predefined, or of one of its object types or a template.
func (s *Service) AddProfileKey(ctx context.Context, in *profileapi.AddProfileKeyRequest) (*profileapi.AddProfileKeyResponse, error) {
	err := s.change(ctx, in.DomainName, in.ProfileId, func(c *change) error {
		m, err := c.loadManual()
		if err != nil {
			return err
		}
		if in.KeyName == profileIDKey {
			return fault.New(fault.Invalid, "KeyName: %s is the id of the profile and cannot be added", profileIDKey)
		}
		var added []Key
		for _, v := range in.Values {
			forms, err := s.forms(c.cfg, in.KeyName, v)
			if err != nil {
				return err
			}
			if len(forms) == 0 {
				return fault.New(fault.Invalid, "Values: a value of the key %s is empty", in.KeyName)
			}
			for _, f := range forms {
				k := Key{in.KeyName, f}
				if !slices.Contains(m.keys, k) {
					m.keys = append(m.keys, k)
					added = append(added, k)
					c.count(matching, k, 1)
				}
			}
		}
		if len(m.keys) > maxManualKeys {
			return fault.New(fault.Invalid, "Values: at most %d keys can be added to a profile", maxManualKeys)
		}
		sortKeys(m.keys)
		c.tx.Put(c.key(manualSort), m.encode())
		return c.note(addedKey, func(e *entry) { e.keys = added })
	})
	if err != nil {
		return nil, err
	}
	return &profileapi.AddProfileKeyResponse{KeyName: &in.KeyName, Values: in.Values}, nil
}

// DeleteProfileKey removes values of a key from a profile, wherever they came
// from: those that were added, and those that its objects brought. A value that
// follows from a field of the profile goes with that field only.
func (s *Service) DeleteProfileKey(ctx context.Context, in *profileapi.DeleteProfileKeyRequest) (*profileapi.DeleteProfileKeyResponse, error) {
	err := s.change(ctx, in.DomainName, in.ProfileId, func(c *change) error {
		var drop []Key
		for _, v := range in.Values {
			forms, err := s.forms(c.cfg, in.KeyName, v)
			if err != nil {
				return err
			}
			for _, f := range forms {
				drop = append(drop, Key{in.KeyName, f})
			}
		}
		if err := c.dropKeys(drop); err != nil {
			return err
		}
		return c.note(deletedKey, func(e *entry) { e.keys = drop })
	})
	if err != nil {
		return nil, err
	}
	return &profileapi.DeleteProfileKeyResponse{Message: new("The key values have been removed from the profile")}, nil
}

// dropKeys removes keys from the profile, all members of it included.
func (c *change) dropKeys(drop []Key) error {
	if c.group == nil {
		return c.dropBaseKeys(drop)
	}
	for _, id := range c.group.all() {
		m, err := c.group.member(id)
		if err != nil {
			return err
		}
		if err := m.dropBaseKeys(drop); err != nil {
			return err
		}
	}
	return nil
}

func (c *change) dropBaseKeys(drop []Key) error {
	m, err := c.loadManual()
	if err != nil {
		return err
	}
	gone := func(k Key) bool { return slices.Contains(drop, k) }
	before := len(m.keys)
	for _, k := range m.keys {
		if gone(k) {
			c.count(matching, k, -1)
		}
	}
	if m.keys = slices.DeleteFunc(m.keys, gone); len(m.keys) != before {
		c.tx.Put(c.key(manualSort), m.encode())
	}
	all, err := c.contributions()
	if err != nil {
		return err
	}
	for _, k := range all {
		before := len(k.keys)
		for _, key := range k.keys {
			if gone(key) {
				c.count(matching, key, -1)
			}
		}
		if k.keys = slices.DeleteFunc(k.keys, gone); len(k.keys) != before {
			c.save(k)
		}
	}
	return nil
}

// forms are the normalised forms that a value of a key may be stored in. A key
// that the domain does not know is an Invalid fault.
func (s *Service) forms(cfg *domain.Config, name, value string) ([]string, error) {
	lists := s.types.KeyTypes(cfg, name)
	if len(lists) == 0 {
		return nil, fault.New(fault.Invalid, "KeyName: no object type of the domain defines the key %s", name)
	}
	return normalForms(lists, value, cfg.Info.Settings.DefaultCountry), nil
}

// normalForms normalises a value under each of a key's forms. A key of several
// fields is normalised field by field as far as its text can be taken apart.
func normalForms(lists [][]content.Type, value, country string) []string {
	var out []string
	for _, types := range lists {
		form := value
		if wholly(types) {
			form = content.Normalize(types[0], value, country)
		} else if parts := takeApart(types, value); parts != nil {
			for i := range parts {
				parts[i] = content.Normalize(types[i], parts[i], country)
			}
			form = content.Combine(parts)
		}
		if form != "" && !slices.Contains(out, form) {
			out = append(out, form)
		}
	}
	return out
}

// wholly reports whether a value of fields of these types is normalised as one
// text. Numbers and telephone numbers side by side are not one of their kind.
func wholly(types []content.Type) bool {
	if len(types) > 1 && (types[0] == content.NUMBER || types[0] == content.PHONE_NUMBER) {
		return false
	}
	return !slices.ContainsFunc(types, func(t content.Type) bool { return t != types[0] })
}

// takeApart gives each field a word of a value. Words beyond that are those of
// the name, if there is exactly one. It returns nil when it cannot tell.
func takeApart(types []content.Type, value string) []string {
	words := strings.Fields(value)
	more := len(words) - len(types)
	if more == 0 {
		return words
	}
	name := slices.Index(types, content.NAME)
	if more < 0 || name < 0 || slices.Contains(types[name+1:], content.NAME) {
		return nil
	}
	joined := strings.Join(words[name:name+more+1], " ")
	return slices.Replace(words, name, name+more+1, joined)
}

// UniqueKey is an object's handle on the wire: the keyed hash of its type and
// unique value, in base64.
func (o Origin) UniqueKey() string { return base64.StdEncoding.EncodeToString(o.Object[:]) }

// NewOrigin names the object of a type with a unique value.
func NewOrigin(ring *seal.Ring, objectType, unique string) Origin {
	return Origin{Type: objectType, Object: ring.Identify(identUnique, objectType, unique)}
}

func parseUniqueKey(objectType, text string) (o Origin, ok bool) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) != seal.HashSize {
		return o, false
	}
	return Origin{Type: objectType, Object: seal.Hash(b)}, true
}

// DeleteProfileObject removes one object of a profile, with the values and keys
// that only it gave.
func (s *Service) DeleteProfileObject(ctx context.Context, in *profileapi.DeleteProfileObjectRequest) (*profileapi.DeleteProfileObjectResponse, error) {
	missing := fault.New(fault.NotFound, "The profile has no object of the type %s with this ProfileObjectUniqueKey", in.ObjectTypeName)
	err := s.change(ctx, in.DomainName, in.ProfileId, func(c *change) error {
		o, ok := parseUniqueKey(in.ObjectTypeName, in.ProfileObjectUniqueKey)
		if !ok {
			return missing
		}
		owner, err := c.owner(o)
		if err != nil {
			return err
		}
		k, err := owner.stored(o)
		if err != nil {
			return err
		}
		if k == nil {
			return missing
		}
		if err := owner.remove(k); err != nil {
			return err
		}
		return owner.note(deleted, func(e *entry) { e.origin = o })
	})
	if err != nil {
		return nil, err
	}
	return &profileapi.DeleteProfileObjectResponse{Message: new("The object has been deleted")}, nil
}

// owner is the member of the profile that has an object; the profile itself if
// none has.
func (c *change) owner(o Origin) (*change, error) {
	if c.group == nil {
		return c, nil
	}
	v, err := c.tx.GetPlain(c.ctx, uniqueKey(c.cfg.ID, o))
	if err != nil {
		return nil, fmt.Errorf("unique key: %w", err)
	}
	if len(v[0]) != len(ID{}) || !slices.Contains(c.group.all(), ID(v[0])) {
		return c, nil
	}
	return c.group.member(ID(v[0]))
}
