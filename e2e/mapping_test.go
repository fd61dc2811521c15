package e2e_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles/types"
)

func field(source, target string, content types.FieldContentType) types.ObjectTypeField {
	f := types.ObjectTypeField{Source: &source, ContentType: content}
	if target != "" {
		f.Target = &target
	}
	return f
}

func mapKey(field string, identifiers ...types.StandardIdentifier) []types.ObjectTypeKey {
	return []types.ObjectTypeKey{{FieldNames: []string{field}, StandardIdentifiers: identifiers}}
}

const (
	asText      = types.FieldContentTypeString
	asNumber    = types.FieldContentTypeNumber
	asName      = types.FieldContentTypeName
	asPhone     = types.FieldContentTypePhoneNumber
	asEmail     = types.FieldContentTypeEmailAddress
	isUnique    = types.StandardIdentifierUnique
	isProfile   = types.StandardIdentifierProfile
	isSecondary = types.StandardIdentifierSecondary
)

// shopAccount maps the accounts of a web shop: a computed name, a conditional
// attribute, a secondary key and keys only to search by.
func shopAccount() *customerprofiles.PutProfileObjectTypeInput {
	return &customerprofiles.PutProfileObjectTypeInput{
		ObjectTypeName: aws.String("ShopAccount"), Description: aws.String("web shop accounts"), AllowProfileCreation: true,
		SourceLastUpdatedTimestampFormat: aws.String("yyyy-MM-dd'T'HH:mm:ss'Z'"), ExpirationDays: aws.Int32(30),
		Fields: map[string]types.ObjectTypeField{
			"acct":    field("_source.id", "_profile.AccountNumber", asText),
			"mail":    field("_source.contact.mail", "_profile.PersonalEmailAddress", asEmail),
			"tel":     field("_source.contact.tel", "_profile.MobilePhoneNumber", asPhone),
			"given":   field("_source.given", "_profile.FirstName", asName),
			"family":  field("_source.family", "_profile.LastName", asName),
			"whole":   field("{{#removeExtraSpace}}{{_source.given}}  {{_source.family}}{{/removeExtraSpace}}", "", asName),
			"tier":    field("{{#if _source.vip}}gold{{/if}}", "_profile.Attributes.Tier", asText),
			"points":  field("_source.points", "", asNumber),
			"changed": field("_source.updated", "_profile.SourceLastUpdatedTimestamp", asText),
		},
		Keys: map[string][]types.ObjectTypeKey{
			"shopAccountId": mapKey("acct", isProfile, isUnique),
			"_email":        mapKey("mail", isProfile, isSecondary),
			"_phone":        mapKey("tel"),
			"_fullName":     mapKey("whole"),
			"shopPoints":    mapKey("points"),
		},
	}
}

// registration makes assets; repairTicket attaches cases to them.
func registration() *customerprofiles.PutProfileObjectTypeInput {
	return &customerprofiles.PutProfileObjectTypeInput{
		ObjectTypeName: aws.String("Registration"), Description: aws.String("devices that were registered"),
		Fields: map[string]types.ObjectTypeField{
			"serial": field("_source.serial", "_asset.SerialNumber", asText),
			"model":  field("_source.model", "_asset.ModelName", asText),
			"bought": field("_source.bought", "_asset.PurchaseDate", asText),
			"mail":   field("_source.mail", "", asEmail),
		},
		Keys: map[string][]types.ObjectTypeKey{
			"deviceSerial": mapKey("serial", types.StandardIdentifierAsset, isUnique),
			"_email":       mapKey("mail", isProfile),
		},
	}
}

func repairTicket() *customerprofiles.PutProfileObjectTypeInput {
	return &customerprofiles.PutProfileObjectTypeInput{
		ObjectTypeName: aws.String("RepairTicket"), Description: aws.String("repairs of devices"),
		Fields: map[string]types.ObjectTypeField{
			"no":     field("_source.no", "", asText),
			"title":  field("_source.title", "_case.Title", asText),
			"status": field("_source.status", "_case.Status", asText),
			"serial": field("_source.serial", "", asText),
			"mail":   field("_source.mail", "", asEmail),
		},
		Keys: map[string][]types.ObjectTypeKey{
			"repairNo":     mapKey("no", types.StandardIdentifierCase, isUnique),
			"deviceSerial": mapKey("serial", types.StandardIdentifierAsset),
			"_email":       mapKey("mail", isProfile),
		},
	}
}

