// Package objecttype knows object types: the mappings that say what a record of
// another application means. A [Definition] is what PutProfileObjectType takes,
// [Validate] applies its rules, [Compile] makes it fast, and [Compiled.Map]
// turns one record into values of standard objects and keys. Templates are the
// object types that exist without being defined.
//
// Map is pure: what it returns depends on the definition, the record and the
// country for telephone numbers, and on nothing stored.
package objecttype

import (
	"math/bits"
	"slices"
	"strings"

	"kindred/internal/content"
	"kindred/internal/standard"
)

// Bounds of a definition ("Customer Profiles quotas").
const (
	MaxFields         = 250 // fields of one object type
	MaxKeyDefinitions = 10  // over all keys; each element of a key counts
	MaxName           = 64  // characters of a field or key name
	MaxExpirationDays = 1098
	// MaxSourcePriority is a bound of ours; the API names none.
	MaxSourcePriority = 1<<16 - 1
)

// Definition is an object type as it is defined, and as it is stored.
type Definition struct {
	Name                             string              `json:"Name"`
	Description                      string              `json:"Description,omitempty"`
	TemplateID                       string              `json:"TemplateId,omitempty"`
	AllowProfileCreation             bool                `json:"AllowProfileCreation,omitempty"`
	SourceLastUpdatedTimestampFormat string              `json:"SourceLastUpdatedTimestampFormat,omitempty"`
	SourcePriority                   *int                `json:"SourcePriority,omitempty"` // 1 is strongest, nil weakest
	ExpirationDays                   *int                `json:"ExpirationDays,omitempty"` // nil: the domain's default
	EncryptionKey                    string              `json:"EncryptionKey,omitempty"`
	MaxProfileObjectCount            *int                `json:"MaxProfileObjectCount,omitempty"`
	Fields                           map[string]Field    `json:"Fields,omitempty"`
	Keys                             map[string][]KeyDef `json:"Keys,omitempty"`
}

// Field takes one value from a record and says where it goes.
type Field struct {
	Source      string `json:"Source,omitempty"`
	Target      string `json:"Target,omitempty"`      // empty: the field serves keys only
	ContentType string `json:"ContentType,omitempty"` // empty: STRING
}

// KeyDef is one way to fill a key: from the named fields together.
type KeyDef struct {
	StandardIdentifiers []string `json:"StandardIdentifiers,omitempty"`
	FieldNames          []string `json:"FieldNames,omitempty"`
}

// Identifier is a StandardIdentifier: what a key is for.
type Identifier uint8

// The identifiers, by the names of the API.
const (
	Profile Identifier = iota
	Asset
	Case
	Device
	WebAnalytics
	Order
	CommunicationRecord
	AirPreference
	HotelPreference
	AirBooking
	AirSegment
	HotelReservation
	HotelStayRevenue
	Loyalty
	LoyaltyTransaction
	LoyaltyPromotion
	Unique
	Secondary
	LookupOnly
	NewOnly
)

var identifierNames = [...]string{"PROFILE", "ASSET", "CASE", "DEVICE", "WEB_ANALYTICS", "ORDER", "COMMUNICATION_RECORD",
	"AIR_PREFERENCE", "HOTEL_PREFERENCE", "AIR_BOOKING", "AIR_SEGMENT", "HOTEL_RESERVATION", "HOTEL_STAY_REVENUE",
	"LOYALTY", "LOYALTY_TRANSACTION", "LOYALTY_PROMOTION", "UNIQUE", "SECONDARY", "LOOKUP_ONLY", "NEW_ONLY"}

// ParseIdentifier returns the identifier of that name.
func ParseIdentifier(name string) (Identifier, bool) {
	i := slices.Index(identifierNames[:], name)
	return Identifier(max(i, 0)), i >= 0
}

func (i Identifier) String() string { return identifierNames[i] }

// Set is a set of identifiers.
type Set uint32

// SetOf makes a set.
func SetOf(identifiers ...Identifier) (s Set) {
	for _, i := range identifiers {
		s |= 1 << i
	}
	return s
}

// Has reports whether i is in the set.
func (s Set) Has(i Identifier) bool { return s&(1<<i) != 0 }

// modifiers are the identifiers that name no object to find.
var modifiers = SetOf(Unique, Secondary, LookupOnly, NewOnly)

// Matching reports whether a key with these identifiers finds a profile or
// another standard object.
func (s Set) Matching() bool { return s&^modifiers != 0 }

// Kinds lists the standard objects besides _profile that a key with these
// identifiers finds, by their names.
func (s Set) Kinds() []string {
	var kinds []string
	for rest := s &^ modifiers &^ (1 << Profile); rest != 0; rest &= rest - 1 {
		o, _ := standard.ByIdentifier(identifierNames[bits.TrailingZeros32(uint32(rest))])
		kinds = append(kinds, o.Name)
	}
	return kinds
}

// String lists the set, separated by commas.
func (s Set) String() string { return strings.Join(s.Names(), ",") }

// Names lists the set by the names of the API.
func (s Set) Names() []string {
	names := []string{}
	for i, n := range identifierNames {
		if s.Has(Identifier(i)) {
			names = append(names, n)
		}
	}
	return names
}

// identifiers reads the names of a key definition. A name that is unknown is
// returned.
func (k *KeyDef) identifiers() (s Set, unknown string) {
	for _, n := range k.StandardIdentifiers {
		i, ok := ParseIdentifier(n)
		if !ok {
			return 0, n
		}
		s |= 1 << i
	}
	return s, ""
}

// Signature tells which content types a key is made of: their names in
// alphabetical order, separated by commas.
type Signature string

// DomainKeys are the keys that the object types of a domain define.
type DomainKeys map[string]Signature

// Add adds the keys of an object type. Object types of one domain agree on
// their keys; where they do not, the first one counts.
func (d DomainKeys) Add(def *Definition) {
	for name, signature := range Signatures(def) {
		if _, there := d[name]; !there {
			d[name] = signature
		}
	}
}

// Signatures returns the keys that a definition defines. A name that stands for
// no field is passed over; Validate refuses it.
func Signatures(def *Definition) DomainKeys {
	keys := make(DomainKeys, len(def.Keys))
	for name, defs := range def.Keys {
		var types []string
		for i := range defs {
			for _, f := range defs[i].FieldNames {
				field, ok := def.Fields[f]
				if t, err := content.ParseType(field.ContentType); ok && err == nil {
					types = append(types, t.String())
				}
			}
		}
		slices.Sort(types)
		keys[name] = Signature(strings.Join(slices.Compact(types), ","))
	}
	return keys
}

// KeyType is the content type by which a value of a key is normalised when it
// comes from a field of the declared type. A predefined key has its own type
// everywhere: an _email that some object type left as STRING still finds, and
// is found, without regard to case.
func KeyType(key string, declared content.Type) content.Type {
	if k, ok := standard.LookupKey(key); ok {
		return k.Type
	}
	return declared
}
