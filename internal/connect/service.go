package connect

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"

	"kindred/internal/access"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/ingest"
	"kindred/internal/policy"
	"kindred/internal/store"
)

// Associations tells where the contacts of instances go.
type Associations interface {
	// DomainOf returns the domain that takes in the contacts of an instance,
	// nil when none does, and as which object type.
	DomainOf(ctx context.Context, instanceARN string) (of *domain.Config, objectType string, err error)
}

// Ingester takes objects in. It returns one result for each body; its error is
// that of the call as a whole.
type Ingester interface {
	PutInto(ctx context.Context, of domain.ID, typeName string, bodies []string) ([]ingest.Result, error)
}

// Config is what a Service is made of.
type Config struct {
	Store        store.Store
	Seal         tink.AEAD
	Pages        domain.Pager
	Region       string
	Account      string
	Associations Associations
	Ingest       Ingester
	// Changed is told of an instance after contacts of it have changed on this node;
	// it must return at once. Nil: nobody is.
	Changed func(instanceID string)
	Now     func() time.Time // nil: time.Now
	Log     *slog.Logger     // nil: no log
}

// Service is the connect API. It may be used concurrently.
type Service struct {
	store        store.Store
	aead         tink.AEAD
	pages        domain.Pager
	region       string
	account      string
	associations Associations
	ingester     Ingester
	changed      func(instanceID string)
	now          func() time.Time
	log          *slog.Logger
	searched     int // MaxSearched
}

// New makes the API.
func New(c Config) *Service {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{c.Store, c.Seal, c.Pages, c.Region, c.Account, c.Associations, c.Ingest, c.Changed, c.Now, c.Log, MaxSearched}
}

// format is the version of all stored values.
const format = 1

// seal makes the stored form of a value, bound to its place.
func (s *Service) seal(k store.Key, v any) ([]byte, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false) // the bytes of a contact's object stay as they are
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	sealed, err := s.aead.Encrypt(text.Bytes(), place(k))
	if err != nil {
		return nil, fmt.Errorf("connect: seal: %w", err)
	}
	return append([]byte{format}, sealed...), nil
}

// open reads a stored value.
func (s *Service) open(k store.Key, b []byte, v any) error {
	if len(b) == 0 || b[0] != format {
		return fmt.Errorf("connect: %s: %w", k.Partition, store.ErrCorrupt)
	}
	text, err := s.aead.Decrypt(b[1:], place(k))
	if err == nil {
		err = json.Unmarshal(text, v)
	}
	if err != nil {
		return fmt.Errorf("connect: %s: %w", k.Partition, errors.Join(store.ErrCorrupt, err))
	}
	return nil
}

// place is what binds a sealed value to its record. No partition has a zero
// byte.
func place(k store.Key) []byte {
	b := append([]byte{format}, k.Partition...)
	b = append(b, 0)
	return append(b, k.Sort...)
}

var idForm = regexp.MustCompile(`^[A-Za-z0-9-]{1,100}$`)

// arn names an instance, or with a tail what belongs to it.
func (s *Service) arn(instanceID, tail string) string {
	a := "arn:aws:connect:" + s.region + ":" + s.account + ":instance/" + instanceID
	if tail != "" {
		a += "/" + tail
	}
	return a
}

func (s *Service) contactARN(instanceID, contactID string) string {
	return s.arn(instanceID, "contact/"+contactID)
}

// instanceID reads an instance's identifier, which may be given as its ARN.
func (s *Service) instanceID(given string) (string, error) {
	id := strings.TrimPrefix(given, s.arn("", ""))
	if !idForm.MatchString(id) {
		return "", errNoInstance
	}
	return id, nil
}

var (
	errNoInstance = fault.New(fault.NotFound, "InstanceId: there is no such instance in this account and region")
	errNoContact  = fault.New(fault.NotFound, "ContactId: the instance has no such contact")
)

// invalidRequest is the error of a request that is well formed and cannot be
// done. All operations declare it.
func invalidRequest(format string, args ...any) error {
	return fault.Named(fault.Invalid, "InvalidRequestException", format, args...)
}

// enter is how every operation on an instance begins: it finds the instance and
// asks whether the caller may do the operation on it, or on what tail names of
// it. Whether the instance is there is told only to those who may ask.
func (s *Service) enter(ctx context.Context, operation, given, tail string) (*instance, error) {
	id, err := s.instanceID(given)
	if err != nil {
		if e := s.allow(ctx, operation, s.arn("*", tail), "*", nil); e != nil {
			return nil, e
		}
		return nil, err
	}
	var in *instance
	err = s.store.View(ctx, func(r store.Reader) (err error) {
		in, err = s.instance(ctx, r, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	var tags map[string]string
	if in != nil && tail == "" {
		tags = in.Tags
	}
	if err := s.allow(ctx, operation, s.arn(id, tail), id, tags); err != nil {
		return nil, err
	}
	if in == nil {
		return nil, errNoInstance
	}
	return in, nil
}

// allow asks whether the caller may do an operation. The condition key is that
// of the service authorization reference for Amazon Connect.
func (s *Service) allow(ctx context.Context, operation, resource, instanceID string, tags map[string]string) error {
	extra := policy.NewContext(1)
	extra.Add("connect:instanceid", s.arn(instanceID, ""))
	return access.Require(ctx, access.Check{Action: "connect:" + operation, Resource: resource, ResourceAccount: s.account,
		ResourceTags: tags, Extra: extra})
}

// digest identifies a request, so that a ClientToken is not used for two.
func digest(request any) (string, error) {
	text, err := json.Marshal(request)
	if err != nil {
		return "", fmt.Errorf("connect: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// text is a string member that may be absent.
func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// given makes a member that is absent when empty.
func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
