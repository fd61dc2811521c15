package sqs

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"

	"kindred/internal/api/sqsapi"
)

// The digests were computed by an independent program after the description in
// the developer guide; the first is known from clients' own tests.
func TestDigestsOfAttributes(t *testing.T) {
	text := func(dataType, v string) sqsapi.MessageAttributeValue {
		return sqsapi.MessageAttributeValue{DataType: dataType, StringValue: &v}
	}
	stamp := text("Number", "1493147359900")
	for _, c := range []struct {
		attributes map[string]sqsapi.MessageAttributeValue
		want       string
	}{
		{map[string]sqsapi.MessageAttributeValue{"timestamp": stamp}, "235c5c510d26fb653d073faed50ae77c"},
		{map[string]sqsapi.MessageAttributeValue{"timestamp": stamp, "blob": {DataType: "Binary.png", BinaryValue: []byte("\x00\xff\x10")}},
			"7652be777875b3a3bd07c2c7ff04ad7e"},
		{map[string]sqsapi.MessageAttributeValue{"Message": text("String", "KMS key is invalid"), "DomainName": text("String", "d1"),
			"ObjectTypeName": text("String", "CTR")}, "fbb4245b6ec76665374a898488362c91"},
		{map[string]sqsapi.MessageAttributeValue{"bar": text("String.ü", "grün")}, "da79e8a383753dc2468b53cd897b16a5"},
	} {
		e := newEnv(t)
		u := e.create("q", nil)
		trace := "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
		out, err := e.SendMessage(e.ctx, &sqsapi.SendMessageRequest{QueueUrl: u, MessageBody: "grün",
			MessageAttributes:       c.attributes,
			MessageSystemAttributes: map[string]sqsapi.MessageSystemAttributeValue{"AWSTraceHeader": {DataType: "String", StringValue: &trace}}})
		if err != nil {
			t.Fatal(err)
		}
		if *out.MD5OfMessageAttributes != c.want {
			t.Errorf("got %s, want %s", *out.MD5OfMessageAttributes, c.want)
		}
		if want := "5ae4d5d7636402d80f4eb6d213245a88"; *out.MD5OfMessageSystemAttributes != want {
			t.Errorf("system attributes: got %s, want %s", *out.MD5OfMessageSystemAttributes, want)
		}
		m := e.receiveOne(u)
		if *m.MD5OfMessageAttributes != c.want || *m.MD5OfBody != *out.MD5OfMessageBody || *m.MessageId != *out.MessageId {
			t.Errorf("received %+v after %+v", m, out)
		}
		if !reflect.DeepEqual(m.MessageAttributes, c.attributes) {
			t.Errorf("received attributes %v, want %v", m.MessageAttributes, c.attributes)
		}
		if m.Attributes["AWSTraceHeader"] != trace {
			t.Errorf("trace header %q", m.Attributes["AWSTraceHeader"])
		}
	}
	if got := digest("hello world"); got != "5eb63bbbe01eeed093cb22bb8f5acdc3" {
		t.Errorf("digest of a body: %s", got)
	}
}

