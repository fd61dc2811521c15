package kms

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"kindred/internal/access"
	"kindred/internal/api/kmsapi"
	"kindred/internal/fault"
	"kindred/internal/store"
)

// Limits of the encryption context in a grant constraint.
const (
	maxConstraintPairs = 8
	maxConstraintValue = 384 // characters of all keys and values
)

// newGrant reads the request for a grant.
func newGrant(in *kmsapi.CreateGrantRequest) (*grant, error) {
	g := &grant{}
	var err error
	if g.Grantee, err = newParty("Grantee", in.GranteePrincipal, in.GranteeServicePrincipal); err != nil {
		return nil, err
	}
	if g.Grantee.Text == "" {
		return nil, invalid("Either GranteePrincipal or GranteeServicePrincipal must be given")
	}
	if g.Retiring, err = newParty("Retiring", in.RetiringPrincipal, in.RetiringServicePrincipal); err != nil {
		return nil, err
	}
	g.Name = or(in.Name, "")
	contextual := false
	for _, op := range in.Operations {
		takesContext, known := grantable[op]
		if !known {
			return nil, invalid("Operations: %s is not an operation of symmetric encryption keys", op)
		}
		contextual = contextual || takesContext
		if !slices.Contains(g.Operations, op) {
			g.Operations = append(g.Operations, op)
		}
	}
	if len(g.Operations) == 0 {
		return nil, invalid("Operations: must name at least one operation")
	}
	if err := g.constrain(in.Constraints, contextual); err != nil {
		return nil, err
	}
	if g.Grantee.Service && (g.SourceARN == "" || g.Retiring.Text == "") {
		return nil, invalid("A grant with GranteeServicePrincipal needs the constraint SourceArn, and RetiringPrincipal or RetiringServicePrincipal")
	}
	return g, nil
}

func newParty(member string, person, service *string) (party, error) {
	var p party
	switch {
	case person != nil && service != nil:
		return p, invalid("%sPrincipal and %sServicePrincipal cannot both be given", member, member)
	case person != nil:
		p.Text = *person
	case service != nil:
		p = party{Text: *service, Service: true}
	default:
		return p, nil
	}
	_, err := p.identify()
	return p, err
}

func (g *grant) constrain(in *kmsapi.GrantConstraints, contextual bool) error {
	if in == nil {
		return nil
	}
	for _, c := range []struct {
		member string
		pairs  map[string]string
	}{
		{"EncryptionContextEquals", in.EncryptionContextEquals},
		{"EncryptionContextSubset", in.EncryptionContextSubset},
	} {
		if err := checkConstraint("Constraints."+c.member, c.pairs, contextual); err != nil {
			return err
		}
	}
	g.Equals, g.Subset = in.EncryptionContextEquals, in.EncryptionContextSubset
	if in.SourceArn == nil {
		return nil
	}
	if who, err := g.Grantee.identify(); err != nil || who.name == g.Grantee.Text {
		return invalid("Constraints.SourceArn: only a service acts for a source; the grantee must be one")
	}
	g.SourceARN = *in.SourceArn
	return nil
}

func checkConstraint(member string, pairs map[string]string, contextual bool) error {
	if pairs == nil {
		return nil
	}
	n := 0
	for k, v := range pairs {
		n += utf8.RuneCountInString(k) + utf8.RuneCountInString(v)
	}
	switch {
	case len(pairs) == 0:
		return invalid("%s: must have at least one pair", member)
	case len(pairs) > maxConstraintPairs:
		return invalid("%s: at most %d pairs", member, maxConstraintPairs)
	case n > maxConstraintValue:
		return invalid("%s: at most %d characters in all", member, maxConstraintValue)
	case !contextual:
		return invalid("%s: none of the grant's Operations takes an encryption context", member)
	}
	return nil
}

