package sigv4

import "kindred/internal/fault"

// name is an error of authentication, as the JSON protocols call it ("Common
// Errors" of the services' API references). The Query protocol has names of its
// own for them, which are left to who writes the answer.
type name struct {
	kind fault.Kind
	text string
}

var (
	missingToken     = name{fault.Denied, "MissingAuthenticationTokenException"}
	incomplete       = name{fault.Invalid, "IncompleteSignatureException"}
	invalidSignature = name{fault.Denied, "InvalidSignatureException"}
	unknownKey       = name{fault.Denied, "UnrecognizedClientException"}
	expiredToken     = name{fault.Denied, "ExpiredTokenException"}
)

func (n name) fault(format string, args ...any) error {
	return fault.Named(n.kind, n.text, format, args...)
}

// UnknownKey is the answer to an access key that does not exist, is inactive, or
// whose session token does not belong to it.
func UnknownKey() error {
	return unknownKey.fault("The security token included in the request is invalid.")
}

// Expired is the answer to a session token after its time.
func Expired() error {
	return expiredToken.fault("The security token included in the request is expired")
}
