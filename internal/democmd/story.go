package democmd

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// weeks is how far the story goes back.
const weeks = 8

// record is what an application sends.
type record map[string]any

// stray is a record that cannot be ingested.
type stray struct {
	objectType string
	record     record
}

// person is a customer.
type person struct {
	no, first, last, email, phone string
}

// caller is somebody whose contact arrives.
type caller struct{ channel, key, value string }

// story is everything that has happened in the shop.
type story struct {
	random                                      *rand.Rand
	now                                         time.Time
	people                                      []person
	customers, orders, cases, devices, contacts []record
	strays                                      []stray
	twins                                       [][2]string // customer numbers of one and the same person
	homes                                       []string    // telephone numbers that two have
	examples                                    [2]string   // what one can search for
}

// tell makes the story of a seed.
func tell(seed uint64, customers int, now time.Time) *story {
	s := &story{random: rand.New(rand.NewPCG(seed, 0x6b696e64726564)), now: now.UTC().Truncate(time.Second)}
	for i := range customers {
		s.customer(i)
	}
	for i := range min(6, customers/10) {
		s.twin(i * 7)
	}
	for i, p := range s.people {
		for range s.upTo(5, 40) {
			s.order(p)
		}
		if i%3 == 0 {
			s.caseOf(p)
		}
		if i%2 == 0 {
			s.device(p)
		}
		for range s.upTo(6, 55) {
			s.contact(p)
		}
	}
	s.lose()
	s.examples = [2]string{s.people[0].first + " " + s.people[0].last, s.people[1].phone}
	return s
}

// at says at which instance the contacts were.
func (s *story) at(instance string) {
	for _, c := range s.contacts {
		c["instanceARN"] = instance
	}
}

// callers are people whose contacts arrive: one who is known, one who chats, one whom
// nobody knows, one of two who have the same number, and so on.
func (s *story) callers(n int) []caller {
	var list []caller
	for i := range n {
		p := s.people[(i*11+3)%len(s.people)]
		switch i % 4 {
		case 1:
			list = append(list, caller{"CHAT", "_email", p.email})
		case 2:
			list = append(list, caller{"VOICE", "_phone", number(4900 + i%100)})
		case 3:
			list = append(list, caller{"VOICE", "_phone", pick(s, s.homes)})
		default:
			list = append(list, caller{"VOICE", "_phone", p.phone})
		}
	}
	return list
}

func pick[T any](s *story, of []T) T { return of[s.random.IntN(len(of))] }

// upTo is a number that is small most of the time.
func (s *story) upTo(most, percent int) int {
	n := 0
	for n < most && s.random.IntN(100) < percent {
		n++
	}
	return n
}

// ago is a time of the weeks that have passed, in the hours in which a shop is open.
func (s *story) ago() time.Time {
	day := s.now.AddDate(0, 0, -1-s.random.IntN(weeks*7)).Truncate(24 * time.Hour)
	return day.Add(time.Duration(9*3600+s.random.IntN(10*3600)) * time.Second)
}

// number is a telephone number that nobody has, of North America's fiction.
func number(i int) string {
	return fmt.Sprintf("+1%s55501%02d", areas[i/100%len(areas)], i%100)
}

func (s *story) customer(i int) {
	p := person{no: fmt.Sprintf("AO-%05d", 10_000+i*7), first: pick(s, firstNames), last: pick(s, lastNames), phone: number(i)}
	if i%30 == 9 { // lives with the one before
		p.last, p.phone = s.people[i-1].last, s.people[i-1].phone
		s.homes = append(s.homes, p.phone)
	}
	p.email = fmt.Sprintf("%s.%s%d@example.com", ascii(p.first), ascii(p.last), i)
	s.people = append(s.people, p)
	city := pick(s, cities)
	r := record{
		"no": p.no, "name": record{"first": p.first, "last": p.last}, "email": p.email, "phone": p.phone,
		"address":    record{"street": fmt.Sprintf("%d %s", 1+s.random.IntN(900), pick(s, streets)), "city": city.name, "state": city.state, "zip": city.zip, "country": "US"},
		"membership": record{"tier": pick(s, []string{"basic", "basic", "silver", "silver", "gold", "platinum"}), "since": fmt.Sprint(2012 + s.random.IntN(14))},
		"language":   pick(s, []string{"en", "en", "en", "es", "pt"}), "newsletter": pick(s, []string{"yes", "no"}),
	}
	if i%4 != 0 {
		r["birthday"] = fmt.Sprintf("%d-%02d-%02d", 1950+s.random.IntN(55), 1+s.random.IntN(12), 1+s.random.IntN(28))
	}
	s.customers = append(s.customers, r)
}

// twin registers a customer once more, with another address, as people do.
func (s *story) twin(i int) {
	p := s.people[i%len(s.people)]
	no := fmt.Sprintf("AO-%05d", 90_000+i)
	s.customers = append(s.customers, record{
		"no": no, "name": record{"first": p.first[:1] + ".", "last": p.last}, "email": fmt.Sprintf("%s%d@example.net", ascii(p.last), i), "phone": p.phone,
		"membership": record{"tier": "basic", "since": "2025"},
	})
	s.twins = append(s.twins, [2]string{p.no, no})
}

