package server_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	cptypes "github.com/aws/aws-sdk-go-v2/service/customerprofiles/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"kindred/internal/access"
	"kindred/internal/api"
	"kindred/internal/api/profileapi"
	"kindred/internal/server"
)

// texts are tried in turn for a string of a shape.
var texts = []string{"name-1", "a", "0123456789abcdef0123456789abcdef", "arn:aws:profile:us-east-1:000000000000:domains/d 1/ü",
	"arn:aws:profile:us-east-1:000000000000:domains/d", "arn:aws:iam::000000000000:role/service-role/r",
	"https://example.com/x", "2026-01-01", "[1]", "INCLUSIVE", "aws.connect.x"}

func text(t *testing.T, s *api.Shape) string {
	t.Helper()
	if len(s.Enum) > 0 {
		return s.Enum[0]
	}
	for _, x := range texts {
		n := float64(len([]rune(x)))
		if (s.Min == nil || n >= *s.Min) && (s.Max == nil || n <= *s.Max) && s.Match(x) {
			return x
		}
	}
	t.Fatalf("no text for %s, pattern %s", s.Name, s.Pattern)
	return ""
}

// fill sets v, of a type of the SDK, to a minimal valid value of the shape.
func fill(t *testing.T, s *api.Shape, v reflect.Value) {
	t.Helper()
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch s.Type {
	case api.Structure:
		if v.Kind() == reflect.Interface { // a union
			m := s.Members[0]
			u := reflect.New(unions[s.Name+"Member"+m.Name])
			fill(t, m.Shape, u.Elem().FieldByName("Value"))
			v.Set(u)
			return
		}
		for _, m := range s.Members {
			if m.Required || s.Union {
				fill(t, m.Shape, v.FieldByName(strings.ToUpper(m.Name[:1])+m.Name[1:]))
			}
		}
	case api.String:
		v.SetString(text(t, s))
	case api.Integer, api.Long:
		n := int64(1)
		if s.Min != nil {
			n = int64(*s.Min)
		}
		v.SetInt(n)
	case api.Double:
		v.SetFloat(1)
	case api.Boolean:
		v.SetBool(true)
	case api.Timestamp:
		v.Set(reflect.ValueOf(time.Unix(1700000000, 0)))
	case api.List:
		n := 1
		if s.Min != nil {
			n = max(n, int(*s.Min))
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(t, s.Elem, v.Index(i))
		}
	case api.Map:
		e := reflect.New(v.Type().Elem()).Elem()
		fill(t, s.Elem, e)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf(text(t, s.Key)).Convert(v.Type().Key()), e)
	default:
		t.Fatalf("no value for %s", s.Name)
	}
}

var unions = map[string]reflect.Type{}

// recorder implements nothing and remembers what it was asked for.
type recorder struct {
	op    *api.Operation
	input any
}

func (r *recorder) authorize(_ context.Context, op *api.Operation, input any) error {
	r.op, r.input = op, input
	return nil
}

func TestInvariant1AllOperationsOfTheSDKReachTheirOperation(t *testing.T) {
	var rec recorder
	_, h := newServer(t, []server.Mount{{API: profileapi.Service(), Authorize: rec.authorize}})
	client := reflect.ValueOf(customerprofiles.NewFromConfig(config(h.URL)))
	called := 0
	for _, op := range profileapi.Service().Operations {
		call := client.MethodByName(op.Name)
		if !call.IsValid() {
			t.Errorf("the SDK has no %s", op.Name)
			continue
		}
		in := reflect.New(call.Type().In(1).Elem())
		fill(t, op.Input, in.Elem())
		rec = recorder{}
		out := call.Call([]reflect.Value{reflect.ValueOf(t.Context()), in})
		called++
		err, _ := out[1].Interface().(error)
		var apiErr smithy.APIError
		if !errors.As(err, &apiErr) || apiErr.ErrorCode() != "NotImplementedException" {
			t.Errorf("%s: %v", op.Name, err)
			continue
		}
		if rec.op != op {
			t.Errorf("%s reached %v", op.Name, rec.op)
			continue
		}
		got := reflect.ValueOf(rec.input).Elem()
		for _, m := range op.Input.Members {
			if m.Required && m.Shape.Type == api.String {
				sent := reflect.Indirect(in.Elem().FieldByName(strings.ToUpper(m.Name[:1]) + m.Name[1:])).String()
				if s := got.Field(m.Field).String(); s != sent {
					t.Errorf("%s: %s arrived as %q, was %q", op.Name, m.Name, s, sent)
				}
			}
		}
	}
	if called != 107 {
		t.Errorf("%d operations called, want 107", called)
	}
}

