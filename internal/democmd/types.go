package democmd

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles/types"
)

// field is a field of an object type.
func field(source, target string, kind types.FieldContentType) types.ObjectTypeField {
	f := types.ObjectTypeField{Source: aws.String("_source." + source), ContentType: kind}
	if target != "" {
		f.Target = &target
	}
	return f
}

func key(identifiers []types.StandardIdentifier, fields ...string) []types.ObjectTypeKey {
	return []types.ObjectTypeKey{{StandardIdentifiers: identifiers, FieldNames: fields}}
}

// objectTypes are what the shop's applications send: members of the shop, whom
// everything else is about and who alone make profiles, and the contacts.
func objectTypes() []*customerprofiles.PutProfileObjectTypeInput {
	const (
		text  = types.FieldContentTypeString
		name  = types.FieldContentTypeName
		email = types.FieldContentTypeEmailAddress
		phone = types.FieldContentTypePhoneNumber
	)
	own := []types.StandardIdentifier{types.StandardIdentifierProfile, types.StandardIdentifierUnique}
	lookup := []types.StandardIdentifier{types.StandardIdentifierProfile, types.StandardIdentifierLookupOnly}
	about := func(no string, own types.StandardIdentifier) map[string][]types.ObjectTypeKey {
		return map[string][]types.ObjectTypeKey{
			no:           key([]types.StandardIdentifier{own, types.StandardIdentifierUnique}, "no"),
			"customerNo": key(lookup, "customer"),
		}
	}
	byPhone := func(keys map[string][]types.ObjectTypeKey) map[string][]types.ObjectTypeKey {
		keys["_phone"] = key(append(lookup, types.StandardIdentifierSecondary), "phone")
		return keys
	}
	return []*customerprofiles.PutProfileObjectTypeInput{
		{
			ObjectTypeName: aws.String("Customer"), Description: aws.String("Members of the shop, from its customer database"), AllowProfileCreation: true, MaxProfileObjectCount: aws.Int32(20),
			Fields: map[string]types.ObjectTypeField{
				"no":       field("no", "_profile.AccountNumber", text),
				"first":    field("name.first", "_profile.FirstName", name),
				"last":     field("name.last", "_profile.LastName", name),
				"email":    field("email", "_profile.EmailAddress", email),
				"phone":    field("phone", "_profile.PhoneNumber", phone),
				"birthday": field("birthday", "_profile.BirthDate", text),
				"street":   field("address.street", "_profile.Address.Address1", text),
				"city":     field("address.city", "_profile.Address.City", text),
				"state":    field("address.state", "_profile.Address.State", text),
				"zip":      field("address.zip", "_profile.Address.PostalCode", text),
				"country":  field("address.country", "_profile.Address.Country", text),
				"tier":     field("membership.tier", "_profile.Attributes.tier", text),
				"since":    field("membership.since", "_profile.Attributes.memberSince", text),
				"language": field("language", "_profile.Attributes.language", text),
				"news":     field("newsletter", "_profile.Attributes.newsletter", text),
			},
			Keys: map[string][]types.ObjectTypeKey{
				"customerNo": key(own, "no"),
				"_email":     key(nil, "email"),
				"_phone":     key(nil, "phone"),
			},
		},
		{
			ObjectTypeName: aws.String("Order"), Description: aws.String("Orders of the web shop"), MaxProfileObjectCount: aws.Int32(200),
			Fields: map[string]types.ObjectTypeField{
				"no":       field("no", "_order.Attributes.orderNo", text),
				"customer": field("customerNo", "", text),
				"name":     field("no", "_order.Name", text),
				"placed":   field("placed", "_order.CreatedDate", text),
				"status":   field("status", "_order.Status", text),
				"total":    field("total", "_order.TotalPrice", text),
				"currency": field("currency", "_order.Currency", text),
				"title":    field("items[].title", "_order.OrderItems[].Title", text),
				"price":    field("items[].price", "_order.OrderItems[].Price", text),
				"quantity": field("items[].quantity", "_order.OrderItems[].Quantity", text),
			},
			Keys: about("orderNo", types.StandardIdentifierOrder),
		},
		{
			ObjectTypeName: aws.String("Case"), Description: aws.String("Cases of the help desk"), MaxProfileObjectCount: aws.Int32(200),
			Fields: map[string]types.ObjectTypeField{
				"no":       field("no", "_case.Attributes.caseNo", text),
				"customer": field("customerNo", "", text),
				"phone":    field("phone", "", phone),
				"title":    field("title", "_case.Title", text),
				"summary":  field("summary", "_case.Summary", text),
				"status":   field("status", "_case.Status", text),
				"opened":   field("opened", "_case.CreatedDate", text),
				"closed":   field("closed", "_case.ClosedDate", text),
			},
			Keys: byPhone(about("caseNo", types.StandardIdentifierCase)),
		},
		{
			ObjectTypeName: aws.String("Device"), Description: aws.String("Devices with a warranty"), MaxProfileObjectCount: aws.Int32(100),
			Fields: map[string]types.ObjectTypeField{
				"no":       field("serial", "_asset.SerialNumber", text),
				"customer": field("customerNo", "", text),
				"name":     field("name", "_asset.AssetName", text),
				"model":    field("model", "_asset.ModelName", text),
				"bought":   field("bought", "_asset.PurchaseDate", text),
				"price":    field("price", "_asset.Price", text),
				"status":   field("status", "_asset.Status", text),
			},
			Keys: about("serialNo", types.StandardIdentifierAsset),
		},
		{ObjectTypeName: aws.String("CTR"), Description: aws.String("Contacts of Amazon Connect"), TemplateId: aws.String("CTR-AutoAssociateOnly"), MaxProfileObjectCount: aws.Int32(400)},
	}
}
