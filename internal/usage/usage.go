// Package usage tells which domains use a KMS key or a queue: what stops when that is
// disabled or deleted.
package usage

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"kindred/internal/access"
	"kindred/internal/api/kindredapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/resource"
)

// States of a key's use.
const (
	inForce       = "IN_FORCE"       // what is stored now is sealed under it
	beingReplaced = "BEING_REPLACED" // values that are sealed under it are left
)

// Keys tells what a key is; *resource.Keys does.
type Keys interface {
	Status(ctx context.Context, use domain.KeyUse) (resource.KeyStatus, error)
}

// Service is the part of the kindred service about the use of keys and queues. It asks
// for permission itself.
type Service struct {
	domains         *domain.Domains
	keys            Keys
	region, account string
}

// New makes the service.
func New(d *domain.Domains, keys Keys, region, account string) *Service {
	return &Service{d, keys, region, account}
}

// GetKeyUsage tells which domains and object types have values under a KMS key, by the
// names of the domains. A domain whose key has been exchanged needs the old one until it
// has been sealed anew.
func (s *Service) GetKeyUsage(ctx context.Context, in *kindredapi.GetKeyUsageRequest) (*kindredapi.KeyUsage, error) {
	if err := access.Require(ctx, access.Check{Action: "kindred:GetKeyUsage", Resource: in.KeyArn}); err != nil {
		return nil, err
	}
	out := &kindredapi.KeyUsage{KeyArn: in.KeyArn, Uses: []kindredapi.KeyUse{}}
	known := map[string]bool{in.KeyArn: true}
	err := s.each(ctx, func(c *domain.Config) {
		found := map[string]*kindredapi.KeyUse{}
		for _, k := range c.DataKeys() {
			if k.KeyID == "" || !s.isKey(ctx, c, k, in.KeyArn, known) {
				continue
			}
			use := found[k.ObjectType]
			if use == nil {
				use = &kindredapi.KeyUse{DomainName: c.Info.Name, DomainId: c.ID.String(), State: beingReplaced}
				if k.ObjectType != "" {
					use.ObjectTypeName = &k.ObjectType
				}
				found[k.ObjectType] = use
			}
			if k.InForce {
				use.State = inForce
			}
		}
		for _, use := range found {
			out.Uses = append(out.Uses, *use)
		}
	})
	slices.SortFunc(out.Uses, func(a, b kindredapi.KeyUse) int {
		if c := strings.Compare(a.DomainName, b.DomainName); c != 0 {
			return c
		}
		return strings.Compare(text(a.ObjectTypeName), text(b.ObjectTypeName))
	})
	return out, err
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// isKey reports whether a data key is wrapped by a KMS key, which may have been named by
// its identifier or an alias. What the key service does not know is another key.
func (s *Service) isKey(ctx context.Context, c *domain.Config, k domain.DataKey, arn string, known map[string]bool) bool {
	is, ok := known[k.KeyID]
	if ok {
		return is
	}
	switch {
	case strings.HasPrefix(k.KeyID, "arn:") && strings.Contains(k.KeyID, ":key/"): // another's
	case strings.HasSuffix(arn, ":key/"+k.KeyID):
		is = true
	default:
		st, err := s.keys.Status(ctx, c.KeyUse(k))
		if err != nil { // perhaps for this domain only
			return false
		}
		is = st.ARN == arn
	}
	known[k.KeyID] = is
	return is
}

// GetQueueUsage tells which domains send their dead letters to a queue, by name.
func (s *Service) GetQueueUsage(ctx context.Context, in *kindredapi.GetQueueUsageRequest) (*kindredapi.QueueUsage, error) {
	arn := s.queueARN(in.QueueUrl)
	resource := arn
	if resource == "" {
		resource = "*"
	}
	if err := access.Require(ctx, access.Check{Action: "kindred:GetQueueUsage", Resource: resource}); err != nil {
		return nil, err
	}
	if arn == "" {
		return nil, fault.New(fault.Invalid, "queue-url: want the URL of a queue, http(s)://HOST/ACCOUNT/NAME")
	}
	out := &kindredapi.QueueUsage{QueueUrl: in.QueueUrl, DomainNames: []string{}}
	err := s.each(ctx, func(c *domain.Config) {
		if u := c.Info.DeadLetterQueueURL; u != "" && s.queueARN(u) == arn {
			out.DomainNames = append(out.DomainNames, c.Info.Name)
		}
	})
	slices.Sort(out.DomainNames)
	return out, err
}

// queueARN is the ARN of a queue by its URL; empty if it is none. A queue of this
// server is the same by whatever name the server is reached.
func (s *Service) queueARN(queueURL string) string {
	u, err := url.Parse(queueURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return ""
	}
	account, name, ok := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if !ok || len(account) != 12 || name == "" || strings.Contains(name, "/") {
		return ""
	}
	region := s.region
	if rest, ok := strings.CutPrefix(u.Hostname(), "sqs."); ok && strings.Contains(rest, ".amazonaws.com") {
		region, _, _ = strings.Cut(rest, ".")
	}
	return "arn:aws:sqs:" + region + ":" + account + ":" + name
}

// each looks at all domains. One that is deleted meanwhile uses nothing any more.
func (s *Service) each(ctx context.Context, fn func(*domain.Config)) error {
	ids, err := s.domains.IDs(ctx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		c, err := s.domains.ConfigOf(ctx, id)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return err
		}
		fn(c)
	}
	return nil
}
