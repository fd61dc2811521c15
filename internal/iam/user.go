package iam

import (
	"context"

	"kindred/internal/api/kindredapi"
	"kindred/internal/fault"
	"kindred/internal/store"
)

// CreateUser makes a user without keys or permissions.
func (s *Service) CreateUser(ctx context.Context, in *kindredapi.CreateUserRequest) (*kindredapi.CreateUserResponse, error) {
	if err := require(ctx, "CreateUser", s.arn(user, in.UserName)); err != nil {
		return nil, err
	}
	id := user.newID()
	var made *principalRecord
	err := s.update(ctx, func(t *txn) error {
		made = &principalRecord{Name: in.UserName, ID: id, Created: t.Now()}
		return t.create(ctx, user, made, &t.ledger.users, MaxUsers)
	})
	if err != nil {
		return nil, err
	}
	return &kindredapi.CreateUserResponse{User: s.user(made)}, nil
}

// GetUser describes a user.
func (s *Service) GetUser(ctx context.Context, in *kindredapi.GetUserRequest) (*kindredapi.GetUserResponse, error) {
	p, err := s.read(ctx, "GetUser", user, in.UserName)
	if err != nil {
		return nil, err
	}
	return &kindredapi.GetUserResponse{User: s.user(p)}, nil
}

// ListUsers lists the users by name.
func (s *Service) ListUsers(ctx context.Context, in *kindredapi.ListUsersRequest) (*kindredapi.ListUsersResponse, error) {
	out := &kindredapi.ListUsersResponse{Users: []kindredapi.User{}}
	var err error
	out.NextToken, err = list(ctx, s, "ListUsers", user.prefix, in.MaxResults, in.NextToken, func(p *principalRecord) {
		out.Users = append(out.Users, *s.user(p))
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeleteUser removes a user with its access keys and inline policies, which
// ends its sessions. The administrator stays.
func (s *Service) DeleteUser(ctx context.Context, in *kindredapi.DeleteUserRequest) (*kindredapi.DeleteUserResponse, error) {
	if err := require(ctx, "DeleteUser", s.arn(user, in.UserName)); err != nil {
		return nil, err
	}
	if in.UserName == Administrator {
		return nil, fault.New(fault.Invalid, "The user %s cannot be deleted.", Administrator)
	}
	return &kindredapi.DeleteUserResponse{}, s.update(ctx, func(t *txn) error {
		p, err := s.principal(ctx, t, user, in.UserName)
		if err != nil {
			return err
		}
		for _, id := range p.Keys {
			t.remove(keyPrefix + id)
		}
		if s.signIns != nil {
			s.signIns.Forget(t, p.ID)
		}
		t.ledger.users--
		return t.delete(ctx, user, p)
	})
}

func (s *Service) user(p *principalRecord) *kindredapi.User {
	return &kindredapi.User{UserName: p.Name, UserId: p.ID, Arn: s.arn(user, p.Name), CreateDate: p.Created}
}

// create stores a new user or role, unless there are limit of them.
func (t *txn) create(ctx context.Context, k kind, p *principalRecord, count *uint32, limit uint32) error {
	there, err := load[principalRecord](ctx, t.s, t, k.sort(p.Name))
	switch {
	case err != nil:
		return err
	case there != nil:
		return taken(k.word, p.Name)
	case *count >= limit:
		return fault.New(fault.Invalid, "There are %d %ss, which is the limit.", limit, k.word)
	}
	*count++
	return t.save(k.sort(p.Name), p)
}

// delete removes a user or role.
func (t *txn) delete(ctx context.Context, k kind, p *principalRecord) error {
	for _, name := range p.Attached {
		if err := t.attached(ctx, name, -1); err != nil {
			return err
		}
	}
	t.remove(k.sort(p.Name))
	return nil
}

// read authorises an operation on a user or role and reads it.
func (s *Service) read(ctx context.Context, operation string, k kind, name string) (p *principalRecord, err error) {
	if err := require(ctx, operation, s.arn(k, name)); err != nil {
		return nil, err
	}
	err = s.view(ctx, func(r store.Reader) (err error) {
		p, err = s.principal(ctx, r, k, name)
		return err
	})
	return p, err
}

// change authorises an operation on a user or role and changes it.
func (s *Service) change(ctx context.Context, operation string, k kind, name string, fn func(*txn, *principalRecord) error) error {
	if err := require(ctx, operation, s.arn(k, name)); err != nil {
		return err
	}
	return s.update(ctx, func(t *txn) error {
		p, err := s.principal(ctx, t, k, name)
		if err != nil {
			return err
		}
		if err := fn(t, p); err != nil {
			return err
		}
		if k == user && p.Name == Administrator {
			if err := t.keepAdministrator(ctx, p); err != nil {
				return err
			}
		}
		return t.save(k.sort(name), p)
	})
}

const defaultPage = 100

// list authorises and reads one page of a kind of record.
func list[T any](ctx context.Context, s *Service, operation, prefix string, limit *int, token *string, each func(*T)) (next *string, err error) {
	if err := require(ctx, operation, "*"); err != nil {
		return nil, err
	}
	start := []byte(prefix)
	if token != nil {
		if start, err = s.pages.Open(operation, nil, *token); err != nil {
			return nil, err
		}
	}
	n := value(limit, defaultPage)
	span := store.Span{Partition: []byte(partition), Start: start, End: append([]byte(prefix[:len(prefix)-1]), prefix[len(prefix)-1]+1), Limit: n + 1}
	var records []store.Record
	err = s.view(ctx, func(r store.Reader) error {
		spans, err := r.Scan(ctx, span)
		if err == nil {
			records = spans[0]
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, rec := range records {
		if i == n {
			token, err := s.pages.Seal(operation, nil, rec.Key.Sort)
			return &token, err
		}
		record := new(T)
		if err := s.open(string(rec.Key.Sort), rec.Value, record); err != nil {
			return nil, err
		}
		each(record)
	}
	return nil, nil
}
