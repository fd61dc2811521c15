// Package sigv4 verifies requests signed with AWS Signature Version 4, in the
// header form and in the presigned query form.
//
// [Parse] reads what the client claims: who signed, when, for which service.
// [Signed.Verify] proves it, given the secret of that access key. A [Verifier]
// also insists on this server's region and services and keeps derived signing
// keys. The rules are those of the IAM user guide, "Create a signed AWS API
// request"; where they leave room, this package decides so:
//
//   - The canonical path is the raw path of the request line, encoded once
//     more, exactly as it came. A path with empty, "." or ".." segments is not
//     normalised, so a signature never serves another path than the one that is
//     routed. No AWS client makes such a path for a service that is served here.
//   - Query parameters are sorted after encoding. Releases of the Go SDK that
//     sorted before encoding are accepted too; the parameters are the same.
//   - The host and every x-amz-* header that is present must be signed. Other
//     headers are covered when the client lists them.
//   - The body is always covered: by its hash in the canonical request, or by
//     an x-amz-content-sha256 header, which must then be signed and match.
//     UNSIGNED-PAYLOAD is accepted for presigned requests and over TLS only.
//     Chunked (STREAMING-…) payloads are refused.
//   - A request is good for 15 minutes before and after its date; a presigned
//     one from 15 minutes before its date until X-Amz-Expires seconds after it
//     (604800 at most, 900 when it does not say).
//   - The asymmetric variant (SigV4A) is refused.
//
// Errors are faults with the names that AWS's JSON protocols use.
package sigv4

import (
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	isoBasic   = "20060102T150405Z"

	// Skew is how far a request's date may be from this server's clock.
	Skew = 15 * time.Minute
	// MaxExpires is the longest life of a presigned request.
	MaxExpires = 7 * 24 * time.Hour

	defaultExpires   = 15 * time.Minute
	maxSignedHeaders = 128  // names in SignedHeaders
	maxAuthorization = 8192 // bytes of the Authorization header
	maxToken         = 8192 // bytes of a session token
	maxParameters    = 1024 // in the query string
)

// Signed is the claim of a signed request, not yet proven. It refers to the
// request, which must not change before Verify.
type Signed struct {
	AccessKeyID string
	Date        string // of the credential scope, YYYYMMDD
	Region      string
	Service     string    // signing name, such as "profile"
	Token       string    // session token; empty with long-term keys
	Time        time.Time // when it was signed, by the client's clock
	Presigned   bool
	Expires     time.Duration // life of a presigned request

	r             *http.Request
	path          string
	parameters    []parameter
	timestamp     string // Time as the string to sign has it
	signedHeaders string
	signature     [32]byte
	payload       string // x-amz-content-sha256; empty when there is none
}

// Parse reads the signature of a request. It checks its form and that what must
// be signed is, and proves nothing: see [Signed.Verify].
func Parse(r *http.Request) (*Signed, error) {
	s := &Signed{r: r}
	path, query := target(r)
	s.path = path
	var ok bool
	if s.parameters, ok = parseQuery(query); !ok {
		return nil, incomplete.fault("The query string has an invalid percent-encoding or more than %d parameters.", maxParameters)
	}
	authorization := r.Header["Authorization"]
	presigned := s.isPresigned()
	switch {
	case presigned && len(authorization) > 0:
		return nil, incomplete.fault("Only one form of signature is allowed: the Authorization header or the X-Amz-Signature query parameter.")
	case presigned:
		return s, s.parsePresigned()
	case len(authorization) == 0:
		return nil, missingToken.fault("Missing Authentication Token")
	case len(authorization) > 1:
		return nil, incomplete.fault("The request has more than one Authorization header.")
	}
	return s, s.parseHeader(authorization[0])
}

func (s *Signed) parseHeader(authorization string) error {
	if len(authorization) > maxAuthorization {
		return incomplete.fault("The Authorization header is longer than %d bytes.", maxAuthorization)
	}
	scheme, rest, _ := strings.Cut(authorization, " ")
	if err := s.checkAlgorithm(scheme); err != nil {
		return err
	}
	var credential, signedHeaders, signature string
	for rest != "" {
		var field string
		field, rest, _ = strings.Cut(rest, ",")
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		var to *string
		switch name {
		case "Credential":
			to = &credential
		case "SignedHeaders":
			to = &signedHeaders
		case "Signature":
			to = &signature
		default:
			return incomplete.fault("The Authorization header has a part that is none of Credential, SignedHeaders and Signature.")
		}
		if *to != "" {
			return incomplete.fault("The Authorization header has '%s' twice.", name)
		}
		*to = value
	}
	for _, part := range [...]struct{ name, value string }{{"Credential", credential}, {"SignedHeaders", signedHeaders}, {"Signature", signature}} {
		if part.value == "" {
			return incomplete.fault("Authorization header requires '%s' parameter.", part.name)
		}
	}
	if err := s.parseHeaderTime(); err != nil {
		return err
	}
	token, err := s.single("X-Amz-Security-Token")
	if err != nil {
		return err
	}
	s.Token = token
	return s.parseParts(credential, signedHeaders, signature)
}