func TestMessagesAreChecked(t *testing.T) {
	e := newEnv(t)
	u := e.create("q", map[string]string{"MaximumMessageSize": "1024"})
	attr := func(name string, v sqsapi.MessageAttributeValue) sqsapi.SendMessageRequest {
		return sqsapi.SendMessageRequest{MessageBody: "x", MessageAttributes: map[string]sqsapi.MessageAttributeValue{name: v}}
	}
	text := func(dataType, v string) sqsapi.MessageAttributeValue {
		return sqsapi.MessageAttributeValue{DataType: dataType, StringValue: &v}
	}
	eleven := make(map[string]sqsapi.MessageAttributeValue)
	for i := range 11 {
		eleven[fmt.Sprint("a", i)] = text("String", "v")
	}
	for _, c := range []struct {
		in         sqsapi.SendMessageRequest
		name, part string // empty: it is allowed
	}{
		{in: sqsapi.SendMessageRequest{MessageBody: "\t\n\r \ud7ff\ue000\ufffd\U00010000\U0010ffff"}},
		{in: sqsapi.SendMessageRequest{MessageBody: strings.Repeat("x", 1024)}},
		{in: attr("a.b-c_1", text("String.custom.type", "v"))},
		{in: attr("n", text("Number", "-12.5e10"))},
		{in: attr("n", text("Number.int", strings.Repeat("9", 38)))},
		{in: sqsapi.SendMessageRequest{MessageBody: "x", MessageGroupId: ptr("tenant-1!"), DelaySeconds: ptr(900)}},
		{sqsapi.SendMessageRequest{}, "MissingParameter", "MessageBody"},
		{sqsapi.SendMessageRequest{MessageBody: "a\x00b"}, "InvalidMessageContents", "allowed set"},
		{sqsapi.SendMessageRequest{MessageBody: "a\ufffe"}, "InvalidMessageContents", "allowed set"},
		{sqsapi.SendMessageRequest{MessageBody: "a\xff"}, "InvalidMessageContents", "allowed set"},
		{sqsapi.SendMessageRequest{MessageBody: strings.Repeat("x", 1025)}, "InvalidParameterValue", "1024 bytes"},
		{sqsapi.SendMessageRequest{MessageBody: strings.Repeat("x", 1020), MessageAttributes: map[string]sqsapi.MessageAttributeValue{"a": text("String", "v")}},
			"InvalidParameterValue", "1024 bytes"},
		{sqsapi.SendMessageRequest{MessageBody: "x", DelaySeconds: ptr(901)}, "InvalidParameterValue", "DelaySeconds"},
		{sqsapi.SendMessageRequest{MessageBody: "x", DelaySeconds: ptr(-1)}, "InvalidParameterValue", "DelaySeconds"},
		{sqsapi.SendMessageRequest{MessageBody: "x", MessageDeduplicationId: ptr("a")}, "InvalidParameterValue", "MessageDeduplicationId"},
		{sqsapi.SendMessageRequest{MessageBody: "x", MessageGroupId: ptr("")}, "InvalidParameterValue", "MessageGroupId"},
		{sqsapi.SendMessageRequest{MessageBody: "x", MessageGroupId: ptr("a b")}, "InvalidParameterValue", "MessageGroupId"},
		{sqsapi.SendMessageRequest{MessageBody: "x", MessageSystemAttributes: map[string]sqsapi.MessageSystemAttributeValue{"Other": {}}},
			"InvalidParameterValue", "AWSTraceHeader"},
		{sqsapi.SendMessageRequest{MessageBody: "x", MessageSystemAttributes: map[string]sqsapi.MessageSystemAttributeValue{"AWSTraceHeader": {DataType: "Number", StringValue: ptr("1")}}},
			"InvalidParameterValue", "AWSTraceHeader"},
		{sqsapi.SendMessageRequest{MessageBody: "x", MessageAttributes: eleven}, "InvalidParameterValue", "at most 10"},
		{attr("", text("String", "v")), "InvalidParameterValue", "a name has"},
		{attr(".a", text("String", "v")), "InvalidParameterValue", "a name has"},
		{attr("a.", text("String", "v")), "InvalidParameterValue", "a name has"},
		{attr("a..b", text("String", "v")), "InvalidParameterValue", "a name has"},
		{attr("a b", text("String", "v")), "InvalidParameterValue", "a name has"},
		{attr("aWs.x", text("String", "v")), "InvalidParameterValue", "a name has"},
		{attr("Amazon.x", text("String", "v")), "InvalidParameterValue", "a name has"},
		{attr(strings.Repeat("a", 257), text("String", "v")), "InvalidParameterValue", "a name has"},
		{attr("a", text("Text", "v")), "InvalidParameterValue", "data type"},
		{attr("a", text("", "v")), "InvalidParameterValue", "data type"},
		{attr("a", text("String."+strings.Repeat("x", 256), "v")), "InvalidParameterValue", "data type"},
		{attr("a", text("String", "")), "InvalidParameterValue", "StringValue"},
		{attr("a", text("String", "\x01")), "InvalidMessageContents", "allowed set"},
		{attr("a", text("Number", "12x")), "InvalidParameterValue", "number"},
		{attr("a", text("Number", strings.Repeat("9", 39))), "InvalidParameterValue", "number"},
		{attr("a", sqsapi.MessageAttributeValue{DataType: "String", BinaryValue: []byte{1}}), "InvalidParameterValue", "StringValue"},
		{attr("a", sqsapi.MessageAttributeValue{DataType: "Binary"}), "InvalidParameterValue", "BinaryValue"},
		{attr("a", sqsapi.MessageAttributeValue{DataType: "Binary", BinaryValue: []byte{1}, StringValue: ptr("x")}), "InvalidParameterValue", "BinaryValue"},
		{attr("a", sqsapi.MessageAttributeValue{DataType: "String", StringListValues: []string{"a"}}), "UnsupportedOperation", "list"},
	} {
		c.in.QueueUrl = u
		_, err := e.SendMessage(e.ctx, &c.in)
		if c.name == "" {
			if err != nil {
				t.Errorf("%+v: %v", c.in, err)
			}
			continue
		}
		wantError(t, err, c.name, c.part)
	}
}

