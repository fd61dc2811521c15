package connect

import (
	"slices"
	"strings"

	"kindred/internal/api/connectapi"
)

const (
	telephone = "TELEPHONE_NUMBER"
	email     = "EMAIL_ADDRESS"
)

// addressAttributes are the attributes, whatever the case of their letters, in
// which contact flows commonly keep the customer's address, by its type, in the
// order in which they are looked at.
var addressAttributes = map[string][]string{
	telephone: {"customerPhoneNumber", "customerPhone", "phoneNumber", "phone"},
	email:     {"customerEmailAddress", "customerEmail", "emailAddress", "email"},
}

// searchKeys are the standard keys that the agent workspace's auto-pop may name
// in the attribute profileSearchKey.
var searchKeys = map[string]string{"_phone": telephone, "_email": email}

// addressTypes are the types of address that a channel may have, the usual one
// first: chats come by SMS too, and tasks are about calls or messages.
func addressTypes(channel string) []string {
	if channel == "VOICE" {
		return []string{telephone}
	}
	return []string{email, telephone}
}

// customerEndpoint finds the customer's address of a new contact; nil if nothing
// says it.
func customerEndpoint(channel string, attributes map[string]string, refs map[string]connectapi.Reference, relatives ...*contact) *endpoint {
	if e := attributeEndpoint(channel, attributes); e != nil {
		return e
	}
	if channel != "VOICE" {
		for _, name := range sortedKeys(refs) {
			if r := refs[name]; r.Type == "EMAIL" && strings.TrimSpace(text(r.Value)) != "" {
				return &endpoint{Address: *r.Value, Type: email}
			}
		}
	}
	for _, name := range addressTypes(channel) {
		if a := attribute(attributes, addressAttributes[name]...); a != "" {
			return &endpoint{Address: a, Type: name}
		}
	}
	for _, c := range relatives {
		if c != nil && c.view.CustomerEndpoint != nil && c.view.CustomerEndpoint.Address != "" {
			return c.view.CustomerEndpoint
		}
	}
	return nil
}

// attributeEndpoint reads the attributes that say what they are.
func attributeEndpoint(channel string, attributes map[string]string) *endpoint {
	if a := attribute(attributes, "customerEndpointAddress"); a != "" {
		kind := attribute(attributes, "customerEndpointType")
		if !slices.Contains([]string{telephone, email, "VOIP", "CONTACT_FLOW", "CONNECT_PHONENUMBER_ARN"}, kind) {
			kind = addressTypes(channel)[0]
			if channel != "VOICE" && !strings.Contains(a, "@") {
				kind = telephone
			}
		}
		return &endpoint{Address: a, Type: kind}
	}
	if kind := searchKeys[attribute(attributes, "profileSearchKey")]; kind != "" {
		if a := attribute(attributes, "profileSearchValue"); a != "" {
			return &endpoint{Address: a, Type: kind}
		}
	}
	return nil
}

// attribute is the first that has a value of attributes with these names.
func attribute(attributes map[string]string, names ...string) string {
	keys := sortedKeys(attributes)
	for _, name := range names {
		for _, k := range keys {
			if v := strings.TrimSpace(attributes[k]); v != "" && strings.EqualFold(k, name) {
				return v
			}
		}
	}
	return ""
}
