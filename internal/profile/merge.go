package profile

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"kindred/internal/api/profileapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/seal"
	"kindred/internal/store"
)

var errLargeGroup = fault.New(fault.Invalid, "ProfileIdsToBeMerged: at most %d profiles can become one", maxMembers)

// MergeProfiles makes one profile of several. The main profile stays and has the
// objects and keys of all; the others are not found any more. It is done when it
// is answered, and can be undone with UnmergeProfiles.
func (s *Service) MergeProfiles(ctx context.Context, in *profileapi.MergeProfilesRequest) (*profileapi.MergeProfilesResponse, error) {
	m := &merge{id: NewID(), rule: ruleManual, by: performer(ctx)}
	if err := m.ask(in); err != nil {
		return nil, err
	}
	err := s.domains.Update(ctx, in.DomainName, func(cfg *domain.Config, tx *seal.Tx) error {
		main, err := load(ctx, tx, cfg, m.main)
		if err != nil {
			return err
		}
		others := make([]*change, len(m.merged))
		for i, id := range m.merged {
			if others[i], err = load(ctx, tx, cfg, id); err != nil {
				return err
			}
		}
		return main.merge(m, others)
	})
	if err != nil {
		return nil, err
	}
	return &profileapi.MergeProfilesResponse{Message: new(fmt.Sprintf("The profiles have been merged into %s; the id of the merge is %s", m.main, m.id))}, nil
}

// ask takes over the request.
func (m *merge) ask(in *profileapi.MergeProfilesRequest) error {
	var ok bool
	if m.main, ok = ParseID(in.MainProfileId); !ok {
		return noProfile(in.MainProfileId)
	}
	for _, text := range in.ProfileIdsToBeMerged {
		id, ok := ParseID(text)
		switch {
		case !ok:
			return noProfile(text)
		case id == m.main:
			return fault.New(fault.Invalid, "ProfileIdsToBeMerged: the main profile cannot be merged into itself")
		case slices.Contains(m.merged, id):
			return fault.New(fault.Invalid, "ProfileIdsToBeMerged: the profile %s is there twice", text)
		}
		m.merged = append(m.merged, id)
	}
	return m.chooseBy(in.FieldSourceProfileIds)
}

// chooseBy takes over which profile each field is to come from.
func (m *merge) chooseBy(in *profileapi.FieldSourceProfileIds) error {
	if in == nil {
		return nil
	}
	named := map[string]*string{
		"AccountNumber": in.AccountNumber, "AdditionalInformation": in.AdditionalInformation, "PartyType": in.PartyType,
		"BusinessName": in.BusinessName, "FirstName": in.FirstName, "MiddleName": in.MiddleName, "LastName": in.LastName,
		"BirthDate": in.BirthDate, "Gender": in.Gender, "PhoneNumber": in.PhoneNumber, "MobilePhoneNumber": in.MobilePhoneNumber,
		"HomePhoneNumber": in.HomePhoneNumber, "BusinessPhoneNumber": in.BusinessPhoneNumber, "EmailAddress": in.EmailAddress,
		"PersonalEmailAddress": in.PersonalEmailAddress, "BusinessEmailAddress": in.BusinessEmailAddress, "Address": in.Address,
		"ShippingAddress": in.ShippingAddress, "MailingAddress": in.MailingAddress, "BillingAddress": in.BillingAddress,
		"ProfileType": in.ProfileType, engagement: in.EngagementPreferences,
	}
	for name, id := range in.Attributes {
		named[attributes+name] = &id
	}
	for _, path := range slices.Sorted(maps.Keys(named)) { // so that of several errors it is always the same
		text := named[path]
		if text == nil {
			continue
		}
		id, ok := ParseID(*text)
		if !ok || id != m.main && !slices.Contains(m.merged, id) {
			return fault.New(fault.Invalid, "FieldSourceProfileIds.%s: the profile %s is none of those that are merged", path, *text)
		}
		m.explicit = append(m.explicit, choice{path, id})
	}
	return nil
}

