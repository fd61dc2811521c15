package firehose_test

import (
	"fmt"
	"testing"

	"kindred/internal/api/kindredapi"
	"kindred/internal/api/profileapi"
)

// swap gives the domain d1 another name, and its name to the domain dq.
func (w *world) swap() {
	w.T.Helper()
	for _, names := range [][2]string{{"d1", "former"}, {"dq", "d1"}} {
		if _, err := w.Domain.RenameDomain(w.Ctx(), &kindredapi.RenameDomainRequest{DomainName: names[0], NewDomainName: names[1]}); err != nil {
			w.T.Fatal(err)
		}
	}
}

func (w *world) objects(domain string) int64 {
	w.T.Helper()
	out, err := w.Domain.GetDomain(w.Ctx(), &profileapi.GetDomainRequest{DomainName: domain})
	if err != nil {
		w.T.Fatal(err)
	}
	return *out.Stats.ObjectCount
}

// What one domain has acknowledged is no repetition for the next of its name.
func TestADeliveryIsRepeatedToTheSameDomainOnly(t *testing.T) {
	w := newWorld(t)
	text := body("r1", `{"id":"1","name":"Ann"}`)
	for range 2 {
		if status, a := w.send(request("/firehose/d1/T", "r1", text)); status != 200 {
			t.Fatalf("%d, %+v", status, a)
		}
		if got := w.names("d1", "1"); got[0] != "Ann" {
			t.Errorf("the domain of the name finds %v", got)
		}
		if len(w.tap.bodies) == 1 {
			w.swap()
		}
	}
	if len(w.tap.bodies) != 2 {
		t.Errorf("%d objects were ingested", len(w.tap.bodies))
	}
}

// All of a delivery goes to the domain that had the name when it came.
func TestADeliveryKeepsToItsDomainWhenTheNameChangesHands(t *testing.T) {
	w := newWorld(t)
	w.tap.before = w.swap
	var blobs []string
	for i := range 250 {
		blobs = append(blobs, fmt.Sprintf(`{"id":"%d","name":"Ann"}`, i))
	}
	if status, a := w.send(request("/firehose/d1/T", "r1", body("r1", blobs...))); status != 200 {
		t.Fatalf("%d, %+v", status, a)
	}
	if w.objects("former") != 250 || w.objects("d1") != 0 {
		t.Errorf("%d objects in the domain of the delivery, %d in the other", w.objects("former"), w.objects("d1"))
	}
}
