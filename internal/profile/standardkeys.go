package profile

// standardKeys are the search keys that follow from a standard object: its own
// id, and the fields that a predefined key is filled from.
func standardKeys(kind string, id ID, facts []Fact) []Key {
	keys := []Key{{"_" + kind[1:] + "Id", id.String()}}
	for i := range facts {
		if name := standardFamily(kind, facts[i].Path); name != "" && facts[i].Text != "" {
			keys = append(keys, Key{name, facts[i].Text})
		}
	}
	return uniqueKeys(keys)
}

// standardFamily is the predefined search key of a standard object's field.
func standardFamily(kind, path string) string {
	switch kind + "." + path {
	case "_asset.AssetName":
		return "_assetName"
	case "_asset.SerialNumber":
		return "_serialNumber"
	case "_airPreference.ReferenceId":
		return "_airReferenceId"
	case "_hotelPreference.ReferenceId":
		return "_hotelReferenceId"
	case "_airBooking.PreferenceRef":
		return "_airPreferenceRef"
	case "_airSegment.BookingRef":
		return "_airBookingRef"
	case "_hotelReservation.PreferenceRef":
		return "_hotelPreferenceRef"
	case "_loyalty.MembershipId":
		return "_loyaltyMembershipId"
	}
	return ""
}
