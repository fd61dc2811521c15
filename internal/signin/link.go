package signin

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"kindred/internal/api/kindredapi"
	"kindred/internal/iam"
	"kindred/internal/store"
)

// linkPath is where a browser takes a link's token from, which it does not send:
// what is behind # stays in the browser, and so out of logs.
const linkPath = "/console/sign-in#token="

// CreateSignInLink makes a link that lets in whoever opens it first, once, as the
// user.
func (s *Service) CreateSignInLink(ctx context.Context, in *kindredapi.CreateSignInLinkRequest) (*kindredapi.CreateSignInLinkResponse, error) {
	if err := s.require(ctx, "CreateSignInLink", in.UserName); err != nil {
		return nil, err
	}
	token, expires, err := s.link(ctx, in.UserName, LinkLife)
	if err != nil {
		return nil, err
	}
	return &kindredapi.CreateSignInLinkResponse{UserName: in.UserName, Token: token, Url: s.url(token), ExpirationDate: expires}, nil
}

// FirstLink makes the link that a first start shows, of the administrator.
func (s *Service) FirstLink(ctx context.Context) (url string, err error) {
	token, _, err := s.link(ctx, iam.Administrator, FirstLinkLife)
	return s.url(token), err
}

func (s *Service) url(token string) string {
	return strings.TrimSuffix(s.endpoint(), "/") + linkPath + token
}

func (s *Service) link(ctx context.Context, name string, life time.Duration) (token string, expires time.Time, err error) {
	now := s.now()
	err = s.store.Update(ctx, func(tx store.Tx) error {
		u, err := s.principals.FindUser(ctx, tx, name)
		if err != nil {
			return err
		}
		all, err := list[linkRecord](ctx, s.Records, tx, u.ID, linkPrefix)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(e entry[linkRecord]) bool {
			over := !now.Before(e.record.Expires)
			if over {
				tx.Delete(e.key)
			}
			return over
		})
		slices.SortFunc(all, func(a, b entry[linkRecord]) int {
			return cmp.Or(a.record.Expires.Compare(b.record.Expires), cmp.Compare(a.hash(), b.hash()))
		})
		for i := range len(all) - (MaxLinks - 1) {
			tx.Delete(all[i].key)
		}
		var hash string
		token, hash = newSecret(u.ID)
		expires = now.Add(life)
		return s.put(tx, at(u.ID, linkPrefix+hash), &linkRecord{User: u.Name, Expires: expires})
	})
	return token, expires, err
}
