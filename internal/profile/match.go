package profile

import (
	"context"
	"fmt"
	"slices"

	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// profileIDKey is the predefined key whose value is the profile's own id.
const profileIDKey = "_profileId"

// Why an object cannot be attached to a profile. The texts are those that the
// dead letter queue carries.
var (
	ErrAmbiguous = fault.New(fault.Invalid, "All keys of this object are binding to more than one profiles")
	ErrNoMatch   = fault.New(fault.Invalid, "No profile matches the keys of this object and its object type does not allow profile creation")
	ErrTooMany   = fault.New(fault.Invalid, "Too many objects ingested on profile per second")
)

// Attach puts an object into the profile that its keys find, or into a new one:
// the matching algorithm of object types, for what [Ask] asks. A key that finds more than one
// profile is passed over. When no key finds one, an object that is stored
// already stays with its profile, so that sending a record again never makes a
// second profile.
//
// The whole is one transaction: of many calls that find no profile for the same
// key at the same time, one makes it and the others join it. It returns the id
// under which clients see the profile.
func Attach(ctx context.Context, tx *seal.Tx, cfg *domain.Config, q *Question, mayCreate bool, in *Object) (ID, error) {
	lookup := q.lookup
	res, err := q.resolve(ctx, tx, cfg, in.Explain)
	if err != nil {
		return ID{}, err
	}
	c, err := res.open(ctx, tx, cfg, mayCreate)
	if err != nil {
		return ID{}, err
	}
	in.Explain.begin(c)
	var none ID
	if res.owner != none && res.owner != c.id {
		outdated, at, err := move(ctx, tx, cfg, res.owner, in)
		if outdated || err != nil {
			return at, err
		}
		if c, err = again(ctx, tx, cfg, &res, mayCreate, c); err != nil {
			return ID{}, err
		}
		in.Explain.resume(c)
	}
	if err := c.admit(); err != nil {
		return ID{}, err
	}
	in.way = nil
	if c.satellite() {
		in.way = in.path(lookup, mayCreate, res.found, res.found == c.id)
		if in.way.again { // the others had no say, whatever they find one day
			in.way.lookup = lookup[res.tried-1 : res.tried]
		}
	}
	if err := c.put(in); err != nil {
		return ID{}, err
	}
	return c.seen(), c.finish()
}

// again starts work on a base profile anew after an object has moved out of another:
// what was read may be what has just been changed, that of a new satellite's group
// too. On a new profile of its own nothing was read.
func again(ctx context.Context, tx *seal.Tx, cfg *domain.Config, res *resolution, mayCreate bool, c *change) (*change, error) {
	switch {
	case !c.fresh:
		return loadBase(ctx, tx, cfg, c.id)
	case c.group != nil:
		return res.open(ctx, tx, cfg, mayCreate)
	}
	return c, nil
}

// path is the way of an object into a satellite.
func (o *Object) path(lookup []Key, mayCreate bool, target ID, again bool) *way {
	return &way{target: target, again: again, lookup: lookup, newOnly: o.NewOnly, mayCreate: mayCreate,
		email: o.Email, phone: o.Phone, priority: o.Priority, mapsEmail: o.Maps("_email"), mapsPhone: o.Maps("_phone")}
}

// satellite reports whether the profile is one of a group's satellites.
func (c *change) satellite() bool { return c.group != nil && c.group.satellite(c.id) != nil }

// seen is the id under which clients see the profile.
func (c *change) seen() ID {
	if c.group != nil {
		return c.group.root.id
	}
	return c.id
}

// open starts work on the base profile that an object belongs into.
func (res *resolution) open(ctx context.Context, tx *seal.Tx, cfg *domain.Config, mayCreate bool) (*change, error) {
	var none ID
	target := res.found
	if target == none {
		target = res.owner
	}
	if res.one != none {
		return res.openMerged(ctx, tx, cfg, target)
	}
	switch {
	case target != none:
		return loadBase(ctx, tx, cfg, target)
	case mayCreate:
		c := begin(ctx, tx, cfg, NewID())
		c.head.inferred = true
		return c, nil
	case res.ambiguous:
		return nil, ErrAmbiguous
	}
	return nil, ErrNoMatch
}

// openMerged starts work on the member of a group that an object belongs into
// which finds the group only because it is one: the one that it would be in
// without, if that is a member too, else a satellite.
func (res *resolution) openMerged(ctx context.Context, tx *seal.Tx, cfg *domain.Config, target ID) (*change, error) {
	root, err := load(ctx, tx, cfg, res.one)
	if err != nil {
		return nil, err
	}
	g := root.group
	if g == nil {
		return nil, fmt.Errorf("profile %s is no group: %w", root.id, store.ErrCorrupt)
	}
	if slices.Contains(g.all(), target) {
		return g.member(target)
	}
	for _, s := range g.satellites {
		if slices.Equal(s.hits, g.solid(res.hits)) {
			return g.member(s.id)
		}
	}
	hits := g.solid(res.hits)
	c := begin(ctx, tx, cfg, NewID())
	c.head.role = mergedAway
	g.satellites = append(g.satellites, satellite{id: c.id, anchor: hits[0], hits: hits})
	if err := g.add(c.id); err != nil {
		return nil, err
	}
	g.adopt(c)
	return c, nil
}

// solid are the profiles among some members of the group on whose being one
// those depend: satellites stand on others.
func (g *group) solid(ids []ID) []ID {
	var out []ID
	for _, id := range ids {
		if s := g.satellite(id); s != nil {
			out = append(out, s.hits...)
		} else {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, compareIDs)
	return slices.Compact(out)
}

// move takes an object out of the base profile that had it, because its keys now
// find another. One that is outdated stays where it is; at is then where clients
// see it.
func move(ctx context.Context, tx *seal.Tx, cfg *domain.Config, owner ID, in *Object) (outdated bool, at ID, err error) {
	c, err := loadBase(ctx, tx, cfg, owner)
	if err != nil {
		return false, at, err
	}
	k, err := c.stored(in.Origin)
	if err != nil || k == nil {
		return false, at, err
	}
	if in.outdated(k) {
		in.Explain.outdated(c)
		return true, c.seen(), nil
	}
	if err := c.remove(k); err != nil {
		return false, at, err
	}
	return false, at, c.finish()
}

// admit counts an object against the domain's limit for one profile in one
// second.
func (c *change) admit() error {
	second := c.tx.Now().Unix()
	if c.head.window != second {
		c.head.window, c.head.inWindow = second, 0
	}
	c.head.inWindow++
	if limit := c.cfg.Info.Settings.MaxObjectsPerProfilePerSecond; limit > 0 && c.head.inWindow > limit {
		return ErrTooMany
	}
	return nil
}

// resolution is what the keys of an object say about where it belongs. All ids
// are of base profiles but one.
type resolution struct {
	found, owner ID // the profile that a key finds alone; the one that has the object
	ambiguous    bool
	tried        int // how many keys were tried until one found
	// one is the root of the group to which belong all profiles that a key finds,
	// if an earlier key than that of found does; hits are those profiles.
	one  ID
	hits []ID
}

// maxShared bounds the members of a group that one key may find.
const maxShared = 1000

// Question is what an object asks of the index: which profiles its keys find, and which
// has it now.
type Question struct {
	lookup []Key
	spans  []store.Span // that of the object, and one for each key
}

// Ask asks for an object with an origin. lookup are the values of its PROFILE keys in the
// order in which they are tried. An explanation x, if there is one, is to show all that
// they find.
func Ask(tx *seal.Tx, cfg *domain.Config, lookup []Key, o Origin, x *Explanation) *Question {
	q := &Question{lookup: lookup, spans: make([]store.Span, 0, len(lookup)+1)}
	q.spans = append(q.spans, store.Span{Partition: uniqueKey(cfg.ID, o).Partition, Limit: 1})
	for _, k := range lookup {
		if k.Name == profileIDKey {
			id, _ := ParseID(k.Value)
			q.spans = append(q.spans, store.Span{Partition: partition(cfg.ID, id), Start: headSort, End: after(headSort), Limit: 1})
			continue
		}
		h := tx.Ring().Identify(identKey, k.Name, k.Value)
		q.spans = append(q.spans, store.Span{Partition: indexPartition(cfg.ID, h), Start: []byte{matching}, End: []byte{matching + 1}, Limit: x.limit(2)})
	}
	return q
}

// Ahead has the answers to questions read at once, for objects that are to be attached in
// one transaction.
func Ahead(ctx context.Context, tx *seal.Tx, list []*Question) {
	var spans []store.Span
	for _, q := range list {
		spans = append(spans, q.spans...)
	}
	tx.Ahead(ctx, spans...)
}

// resolve looks all keys up at once and goes through them in order. It also
// tells which profile has the object now.
func (q *Question) resolve(ctx context.Context, tx *seal.Tx, cfg *domain.Config, x *Explanation) (res resolution, err error) {
	lookup, spans := q.lookup, q.spans
	lists, err := tx.ScanPlain(ctx, spans...)
	if err != nil {
		return res, fmt.Errorf("index: %w", err)
	}
	if len(lists[0]) > 0 {
		if len(lists[0][0].Value) != len(res.owner) {
			return res, fmt.Errorf("unique key: %w", store.ErrCorrupt)
		}
		res.owner = ID(lists[0][0].Value)
	}
	if x != nil {
		if err := x.look(ctx, tx, cfg, lookup, lists[1:], res.owner); err != nil {
			return res, err
		}
	}
	var none ID
	for i, k := range lookup {
		res.tried = i + 1
		switch hits := lists[i+1]; {
		case len(hits) > 1 && res.one == none:
			if res.one, res.hits, err = shared(ctx, tx, cfg, hits, spans[i+1]); err != nil {
				return res, err
			}
			res.ambiguous = res.ambiguous || res.one == none
		case len(hits) == 1 && k.Name == profileIDKey:
			res.found, _ = ParseID(k.Value)
			return res, nil
		case len(hits) == 1:
			res.found = ID(hits[0].Key.Sort[1:])
			return res, nil
		}
	}
	return res, nil
}

// shared tells whether all profiles that a key finds are one by merges, and then
// the root of their group. The first two are at hand; most often they tell.
func shared(ctx context.Context, tx *seal.Tx, cfg *domain.Config, two []store.Record, span store.Span) (one ID, hits []ID, err error) {
	for _, list := range [...]func() ([]store.Record, error){
		func() ([]store.Record, error) { return two, nil },
		func() ([]store.Record, error) {
			span.Limit = maxShared + 1
			lists, err := tx.ScanPlain(ctx, span)
			if err != nil {
				return nil, fmt.Errorf("index: %w", err)
			}
			return lists[0], nil
		},
	} {
		records, err := list()
		if err != nil {
			return one, nil, err
		}
		hits = hits[:0]
		for _, rec := range records {
			hits = append(hits, ID(rec.Key.Sort[1:]))
		}
		roots, err := rootsOf(ctx, &tx.Reader, cfg.ID, hits)
		if err != nil {
			return one, nil, err
		}
		if len(hits) > maxShared || slices.ContainsFunc(roots, func(r ID) bool { return r != roots[0] }) {
			return ID{}, nil, nil
		}
		one = roots[0]
	}
	return one, hits, nil
}
