package standard_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"kindred/internal/content"
	"kindred/internal/standard"
)

func TestEveryStandardObjectIsDescribed(t *testing.T) {
	want := []string{
		"_profile PROFILE ProfileId", "_asset ASSET AssetId", "_case CASE CaseId", "_order ORDER OrderId",
		"_communicationRecord COMMUNICATION_RECORD CommunicationRecordId",
		"_airPreference AIR_PREFERENCE PreferenceId", "_hotelPreference HOTEL_PREFERENCE PreferenceId",
		"_airBooking AIR_BOOKING BookingId", "_airSegment AIR_SEGMENT SegmentId",
		"_hotelReservation HOTEL_RESERVATION ReservationId", "_hotelStayRevenue HOTEL_STAY_REVENUE StayRevenueId",
		"_loyalty LOYALTY LoyaltyId", "_loyaltyTransaction LOYALTY_TRANSACTION TransactionId",
		"_loyaltyPromotion LOYALTY_PROMOTION PromotionId", "_device DEVICE DeviceId", "_webAnalytics WEB_ANALYTICS EventId",
		"_catalogItem  Id",
	}
	var got []string
	for i, o := range standard.Objects() {
		got = append(got, o.Name+" "+o.Identifier+" "+o.ID)
		if o.Index() != i {
			t.Errorf("%s: Index is %d, its place is %d", o.Name, o.Index(), i)
		}
		if o.Domain != (o.Name == "_catalogItem") {
			t.Errorf("%s: Domain is %t", o.Name, o.Domain)
		}
		if found, ok := standard.Lookup(o.Name); !ok || found != o {
			t.Errorf("Lookup(%s) does not find it", o.Name)
		}
		if found, ok := standard.ByIdentifier(o.Identifier); ok != (o.Identifier != "") || ok && found != o {
			t.Errorf("ByIdentifier(%s) does not find %s", o.Identifier, o.Name)
		}
		if f, err := o.Field(o.ID); err != nil || !f.Reserved {
			t.Errorf("%s.%s: %+v, %v; want a reserved field", o.Name, o.ID, f, err)
		}
		if f, err := o.Field("Attributes.anything"); err != nil || f.Reserved || f.Path != "Attributes{}" {
			t.Errorf("%s.Attributes.anything: %+v, %v", o.Name, f, err)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("objects\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestField(t *testing.T) {
	tests := []struct {
		object, path string
		want         standard.Field
		err          string
	}{
		{object: "_profile", path: "FirstName", want: standard.Field{Path: "FirstName", MaxLength: 255}},
		{object: "_profile", path: "AdditionalInformation", want: standard.Field{Path: "AdditionalInformation", MaxLength: 1000}},
		{object: "_profile", path: "Attributes.shoe size", want: standard.Field{Path: "Attributes{}", MaxLength: 255}},
		{object: "_profile", path: "Attributes.a.b", want: standard.Field{Path: "Attributes{}", MaxLength: 255}},
		{object: "_profile", path: "MailingAddress.Province", want: standard.Field{Path: "MailingAddress.Province", MaxLength: 255}},
		{object: "_profile", path: "Gender", want: standard.Field{Path: "Gender", Enum: []string{"MALE", "FEMALE", "UNSPECIFIED"}, Twin: "GenderString"}},
		{object: "_profile", path: "PartyType", want: standard.Field{Path: "PartyType", Enum: []string{"INDIVIDUAL", "BUSINESS", "OTHER"}, Twin: "PartyTypeString"}},
		{object: "_profile", path: "ProfileType", want: standard.Field{Path: "ProfileType", Enum: []string{"PROFILE", "ACCOUNT_PROFILE"}}},
		{object: "_profile", path: "SourceLastUpdatedTimestamp", want: standard.Field{Path: "SourceLastUpdatedTimestamp", Control: true}},
		{object: "_profile", path: "ImportIds", want: standard.Field{Path: "ImportIds", Reserved: true}},
		{object: "_profile", path: "FoundByItems[]", want: standard.Field{Path: "FoundByItems[]", Reserved: true, List: true}},
		{object: "_profile", path: "EngagementPreferences.Phone[].KeyName", want: standard.Field{Path: "EngagementPreferences.Phone[].KeyName", List: true, MaxLength: 64}},
		{object: "_order", path: "OrderItems[].Title", want: standard.Field{Path: "OrderItems[].Title", List: true}},
		{object: "_webAnalytics", path: "Cart.Value", want: standard.Field{Path: "Cart.Value", Number: true}},
		{object: "_webAnalytics", path: "ItemsList[].Quantity", want: standard.Field{Path: "ItemsList[].Quantity", Number: true, List: true}},
		{object: "_webAnalytics", path: "DeviceId", want: standard.Field{Path: "DeviceId"}},
		{object: "_device", path: "ScreenWidth", want: standard.Field{Path: "ScreenWidth", Number: true}},
		{object: "_communicationRecord", path: "Events.Open.EventId", want: standard.Field{Path: "Events{}.EventId"}},
		{object: "_communicationRecord", path: "Events.Events.EventId", want: standard.Field{Path: "Events{}.EventId"}},
		{object: "_communicationRecord", path: "Events.Open.Attributes.IpAddress", want: standard.Field{Path: "Events{}.Attributes{}"}},
		{object: "_communicationRecord", path: "Events.Failed.Errors[].Code", want: standard.Field{Path: "Events{}.Errors[].Code", List: true}},
		{object: "_hotelStayRevenue", path: "ReservationId", want: standard.Field{Path: "ReservationId"}},

		{object: "_profile", path: "Nickname", err: "_profile has no field Nickname"},
		{object: "_profile", path: "", err: "_profile has no field "},
		{object: "_profile", path: "Address", err: "_profile has no field Address: Address is a structure, write Address.<field>"},
		{object: "_profile", path: "Address.Street", err: "_profile has no field Address.Street"},
		{object: "_profile", path: "Address[].City", err: "_profile has no field Address[].City: Address is a structure, write Address.<field>"},
		{object: "_profile", path: "FirstName.x", err: "_profile has no field FirstName.x: FirstName has no parts"},
		{object: "_profile", path: "Attributes", err: "_profile has no field Attributes: Attributes is a map, write Attributes.<name>"},
		{object: "_profile", path: "Attributes.", err: "_profile.Attributes: a name in Attributes has 1 to 255 characters"},
		{object: "_profile", path: "Attributes." + strings.Repeat("é", 256), err: "_profile.Attributes: a name in Attributes has 1 to 255 characters"},
		{object: "_order", path: "OrderItems.Title", err: "_order has no field OrderItems.Title: OrderItems is a list, write OrderItems[].<field>"},
		{object: "_order", path: "OrderItems[]", err: "_order has no field OrderItems[]: OrderItems is a list, write OrderItems[].<field>"},
		{object: "_communicationRecord", path: "Events", err: "_communicationRecord has no field Events: Events is a map, write Events.<name>.<field>"},
		{object: "_communicationRecord", path: "Events.Open", err: "_communicationRecord has no field Events.Open: Events is a map, write Events.<name>.<field>"},
		{object: "_communicationRecord", path: "Events..EventId", err: "_communicationRecord has no field Events..EventId: Events is a map, write Events.<name>.<field>"},
		{object: "_communicationRecord", path: "Events.Open.Colour", err: "_communicationRecord has no field Events.Open.Colour"},
	}
	for _, tt := range tests {
		t.Run(tt.object+"."+tt.path, func(t *testing.T) {
			o, _ := standard.Lookup(tt.object)
			got, err := o.Field(tt.path)
			if tt.err != "" {
				if err == nil || err.Error() != tt.err {
					t.Fatalf("error %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got.Enum, tt.want.Enum) {
				t.Errorf("Enum %v, want %v", got.Enum, tt.want.Enum)
			}
			got.Enum, tt.want.Enum = nil, nil
			if !equal(got, tt.want) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func equal(a, b standard.Field) bool {
	return a.Path == b.Path && a.List == b.List && a.Number == b.Number && a.MaxLength == b.MaxLength &&
		a.Reserved == b.Reserved && a.Control == b.Control && a.Twin == b.Twin
}

func TestRender(t *testing.T) {
	text := func(path, text string) standard.Value { return standard.Value{Path: path, Text: text} }
	list := func(path string, texts ...string) standard.Value {
		return standard.Value{Path: path, List: texts, IsList: true}
	}
	tests := []struct {
		name, object string
		values       []standard.Value
		want, err    string
	}{
		{name: "nothing", object: "_profile", want: `{}`},
		{name: "members in the order of the schema, attributes by name", object: "_profile", values: []standard.Value{
			text("Attributes.tier", "gold"), text("Address.Country", "SE"), text("Address.Address1", "Storgatan 1"),
			text("LastName", "Lund"), text("Attributes.a.b", "x"), text("FirstName", `Zoë "Z"`), text("ProfileId", "0123"),
			text("SourceLastUpdatedTimestamp", "5"), text("BillingAddress.City", "Umeå"), text("MiddleName", ""),
		}, want: `{"ProfileId":"0123","FirstName":"Zoë \"Z\"","LastName":"Lund","Address":{"Address1":"Storgatan 1","Country":"SE"},` +
			`"BillingAddress":{"City":"Umeå"},"Attributes":{"a.b":"x","tier":"gold"}}`},
		{name: "lists are put together by element", object: "_order", values: []standard.Value{
			list("OrderItems[].Price", "12.50", "", "3"), list("OrderItems[].Title", "Hat", "Scarf"), text("OrderId", "o1"),
		}, want: `{"OrderId":"o1","OrderItems":[{"Title":"Hat","Price":"12.50"},{"Title":"Scarf"},{"Price":"3"}]}`},
		{name: "a text in a list is a list of one", object: "_order", values: []standard.Value{text("OrderItems[].Title", "Hat")},
			want: `{"OrderItems":[{"Title":"Hat"}]}`},
		{name: "an element without values keeps its place", object: "_order", values: []standard.Value{list("OrderItems[].Title", "", "Hat")},
			want: `{"OrderItems":[{},{"Title":"Hat"}]}`},
		{name: "preferences", object: "_profile", values: []standard.Value{
			list("EngagementPreferences.Phone[].KeyName", "_phone"), list("EngagementPreferences.Phone[].KeyValue", "+12063457890"),
		}, want: `{"EngagementPreferences":{"Phone":[{"KeyName":"_phone","KeyValue":"+12063457890"}]}}`},
		{name: "numbers", object: "_webAnalytics", values: []standard.Value{
			text("EventTimestamp", "1709208896000"), text("EventValue", "1e3"), text("Cart.Value", "12,50"), text("Cart.ItemsCount", "007"),
			text("Scroll.PositionX", "-4.5"), text("Scroll.PositionY", "5 "), text("Scroll.DepthPercentage", "80"), list("ItemsList[].Quantity", "2", "two"),
		}, want: `{"EventTimestamp":1709208896000,"EventValue":1e3,"ItemsList":[{"Quantity":2},{"Quantity":"two"}],` +
			`"Cart":{"ItemsCount":"007","Value":"12,50"},"Scroll":{"DepthPercentage":"80","PositionX":-4.5,"PositionY":"5 "}}`},
		{name: "events by type", object: "_communicationRecord", values: []standard.Value{
			text("Events.Open.EventId", "e2"), text("Events.Open.Attributes.IpAddress", "192.0.2.1"), text("LastEventType", "Open"),
			text("Events.Events.EventId", "e3"), list("Events.Failed.Errors[].Code", "1", "2"), list("Events.Failed.Errors[].Message", "no", "never"),
		}, want: `{"LastEventType":"Open","Events":{"Events":{"EventId":"e3"},"Failed":{"Errors":[{"Code":"1","Message":"no"},{"Code":"2","Message":"never"}]},` +
			`"Open":{"EventId":"e2","Attributes":{"IpAddress":"192.0.2.1"}}}}`},
		{name: "an unknown path", object: "_asset", values: []standard.Value{text("Colour", "red")}, err: "_asset has no field Colour"},
		{name: "not UTF-8", object: "_asset", values: []standard.Value{text("Status", "\xff")}, err: "standard object: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, _ := standard.Lookup(tt.object)
			got, err := o.Render(tt.values)
			if tt.err != "" {
				if err == nil || !strings.HasPrefix(err.Error(), tt.err) {
					t.Fatalf("error %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
			if !json.Valid(got) {
				t.Errorf("not JSON: %s", got)
			}
			const seed = 7
			rng := rand.New(rand.NewPCG(seed, 0))
			shuffled := slices.Clone(tt.values)
			rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			again, err := o.Render(shuffled)
			if err != nil || string(again) != string(got) {
				t.Errorf("in another order (seed %d): %s, %v", seed, again, err)
			}
		})
	}
}

func TestPredefinedKeys(t *testing.T) {
	for _, k := range standard.Keys() {
		if found, ok := standard.LookupKey(k.Name); !ok || found != k {
			t.Errorf("LookupKey(%s) does not find it", k.Name)
		}
		if k.Object == "" {
			if len(k.Fields) > 0 {
				t.Errorf("%s: fields without an object", k.Name)
			}
			continue
		}
		o, ok := standard.Lookup(k.Object)
		if !ok || len(k.Fields) == 0 || !k.Filters(k.Object) {
			t.Errorf("%s: object %s, fields %v", k.Name, k.Object, k.Fields)
			continue
		}
		for _, f := range k.Fields {
			if _, err := o.Field(f); err != nil {
				t.Errorf("%s: %v", k.Name, err)
			}
		}
	}
	types := map[string]content.Type{"_profileId": content.STRING, "_account": content.STRING, "_fullName": content.NAME,
		"_phone": content.PHONE_NUMBER, "_email": content.EMAIL_ADDRESS, "_ctrContactId": content.STRING, "_serialNumber": content.STRING}
	for name, want := range types {
		if k, ok := standard.LookupKey(name); !ok || k.Type != want {
			t.Errorf("%s: %+v, want type %s", name, k, want)
		}
	}
	if k, _ := standard.LookupKey("_fullName"); !k.Joined || !slices.Equal(k.Fields, []string{"FirstName", "MiddleName", "LastName"}) {
		t.Errorf("_fullName: %+v", k)
	}
	if _, ok := standard.LookupKey("_unknown"); ok {
		t.Error("_unknown is a key")
	}
	filters := []struct {
		key, objectType string
		want            bool
	}{
		{"_serialNumber", "_asset", true}, {"_serialNumber", "_case", false}, {"_zendeskTicketId", "_case", true},
		{"_zendeskTicketId", "Zendesk-tickets", true}, {"_shopifyOrderId", "_order", true}, {"_phone", "_asset", false},
	}
	for _, tt := range filters {
		if k, ok := standard.LookupKey(tt.key); !ok || k.Filters(tt.objectType) != tt.want {
			t.Errorf("%s filters %s: want %t", tt.key, tt.objectType, tt.want)
		}
	}
}

// FuzzField: a path that is a field can be rendered, to valid JSON.
func FuzzField(f *testing.F) {
	for _, path := range []string{"FirstName", "Address.City", "Attributes.x.y", "Events.Open.Errors[].Code", "Events.a.Attributes.b", "OrderItems[].Title", "a..b", "[]", "Events..", "Attributes."} {
		f.Add(path, "text")
	}
	f.Add("Cart.Value", "1.5")
	f.Fuzz(func(t *testing.T, path, text string) {
		for _, o := range standard.Objects() {
			if _, err := o.Field(path); err != nil {
				continue
			}
			out, err := o.Render([]standard.Value{{Path: path, Text: text}})
			if err == nil && !json.Valid(out) {
				t.Errorf("%s.%s: %q", o.Name, path, out)
			}
		}
	})
}

func BenchmarkRenderProfile(b *testing.B) {
	o, _ := standard.Lookup("_profile")
	var values []standard.Value
	for _, p := range []string{"ProfileId", "AccountNumber", "FirstName", "LastName", "BirthDate", "GenderString", "PhoneNumber", "MobilePhoneNumber", "EmailAddress", "Address.Address1", "Address.City", "Address.State", "Address.Country", "Address.PostalCode", "Attributes.tier", "Attributes.language"} {
		values = append(values, standard.Value{Path: p, Text: "some value"})
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := o.Render(values); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkField(b *testing.B) {
	o, _ := standard.Lookup("_communicationRecord")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := o.Field("Events.Open.EventId"); err != nil {
			b.Fatal(err)
		}
	}
}