// parseHeaderTime takes X-Amz-Date, and Date when there is none.
func (s *Signed) parseHeaderTime() error {
	stamp, err := s.single("X-Amz-Date")
	if err != nil {
		return err
	}
	if stamp != "" {
		return s.setTime(stamp)
	}
	if stamp, err = s.single("Date"); err != nil {
		return err
	}
	if stamp == "" {
		return incomplete.fault("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	for _, layout := range [...]string{http.TimeFormat, time.RFC1123Z} { // botocore writes the zone as -0000
		if t, err := time.Parse(layout, stamp); err == nil {
			stamp = t.UTC().Format(isoBasic)
			break
		}
	}
	return s.setTime(stamp)
}

func (s *Signed) parsePresigned() error {
	s.Presigned = true
	values := make(map[string]string, 8)
	for _, p := range s.parameters {
		switch p.name {
		case "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature",
			"X-Amz-Security-Token", "X-Amz-Content-Sha256":
			if _, twice := values[p.name]; twice {
				return incomplete.fault("The query string has '%s' twice.", p.name)
			}
			values[p.name] = p.value
		}
	}
	for _, name := range [...]string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-SignedHeaders", "X-Amz-Signature"} {
		if values[name] == "" {
			return incomplete.fault("AWS query-string parameters must include '%s'.", name)
		}
	}
	if err := s.checkAlgorithm(values["X-Amz-Algorithm"]); err != nil {
		return err
	}
	if len(s.r.Header["X-Amz-Security-Token"]) > 0 {
		return incomplete.fault("The session token of a presigned request belongs in the query string, not in a header.")
	}
	if err := s.setTime(values["X-Amz-Date"]); err != nil {
		return err
	}
	s.Expires = defaultExpires
	if text, given := values["X-Amz-Expires"]; given {
		seconds, err := strconv.ParseUint(text, 10, 32)
		if err != nil || seconds < 1 || seconds > uint64(MaxExpires/time.Second) {
			return incomplete.fault("X-Amz-Expires must be a number of seconds from 1 to %d.", MaxExpires/time.Second)
		}
		s.Expires = time.Duration(seconds) * time.Second
	}
	s.Token = values["X-Amz-Security-Token"]
	s.payload = values["X-Amz-Content-Sha256"]
	return s.parseParts(values["X-Amz-Credential"], values["X-Amz-SignedHeaders"], values["X-Amz-Signature"])
}

// parseParts reads what both forms have.
func (s *Signed) parseParts(credential, signedHeaders, signature string) error {
	if err := s.parseCredential(credential); err != nil {
		return err
	}
	if len(s.Token) > maxToken {
		return UnknownKey()
	}
	if len(signature) != 2*len(s.signature) {
		return incomplete.fault("The signature must have %d hexadecimal digits.", 2*len(s.signature))
	}
	if _, err := hex.Decode(s.signature[:], []byte(signature)); err != nil {
		return incomplete.fault("The signature must have %d hexadecimal digits.", 2*len(s.signature))
	}
	if err := s.checkSignedHeaders(signedHeaders); err != nil {
		return err
	}
	payload, err := s.single("X-Amz-Content-Sha256")
	if err != nil {
		return err
	}
	if payload != "" {
		if s.payload != "" && s.payload != payload {
			return incomplete.fault("The query string and the headers have different values of x-amz-content-sha256.")
		}
		s.payload = payload
	}
	return s.checkPayloadForm()
}

