package profile

import (
	"slices"
	"strings"

	"kindred/internal/content"
)

// Predefined keys that follow from the fields of a profile (behaviour: keys on a
// profile). Those of values that people wrote take part in matching; those of
// ingested values are for searches only, and only where the object type does
// not map the key itself: what a mapping says about a key is all there is.
var families = map[string]string{
	"PhoneNumber": "_phone", "MobilePhoneNumber": "_phone", "HomePhoneNumber": "_phone", "BusinessPhoneNumber": "_phone",
	"EmailAddress": "_email", "PersonalEmailAddress": "_email", "BusinessEmailAddress": "_email",
	"AccountNumber": "_account",
	"FirstName":     "_fullName", "MiddleName": "_fullName", "LastName": "_fullName",
}

// family is the predefined key that follows from a field of a profile, empty
// if none does.
func family(path string) string { return families[path] }

// familyType is the content type of a predefined key that follows from fields
// of a profile.
func familyType(name string) content.Type {
	switch name {
	case "_phone":
		return content.PHONE_NUMBER
	case "_email":
		return content.EMAIL_ADDRESS
	case "_fullName":
		return content.NAME
	}
	return content.STRING
}

// deriveKeys lists the predefined keys that follow from standing facts, sorted
// and without repetition. A value that both classes would hold is in the one
// that takes part in matching.
func deriveKeys(facts []Fact, country string) []derivedKey {
	var out []derivedKey
	add := func(class byte, name, value string) {
		v := content.Normalize(familyType(name), value, country)
		if v == "" {
			return
		}
		k := Key{name, v}
		for i := range out {
			if out[i].key == k {
				if class == matching {
					out[i].class = matching
				}
				return
			}
		}
		out = append(out, derivedKey{class, k})
	}
	for i := range facts {
		f := &facts[i]
		switch name := family(f.Path); {
		case name == "" || name == "_fullName" || f.Text == "":
		case f.Manual:
			add(matching, name, f.Text)
		case !f.Mapped:
			add(findable, name, f.Text)
		}
	}
	if name, manual, mapped := fullName(facts); name != "" && manual {
		add(matching, "_fullName", name)
	} else if name != "" && !mapped {
		add(findable, "_fullName", name)
	}
	slices.SortFunc(out, func(a, b derivedKey) int {
		if c := strings.Compare(a.key.Name, b.key.Name); c != 0 {
			return c
		}
		return strings.Compare(a.key.Value, b.key.Value)
	})
	return out
}

// fullName joins the names with single spaces.
func fullName(facts []Fact) (name string, manual, mapped bool) {
	var parts []string
	for _, path := range [...]string{"FirstName", "MiddleName", "LastName"} {
		if i, ok := find(facts, path); ok && facts[i].Text != "" {
			parts = append(parts, facts[i].Text)
			manual = manual || facts[i].Manual
			mapped = mapped || facts[i].Mapped
		}
	}
	return strings.Join(parts, " "), manual, mapped
}
