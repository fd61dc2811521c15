package signin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"

	"kindred/internal/store"
)

const (
	format        = 1
	prefix        = "signin/"
	passwordSort  = "p"
	sessionPrefix = "s/"
	linkPrefix    = "l/"
)

// passwordRecord is a user's password.
type passwordRecord struct {
	Hash string
	Set  time.Time
}

// sessionRecord is a session that has begun.
type sessionRecord struct {
	User    string // name; the id is in the key
	Method  string // PASSWORD, ACCESS_KEY or LINK
	Key     string `json:",omitempty"` // the access key that it was begun with
	Created time.Time
	Used    time.Time // to the minute
	Expires time.Time // however much it is used
}

// standing reports whether the session has not ended by time.
func (r *sessionRecord) standing(now time.Time) bool {
	return now.Before(r.Expires) && now.Before(r.Used.Add(IdleLife))
}

// linkRecord is a link that has not been used.
type linkRecord struct {
	User    string // name
	Expires time.Time
}

// Records is where signing in is kept. It is what package iam asks about sessions.
type Records struct{ aead tink.AEAD }

// NewRecords makes Records that are sealed with a cipher.
func NewRecords(aead tink.AEAD) *Records { return &Records{aead} }

func partition(userID string) []byte { return []byte(prefix + userID) }

func at(userID, sort string) store.Key {
	return store.Key{Partition: partition(userID), Sort: []byte(sort)}
}

func bound(k store.Key) []byte {
	return append([]byte{format}, string(k.Partition)+"\x00"+string(k.Sort)...)
}

func (r *Records) put(tx store.Tx, k store.Key, record any) error {
	text, err := json.Marshal(record)
	if err != nil {
		return fmt.Errorf("signin: %w", err)
	}
	sealed, err := r.aead.Encrypt(text, bound(k))
	if err != nil {
		return fmt.Errorf("signin: %w", err)
	}
	tx.Put(k, append([]byte{format}, sealed...))
	return nil
}

func (r *Records) open(k store.Key, value []byte, record any) error {
	if len(value) == 0 || value[0] != format {
		return fmt.Errorf("signin: record %x: %w: unknown format", k.Sort, store.ErrCorrupt)
	}
	text, err := r.aead.Decrypt(value[1:], bound(k))
	if err == nil {
		err = json.Unmarshal(text, record)
	}
	if err != nil {
		return fmt.Errorf("signin: record %x cannot be opened with this root key: %w", k.Sort, store.ErrCorrupt)
	}
	return nil
}

// load reads a record; nil if there is none.
func load[T any](ctx context.Context, rs *Records, r store.Reader, k store.Key) (*T, error) {
	values, err := r.Get(ctx, k)
	if err != nil || values[0] == nil {
		return nil, err
	}
	record := new(T)
	return record, rs.open(k, values[0], record)
}

// entry is a record of a list, with its key.
type entry[T any] struct {
	key    store.Key
	record *T
}

// hash is the end of the key.
func (e entry[T]) hash() string { return string(e.key.Sort[len(sessionPrefix):]) }

// list reads a user's sessions or links. There are never more than a few beyond
// their limit, which every addition keeps.
func list[T any](ctx context.Context, rs *Records, r store.Reader, userID, prefix string) ([]entry[T], error) {
	span := store.Span{Partition: partition(userID), Start: []byte(prefix), End: []byte(prefix[:1] + "0"), Limit: store.MaxScan}
	spans, err := r.Scan(ctx, span)
	if err != nil {
		return nil, err
	}
	all := make([]entry[T], len(spans[0]))
	for i, rec := range spans[0] {
		all[i] = entry[T]{rec.Key, new(T)}
		if err := rs.open(rec.Key, rec.Value, all[i].record); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Standing reports whether a session, named USER-ID/HASH, stands. See [iam.SignIns].
func (r *Records) Standing(ctx context.Context, rd store.Reader, session string, now time.Time) (bool, error) {
	userID, hash, _ := strings.Cut(session, "/")
	if !userForm.MatchString(userID) || !hashForm.MatchString(hash) {
		return false, nil
	}
	rec, err := load[sessionRecord](ctx, r, rd, at(userID, sessionPrefix+hash))
	return rec != nil && rec.standing(now), err
}

// Forget removes what is kept of a user's signing in. See [iam.SignIns].
func (r *Records) Forget(tx store.Tx, userID string) { tx.Clear(partition(userID)) }

// end removes a user's sessions and links.
func end(ctx context.Context, tx store.Tx, userID string) error {
	spans, err := tx.Scan(ctx,
		store.Span{Partition: partition(userID), Start: []byte(sessionPrefix), End: []byte("s0"), Limit: store.MaxScan},
		store.Span{Partition: partition(userID), Start: []byte(linkPrefix), End: []byte("l0"), Limit: store.MaxScan})
	if err != nil {
		return err
	}
	for _, records := range spans {
		for _, rec := range records {
			tx.Delete(rec.Key)
		}
	}
	return nil
}

var (
	userForm = regexp.MustCompile(`^[A-Z0-9]{16,32}$`)
	hashForm = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

// A secret is the text of a cookie or link: the user's id, a dot, and 256 random
// bits in base64url. The id says in which partition to look, and is no secret.
const (
	secretBytes = 32
	maxSecret   = 96 // characters
)

// newSecret makes a secret and its hash.
func newSecret(userID string) (text, hash string) {
	random := make([]byte, secretBytes)
	rand.Read(random) // never fails, see crypto/rand
	return userID + "." + base64.RawURLEncoding.EncodeToString(random), hashOf(random)
}

// parseSecret takes a secret apart; what is none is not ok.
func parseSecret(text string) (userID, hash string, ok bool) {
	if len(text) > maxSecret {
		return "", "", false
	}
	userID, encoded, _ := strings.Cut(text, ".")
	random, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || len(random) != secretBytes || !userForm.MatchString(userID) {
		return "", "", false
	}
	return userID, hashOf(random), true
}

func hashOf(random []byte) string {
	sum := sha256.Sum256(random)
	return hex.EncodeToString(sum[:16])
}
