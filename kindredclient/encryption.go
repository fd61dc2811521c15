package kindredclient

import (
	"context"
	"net/http"
	"net/url"
)

// DataKey is a data key that values of a domain may be sealed with.
type DataKey struct {
	Number       int
	CreatedAt    Time
	KMSKeyID     string `json:"KmsKeyId,omitempty"` // that wraps it; empty: the installation's root key
	State        string // IN_FORCE, or BEING_REPLACED
	KMSKeyState  string `json:"KmsKeyState"` // ENABLED, DISABLED, PENDING_DELETION, OUT_OF_REACH or UNKNOWN
	DeletionDate *Time  `json:",omitempty"`
	Warning      string `json:",omitempty"`
}

// EncryptionKeys are the data keys of a domain or of one of its object types.
type EncryptionKeys struct {
	ObjectTypeName string `json:",omitempty"`
	KMSKeyID       string `json:"KmsKeyId,omitempty"` // in force
	DataKeys       []DataKey
}

// ResealStatus is how far the work that follows from a change of keys is.
type ResealStatus struct {
	JobID           string `json:"JobId,omitempty"`
	State           string // of the job
	Since           Time   // the first change
	ProfilesDone    int
	ProfilesTotal   int
	RecordsResealed int
	RecordsLocked   int // passed over, because their key cannot be used
	Message         string
}

// DomainEncryption tells under which keys a domain's values are sealed.
type DomainEncryption struct {
	DomainName  string
	Domain      EncryptionKeys
	ObjectTypes []EncryptionKeys
	Warnings    []string
	Reseal      *ResealStatus // nil: everything is sealed under the keys in force
}

// GetDomainEncryption tells under which keys a domain's values are sealed, how
// their KMS keys stand, and how far a resealing is.
func (c *Client) GetDomainEncryption(ctx context.Context, domainName string) (*DomainEncryption, error) {
	var out DomainEncryption
	err := c.Do(ctx, http.MethodGet, "/domains/"+url.PathEscape(domainName)+"/encryption", nil, &out)
	return &out, err
}
