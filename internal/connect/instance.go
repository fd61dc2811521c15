package connect

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"kindred/internal/access"
	"kindred/internal/api/connectapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/store"
)

// MaxInstances bounds the instances of an account and region.
const MaxInstances = 100

// instances is the partition of all instances. They are few and change rarely,
// and every contact's transaction reads the one it belongs to.
var instances = []byte("connect")

func instanceKey(id string) store.Key { return store.Key{Partition: instances, Sort: []byte(id)} }

// instance is a stored instance.
type instance struct {
	ID       string
	Alias    string `json:",omitempty"`
	Identity string
	Created  time.Time
	Inbound  bool
	Outbound bool
	Tags     map[string]string `json:",omitempty"`
	Token    string            `json:",omitempty"` // ClientToken it was made with
	Request  string            // digest of the request
	// Deleted says that the instance is gone for everybody, and only what
	// belongs to it has not been removed yet.
	Deleted bool `json:",omitempty"`
}

// instance reads an instance; nil if there is none.
func (s *Service) instance(ctx context.Context, r store.Reader, id string) (*instance, error) {
	v, err := r.Get(ctx, instanceKey(id))
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if v[0] == nil {
		return nil, nil
	}
	var in instance
	if err := s.open(instanceKey(id), v[0], &in); err != nil {
		return nil, err
	}
	if in.Deleted {
		return nil, nil
	}
	return &in, nil
}

// allInstances reads the instances, oldest first, the deleted ones too.
func (s *Service) allInstances(ctx context.Context, r store.Reader) ([]*instance, error) {
	lists, err := r.Scan(ctx, store.Span{Partition: instances, Limit: store.MaxScan})
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	all := make([]*instance, len(lists[0]))
	for i, rec := range lists[0] {
		all[i] = &instance{}
		if err := s.open(rec.Key, rec.Value, all[i]); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b *instance) int { return strings.Compare(string(a.position()), string(b.position())) })
	return all, nil
}

// position orders instances by their creation.
func (in *instance) position() []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(in.Created.UnixMicro())), in.ID...)
}

// CreateInstance makes an instance, active at once. The alias must be unique in
// the account and region, whatever the case of its letters. Directories of AWS
// do not exist here, so EXISTING_DIRECTORY is refused.
func (s *Service) CreateInstance(ctx context.Context, in *connectapi.CreateInstanceRequest) (*connectapi.CreateInstanceResponse, error) {
	if err := access.Require(ctx, access.Check{Action: "connect:CreateInstance", ResourceAccount: s.account, RequestTags: in.Tags}); err != nil {
		return nil, err
	}
	switch {
	case in.IdentityManagementType == "EXISTING_DIRECTORY":
		return nil, invalidRequest("IdentityManagementType: there are no AWS directories here; use CONNECT_MANAGED or SAML")
	case in.DirectoryId != nil:
		return nil, invalidRequest("DirectoryId: only for the IdentityManagementType EXISTING_DIRECTORY")
	case text(in.InstanceAlias) == "":
		return nil, invalidRequest("InstanceAlias: required")
	}
	bare := *in
	bare.ClientToken = nil
	request, err := digest(bare)
	if err != nil {
		return nil, err
	}
	id := uuid.NewString()
	var made *instance
	err = s.store.Update(ctx, func(tx store.Tx) error {
		all, err := s.allInstances(ctx, tx)
		if err != nil {
			return err
		}
		n := 0
		for _, other := range all {
			if other.Deleted {
				continue
			}
			n++
			if text(in.ClientToken) != "" && other.Token == *in.ClientToken {
				if other.Request != request {
					return invalidRequest("ClientToken: it was used for another request")
				}
				made = other
				return nil
			}
			if strings.EqualFold(other.Alias, *in.InstanceAlias) {
				return fault.New(fault.Exists, "InstanceAlias: the alias is in use by another instance")
			}
		}
		if n >= MaxInstances {
			return fault.Named(fault.Invalid, "ServiceQuotaExceededException", "An account has at most %d instances", MaxInstances)
		}
		made = &instance{ID: id, Alias: *in.InstanceAlias, Identity: in.IdentityManagementType, Created: s.now().UTC(),
			Inbound: in.InboundCallsEnabled, Outbound: in.OutboundCallsEnabled, Tags: in.Tags, Token: text(in.ClientToken), Request: request}
		v, err := s.seal(instanceKey(id), made)
		if err != nil {
			return err
		}
		tx.Put(instanceKey(id), v)
		return nil
	})
	if err != nil {
		return nil, err
	}
	arn := s.arn(made.ID, "")
	return &connectapi.CreateInstanceResponse{Id: &made.ID, Arn: &arn}, nil
}

