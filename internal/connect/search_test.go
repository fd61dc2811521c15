package connect

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"kindred/internal/api/connectapi"
)

// search reads all pages and returns the identifiers.
func (e *env) search(in connectapi.SearchContactsRequest, size int) (ids []string, total *int64) {
	e.t.Helper()
	in.MaxResults = &size
	for n := 0; ; n++ {
		out, err := e.SearchContacts(e.ctx, &in)
		if err != nil {
			e.t.Fatal(err)
		}
		if len(out.Contacts) > size || n > 10_000 {
			e.t.Fatalf("page %d has %d contacts", n, len(out.Contacts))
		}
		for _, c := range out.Contacts {
			ids = append(ids, *c.Id)
		}
		if n > 0 && (total == nil) != (out.TotalCount == nil) || n > 0 && total != nil && *total != *out.TotalCount {
			e.t.Fatal("TotalCount changes between pages")
		}
		total = out.TotalCount
		if out.NextToken == nil {
			return ids, total
		}
		in.NextToken = out.NextToken
	}
}

// span is a time range of days in January 2026.
func days(kind string, from, to int) *connectapi.SearchContactsTimeRange {
	return &connectapi.SearchContactsTimeRange{Type: kind, StartTime: time.Date(2026, 1, from, 0, 0, 0, 0, time.UTC),
		EndTime: time.Date(2026, 1, to, 23, 59, 59, 999e6, time.UTC)}
}

// row is a contact of the model.
type row struct {
	id, channel, method       string
	initiated, ended, queued  string
	agent, queue, tier, order string
}

func picker(rng *rand.Rand) func(values ...string) string {
	return func(values ...string) string { return values[rng.IntN(len(values))] }
}

// fill takes in contacts at random.
func fill(t *testing.T, rng *rand.Rand, e *env, i string) []row {
	t.Helper()
	stamp := func(day int) string {
		return time.Date(2026, 1, day, rng.IntN(24), rng.IntN(3), 0, 0, time.UTC).Format(time.RFC3339)
	}
	pick := picker(rng)
	var rows []row
	var batch []string
	const n = 400
	for k := range n {
		r := row{id: fmt.Sprintf("c%03d", k), channel: pick("VOICE", "CHAT", "TASK", "EMAIL"), method: pick("INBOUND", "TRANSFER", "API"),
			initiated: stamp(1 + rng.IntN(20)), agent: pick("", "a1", "a2"), queue: pick("", "q1", "q2"), tier: pick("Gold", "Silver"), order: pick("1", "2", "3")}
		quote := func(s string) string {
			if s == "" {
				return "null"
			}
			return `"` + s + `"`
		}
		if rng.IntN(4) > 0 {
			r.ended = stamp(1 + rng.IntN(25))
		}
		agent, queue := "null", "null"
		if r.agent != "" {
			agent = `{"ARN":"arn:aws:connect:us-east-1:000000000000:instance/x/agent/` + r.agent + `"}`
		}
		if r.queue != "" {
			r.queued = stamp(1 + rng.IntN(20))
			queue = `{"ARN":"arn:aws:connect:us-east-1:000000000000:instance/x/queue/` + r.queue + `","EnqueueTimestamp":"` + r.queued + `"}`
		}
		rows = append(rows, r)
		batch = append(batch, `{"ContactId":"`+r.id+`","Channel":"`+r.channel+`","InitiationMethod":"`+r.method+`","InitiationTimestamp":"`+r.initiated+
			`","LastUpdateTimestamp":"2026-02-01T00:00:00Z","DisconnectTimestamp":`+quote(r.ended)+`,"Agent":`+agent+`,"Queue":`+queue+
			`,"Attributes":{"Tier":"`+r.tier+`","Order":"`+r.order+`"}}`)
		if len(batch) == MaxRecords || k == n-1 {
			for _, res := range e.ingestRecords(i, batch...) {
				if res.Err != nil {
					t.Fatal(res.Err)
				}
			}
			batch = nil
		}
	}
	return rows
}

