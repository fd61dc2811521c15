package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Verify proves that the request was signed with secret, within its time and
// with this body. The error is a fault to answer with.
func (s *Signed) Verify(secret string, body []byte, now time.Time) error {
	if err := s.checkTime(now); err != nil {
		return err
	}
	key := s.signingKey(secret)
	return s.verify(&key, body)
}

func (s *Signed) verify(key *[32]byte, body []byte) error {
	var bodyHash [32]byte
	if s.payload != unsignedPayload {
		bodyHash = sha256.Sum256(body)
		if s.payload != "" {
			var claimed [32]byte
			if _, err := hex.Decode(claimed[:], []byte(s.payload)); err != nil || claimed != bodyHash {
				return invalidSignature.fault("The x-amz-content-sha256 that was sent is not the SHA-256 of the body.")
			}
		}
	}
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for _, query := range s.canonicalQueries() {
		b := s.appendCanonical((*buf)[:0], query, &bodyHash)
		request := sha256.Sum256(b)
		b = s.appendStringToSign(b[:0], &request)
		mac := hmacSum(key[:], b)
		if cap(b) <= maxBuffer {
			*buf = b
		}
		if subtle.ConstantTimeCompare(mac[:], s.signature[:]) == 1 {
			return nil
		}
	}
	return invalidSignature.fault("The request signature we calculated does not match the signature you provided. Check the secret access key and the signing method.")
}

// maxBuffer keeps one huge request from making every buffer huge.
const maxBuffer = 16 << 10

var buffers = sync.Pool{New: func() any {
	b := make([]byte, 0, 2048)
	return &b
}}

func (s *Signed) appendStringToSign(b []byte, request *[32]byte) []byte {
	b = append(b, algorithm...)
	b = append(b, '\n')
	b = append(b, s.timestamp...)
	b = append(b, '\n')
	for _, part := range [...]string{s.Date, s.Region, s.Service} {
		b = append(b, part...)
		b = append(b, '/')
	}
	b = append(b, terminator...)
	b = append(b, '\n')
	return hex.AppendEncode(b, request[:])
}

func (s *Signed) checkTime(now time.Time) error {
	now = now.UTC()
	if latest := now.Add(Skew); s.Time.After(latest) {
		return invalidSignature.fault("Signature not yet current: %s is still later than %s (%s + 15 min.)",
			s.timestamp, latest.Format(isoBasic), now.Format(isoBasic))
	}
	if s.Presigned {
		if end := s.Time.Add(s.Expires); now.After(end) {
			return invalidSignature.fault("Signature expired: %s is now earlier than %s (%s + %d s.)",
				end.Format(isoBasic), now.Format(isoBasic), s.timestamp, s.Expires/time.Second)
		}
		return nil
	}
	if earliest := now.Add(-Skew); s.Time.Before(earliest) {
		return invalidSignature.fault("Signature expired: %s is now earlier than %s (%s - 15 min.)",
			s.timestamp, earliest.Format(isoBasic), now.Format(isoBasic))
	}
	return nil
}

// signingKey derives the key for the credential scope.
func (s *Signed) signingKey(secret string) [32]byte {
	key := hmacSum([]byte("AWS4"+secret), []byte(s.Date))
	for _, part := range [...]string{s.Region, s.Service, terminator} {
		key = hmacSum(key[:], []byte(part))
	}
	return key
}

func hmacSum(key, message []byte) (sum [32]byte) {
	h := hmac.New(sha256.New, key)
	h.Write(message)
	h.Sum(sum[:0])
	return sum
}

// Verifier verifies requests to one server: those scoped to its region and
// services. It may be used concurrently.
type Verifier struct {
	region   string
	services []string
	keys     keyCache
}

// NewVerifier makes a verifier for a region and the signing names of services.
func NewVerifier(region string, services ...string) *Verifier {
	return &Verifier{region: region, services: slices.Clone(services)}
}

// Parse is [Parse], and checks the credential scope.
func (v *Verifier) Parse(r *http.Request) (*Signed, error) {
	s, err := Parse(r)
	if err != nil {
		return nil, err
	}
	if s.Region != v.region {
		return nil, invalidSignature.fault("Credential should be scoped to a valid region: this server is '%s'.", v.region)
	}
	if !slices.Contains(v.services, s.Service) {
		return nil, invalidSignature.fault("Credential should be scoped to a service of this server: one of %q.", v.services)
	}
	return s, nil
}

// Verify is [Signed.Verify] with derived signing keys remembered.
func (v *Verifier) Verify(s *Signed, secret string, body []byte, now time.Time) error {
	if err := s.checkTime(now); err != nil { // first, so that no old dates fill the cache
		return err
	}
	key := v.keys.get(s, secret)
	return s.verify(&key, body)
}

// keyCache remembers derived signing keys, at most 2*keysPerGeneration of them.
// Keys move to the young generation when they are used; when it is full the
// old one is forgotten. A key is found by all that it is derived from, so it
// can never be stale.
type keyCache struct {
	mu         sync.RWMutex // guards the following
	young, old map[keyInput][32]byte
}

const keysPerGeneration = 1024

type keyInput struct{ secret, date, region, service string }

func (c *keyCache) get(s *Signed, secret string) [32]byte {
	in := keyInput{secret, s.Date, s.Region, s.Service}
	c.mu.RLock()
	key, ok := c.young[in]
	if !ok {
		key, ok = c.old[in]
		c.mu.RUnlock()
		if !ok {
			key = s.signingKey(secret)
		}
		c.put(in, key)
		return key
	}
	c.mu.RUnlock()
	return key
}

func (c *keyCache) put(in keyInput, key [32]byte) {
	// The parts of a credential are cut from a header; a copy lets go of it.
	in.date, in.region, in.service = strings.Clone(in.date), strings.Clone(in.region), strings.Clone(in.service)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.young == nil || len(c.young) >= keysPerGeneration {
		c.young, c.old = make(map[keyInput][32]byte), c.young
	}
	c.young[in] = key
}