func (s *story) order(p person) {
	placed := s.ago()
	status := "delivered"
	if placed.After(s.now.AddDate(0, 0, -10)) {
		status = pick(s, []string{"placed", "packed", "shipped"})
	} else if s.random.IntN(20) == 0 {
		status = "returned"
	}
	var items []record
	total := 0
	for range 1 + s.upTo(3, 45) {
		g := pick(s, goods)
		n := 1 + s.upTo(2, 20)
		total += g.cents * n
		items = append(items, record{"title": g.title, "price": money(g.cents), "quantity": fmt.Sprint(n)})
	}
	s.orders = append(s.orders, record{"no": fmt.Sprintf("W-%06d", 200_000+len(s.orders)*13), "customerNo": p.no, "placed": placed.Format(time.RFC3339),
		"status": status, "total": money(total), "currency": "USD", "items": items})
}

func (s *story) caseOf(p person) {
	opened := s.ago()
	about := pick(s, troubles)
	r := record{"no": fmt.Sprintf("C-%05d", 5000+len(s.cases)*3), "customerNo": p.no, "title": about.title, "summary": about.summary,
		"status": "open", "opened": opened.Format(time.RFC3339)}
	if closed := opened.Add(time.Duration(4+s.random.IntN(90)) * time.Hour); closed.Before(s.now) {
		r["status"], r["closed"] = "closed", closed.Format(time.RFC3339)
	}
	s.cases = append(s.cases, r)
}

func (s *story) device(p person) {
	d := pick(s, devices)
	s.devices = append(s.devices, record{"serial": fmt.Sprintf("%s-%04X-%04d", d.code, 0x2000+len(s.devices)*37, 1000+s.random.IntN(9000)), "customerNo": p.no, "name": d.name, "model": d.model,
		"bought": s.now.AddDate(0, -1-s.random.IntN(30), 0).Format(time.DateOnly), "price": money(d.cents), "status": pick(s, []string{"in use", "in use", "in use", "in repair"})})
}

// contact is a contact record as profiles keep it.
func (s *story) contact(p person) {
	began := s.ago()
	length := time.Duration(40+s.random.IntN(900)) * time.Second
	waited := time.Duration(s.random.IntN(180)) * time.Second
	a, queue := pick(s, agents), pick(s, queueNames)
	r := record{
		"contactId": fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", s.random.Uint32(), s.random.IntN(1<<16), s.random.IntN(1<<12), s.random.IntN(1<<12), s.random.Uint64N(1<<48)),
		"channel":   "VOICE", "initiationMethod": "INBOUND", "initiationTimestamp": began.UnixMilli(), "connectedToSystemTimestamp": began.UnixMilli(),
		"disconnectTimestamp": began.Add(length + waited).UnixMilli(), "lastUpdateTimestamp": began.Add(length + waited + time.Minute).UnixMilli(),
		"customerEndpoint": record{"address": p.phone, "type": "TELEPHONE_NUMBER"}, "systemEndpoint": record{"address": "+18005550100", "type": "TELEPHONE_NUMBER"},
		"agent": record{"id": a.id, "username": a.name, "customerHoldDurationMillis": s.random.IntN(60_000)},
		"queue": record{"name": queue, "durationMillis": waited.Milliseconds()}, "attributes": record{}, "disconnectReason": pick(s, []string{"CUSTOMER_DISCONNECT", "AGENT_DISCONNECT"}),
		"awscontactTraceRecordFormatVersion": "2019-01-23", "previousContactId": nil, "nextContactId": nil,
	}
	way := s.random.IntN(10)
	if slices.Contains(s.homes, p.phone) {
		way = 0 // by telephone nobody could tell which of the two it was
	}
	switch way {
	case 0, 1, 2:
		r["channel"] = "CHAT"
		r["initiationMethod"] = "API"
		r["customerEndpoint"] = record{"address": p.email, "type": "EMAIL_ADDRESS"}
		delete(r, "systemEndpoint")
	case 3:
		r["initiationMethod"] = "OUTBOUND"
	}
	s.contacts = append(s.contacts, r)
}

// lose makes the records that cannot be ingested.
func (s *story) lose() {
	for i := range 9 {
		s.strays = append(s.strays, stray{"Order", record{"no": fmt.Sprintf("W-%06d", 900_000+i), "customerNo": fmt.Sprintf("AO-%05d", 80_000+i),
			"placed": s.ago().Format(time.RFC3339), "status": "placed", "total": money(pick(s, goods).cents), "currency": "USD", "items": []record{{"title": pick(s, goods).title, "quantity": "1"}}}})
	}
	for i := range 3 {
		s.strays = append(s.strays, stray{"Case", record{"no": fmt.Sprintf("C-%05d", 9900+i), "customerNo": fmt.Sprintf("AO-%05d", 81_000+i), "title": pick(s, troubles).title, "status": "open"}})
	}
	for i := range min(2, len(s.homes)) { // which of those who live there has a question?
		s.strays = append(s.strays, stray{"Case", record{"no": fmt.Sprintf("C-%05d", 9910+i), "phone": s.homes[i], "title": pick(s, troubles).title, "status": "open"}})
	}
}

func money(cents int) string { return fmt.Sprintf("%d.%02d", cents/100, cents%100) }

// ascii writes a name as people write it in addresses.
func ascii(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		if plain, ok := accents[r]; ok {
			r = plain
		}
		if r >= 'a' && r <= 'z' {
			b.WriteRune(r)
		}
	}
	return b.String()
}