// active is the status of every instance here.
const active = "ACTIVE"

// ListInstances lists the instances, oldest first.
func (s *Service) ListInstances(ctx context.Context, in *connectapi.ListInstancesRequest) (*connectapi.ListInstancesResponse, error) {
	if err := access.Require(ctx, access.Check{Action: "connect:ListInstances", ResourceAccount: s.account}); err != nil {
		return nil, err
	}
	const op = "ListInstances"
	limit, after, err := s.page(op, nil, in.MaxResults, 10, in.NextToken)
	if err != nil {
		return nil, err
	}
	var all []*instance
	if err := s.store.View(ctx, func(r store.Reader) (err error) {
		all, err = s.allInstances(ctx, r)
		return err
	}); err != nil {
		return nil, err
	}
	out := &connectapi.ListInstancesResponse{InstanceSummaryList: []connectapi.InstanceSummary{}}
	var last []byte
	for _, i := range all {
		if i.Deleted || string(i.position()) <= string(after) {
			continue
		}
		if len(out.InstanceSummaryList) == limit {
			out.NextToken, err = domain.NextToken(s.pages, op, nil, last)
			return out, err
		}
		last = i.position()
		arn, status := s.arn(i.ID, ""), active
		out.InstanceSummaryList = append(out.InstanceSummaryList, connectapi.InstanceSummary{Id: &i.ID, Arn: &arn,
			IdentityManagementType: &i.Identity, InstanceAlias: given(i.Alias), CreatedTime: &i.Created, InstanceStatus: &status,
			InboundCallsEnabled: &i.Inbound, OutboundCallsEnabled: &i.Outbound})
	}
	return out, nil
}

// page reads the size of a page and the position it starts after.
func (s *Service) page(operation string, args []string, size *int, usual int, token *string) (limit int, after []byte, err error) {
	limit = usual
	if size != nil {
		limit = *size
	}
	if text(token) != "" {
		after, err = s.pages.Open(operation, args, *token)
	}
	return limit, after, err
}

// DescribeInstance describes an instance.
func (s *Service) DescribeInstance(ctx context.Context, in *connectapi.DescribeInstanceRequest) (*connectapi.DescribeInstanceResponse, error) {
	i, err := s.enter(ctx, "DescribeInstance", in.InstanceId, "")
	if err != nil {
		return nil, err
	}
	arn, status := s.arn(i.ID, ""), active
	return &connectapi.DescribeInstanceResponse{Instance: &connectapi.Instance{Id: &i.ID, Arn: &arn, IdentityManagementType: &i.Identity,
		InstanceAlias: given(i.Alias), CreatedTime: &i.Created, InstanceStatus: &status, InboundCallsEnabled: &i.Inbound,
		OutboundCallsEnabled: &i.Outbound, Tags: i.Tags}}, nil
}

// DeleteInstance removes an instance with its contacts. Profiles that the
// contacts have made belong to the domain and stay.
func (s *Service) DeleteInstance(ctx context.Context, in *connectapi.DeleteInstanceRequest) error {
	i, err := s.enter(ctx, "DeleteInstance", in.InstanceId, "")
	if err != nil {
		return err
	}
	err = s.store.Update(ctx, func(tx store.Tx) error {
		now, err := s.instance(ctx, tx, i.ID)
		if err != nil {
			return err
		}
		if now == nil {
			return errNoInstance
		}
		// From here on no transaction on its contacts can commit.
		v, err := s.seal(instanceKey(i.ID), &instance{ID: i.ID, Created: now.Created, Deleted: true})
		if err != nil {
			return err
		}
		tx.Put(instanceKey(i.ID), v)
		return nil
	})
	if err != nil {
		return err
	}
	return s.purge(ctx, i.ID)
}

// purge removes what belongs to a deleted instance, and then the instance. It
// may be repeated.
func (s *Service) purge(ctx context.Context, id string) error {
	if err := s.store.DropPrefix(ctx, []byte("connect/"+id+"/")); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return s.store.Update(ctx, func(tx store.Tx) error {
		tx.Delete(instanceKey(id))
		return nil
	})
}
