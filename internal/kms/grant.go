package kms

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"kindred/internal/access"
	"kindred/internal/fault"
	"kindred/internal/policy"
	"kindred/internal/store"
)

// grantable are the operations that a grant on a symmetric encryption key can
// give; true for those that take an encryption context.
var grantable = map[string]bool{
	"Encrypt":                             true,
	"Decrypt":                             true,
	"GenerateDataKey":                     true,
	"GenerateDataKeyWithoutPlaintext":     true,
	"ReEncryptFrom":                       true,
	"ReEncryptTo":                         true,
	"GenerateDataKeyPair":                 true,
	"GenerateDataKeyPairWithoutPlaintext": true,
	"CreateGrant":                         false,
	"RetireGrant":                         false,
	"DescribeKey":                         false,
}

type grantID [32]byte

func (id grantID) String() string { return hex.EncodeToString(id[:]) }

func parseGrantID(text string) (grantID, error) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != len(grantID{}) {
		return grantID{}, fault.Named(fault.Invalid, "InvalidGrantIdException", "GrantId: it has 64 hexadecimal digits")
	}
	return grantID(raw), nil
}

func noGrant(id grantID) error { return notFound("Grant ID %s not found", id) }

// grantRecord is what the store keeps of a grant.
type grantRecord struct {
	Name       string            `json:"name,omitempty"`
	Created    time.Time         `json:"created,omitzero"`
	Grantee    party             `json:"grantee"`
	Retiring   party             `json:"retiring,omitzero"`
	Operations []string          `json:"operations"`
	Equals     map[string]string `json:"equals,omitempty"` // never empty when there is the constraint
	Subset     map[string]string `json:"subset,omitempty"`
	SourceARN  string            `json:"source,omitempty"`
}

// grant is a grant record, opened; it must not be changed.
type grant struct {
	grantRecord
	id grantID
}

// party is the grantee or the retiring principal of a grant, as it was named.
type party struct {
	Text    string `json:"text"`
	Service bool   `json:"service,omitempty"` // named by the member for services
}

var (
	serviceForm = regexp.MustCompile(`^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.amazonaws\.com(\.cn)?$`)
	linkedForm  = regexp.MustCompile(`^arn:aws[a-z-]*:iam::([0-9]{12}):role/aws-service-role/([A-Za-z0-9.-]+)/[^/]+$`)
	personForm  = regexp.MustCompile(`^arn:aws[a-z-]*:(iam::[0-9]{12}:(root|(user|role)/.+)|sts::[0-9]{12}:(assumed-role/[^/]+/.+|federated-user/.+))$`)
)

// identity is whom a principal's name stands for.
type identity struct {
	name    string // ARN, or the name of a service after "service "
	account string // of a service-linked role
}

// identify reads the name of a principal: an ARN, the name of a service, or the
// ARN of a service-linked role, which stands for the service.
func (p party) identify() (identity, error) {
	if p.Service || serviceForm.MatchString(p.Text) {
		return identity{name: serviceName(p.Text)}, nil
	}
	if m := linkedForm.FindStringSubmatch(p.Text); m != nil {
		return identity{name: serviceName(m[2]), account: m[1]}, nil
	}
	if personForm.MatchString(p.Text) {
		return identity{name: p.Text}, nil
	}
	return identity{}, fault.Named(fault.Invalid, "InvalidArnException",
		"A principal is the ARN of an account, a user, a role or a session, or the name of a service such as profile.amazonaws.com")
}

func serviceName(host string) string { return "service " + strings.ToLower(host) }

// callerNames are the names under which a grant can be meant for a caller.
func callerNames(c *access.Caller) []string {
	switch {
	case c == nil || c.Type == access.Anonymous:
		return nil
	case c.Type == access.Service:
		return []string{serviceName(c.ServiceName)}
	case c.Type == access.RoleSession && c.RoleARN != "":
		return []string{c.ARN, c.RoleARN}
	case c.ARN == "":
		return nil
	}
	return []string{c.ARN}
}

// is reports whether the party is the caller. A service must act for the
// account that the key belongs to.
func (s *Service) is(p party, c *access.Caller) bool {
	who, err := p.identify()
	if err != nil || !slices.Contains(callerNames(c), who.name) {
		return false
	}
	if c.Type != access.Service {
		return true
	}
	return c.SourceAccount == s.account && (who.account == "" || who.account == s.account)
}