// standing is what clients see of the profile.
func (c *change) standing() []Fact {
	if c.group != nil {
		return c.group.facts
	}
	return c.head.facts
}

// merge makes the others members of the profile's group.
func (c *change) merge(m *merge, others []*change) error {
	standing := map[ID][]*Fact{c.id: refs(c.standing())}
	for _, o := range others {
		standing[o.id] = refs(o.standing())
		c.head.seq = max(c.head.seq, o.head.seq)
		c.now = max(c.now, o.now)
	}
	g := c.group
	if g == nil {
		g = newGroup(c)
	}
	m.seq, m.at = c.nextSeq(), c.now
	m.decide(standing)
	g.facts = values(m.combine(standing))
	if err := c.log(entry{seq: m.seq, action: merged, by: m.by, merge: m.id}); err != nil {
		return err
	}
	lost := domain.Totals{Profiles: -int64(len(others))}
	for _, o := range others {
		lost.Metered -= domain.Metered(o.counted())
		if err := g.join(o); err != nil {
			return err
		}
		if err := o.note(deletedByMerge, func(e *entry) { e.merge = m.id }); err != nil {
			return err
		}
	}
	g.eras = append(g.eras, m.seq)
	slices.Sort(g.eras)
	c.cfg.Count(c.tx, c.id[0], lost)
	c.tx.Count(domain.TallyMerges, 1)
	for _, side := range append([]*change{c}, others...) {
		side.putMerge(m)
	}
	c.tx.PutPlain(mergeKey(c.cfg.ID, m.id), m.main[:])
	return c.finish()
}

// counted are the objects that the profile was counted for.
func (c *change) counted() int {
	if c.group != nil {
		return c.group.counted
	}
	return c.objects
}

// putMerge writes a merge that the profile took part in.
func (c *change) putMerge(m *merge) { c.tx.Put(c.key(mergeSort(m.id)), m.encode()) }

// putMerge writes a merge into the partitions of all members that took part.
func (g *group) putMerge(m *merge) error {
	for _, side := range m.sides() {
		c, err := g.member(side)
		if err != nil {
			return err
		}
		c.putMerge(m)
	}
	return nil
}

// join makes a profile, with the group that it may be the root of, members.
func (g *group) join(o *change) error {
	g.objects += o.counted()
	if err := g.add(o.id); err != nil {
		return err
	}
	if old := o.group; old != nil {
		if err := g.add(old.members...); err != nil {
			return err
		}
		g.satellites = append(g.satellites, old.satellites...)
		g.eras = append(g.eras, old.eras...)
		o.recount(findable, old.derived, nil)
		o.tx.Delete(o.key(groupSort))
		for _, id := range old.members {
			g.root.leadsTo(id, g.root.id)
		}
	}
	g.root.leadsTo(o.id, g.root.id)
	o.head.role = mergedAway
	g.adopt(o)
	return nil
}

// leadsTo notes which root a base profile is merged into.
func (c *change) leadsTo(id, root ID) {
	c.tx.PutPlain(store.Key{Partition: partition(c.cfg.ID, id), Sort: intoSort}, root[:])
}

// dropMerges removes what leads to the merges of a profile that is erased.
func (c *change) dropMerges() error {
	merges, err := scanMerges(c.ctx, &c.tx.Reader, c.p)
	if err != nil {
		return err
	}
	for _, m := range merges {
		if m.main == c.id {
			c.dropLead(mergeKey(c.cfg.ID, m.id))
		}
	}
	return nil
}

// scanMerges reads the merges that a base profile took part in.
func scanMerges(ctx context.Context, r *seal.Reader, p []byte) ([]*merge, error) {
	var list []*merge
	err := scanAll(ctx, r, within(p, []byte{'j'}, scanPage), func(rec store.Record) error {
		m, err := decodeMerge(rec.Value)
		list = append(list, m)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("merges: %w", err)
	}
	byArrival(list)
	return list, nil
}
