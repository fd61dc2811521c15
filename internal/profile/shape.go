package profile

import (
	"encoding/json"
	"fmt"
	"strings"

	"kindred/internal/api/profileapi"
	"kindred/internal/store"
)

// edit is a value that a request gives to a field; nil when the member is
// absent, empty to clear it.
type edit struct {
	path  string
	value *string
}

// engagement is the path of EngagementPreferences, kept as JSON.
const engagement = "EngagementPreferences"

// attributes is what the paths of custom attributes start with.
const attributes = "Attributes."

func createEdits(in *profileapi.CreateProfileRequest) ([]edit, error) {
	edits := []edit{
		{"AccountNumber", in.AccountNumber},
		{"AdditionalInformation", in.AdditionalInformation},
		{"PartyType", in.PartyType},
		{"BusinessName", in.BusinessName},
		{"FirstName", in.FirstName},
		{"MiddleName", in.MiddleName},
		{"LastName", in.LastName},
		{"BirthDate", in.BirthDate},
		{"Gender", in.Gender},
		{"PhoneNumber", in.PhoneNumber},
		{"MobilePhoneNumber", in.MobilePhoneNumber},
		{"HomePhoneNumber", in.HomePhoneNumber},
		{"BusinessPhoneNumber", in.BusinessPhoneNumber},
		{"EmailAddress", in.EmailAddress},
		{"PersonalEmailAddress", in.PersonalEmailAddress},
		{"BusinessEmailAddress", in.BusinessEmailAddress},
		{"PartyTypeString", in.PartyTypeString},
		{"GenderString", in.GenderString},
		{"ProfileType", in.ProfileType},
	}
	edits = addressEdits(edits, "Address.", (*profileapi.UpdateAddress)(in.Address))
	edits = addressEdits(edits, "ShippingAddress.", (*profileapi.UpdateAddress)(in.ShippingAddress))
	edits = addressEdits(edits, "MailingAddress.", (*profileapi.UpdateAddress)(in.MailingAddress))
	edits = addressEdits(edits, "BillingAddress.", (*profileapi.UpdateAddress)(in.BillingAddress))
	return moreEdits(edits, in.Attributes, in.EngagementPreferences)
}

func updateEdits(in *profileapi.UpdateProfileRequest) ([]edit, error) {
	edits := []edit{
		{"AccountNumber", in.AccountNumber},
		{"AdditionalInformation", in.AdditionalInformation},
		{"PartyType", in.PartyType},
		{"BusinessName", in.BusinessName},
		{"FirstName", in.FirstName},
		{"MiddleName", in.MiddleName},
		{"LastName", in.LastName},
		{"BirthDate", in.BirthDate},
		{"Gender", in.Gender},
		{"PhoneNumber", in.PhoneNumber},
		{"MobilePhoneNumber", in.MobilePhoneNumber},
		{"HomePhoneNumber", in.HomePhoneNumber},
		{"BusinessPhoneNumber", in.BusinessPhoneNumber},
		{"EmailAddress", in.EmailAddress},
		{"PersonalEmailAddress", in.PersonalEmailAddress},
		{"BusinessEmailAddress", in.BusinessEmailAddress},
		{"PartyTypeString", in.PartyTypeString},
		{"GenderString", in.GenderString},
		{"ProfileType", in.ProfileType},
	}
	edits = addressEdits(edits, "Address.", in.Address)
	edits = addressEdits(edits, "ShippingAddress.", in.ShippingAddress)
	edits = addressEdits(edits, "MailingAddress.", in.MailingAddress)
	edits = addressEdits(edits, "BillingAddress.", in.BillingAddress)
	return moreEdits(edits, in.Attributes, in.EngagementPreferences)
}

func addressEdits(edits []edit, prefix string, a *profileapi.UpdateAddress) []edit {
	if a == nil {
		return edits
	}
	return append(edits,
		edit{prefix + "Address1", a.Address1},
		edit{prefix + "Address2", a.Address2},
		edit{prefix + "Address3", a.Address3},
		edit{prefix + "Address4", a.Address4},
		edit{prefix + "City", a.City},
		edit{prefix + "County", a.County},
		edit{prefix + "State", a.State},
		edit{prefix + "Province", a.Province},
		edit{prefix + "Country", a.Country},
		edit{prefix + "PostalCode", a.PostalCode},
	)
}