// TestSearchAgainstModel compares searches with a walk over all contacts.
func TestSearchAgainstModel(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 3))
	e := newEnv(t)
	i := e.enabled()
	rows := fill(t, rng, e, i)
	pick := picker(rng)
	fields := map[string]func(row) string{
		"INITIATION_TIMESTAMP": func(r row) string { return r.initiated },
		"DISCONNECT_TIMESTAMP": func(r row) string { return r.ended },
		"ENQUEUE_TIMESTAMP":    func(r row) string { return r.queued },
		"CHANNEL":              func(r row) string { return r.channel },
		"INITIATION_METHOD":    func(r row) string { return r.method },
	}
	for round := range 50 {
		kind := pick("INITIATION_TIMESTAMP", "DISCONNECT_TIMESTAMP", "ENQUEUE_TIMESTAMP")
		from := 1 + rng.IntN(20)
		to := from + rng.IntN(10)
		in := connectapi.SearchContactsRequest{InstanceId: i, TimeRange: days(kind, from, to), SearchCriteria: &connectapi.SearchCriteria{}}
		by, reverse := "INITIATION_TIMESTAMP", true
		if rng.IntN(4) > 0 {
			by, reverse = pick("INITIATION_TIMESTAMP", "DISCONNECT_TIMESTAMP", "CHANNEL", "INITIATION_METHOD"), rng.IntN(2) == 0
			in.Sort = &connectapi.Sort{FieldName: by, Order: map[bool]string{true: "DESCENDING", false: "ASCENDING"}[reverse]}
		}
		var wanted []func(row) bool
		if rng.IntN(2) == 0 {
			in.SearchCriteria.Channels = []string{"VOICE", "EMAIL"}
			wanted = append(wanted, func(r row) bool { return r.channel == "VOICE" || r.channel == "EMAIL" })
		}
		if rng.IntN(3) == 0 {
			in.SearchCriteria.AgentIds = []string{"arn:aws:connect:us-east-1:000000000000:instance/x/agent/a1"}
			wanted = append(wanted, func(r row) bool { return r.agent == "a1" })
		}
		if rng.IntN(3) == 0 {
			in.SearchCriteria.QueueIds = []string{"q1", "q2"}
			wanted = append(wanted, func(r row) bool { return r.queue != "" })
		}
		if rng.IntN(3) == 0 {
			in.SearchCriteria.InitiationMethods = []string{"API"}
			wanted = append(wanted, func(r row) bool { return r.method == "API" })
		}
		if rng.IntN(3) == 0 {
			how := pick("MATCH_ALL", "MATCH_ANY", "MATCH_NONE")
			in.SearchCriteria.SearchableContactAttributes = &connectapi.SearchableContactAttributes{MatchType: &how, Criteria: []connectapi.SearchableContactAttributesCriteria{
				{Key: "Tier", Values: []string{"Gold"}}, {Key: "Order", Values: []string{"1", "2"}}}}
			wanted = append(wanted, func(r row) bool {
				a, b := r.tier == "Gold", r.order != "3"
				switch how {
				case "MATCH_ALL":
					return a && b
				case "MATCH_ANY":
					return a || b
				}
				return !a && !b
			})
		}
		var want []row
		for _, r := range rows {
			at := fields[kind](r)
			if at == "" || at < fmt.Sprintf("2026-01-%02d", from) || at > fmt.Sprintf("2026-01-%02dT99", to) {
				continue
			}
			if !slices.ContainsFunc(wanted, func(f func(row) bool) bool { return !f(r) }) {
				want = append(want, r)
			}
		}
		slices.SortFunc(want, func(a, b row) int {
			c := cmp.Or(strings.Compare(fields[by](a), fields[by](b)), strings.Compare(a.id, b.id))
			if reverse {
				return -c
			}
			return c
		})
		got, total := e.search(in, []int{3, 20, 100}[rng.IntN(3)])
		var ids []string
		for _, r := range want {
			ids = append(ids, r.id)
		}
		if !slices.Equal(got, ids) {
			t.Fatalf("round %d: %s by %s (%v): got %d %v, want %d %v", round, kind, by, reverse, len(got), got, len(ids), ids)
		}
		if total == nil || *total != int64(len(ids)) {
			t.Fatalf("round %d: TotalCount %v, want %d", round, total, len(ids))
		}
	}
}