// shopOrder maps a list element by element.
func shopOrder() *customerprofiles.PutProfileObjectTypeInput {
	return &customerprofiles.PutProfileObjectTypeInput{
		ObjectTypeName: aws.String("ShopOrder"), Description: aws.String("orders of the web shop"),
		Fields: map[string]types.ObjectTypeField{
			"no":    field("_source.no", "_order.Name", asText),
			"acct":  field("_source.account", "", asText),
			"total": field("_source.total", "_order.TotalPrice", asNumber),
			"item":  field("_source.lines[].title", "_order.OrderItems[].Title", asText),
			"price": field("_source.lines[].price", "_order.OrderItems[].Price", asText),
		},
		Keys: map[string][]types.ObjectTypeKey{
			"shopOrderNo":   mapKey("no", types.StandardIdentifierOrder, isUnique),
			"shopAccountId": mapKey("acct", isProfile),
		},
	}
}

// strict is a type that finds profiles by e-mail and never makes one.
func strict() *customerprofiles.PutProfileObjectTypeInput {
	return &customerprofiles.PutProfileObjectTypeInput{
		ObjectTypeName: aws.String("Strict"), Description: aws.String("joins profiles that are there"),
		Fields: map[string]types.ObjectTypeField{
			"no":   field("_source.no", "", asText),
			"mail": field("_source.mail", "", asEmail),
			"text": field("_source.text", "_profile.AdditionalInformation", asText),
		},
		Keys: map[string][]types.ObjectTypeKey{
			"strictNo": mapKey("no", isUnique),
			"_email":   mapKey("mail", isProfile),
		},
	}
}

// objectType puts an object type into a domain.
func (c *client) objectType(domain string, in *customerprofiles.PutProfileObjectTypeInput) *customerprofiles.PutProfileObjectTypeOutput {
	c.t.Helper()
	in.DomainName = &domain
	out, err := c.profiles.PutProfileObjectType(c.t.Context(), in)
	if err != nil {
		c.t.Fatal(err)
	}
	return out
}

func (c *client) tryPut(domain, objectType string, body any) (uniqueKey string, err error) {
	c.t.Helper()
	out, err := c.profiles.PutProfileObject(c.t.Context(), &customerprofiles.PutProfileObjectInput{
		DomainName: &domain, ObjectTypeName: &objectType, Object: object(body)})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.ProfileObjectUniqueKey), nil
}

// put ingests an object.
func (c *client) put(domain, objectType string, body any) (uniqueKey string) {
	c.t.Helper()
	key, err := c.tryPut(domain, objectType, body)
	if err != nil {
		c.t.Fatal(err)
	}
	return key
}

// search finds profiles by one key.
func (c *client) search(domain, key string, values ...string) []types.Profile {
	c.t.Helper()
	out, err := c.profiles.SearchProfiles(c.t.Context(), &customerprofiles.SearchProfilesInput{DomainName: &domain, KeyName: &key, Values: values})
	if err != nil {
		c.t.Fatal(err)
	}
	return out.Items
}

// one finds the only profile with a value of a key.
func (c *client) one(domain, key, value string) *types.Profile {
	c.t.Helper()
	found := c.search(domain, key, value)
	if len(found) != 1 {
		c.t.Fatalf("%s finds %d profiles, want 1", key, len(found))
	}
	return &found[0]
}

// none checks that no profile has a value of a key.
func (c *client) none(domain, key, value string) {
	c.t.Helper()
	if found := c.search(domain, key, value); len(found) != 0 {
		c.t.Errorf("%s finds %d profiles, want none", key, len(found))
	}
}

// objects lists all objects of a type on a profile, over all pages.
func (c *client) objects(domain, profileID, objectType string) []types.ListProfileObjectsItem {
	c.t.Helper()
	var all []types.ListProfileObjectsItem
	in := &customerprofiles.ListProfileObjectsInput{DomainName: &domain, ProfileId: &profileID, ObjectTypeName: &objectType, MaxResults: aws.Int32(100)}
	for {
		out, err := c.profiles.ListProfileObjects(c.t.Context(), in)
		if err != nil {
			c.t.Fatal(err)
		}
		all = append(all, out.Items...)
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return all
		}
	}
}

func (c *client) stats(domain string) *types.DomainStats {
	c.t.Helper()
	out, err := c.profiles.GetDomain(c.t.Context(), &customerprofiles.GetDomainInput{DomainName: &domain})
	if err != nil {
		c.t.Fatal(err)
	}
	return out.Stats
}

func checkStats(t testing.TB, got *types.DomainStats, profiles, objects, size int64) {
	t.Helper()
	if got.ProfileCount != profiles || got.ObjectCount != objects || got.TotalSize != size || got.MeteringProfileCount < profiles {
		t.Errorf("got %d profiles (%d metered), %d objects of %d bytes, want %d, %d of %d", got.ProfileCount, got.MeteringProfileCount,
			got.ObjectCount, got.TotalSize, profiles, objects, size)
	}
}

// size is how many bytes an object has.
func size(body any) int64 { return int64(len(*object(body))) }

func dataStore() *types.DataStoreRequest { return &types.DataStoreRequest{Enabled: aws.Bool(true)} }
