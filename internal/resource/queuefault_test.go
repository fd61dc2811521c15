package resource_test

import (
	"errors"
	"testing"

	"github.com/aws/smithy-go"

	"kindred/internal/fault"
	"kindred/internal/resource"
)

func TestQueueFault(t *testing.T) {
	if err := resource.QueueFault(nil); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		code    string
		kind    fault.Kind
		missing bool
	}{
		{"QueueDoesNotExist", fault.Invalid, true}, {"AWS.SimpleQueueService.NonExistentQueue", fault.Invalid, true},
		{"AccessDenied", fault.Denied, false}, {"AccessDeniedException", fault.Denied, false},
		{"OverLimit", fault.Busy, false}, {"RequestThrottled", fault.Busy, false},
		{"InternalFailure", fault.Internal, false},
	} {
		err := resource.QueueFault(&smithy.GenericAPIError{Code: c.code, Message: "m"})
		if !fault.Is(err, c.kind) || errors.Is(err, resource.ErrQueueMissing) != c.missing {
			t.Errorf("%s: %v", c.code, err)
		}
	}
	if err := resource.QueueFault(errors.New("no route")); !fault.Is(err, fault.Internal) {
		t.Error(err)
	}
}

func TestEmbedded(t *testing.T) {
	c := resource.NewClients("us-east-1", nil, nil, []resource.Route{{Pattern: "https://sqs.*.amazonaws.com/*", Endpoint: "aws"}})
	if c.Embedded("https://sqs.eu-west-1.amazonaws.com/123456789012/q") || !c.Embedded("http://127.0.0.1/000000000000/q") {
		t.Error("a queue with a route is elsewhere, one without is Kindred's own")
	}
}