// allows reports whether the grant lets its grantee do what it asks.
func (g *grant) allows(c *access.Caller, u *use) bool {
	if !slices.Contains(g.Operations, u.operation) || g.SourceARN != "" && g.SourceARN != c.SourceARN {
		return false
	}
	if u.crypto && !g.admits(u.context) {
		return false
	}
	return u.child == nil || u.child.within(g)
}

// admits reports whether an encryption context meets the constraints.
func (g *grant) admits(encryption map[string]string) bool {
	return (g.Equals == nil || maps.Equal(g.Equals, encryption)) && includes(encryption, g.Subset)
}

func includes(all, some map[string]string) bool {
	for k, v := range some {
		if got, ok := all[k]; !ok || got != v {
			return false
		}
	}
	return true
}

// within reports whether a grant gives nothing that its parent does not: it
// has no other operations and every context that it admits the parent admits.
// ("Granting CreateGrant permission", KMS Developer Guide.)
func (g *grant) within(parent *grant) bool {
	for _, op := range g.Operations {
		if !slices.Contains(parent.Operations, op) {
			return false
		}
	}
	if parent.SourceARN != "" && parent.SourceARN != g.SourceARN {
		return false
	}
	if parent.Equals != nil && !maps.Equal(parent.Equals, g.Equals) {
		return false
	}
	return includes(g.Equals, parent.Subset) || includes(g.Subset, parent.Subset)
}

// constrainedContext is the encryption context that the constraints speak of,
// which CreateGrant is judged by.
func (g *grant) constrainedContext() map[string]string {
	all := maps.Clone(g.Subset)
	if all == nil {
		return g.Equals
	}
	maps.Copy(all, g.Equals)
	return all
}

// addConditions adds the condition keys of CreateGrant.
func (g *grant) addConditions(c *policy.Context) {
	c.AddAll("kms:grantoperations", g.Operations)
	g.Grantee.addCondition(c, "kms:granteeprincipal", "kms:granteeserviceprincipal")
	g.Retiring.addCondition(c, "kms:retiringprincipal", "kms:retiringserviceprincipal")
	if g.Equals != nil {
		c.Add("kms:grantconstrainttype", "EncryptionContextEquals")
	}
	if g.Subset != nil {
		c.Add("kms:grantconstrainttype", "EncryptionContextSubset")
	}
	if g.SourceARN != "" {
		c.Add("kms:grantconstrainttype", "SourceArn")
		c.Add("kms:grantconstraintsourcearn", g.SourceARN)
	}
}

func (p party) addCondition(c *policy.Context, person, service string) {
	switch {
	case p.Text == "":
	case p.Service:
		c.Add(service, p.Text)
	default:
		c.Add(person, p.Text)
	}
}

// granteePrefix is how the sort keys of a grantee's grants start.
func (s *Service) granteePrefix(name string) []byte {
	t := s.nameMAC("grantee", []byte(name))
	return append([]byte("g"), t[:]...)
}

// A grant's selector follows its grantee in the sort key: what a use must have
// for the grant to fit, as far as one comparison can tell. So the cost of a use
// does not grow with the number of contexts or sources that have grants of
// their own, such as the domains under one key.
type selector [macSize]byte

func (s *Service) equalsSelector(encryption map[string]string) selector {
	return s.nameMAC("equals", appendContext(nil, encryption))
}

func (s *Service) sourceSelector(arn string) selector { return s.nameMAC("source", []byte(arn)) }

func (s *Service) selector(g *grant) selector {
	switch {
	case g.Equals != nil:
		return s.equalsSelector(g.Equals)
	case g.SourceARN != "":
		return s.sourceSelector(g.SourceARN)
	}
	return selector{}
}