func TestSearchCriteria(t *testing.T) {
	e := newEnv(t)
	i := e.enabled()
	add := func(name string, in connectapi.CreateContactRequest) string {
		in.InstanceId, in.Channel, in.Name = i, "TASK", &name
		e.pass(time.Second)
		return e.call(&in)
	}
	a := add("Refund for order 12", connectapi.CreateContactRequest{SegmentAttributes: map[string]connectapi.SegmentAttributeValue{"Site": {ValueString: ptr("shop")}}})
	b := add("Order status", connectapi.CreateContactRequest{ExpiryDurationInMinutes: ptr(60)})
	c := add("order", connectapi.CreateContactRequest{InitiateAs: ptr("COMPLETED"), ExpiryDurationInMinutes: ptr(30)})
	e.ingestRecords(i, `{"ContactId":"tagged","Channel":"TASK","InitiationTimestamp":"2026-03-10T12:30:00Z","LastUpdateTimestamp":"2026-03-10T12:30:00Z","Tags":{"Team":"Orders"}}`)
	d := "tagged"
	name := func(how string, texts ...string) *connectapi.SearchCriteria {
		return &connectapi.SearchCriteria{Name: &connectapi.NameCriteria{MatchType: how, SearchText: texts}}
	}
	ended := func(how string) *connectapi.SearchCriteria {
		return &connectapi.SearchCriteria{AdditionalTimeRange: &connectapi.SearchContactsAdditionalTimeRange{MatchType: how, Criteria: []connectapi.SearchContactsAdditionalTimeRangeCriteria{
			{TimestampCondition: &connectapi.SearchContactsTimestampCondition{Type: "DISCONNECT_TIMESTAMP", ConditionType: "NOT_EXISTS"}},
			{TimeRange: &connectapi.SearchContactsTimeRange{Type: "INITIATION_TIMESTAMP", StartTime: e.at.Add(time.Minute), EndTime: e.at.Add(time.Hour)}}}}}
	}
	tagged := func(f connectapi.ControlPlaneTagFilter) *connectapi.SearchCriteria {
		return &connectapi.SearchCriteria{ContactTags: &f}
	}
	team := connectapi.TagCondition{TagKey: ptr("Team"), TagValue: ptr("Orders")}
	tests := []struct {
		name string
		in   *connectapi.SearchCriteria
		want []string
	}{
		{"everything", nil, []string{a, b, c, d}},
		{"any name", name("MATCH_ANY", "REFUND", "status"), []string{a, b}},
		{"all names", name("MATCH_ALL", "order", "12"), []string{a}},
		{"exact name", name("MATCH_EXACT", "Order"), []string{c}},
		{"no name", name("MATCH_NONE", "refund", "status"), []string{c, d}},
		{"segment", &connectapi.SearchCriteria{SearchableSegmentAttributes: &connectapi.SearchableSegmentAttributes{Criteria: []connectapi.SearchableSegmentAttributesCriteria{{Key: "Site", Values: []string{"shop"}}}}}, []string{a}},
		{"any time", ended("MATCH_ANY"), []string{a, b, d}},
		{"all times", ended("MATCH_ALL"), []string{d}},
		{"tag", tagged(connectapi.ControlPlaneTagFilter{TagCondition: &team}), []string{d}},
		{"tag key", tagged(connectapi.ControlPlaneTagFilter{AndConditions: []connectapi.TagCondition{{TagKey: ptr("Team")}}}), []string{d}},
		{"one of tags", tagged(connectapi.ControlPlaneTagFilter{OrConditions: [][]connectapi.TagCondition{{{TagKey: ptr("x")}}, {team}}}), []string{d}},
	}
	today := &connectapi.SearchContactsTimeRange{Type: "INITIATION_TIMESTAMP", StartTime: e.at.Add(-time.Hour), EndTime: e.at.Add(time.Hour)}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := e.search(connectapi.SearchContactsRequest{InstanceId: i, TimeRange: today, SearchCriteria: tt.in,
				Sort: &connectapi.Sort{FieldName: "INITIATION_TIMESTAMP", Order: "ASCENDING"}}, 2)
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	got, _ := e.search(connectapi.SearchContactsRequest{InstanceId: i, TimeRange: today, SearchCriteria: name("MATCH_ANY", "order"),
		Sort: &connectapi.Sort{FieldName: "EXPIRY_TIMESTAMP", Order: "DESCENDING"}}, 1)
	if !slices.Equal(got, []string{b, c, a}) {
		t.Errorf("by expiry: %v", got)
	}

	refused := map[string]connectapi.SearchContactsRequest{
		"transcript":     {SearchCriteria: &connectapi.SearchCriteria{ContactAnalysis: &connectapi.ContactAnalysis{}}},
		"routing":        {SearchCriteria: &connectapi.SearchCriteria{RoutingCriteria: &connectapi.SearchableRoutingCriteria{}}},
		"regions":        {SearchCriteria: &connectapi.SearchCriteria{ActiveRegions: []string{"us-east-1"}}},
		"hierarchy":      {SearchCriteria: &connectapi.SearchCriteria{AgentHierarchyGroups: &connectapi.AgentHierarchyGroups{}}},
		"AI":             {SearchCriteria: &connectapi.SearchCriteria{AiAgents: &connectapi.AiAgentsCriteria{}}},
		"empty criteria": {SearchCriteria: &connectapi.SearchCriteria{AdditionalTimeRange: &connectapi.SearchContactsAdditionalTimeRange{Criteria: make([]connectapi.SearchContactsAdditionalTimeRangeCriteria, 1)}}},
		"backwards":      {TimeRange: &connectapi.SearchContactsTimeRange{Type: "INITIATION_TIMESTAMP", StartTime: e.at, EndTime: e.at.Add(-1e9)}},
		"too long":       {TimeRange: &connectapi.SearchContactsTimeRange{Type: "INITIATION_TIMESTAMP", StartTime: e.at, EndTime: e.at.Add(MaxSearchRange + time.Second)}},
		"before 1970":    {TimeRange: &connectapi.SearchContactsTimeRange{Type: "INITIATION_TIMESTAMP", StartTime: time.Unix(-5, 0), EndTime: time.Unix(5, 0)}},
		"forged token":   {NextToken: ptr("forged")},
	}
	for name, in := range refused {
		t.Run(name, func(t *testing.T) {
			in.InstanceId = i
			if in.TimeRange == nil {
				in.TimeRange = today
			}
			_, err := e.SearchContacts(e.ctx, &in)
			declared(t, "SearchContacts", err, "Invalid")
		})
	}
	// A token belongs to its question.
	first, err := e.SearchContacts(e.ctx, &connectapi.SearchContactsRequest{InstanceId: i, TimeRange: today, MaxResults: ptr(1)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.SearchContacts(e.ctx, &connectapi.SearchContactsRequest{InstanceId: i, TimeRange: today, MaxResults: ptr(1), NextToken: first.NextToken,
		SearchCriteria: &connectapi.SearchCriteria{Channels: []string{"TASK"}}})
	declared(t, "SearchContacts", err, "Invalid")
}

// TestSearchOfMany: a range that holds more contacts than one page looks at is
// read to the end, and cannot be sorted by another field.
func TestSearchOfMany(t *testing.T) {
	e := newEnv(t)
	e.searched = 300 // instead of MaxSearched
	i := e.create("many")
	const n = 450
	var batch []string
	for k := range n {
		channel := "CHAT"
		if k%150 == 3 {
			channel = "VOICE"
		}
		batch = append(batch, fmt.Sprintf(`{"ContactId":"c%05d","Channel":"%s","InitiationTimestamp":%d,"LastUpdateTimestamp":1}`, k, channel,
			time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC).UnixMilli()+int64(k)))
		if len(batch) == MaxRecords || k == n-1 {
			e.ingestRecords(i, batch...)
			batch = nil
		}
	}
	in := connectapi.SearchContactsRequest{InstanceId: i, TimeRange: days("INITIATION_TIMESTAMP", 5, 5), SearchCriteria: &connectapi.SearchCriteria{Channels: []string{"VOICE"}}}
	got, total := e.search(in, 100)
	if !slices.Equal(got, []string{"c00303", "c00153", "c00003"}) || total != nil {
		t.Errorf("got %v, total %v", got, total)
	}
	in.SearchCriteria = nil
	if got, total = e.search(in, 100); len(got) != n || got[0] != "c00449" || got[n-1] != "c00000" || total != nil {
		t.Errorf("got %d, total %v", len(got), total)
	}
	e.searched = n + 1
	if got, total = e.search(in, 100); len(got) != n || total == nil || *total != n {
		t.Errorf("got %d, total %v", len(got), total)
	}
	e.searched = n - 1
	in.Sort = &connectapi.Sort{FieldName: "CHANNEL", Order: "ASCENDING"}
	_, err := e.SearchContacts(e.ctx, &in)
	declared(t, "SearchContacts", err, "Invalid")
}

func BenchmarkSearchContacts(b *testing.B) {
	e := newEnv(b)
	i := e.create("bench")
	for k := range 20 {
		var batch []string
		for m := range MaxRecords {
			batch = append(batch, fmt.Sprintf(`{"ContactId":"c%d-%d","Channel":"VOICE","InitiationTimestamp":"2026-01-%02dT00:00:00Z","LastUpdateTimestamp":1}`, k, m, k+1))
		}
		e.ingestRecords(i, batch...)
	}
	in := &connectapi.SearchContactsRequest{InstanceId: i, TimeRange: days("INITIATION_TIMESTAMP", 1, 20), MaxResults: ptr(25)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.SearchContacts(e.ctx, in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCreateContact(b *testing.B) {
	e := newEnv(b)
	in := &connectapi.CreateContactRequest{InstanceId: e.enabled(), Channel: "VOICE", InitiationMethod: "INBOUND", Attributes: map[string]string{"phone": "+15555550123"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.CreateContact(e.ctx, in); err != nil {
			b.Fatal(err)
		}
	}
}
