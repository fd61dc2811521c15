package democmd

// What people and things of the story are called.

var firstNames = []string{
	"Amara", "Beatriz", "Caleb", "Daniela", "Elias", "Farah", "Gustavo", "Hana", "Ibrahim", "Joana", "Kofi", "Leila", "Mateo", "Nadia", "Oskar",
	"Priya", "Quentin", "Rosa", "Samir", "Tereza", "Ulla", "Victor", "Wanda", "Ximena", "Yusuf", "Zoe", "Anselm", "Bruna", "Cedric", "Dalia",
	"Emeka", "Fiona", "Gianni", "Helena", "Ines", "Jonas", "Katya", "Lucas", "Miriam", "Noel", "Olivia", "Pablo", "Rafael", "Sofia", "Tomás",
	"Valeria", "Wesley", "Yara", "André", "Íris",
}

var lastNames = []string{
	"Abara", "Barros", "Castellan", "Duarte", "Engel", "Ferreira", "Grünwald", "Haddad", "Ivanova", "Jansen", "Kowalski", "Lindqvist", "Marques",
	"Nakamura", "Okafor", "Pereira", "Quiroga", "Ramos", "Santos", "Tavares", "Ueda", "Vasquez", "Weiss", "Xavier", "Yilmaz", "Zeller", "Almeida",
	"Brandt", "Correia", "Dimitrov", "Esposito", "Fontaine", "Guerra", "Holm", "Ito", "Jovanović", "Keller", "Laurent", "Moreau", "Novak",
	"Ortega", "Petrov", "Reyes", "Sørensen", "Torres", "Vega", "Whitlock", "Youssef", "Zamora", "O'Hara",
}

var accents = map[rune]rune{'á': 'a', 'é': 'e', 'í': 'i', 'ü': 'u', 'ø': 'o', 'ć': 'c'}

// areas are area codes whose numbers 555-0100 to 555-0199 nobody has.
var areas = []string{"206", "212", "303", "312", "404", "415", "503", "512", "602", "617", "702", "713", "808", "816", "901", "919", "202", "213", "214", "215",
	"216", "240", "248", "267", "281", "301", "305", "310", "314", "315", "321", "323", "330", "336", "339", "347", "360", "385", "401", "402",
	"405", "407", "408", "410", "412", "414", "419", "424", "425", "435"}

var streets = []string{"Alder Street", "Birch Avenue", "Cedar Lane", "Dogwood Court", "Elm Street", "Fern Road", "Garden Way", "Harbor Drive", "Juniper Street", "Linden Avenue", "Maple Street", "Oak Terrace", "Pine Street", "River Road", "Spruce Lane", "Willow Way"}

var cities = []struct{ name, state, zip string }{
	{"Seattle", "WA", "98101"}, {"Portland", "OR", "97204"}, {"Denver", "CO", "80202"}, {"Austin", "TX", "78701"}, {"Boston", "MA", "02108"}, {"Chicago", "IL", "60601"},
	{"Atlanta", "GA", "30303"}, {"Phoenix", "AZ", "85004"}, {"Raleigh", "NC", "27601"}, {"Memphis", "TN", "38103"}, {"Honolulu", "HI", "96813"}, {"San Francisco", "CA", "94105"},
}

var goods = []struct {
	title string
	cents int
}{
	{"Trail backpack 38 l", 14900}, {"Rain jacket Fjord", 18900}, {"Headlamp 400", 4500}, {"Camping stove Ember", 6900}, {"Two-person tent Larix", 32900}, {"Down sleeping bag", 24900},
	{"Hiking boots Ridge", 17900}, {"Merino base layer", 7900}, {"Water filter", 3900}, {"Insulated bottle 1 l", 2900}, {"Trekking poles", 8900}, {"Enamel mug", 1400},
	{"Dry bag 20 l", 2400}, {"Map of the Cascades", 1600}, {"Wool socks, three pairs", 3300}, {"Folding chair", 5900},
}

var devices = []struct {
	name, model, code string
	cents             int
}{
	{"GPS watch", "Meridian 5", "MR5", 39900}, {"Avalanche transceiver", "Beacon S", "BCS", 34900}, {"Satellite messenger", "Relay 2", "RL2", 29900}, {"E-bike", "Aurora Tour", "AOT", 349900},
	{"Solar charger", "Helios 28", "HL2", 12900}, {"Action camera", "Lynx 4K", "LX4", 27900},
}

var troubles = []struct{ title, summary string }{
	{"Parcel is late", "The carrier shows no movement for four days. The customer leaves for a trip next week."},
	{"Zipper of the tent is broken", "The inner zipper came off at the first use. Pictures are attached."},
	{"Wrong size delivered", "Ordered M, got L. Wants an exchange before the weekend."},
	{"Watch does not charge", "Tried two cables. The display stays dark."},
	{"Invoice for the company", "Needs an invoice with the tax number of the employer."},
	{"Change of address", "Has moved. Open orders go to the new address."},
	{"Refund has not arrived", "The parcel was returned three weeks ago."},
	{"Question about the warranty", "Bought in another country, wants to know where to have it repaired."},
	{"Membership points are missing", "Two orders of last month brought no points."},
	{"Stove leaks", "Smells gas at the valve. Was asked to stop using it; goes to the product safety team."},
}

var agents = []struct{ id, name string }{
	{"8c1f5f0a-2a57-4b8e-9f5c-0b7a6b1d0001", "marta.kranz"}, {"8c1f5f0a-2a57-4b8e-9f5c-0b7a6b1d0002", "diego.paz"}, {"8c1f5f0a-2a57-4b8e-9f5c-0b7a6b1d0003", "lin.tran"},
	{"8c1f5f0a-2a57-4b8e-9f5c-0b7a6b1d0004", "ruth.amadi"}, {"8c1f5f0a-2a57-4b8e-9f5c-0b7a6b1d0005", "paulo.neves"},
}

var queueNames = []string{"Orders", "Orders", "Returns", "Repairs", "Membership"}
