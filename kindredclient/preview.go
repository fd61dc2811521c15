package kindredclient

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
)

// ObjectType is the definition of an object type, with the members and the rules
// of PutProfileObjectType.
type ObjectType struct {
	Description                      string
	TemplateID                       string                     `json:"TemplateId,omitempty"`
	ExpirationDays                   *int                       `json:",omitempty"`
	EncryptionKey                    *string                    `json:",omitempty"`
	AllowProfileCreation             *bool                      `json:",omitempty"`
	SourceLastUpdatedTimestampFormat string                     `json:",omitempty"`
	MaxProfileObjectCount            *int                       `json:",omitempty"`
	SourcePriority                   *int                       `json:",omitempty"`
	Fields                           map[string]ObjectTypeField `json:",omitempty"`
	Keys                             map[string][]ObjectTypeKey `json:",omitempty"`
}

// ObjectTypeField takes one value from a record and says where it goes.
type ObjectTypeField struct {
	Source      string `json:",omitempty"`
	Target      string `json:",omitempty"`
	ContentType string `json:",omitempty"`
}

// ObjectTypeKey is one way to fill a key.
type ObjectTypeKey struct {
	StandardIdentifiers []string `json:",omitempty"`
	FieldNames          []string `json:",omitempty"`
}

// PreviewProfileObjectInput is a record and its object type.
type PreviewProfileObjectInput struct {
	ObjectTypeName string
	// ObjectType stands in for the domain's type of that name; nil for that.
	ObjectType *ObjectType `json:",omitempty"`
	Object     string      // JSON
}

// Preview is what would become of a record, and why.
type Preview struct {
	// Outcome is WOULD_CREATE, WOULD_JOIN, WOULD_REPLACE, WOULD_MOVE,
	// WOULD_CHANGE_NOTHING or WOULD_FAIL.
	Outcome                    string
	Error                      *PreviewError           `json:",omitempty"` // of WOULD_FAIL
	UniqueKey                  string                  `json:",omitempty"` // ProfileObjectUniqueKey
	SourceLastUpdatedTimestamp *Time                   `json:",omitempty"` // the record's own time
	ProfileID                  string                  `json:"ProfileId,omitempty"`
	MovedFrom                  string                  `json:",omitempty"` // the profile that the object would leave
	Fields                     []PreviewField          // by name
	Keys                       []PreviewKey            // in the order of the object type, one for each value
	StandardObjects            []PreviewStandardObject // below the profile
	// Before and After are the profile in JSON as BatchGetProfile answers it.
	Before  json.RawMessage `json:",omitempty"`
	After   json.RawMessage `json:",omitempty"`
	Changes []PreviewChange // by field
}

// PreviewError is what PutProfileObject would meet.
type PreviewError struct {
	Message     string
	Destination string // CALLER or DEAD_LETTER_QUEUE
}

// PreviewField is what the record gives to one field of the object type.
type PreviewField struct {
	Name        string
	Source      string
	ContentType string
	Target      string   `json:",omitempty"`
	Value       string   `json:",omitempty"`
	Values      []string `json:",omitempty"` // of a list
	Truncated   bool     `json:",omitempty"` // there is more than 4000 characters or 50 values
	WritesTo    []string `json:",omitempty"` // fields of standard objects that take the value
	Problem     string   `json:",omitempty"` // why there is no value, or it is not written
}

// PreviewKey is a value of a key and what it finds, or a key without a value.
type PreviewKey struct {
	Name                string
	StandardIdentifiers []string
	FieldNames          []string
	Value               string   `json:",omitempty"` // as the record has it
	NormalizedValue     string   `json:",omitempty"`
	Stored              bool     // would be stored, and found by searches
	NotStored           string   `json:",omitempty"` // EMPTY, LOOKUP_ONLY, NEW_ONLY, OUTDATED or FAILED
	Tried               int      `json:",omitempty"` // place in the order of trial, from 1; 0 for what is no PROFILE key
	Finding             string   // FOUND, NOT_FOUND, AMBIGUOUS, NOT_TRIED, NOT_A_PROFILE_KEY or EMPTY
	ProfileIDs          []string `json:"ProfileIds,omitempty"` // at most 10
	More                bool     `json:",omitempty"`           // it finds more profiles
	Problem             string   `json:",omitempty"`           // why there is no value
}

// PreviewStandardObject is what becomes of the values for a standard object, such
// as _asset.
type PreviewStandardObject struct {
	ObjectTypeName string
	Outcome        string            // WOULD_ATTACH, WOULD_STAY, WOULD_CREATE or AMBIGUOUS
	ID             string            `json:"Id,omitempty"`
	FoundBy        []PreviewKeyValue `json:",omitempty"`
}

// PreviewKeyValue is a key that finds a standard object.
type PreviewKeyValue struct {
	KeyName         string
	NormalizedValue string
}

// PreviewChange is what becomes of a field of the profile that the record gives.
type PreviewChange struct {
	Field  string
	Before *string `json:",omitempty"`
	After  *string `json:",omitempty"`
	// Reason is NEW, NEWER, STRONGER_SOURCE, OVERRULES_MANUAL, SAME, KEPT_MANUAL,
	// KEPT_STRONGER_SOURCE or KEPT_NEWER.
	Reason string
}

// PreviewProfileObject tells what would become of a record, without storing
// anything. An error that the record itself would meet is in the answer.
func (c *Client) PreviewProfileObject(ctx context.Context, domainName string, in PreviewProfileObjectInput) (*Preview, error) {
	var out Preview
	err := c.Do(ctx, http.MethodPost, "/domains/"+url.PathEscape(domainName)+"/profiles/objects/preview", in, &out)
	return &out, err
}