func TestQueryParametersArrive(t *testing.T) {
	var rec recorder
	_, h := newServer(t, []server.Mount{{API: profileapi.Service(), Authorize: rec.authorize}})
	client := customerprofiles.NewFromConfig(config(h.URL))
	arn := "arn:aws:profile:us-east-1:000000000000:domains/d1"
	_, err := client.UntagResource(t.Context(), &customerprofiles.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{"a:b", "c/d"}})
	if err == nil {
		t.Fatal("no error")
	}
	want := &profileapi.UntagResourceRequest{ResourceArn: arn, TagKeys: []string{"a:b", "c/d"}}
	if !reflect.DeepEqual(rec.input, want) {
		t.Errorf("got %+v, want %+v", rec.input, want)
	}
	_, err = client.SearchProfiles(t.Context(), &customerprofiles.SearchProfilesInput{DomainName: ptr("d"), KeyName: ptr("_phone"),
		Values: []string{"+1"}, MaxResults: ptr(int32(7)), NextToken: ptr("a/b+c=")})
	if err == nil {
		t.Fatal("no error")
	}
	in := rec.input.(*profileapi.SearchProfilesRequest)
	if *in.MaxResults != 7 || *in.NextToken != "a/b+c=" || in.KeyName != "_phone" {
		t.Errorf("got %+v", in)
	}
}

func TestSQSClients(t *testing.T) {
	_, h := newServer(t, mounts())
	client := sqs.NewFromConfig(config(h.URL))
	_, err := client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: ptr("missing")})
	var missing *sqstypes.QueueDoesNotExist
	if !errors.As(err, &missing) || missing.ErrorCode() != "AWS.SimpleQueueService.NonExistentQueue" {
		t.Errorf("got %v", err)
	}
	if _, err := client.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: ptr("q"), ReceiptHandle: ptr("r")}); err != nil {
		t.Error(err)
	}
	_, err = client.DeleteMessage(t.Context(), &sqs.DeleteMessageInput{QueueUrl: ptr("q"), ReceiptHandle: ptr("denied")})
	var apiErr smithy.APIError
	if !errors.As(err, &apiErr) || apiErr.ErrorCode() != "AccessDenied" {
		t.Errorf("got %v", err)
	}
	out, err := client.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{QueueUrl: ptr("q")})
	if err != nil {
		t.Fatal(err)
	}
	m := out.Messages[0]
	if *m.Body != "<&>" || m.Attributes["SenderId"] != "me" || string(m.MessageAttributes["n"].BinaryValue) != "\x01\x02" {
		t.Errorf("got %+v", m)
	}
}

func TestSQSErrorsCarryTheNamesOfOldClients(t *testing.T) {
	_, h := newServer(t, mounts())
	r := send(t, h.URL, "POST", "/", "sqs", `{"QueueName":"missing"}`,
		map[string]string{"X-Amz-Target": "AmazonSQS.GetQueueUrl", "Content-Type": "application/x-amz-json-1.0"})
	if r.Status != 400 || r.Header.Get("x-amzn-query-error") != "AWS.SimpleQueueService.NonExistentQueue;Sender" ||
		r.Body != `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}` {
		t.Errorf("%+v", r)
	}
	r = send(t, h.URL, "POST", "/", "sqs", "Action=GetQueueUrl&Version=2012-11-05&QueueName=missing", form)
	if r.Status != 400 || !strings.Contains(r.Body, "<Type>Sender</Type><Code>AWS.SimpleQueueService.NonExistentQueue</Code>") {
		t.Errorf("%+v", r)
	}
	r = send(t, h.URL, "GET", "/000000000000/q%2F1?Action=SendMessage&MessageBody=a%20b", "sqs", "", nil)
	if r.Status != 200 || !strings.Contains(r.Body, "/000000000000/q%2F1|a b</MessageId>") {
		t.Errorf("queue named by the path: %+v", r)
	}
}