func moreEdits(edits []edit, attrs map[string]string, prefs *profileapi.EngagementPreferences) ([]edit, error) {
	for name, v := range attrs {
		edits = append(edits, edit{attributes + name, &v})
	}
	if prefs != nil {
		text := ""
		if len(prefs.Phone)+len(prefs.Email) > 0 {
			b, err := json.Marshal(prefs)
			if err != nil {
				return nil, fmt.Errorf("engagement preferences: %w", err)
			}
			text = string(b)
		}
		edits = append(edits, edit{engagement, &text})
	}
	return edits, nil
}

// shape makes the API's profile of standing facts. Only members that have a
// value are there.
func shape(id ID, facts []Fact) (*profileapi.Profile, error) {
	p := &profileapi.Profile{ProfileId: new(id.String())}
	for i := range facts {
		f := &facts[i]
		if name, ok := strings.CutPrefix(f.Path, attributes); ok {
			if p.Attributes == nil {
				p.Attributes = map[string]string{}
			}
			p.Attributes[name] = f.Text
			continue
		}
		if f.Path == engagement {
			if err := json.Unmarshal([]byte(f.Text), &p.EngagementPreferences); err != nil {
				return nil, fmt.Errorf("engagement preferences: %w", store.ErrCorrupt)
			}
			continue
		}
		if slot := member(p, f.Path); slot != nil {
			*slot = &f.Text
		}
	}
	return p, nil
}

// member is the place of a field in the API's profile; nil for a field that the
// API does not show, such as the source's timestamp.
func member(p *profileapi.Profile, path string) **string {
	switch path {
	case "AccountNumber":
		return &p.AccountNumber
	case "AdditionalInformation":
		return &p.AdditionalInformation
	case "PartyType":
		return &p.PartyType
	case "BusinessName":
		return &p.BusinessName
	case "FirstName":
		return &p.FirstName
	case "MiddleName":
		return &p.MiddleName
	case "LastName":
		return &p.LastName
	case "BirthDate":
		return &p.BirthDate
	case "Gender":
		return &p.Gender
	case "PhoneNumber":
		return &p.PhoneNumber
	case "MobilePhoneNumber":
		return &p.MobilePhoneNumber
	case "HomePhoneNumber":
		return &p.HomePhoneNumber
	case "BusinessPhoneNumber":
		return &p.BusinessPhoneNumber
	case "EmailAddress":
		return &p.EmailAddress
	case "PersonalEmailAddress":
		return &p.PersonalEmailAddress
	case "BusinessEmailAddress":
		return &p.BusinessEmailAddress
	case "PartyTypeString":
		return &p.PartyTypeString
	case "GenderString":
		return &p.GenderString
	case "ProfileType":
		return &p.ProfileType
	}
	kind, rest, ok := strings.Cut(path, ".")
	if !ok {
		return nil
	}
	var a **profileapi.Address
	switch kind {
	case "Address":
		a = &p.Address
	case "ShippingAddress":
		a = &p.ShippingAddress
	case "MailingAddress":
		a = &p.MailingAddress
	case "BillingAddress":
		a = &p.BillingAddress
	default:
		return nil
	}
	if *a == nil {
		*a = &profileapi.Address{}
	}
	return addressMember(*a, rest)
}

func addressMember(a *profileapi.Address, name string) **string {
	switch name {
	case "Address1":
		return &a.Address1
	case "Address2":
		return &a.Address2
	case "Address3":
		return &a.Address3
	case "Address4":
		return &a.Address4
	case "City":
		return &a.City
	case "County":
		return &a.County
	case "State":
		return &a.State
	case "Province":
		return &a.Province
	case "Country":
		return &a.Country
	case "PostalCode":
		return &a.PostalCode
	}
	return nil
}