func (s *Signed) parseCredential(credential string) error {
	parts := strings.Split(credential, "/")
	if len(parts) != 5 {
		return incomplete.fault("Credential must have exactly 5 slash-delimited elements, keyid/date/region/service/%s.", terminator)
	}
	if !isAccessKeyID(parts[0]) {
		return UnknownKey()
	}
	s.AccessKeyID, s.Date, s.Region, s.Service = parts[0], parts[1], parts[2], parts[3]
	if parts[4] != terminator {
		return invalidSignature.fault("Credential should be scoped with a valid terminator: '%s'.", terminator)
	}
	if s.Date != s.timestamp[:8] {
		return invalidSignature.fault("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of the request's date: '%s'.", s.timestamp)
	}
	return nil
}

func (s *Signed) checkAlgorithm(name string) error {
	switch {
	case name == algorithm:
		return nil
	case strings.HasPrefix(name, "AWS4-ECDSA-P256-SHA256"):
		return incomplete.fault("Signature Version 4A (AWS4-ECDSA-P256-SHA256) is not supported: sign with %s.", algorithm)
	}
	return incomplete.fault("Unsupported AWS 'algorithm': sign with %s.", algorithm)
}

func (s *Signed) setTime(stamp string) error {
	t, err := time.Parse(isoBasic, stamp)
	if err != nil || len(stamp) != len(isoBasic) { // Parse would take fractions of a second
		return incomplete.fault("Date must be in ISO-8601 'basic format', such as 20060102T150405Z.")
	}
	s.Time, s.timestamp = t, stamp
	return nil
}

// checkSignedHeaders also rules out that something with a meaning for this
// server stays unsigned.
func (s *Signed) checkSignedHeaders(list string) error {
	s.signedHeaders = list
	previous, count, host := "", 0, false
	for name := range strings.SplitSeq(list, ";") {
		if count++; count > maxSignedHeaders {
			return incomplete.fault("SignedHeaders has more than %d names.", maxSignedHeaders)
		}
		if name <= previous || !isHeaderName(name) {
			return incomplete.fault("SignedHeaders must list header names in lower case, sorted, each once, with semicolons between.")
		}
		if name == "host" || name == ":authority" {
			host = true
		}
		previous = name
	}
	if !host {
		return invalidSignature.fault("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	for name := range s.r.Header {
		if strings.HasPrefix(name, "X-Amz-") && !s.lists(name) {
			return invalidSignature.fault("'%s' must be a 'SignedHeader' in the AWS Authorization.", strings.ToLower(name))
		}
	}
	return nil
}

func (s *Signed) lists(header string) bool {
	for name := range strings.SplitSeq(s.signedHeaders, ";") {
		if strings.EqualFold(name, header) {
			return true
		}
	}
	return false
}

const unsignedPayload = "UNSIGNED-PAYLOAD"

func (s *Signed) checkPayloadForm() error {
	switch p := s.payload; {
	case p == "", len(p) == 64 && isHex(p):
		return nil
	case p == unsignedPayload:
		if s.Presigned || s.r.TLS != nil {
			return nil
		}
		return invalidSignature.fault("x-amz-content-sha256: %s is accepted over TLS only: send the SHA-256 of the body.", unsignedPayload)
	case strings.HasPrefix(p, "STREAMING-"):
		return invalidSignature.fault("x-amz-content-sha256: chunked payloads (STREAMING-...) are not supported: send the SHA-256 of the body.")
	}
	return invalidSignature.fault("x-amz-content-sha256 must be the SHA-256 of the body in hexadecimal.")
}

// single is the value of a header that may come once only.
func (s *Signed) single(name string) (string, error) {
	values := s.r.Header[name]
	switch len(values) {
	case 0:
		return "", nil
	case 1:
		return values[0], nil
	}
	return "", incomplete.fault("The request has more than one %s header.", name)
}

func (s *Signed) isPresigned() bool {
	for _, p := range s.parameters {
		switch p.name {
		case "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature":
			return true
		}
	}
	return false
}

func isAccessKeyID(id string) bool {
	if len(id) < 16 || len(id) > 128 {
		return false
	}
	for i := range len(id) {
		if c := id[i]; !isAlphanumeric(c) && c != '_' {
			return false
		}
	}
	return true
}

// isHeaderName accepts the tokens of RFC 9110 section 5.6.2 in lower case, and
// the pseudo-header :authority.
func isHeaderName(name string) bool {
	if name == "" {
		return false
	}
	if name == ":authority" {
		return true
	}
	for i := range len(name) {
		c := name[i]
		if 'A' <= c && c <= 'Z' || !isAlphanumeric(c) && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return true
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func isHex(text string) bool {
	for i := range len(text) {
		if c := text[i]; !('0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F') {
			return false
		}
	}
	return true
}