func TestKMSClients(t *testing.T) {
	_, h := newServer(t, mounts())
	client := kms.NewFromConfig(config(h.URL))
	describe := func(id string) error {
		_, err := client.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &id})
		return err
	}
	if err := describe("there"); err != nil {
		t.Error(err)
	}
	var missing *kmstypes.NotFoundException
	if err := describe("missing"); !errors.As(err, &missing) {
		t.Errorf("got %v", err)
	}
	var internal *kmstypes.KMSInternalException
	if err := describe("broken"); !errors.As(err, &internal) || !strings.Contains(err.Error(), "StatusCode: 500") {
		t.Errorf("got %v", err)
	}
	var apiErr smithy.APIError
	if err := describe("denied"); !errors.As(err, &apiErr) || apiErr.ErrorCode() != "AccessDeniedException" {
		t.Errorf("got %v", err)
	}
	if err := describe(strings.Repeat("x", 3000)); !errors.As(err, &apiErr) || apiErr.ErrorCode() != "ValidationException" {
		t.Errorf("got %v", err)
	}
	out, err := client.Encrypt(t.Context(), &kms.EncryptInput{KeyId: ptr("k"), Plaintext: []byte("p")})
	if err != nil || string(out.CiphertextBlob) != "sealed:p" {
		t.Errorf("got %v, %v", out, err)
	}
	if _, err := client.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: ptr("k")}); err != nil {
		t.Error(err)
	}
}

func TestSTSClients(t *testing.T) {
	_, h := newServer(t, mounts())
	client := sts.NewFromConfig(config(h.URL))
	out, err := client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || *out.Arn != "arn:aws:iam::000000000000:user/AKIDTEST" || *out.Account != "000000000000" {
		t.Errorf("got %+v, %v", out, err)
	}
	_, err = client.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: ptr("arn:aws:iam::000000000000:role/r"), RoleSessionName: ptr("session")})
	var apiErr smithy.APIError
	if !errors.As(err, &apiErr) || apiErr.ErrorCode() != "NotImplementedException" {
		t.Errorf("got %v", err)
	}
	_, err = client.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: ptr("short"), RoleSessionName: ptr("session")})
	if !errors.As(err, &apiErr) || apiErr.ErrorCode() != "ValidationError" {
		t.Errorf("got %v", err)
	}
}

// inProcess is a configuration for clients inside the process.
func inProcess(s *server.Server, caller func(context.Context) *access.Caller) aws.Config {
	c := config("http://in.process")
	c.HTTPClient = &http.Client{Transport: s.InProcess(caller)}
	return c
}

func TestClientsInTheProcessNeedNoNetworkAndNoSignature(t *testing.T) {
	s, _ := newServer(t, mounts(), func(c *server.Config) { c.Authenticator = nobody{} })
	c := inProcess(s, func(context.Context) *access.Caller {
		return &access.Caller{Type: access.Service, ServiceName: "profile.amazonaws.com"}
	})
	who, err := sts.NewFromConfig(c).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || *who.Arn != "profile.amazonaws.com" {
		t.Errorf("got %+v, %v", who, err)
	}
	_, err = sqs.NewFromConfig(c).GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: ptr("missing")})
	var missing *sqstypes.QueueDoesNotExist
	if !errors.As(err, &missing) {
		t.Errorf("got %v", err)
	}
	out, err := kms.NewFromConfig(c).Encrypt(t.Context(), &kms.EncryptInput{KeyId: ptr("k"), Plaintext: []byte("p")})
	if err != nil || string(out.CiphertextBlob) != "sealed:p" {
		t.Errorf("got %v, %v", out, err)
	}
	_, err = customerprofiles.NewFromConfig(c).GetDomain(t.Context(), &customerprofiles.GetDomainInput{DomainName: ptr("missing")})
	var notFound *cptypes.ResourceNotFoundException
	if !errors.As(err, &notFound) {
		t.Errorf("got %v", err)
	}
	none := inProcess(s, func(context.Context) *access.Caller { return nil })
	if _, err := sts.NewFromConfig(none).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err == nil {
		t.Error("a request without caller was answered")
	}
}

type nobody struct{}

func (nobody) Authenticate(*http.Request, []byte) (*access.Caller, string, error) {
	return nil, "", fmt.Errorf("nobody comes in by the network")
}

func TestCancellationReachesTheOperationInProcess(t *testing.T) {
	s := server.New(server.Config{Services: mounts(), Authenticator: nobody{}})
	synctest.Test(t, func(t *testing.T) {
		c := inProcess(s, func(context.Context) *access.Caller { return &access.Caller{ServiceName: "profile.amazonaws.com"} })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := sqs.NewFromConfig(c).ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: ptr("q"), WaitTimeSeconds: 20})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}