func TestReceiversChooseAttributes(t *testing.T) {
	e := newEnv(t)
	u := e.create("q", map[string]string{"VisibilityTimeout": "0"})
	text := func(v string) sqsapi.MessageAttributeValue {
		return sqsapi.MessageAttributeValue{DataType: "String", StringValue: &v}
	}
	_, err := e.SendMessage(e.ctx, &sqsapi.SendMessageRequest{QueueUrl: u, MessageBody: "x", MessageGroupId: ptr("g"),
		MessageAttributes: map[string]sqsapi.MessageAttributeValue{"one": text("1"), "two.a": text("2"), "two.b": text("3")}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		filters []string
		want    string
	}{
		{nil, "[]"}, {[]string{"one"}, "[one]"}, {[]string{"two.*"}, "[two.a two.b]"}, {[]string{"All"}, "[one two.a two.b]"},
		{[]string{".*"}, "[one two.a two.b]"}, {[]string{"two.a", "none", "tw"}, "[two.a]"},
	} {
		out, err := e.ReceiveMessage(e.ctx, &sqsapi.ReceiveMessageRequest{QueueUrl: u, MessageAttributeNames: c.filters})
		if err != nil || len(out.Messages) != 1 {
			t.Fatal(out, err)
		}
		m := out.Messages[0]
		names := []string{}
		var chosen []messageAttribute
		for _, name := range []string{"one", "two.a", "two.b"} {
			if v, ok := m.MessageAttributes[name]; ok {
				names = append(names, name)
				chosen = append(chosen, messageAttribute{name: name, dataType: "String", value: *v.StringValue})
			}
		}
		if fmt.Sprint(names) != c.want || len(m.Attributes) != 0 {
			t.Errorf("%v: got %v and %v", c.filters, names, m.Attributes)
		}
		if got, want := m.MD5OfMessageAttributes, attributesDigest(chosen); !reflect.DeepEqual(got, want) {
			t.Errorf("%v: the digest is not that of the attributes returned", c.filters)
		}
	}
	in := &sqsapi.ReceiveMessageRequest{QueueUrl: u, AttributeNames: []string{"SenderId"}, MessageSystemAttributeNames: []string{"MessageGroupId", "SequenceNumber"}}
	out, err := e.ReceiveMessage(e.ctx, in)
	if err != nil || !maps.Equal(out.Messages[0].Attributes, map[string]string{"SenderId": "AIDAADMIN", "MessageGroupId": "g"}) {
		t.Errorf("got %v, %v", out, err)
	}
}

func FuzzDecodeMessage(f *testing.F) {
	f.Add([]byte{})
	f.Add((&message{body: "b", sender: "s", trace: "t", group: "g", source: "q",
		attributes: []messageAttribute{{"a", "String", "v", false}, {"b", "Binary.x", "\x00", true}}}).encode())
	f.Add(append((&message{}).encode(), 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeMessage(b)
		if err != nil {
			return
		}
		again, err := decodeMessage(m.encode())
		if err != nil || !reflect.DeepEqual(m, again) {
			t.Fatalf("%v becomes %v, %v", m, again, err)
		}
	})
}

func FuzzDecodeState(f *testing.F) {
	st := state{1, 2, 3, 4, 5, 6}
	f.Add(st.encode())
	f.Add([]byte{2})
	f.Fuzz(func(t *testing.T, b []byte) {
		if st, err := decodeState(b); err == nil && !bytes.Equal(st.encode(), b) {
			t.Fatalf("%x becomes %x", b, st.encode())
		}
	})
}

func FuzzHandlesAndURLs(f *testing.F) {
	e := newEnv(f)
	u := e.create("q", nil)
	q, err := e.load(e.ctx, "q")
	if err != nil {
		f.Fatal(err)
	}
	good, err := e.sealReceipt(receipt{q.ID, q.Space, newID(), 1})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", u, good, good[1:], "AQEB", "http://x/" + testAccount + "/q?a=b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if name, err := e.nameOfURL(text); err == nil && !validQueueName(name) {
			t.Fatalf("URL %q means queue %q", text, name)
		}
		if _, err := e.openReceipt(q, text); err == nil && strings.Trim(text, "\r\n") != good {
			t.Fatalf("forged handle %q", text)
		}
		if _, _, err := e.openTaskHandle(text); err == nil {
			t.Fatalf("forged task handle %q", text)
		}
		if _, err := e.openToken("ListQueues ", text); err == nil {
			t.Fatalf("forged token %q", text)
		}
	})
}

func FuzzQueueAttribute(f *testing.F) {
	e := newEnv(f)
	for name, value := range map[string]string{
		"VisibilityTimeout": "3", "RedrivePolicy": `{"deadLetterTargetArn":"` + arnOf("d") + `","maxReceiveCount":"4"}`,
		"RedriveAllowPolicy": `{"redrivePermission":"byQueue","sourceQueueArns":["x"]}`, "SqsManagedSseEnabled": "TRUE",
		"Policy": `{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`,
	} {
		f.Add(name, value)
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		kept, err := e.checkAttribute("q", name, value)
		if err != nil {
			return
		}
		if again, err := e.checkAttribute("q", name, kept); err != nil || again != kept {
			t.Fatalf("%s: %q is kept as %q, and that as %q, %v", name, value, kept, again, err)
		}
	})
}