// grantSpans are where to look for grants that may fit a use.
func (s *Service) grantSpans(id keyID, c *access.Caller, u *use) []store.Span {
	const batch = 256
	partition := keyPartition(id)
	var spans []store.Span
	add := func(prefix []byte) {
		spans = append(spans, store.Span{Partition: partition, Start: prefix, End: prefixEnd(prefix), Limit: batch})
	}
	for _, name := range callerNames(c) {
		prefix := s.granteePrefix(name)
		if !u.crypto { // constraints of the encryption context do not count
			add(prefix)
			continue
		}
		add(slices.Concat(prefix, make([]byte, macSize)))
		if len(u.context) > 0 {
			sel := s.equalsSelector(u.context)
			add(slices.Concat(prefix, sel[:]))
		}
		if c.SourceARN != "" {
			sel := s.sourceSelector(c.SourceARN)
			add(slices.Concat(prefix, sel[:]))
		}
	}
	return spans
}

func (s *Service) grantPlace(id keyID, g *grant) store.Key {
	who, err := g.Grantee.identify()
	if err != nil {
		panic("kms: grant " + g.id.String() + " without a valid grantee") // CreateGrant has checked it
	}
	sel := s.selector(g)
	return store.Key{Partition: keyPartition(id), Sort: slices.Concat(s.granteePrefix(who.name), sel[:], g.id[:])}
}

func grantIndexPlace(id keyID, g grantID) store.Key {
	return store.Key{Partition: keyPartition(id), Sort: append([]byte("i"), g[:]...)}
}

// namedPlace is where a grant with a name is found by all of its content; ok is
// false for one without.
func (s *Service) namedPlace(id keyID, g *grant) (at store.Key, ok bool) {
	if g.Name == "" {
		return store.Key{}, false
	}
	content := g.grantRecord
	content.Created = time.Time{}
	content.Operations = slices.Sorted(slices.Values(g.Operations))
	text, err := json.Marshal(&content)
	if err != nil {
		panic("kms: grant: " + err.Error()) // strings only
	}
	t := s.nameMAC("named grant", text)
	return store.Key{Partition: keyPartition(id), Sort: append([]byte("n"), t[:]...)}, true
}

func (s *Service) retiringPartition(name string) []byte {
	t := s.nameMAC("retiring", []byte(name))
	return append([]byte("kms/retiring/"), t[:]...)
}

// retiringPlace is where a grant is found by its retiring principal; ok is false
// for one without.
func (s *Service) retiringPlace(id keyID, g *grant) (at store.Key, ok bool) {
	if g.Retiring.Text == "" {
		return store.Key{}, false
	}
	who, err := g.Retiring.identify()
	if err != nil {
		panic("kms: grant " + g.id.String() + " without a valid retiring principal") // CreateGrant has checked it
	}
	return store.Key{Partition: s.retiringPartition(who.name), Sort: append(append([]byte(nil), id[:]...), g.id[:]...)}, true
}

// openGrant opens the record of a grant; its id ends the sort key.
func (s *Service) openGrant(at store.Key, value []byte) (*grant, error) {
	return opened(s, at, value, func(rec *grantRecord) (*grant, error) {
		return &grant{*rec, grantID(at.Sort[1+2*macSize:])}, nil
	})
}

// readGrant reads a grant by its id, nil if there is none.
func (s *Service) readGrant(ctx context.Context, r store.Reader, id keyID, g grantID) (*grant, error) {
	got, err := r.Get(ctx, grantIndexPlace(id, g))
	if err != nil || got[0] == nil {
		return nil, err
	}
	sort := append(append([]byte("g"), got[0][1:]...), g[:]...)
	at := store.Key{Partition: keyPartition(id), Sort: sort}
	if got, err = r.Get(ctx, at); err != nil || got[0] == nil {
		return nil, err
	}
	return s.openGrant(at, got[0])
}

// findGrant finds a grant that lets the caller do what it asks, nil if none
// does.
func (s *Service) findGrant(ctx context.Context, r store.Reader, k *key, c *access.Caller, u *use) (*grant, error) {
	for spans := s.grantSpans(k.id, c, u); len(spans) > 0; {
		got, err := r.Scan(ctx, spans...)
		if err != nil {
			return nil, err
		}
		var more []store.Span
		for i, found := range got {
			for _, f := range found {
				g, err := s.openGrant(f.Key, f.Value)
				if err != nil {
					return nil, err
				}
				if g.allows(c, u) && s.is(g.Grantee, c) {
					return g, nil
				}
			}
			if sp := spans[i]; len(found) == sp.Limit {
				sp.Start = next(found[len(found)-1].Key.Sort)
				more = append(more, sp)
			}
		}
		spans = more
	}
	return nil, nil
}