// CreateGrant lets a principal do some operations on a key, under constraints.
// With a Name, a request that repeats another in all members returns that
// one's grant. A caller whose right to this comes from a grant can pass on only
// what that grant gives. The grant holds from the next call on; the token only
// identifies it. Errors: ValidationException, InvalidArnException for a
// principal, DisabledException, LimitExceededException over 50,000 grants.
func (s *Service) CreateGrant(ctx context.Context, in *kmsapi.CreateGrantRequest) (*kmsapi.CreateGrantResponse, error) {
	g, err := newGrant(in)
	if err != nil {
		return nil, err
	}
	if err := s.checkTokens(in.GrantTokens); err != nil {
		return nil, err
	}
	k, err := s.find(ctx, in.KeyId, byKey, use{operation: "CreateGrant", child: g})
	if err != nil {
		return nil, err
	}
	if err := k.usable(k.arn); err != nil {
		return nil, err
	}
	if isTrue(in.DryRun) {
		return nil, dryRunSucceeded()
	}
	if _, err := rand.Read(g.id[:]); err != nil {
		return nil, fmt.Errorf("kms: no randomness: %w", err)
	}
	g.Created = s.clock()
	var id grantID
	err = s.update(ctx, func(tx store.Tx) error {
		rec, err := s.editKey(ctx, tx, k.id)
		if err == nil {
			err = rec.usable(k.arn)
		}
		if err == nil {
			id, err = s.putGrant(ctx, tx, k.id, g)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	token, err := s.grantToken(k.id, id)
	if err != nil {
		return nil, err
	}
	return &kmsapi.CreateGrantResponse{GrantId: new(id.String()), GrantToken: &token}, nil
}

// putGrant writes a grant and returns its id, or that of the one there is with
// the same name and content.
func (s *Service) putGrant(ctx context.Context, tx store.Tx, id keyID, g *grant) (grantID, error) {
	named, hasName := s.namedPlace(id, g)
	if hasName {
		got, err := tx.Get(ctx, named)
		if err != nil {
			return grantID{}, err
		}
		if got[0] != nil {
			return grantID(got[0][1:]), nil
		}
		tx.Put(named, slices.Concat(mark, g.id[:]))
	}
	n, err := tx.Count(ctx, grantCounter(id))
	if err != nil {
		return grantID{}, err
	}
	if n[0] >= maxGrantsPerKey {
		return grantID{}, limitExceeded("At most %d grants on a key", maxGrantsPerKey)
	}
	at := s.grantPlace(id, g)
	value, err := s.seal(at, &g.grantRecord)
	if err != nil {
		return grantID{}, err
	}
	index := slices.Concat(mark, at.Sort[1:1+2*macSize])
	tx.Put(at, value)
	tx.Put(grantIndexPlace(id, g.id), index)
	if at, ok := s.retiringPlace(id, g); ok {
		tx.Put(at, index)
	}
	tx.Add(grantCounter(id), 1)
	return g.id, nil
}

// removeGrant is the reverse of putGrant.
func (s *Service) removeGrant(tx store.Tx, id keyID, g *grant) {
	if at, ok := s.namedPlace(id, g); ok {
		tx.Delete(at)
	}
	if at, ok := s.retiringPlace(id, g); ok {
		tx.Delete(at)
	}
	tx.Delete(s.grantPlace(id, g))
	tx.Delete(grantIndexPlace(id, g.id))
	tx.Add(grantCounter(id), -1)
}

var tokenBinding = []byte("grant token")

// grantToken names a grant in a form that only this service makes.
func (s *Service) grantToken(id keyID, g grantID) (string, error) {
	sealed, err := s.root.Encrypt(slices.Concat(id[:], g[:]), tokenBinding)
	if err != nil {
		return "", fmt.Errorf("kms: grant token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

func (s *Service) parseToken(token string) (id keyID, g grantID, err error) {
	sealed, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		sealed, err = s.root.Decrypt(sealed, tokenBinding)
	}
	if err != nil || len(sealed) != len(id)+len(g) {
		return id, g, fault.Named(fault.Invalid, "InvalidGrantTokenException", "The grant token was not made by this service")
	}
	return keyID(sealed), grantID(sealed[len(id):]), nil
}

// checkTokens checks grant tokens. They have no other effect, since a grant is
// in force as soon as it is made.
func (s *Service) checkTokens(tokens []string) error {
	for _, t := range tokens {
		if _, _, err := s.parseToken(t); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) grantEntry(id keyID, g *grant) kmsapi.GrantListEntry {
	e := kmsapi.GrantListEntry{
		KeyId:          new(s.keyARN(id)),
		GrantId:        new(g.id.String()),
		CreationDate:   new(g.Created),
		IssuingAccount: new("arn:aws:iam::" + s.account + ":root"),
		Operations:     slices.Clone(g.Operations),
	}
	if g.Name != "" {
		e.Name = new(g.Name)
	}
	e.GranteePrincipal, e.GranteeServicePrincipal = g.Grantee.members()
	e.RetiringPrincipal, e.RetiringServicePrincipal = g.Retiring.members()
	if g.Equals != nil || g.Subset != nil || g.SourceARN != "" {
		e.Constraints = &kmsapi.GrantConstraints{EncryptionContextEquals: maps.Clone(g.Equals), EncryptionContextSubset: maps.Clone(g.Subset)}
		if g.SourceARN != "" {
			e.Constraints.SourceArn = new(g.SourceARN)
		}
	}
	return e
}

func (p party) members() (person, service *string) {
	switch {
	case p.Text == "":
		return nil, nil
	case p.Service:
		return nil, &p.Text
	}
	return &p.Text, nil
}

// ListGrants lists the grants of a key, or that of an id, or those of a grantee,
// in no particular but always the same order; 50 to a page, at most 100.
func (s *Service) ListGrants(ctx context.Context, in *kmsapi.ListGrantsRequest) (*kmsapi.ListGrantsResponse, error) {
	prefix := []byte("g")
	grantee, err := newParty("Grantee", in.GranteePrincipal, in.GranteeServicePrincipal)
	if err != nil {
		return nil, err
	}
	if grantee.Text != "" {
		who, err := grantee.identify()
		if err != nil {
			return nil, err
		}
		prefix = s.granteePrefix(who.name)
	}
	var only *grantID
	if in.GrantId != nil {
		id, err := parseGrantID(*in.GrantId)
		if err != nil {
			return nil, err
		}
		only = &id
	}
	k, err := s.find(ctx, in.KeyId, byKey, use{operation: "ListGrants"})
	if err != nil {
		return nil, err
	}
	p, err := s.newPage("ListGrants", []string{k.arn, grantee.Text, or(in.GrantId, "")}, in.Limit, in.Marker, 50, 100)
	if err != nil {
		return nil, err
	}
	out := &kmsapi.ListGrantsResponse{Grants: []kmsapi.GrantListEntry{}}
	err = s.store.View(ctx, func(r store.Reader) error {
		out.Grants = out.Grants[:0]
		if only != nil {
			g, err := s.readGrant(ctx, r, k.id, *only)
			if err == nil && g != nil && (grantee.Text == "" || grantee == g.Grantee) {
				out.Grants = append(out.Grants, s.grantEntry(k.id, g))
			}
			return err
		}
		found, err := scan(ctx, r, p.span(keyPartition(k.id), prefix))
		if err != nil {
			return err
		}
		for _, f := range p.cut(found) {
			g, err := s.openGrant(f.Key, f.Value)
			if err != nil {
				return err
			}
			out.Grants = append(out.Grants, s.grantEntry(k.id, g))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.NextMarker, out.Truncated = p.rest()
	return out, nil
}

// ListRetirableGrants lists the grants of all keys that a principal may retire
// as their retiring principal; 50 to a page, at most 100.
func (s *Service) ListRetirableGrants(ctx context.Context, in *kmsapi.ListRetirableGrantsRequest) (*kmsapi.ListGrantsResponse, error) {
	retiring, err := newParty("Retiring", in.RetiringPrincipal, in.RetiringServicePrincipal)
	if err != nil {
		return nil, err
	}
	if retiring.Text == "" {
		return nil, invalid("Either RetiringPrincipal or RetiringServicePrincipal must be given")
	}
	who, err := retiring.identify()
	if err != nil {
		return nil, err
	}
	if err := s.authoriseAccount(ctx, "ListRetirableGrants", "", use{}); err != nil {
		return nil, err
	}
	p, err := s.newPage("ListRetirableGrants", []string{who.name}, in.Limit, in.Marker, 50, 100)
	if err != nil {
		return nil, err
	}
	out := &kmsapi.ListGrantsResponse{Grants: []kmsapi.GrantListEntry{}}
	err = s.store.View(ctx, func(r store.Reader) error {
		out.Grants = out.Grants[:0]
		found, err := scan(ctx, r, p.span(s.retiringPartition(who.name), nil))
		if err != nil {
			return err
		}
		for _, f := range p.cut(found) {
			id, gid := keyID(f.Key.Sort), grantID(f.Key.Sort[len(keyID{}):])
			g, err := s.readGrant(ctx, r, id, gid)
			if err != nil {
				return err
			}
			if g != nil {
				out.Grants = append(out.Grants, s.grantEntry(id, g))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.NextMarker, out.Truncated = p.rest()
	return out, nil
}

// RevokeGrant ends a grant; what its grantee asks next is refused. It is for
// those who manage the key.
func (s *Service) RevokeGrant(ctx context.Context, in *kmsapi.RevokeGrantRequest) error {
	gid, err := parseGrantID(in.GrantId)
	if err != nil {
		return err
	}
	k, err := s.find(ctx, in.KeyId, byKey, use{operation: "RevokeGrant"})
	if err != nil {
		return err
	}
	return s.endGrant(ctx, k.id, gid, isTrue(in.DryRun))
}

// RetireGrant ends a grant, named by its token or by key and id. It is for its
// retiring principal, for its grantee if RetireGrant is among its operations,
// and for the root of the account; a policy can deny it but not allow it
// ("Retiring and revoking grants", KMS Developer Guide).
func (s *Service) RetireGrant(ctx context.Context, in *kmsapi.RetireGrantRequest) error {
	id, gid, err := s.retired(in)
	if err != nil {
		return err
	}
	var k *key
	var g *grant
	err = s.store.View(ctx, func(r store.Reader) error {
		if k, err = s.readKey(ctx, r, id); err != nil {
			return err
		}
		if k == nil || k.State == statePendingDeletion && k.overdue(s.clock()) {
			return s.noKey(id)
		}
		if g, err = s.readGrant(ctx, r, id, gid); err == nil && g == nil {
			err = noGrant(gid)
		}
		return err
	})
	if err != nil {
		return err
	}
	caller := access.From(ctx)
	u := &use{operation: "RetireGrant"}
	c := s.check(ctx, k, u)
	c.Granted = g.Retiring.Text != "" && s.is(g.Retiring, caller) ||
		caller != nil && g.allows(caller, u) && s.is(g.Grantee, caller) ||
		caller != nil && caller.Type == access.Root && caller.Account == s.account
	c.GrantReason = gid.String()
	if !c.Granted {
		c.ResourcePolicy = nil
	}
	if err := access.Require(ctx, c); err != nil {
		return err
	}
	return s.endGrant(ctx, id, gid, isTrue(in.DryRun))
}

func (s *Service) retired(in *kmsapi.RetireGrantRequest) (id keyID, g grantID, err error) {
	switch {
	case in.GrantToken != nil && (in.KeyId != nil || in.GrantId != nil):
		return id, g, invalid("Give either GrantToken, or KeyId and GrantId")
	case in.GrantToken != nil:
		return s.parseToken(*in.GrantToken)
	case in.KeyId == nil || in.GrantId == nil:
		return id, g, invalid("Give either GrantToken, or KeyId and GrantId")
	}
	ref, err := s.parseReference(*in.KeyId, byKey)
	if err != nil {
		return id, g, err
	}
	g, err = parseGrantID(*in.GrantId)
	return ref.id, g, err
}

func (s *Service) endGrant(ctx context.Context, id keyID, gid grantID, dryRun bool) error {
	return s.update(ctx, func(tx store.Tx) error {
		g, err := s.readGrant(ctx, tx, id, gid)
		switch {
		case err != nil:
			return err
		case g == nil:
			return noGrant(gid)
		case dryRun:
			return dryRunSucceeded()
		}
		s.removeGrant(tx, id, g)
		return nil
	})
}
