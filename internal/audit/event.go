package audit

import (
	"crypto/rand"
	"encoding/hex"
	"reflect"
	"strings"
	"time"

	"kindred/internal/access"
)

// Event is a record of the trail, in the shape of CloudTrail's.
type Event struct {
	EventVersion       string     `json:"eventVersion"`
	UserIdentity       Identity   `json:"userIdentity"`
	EventTime          time.Time  `json:"eventTime"`
	EventSource        string     `json:"eventSource"`
	EventName          string     `json:"eventName"`
	AWSRegion          string     `json:"awsRegion"`
	SourceIPAddress    string     `json:"sourceIPAddress,omitempty"`
	UserAgent          string     `json:"userAgent,omitempty"`
	ErrorCode          string     `json:"errorCode,omitempty"`
	RequestParameters  any        `json:"requestParameters"` // always null: they may be a customer's
	ResponseElements   any        `json:"responseElements"`
	RequestID          string     `json:"requestID"`
	EventID            string     `json:"eventID"`
	ReadOnly           bool       `json:"readOnly"`
	Resources          []Resource `json:"resources,omitempty"`
	EventType          string     `json:"eventType"`
	ManagementEvent    bool       `json:"managementEvent"`
	RecipientAccountID string     `json:"recipientAccountId"`
	EventCategory      string     `json:"eventCategory"`
}

// Identity is who called.
type Identity struct {
	Type        string `json:"type"`
	PrincipalID string `json:"principalId,omitempty"`
	ARN         string `json:"arn,omitempty"`
	AccountID   string `json:"accountId,omitempty"`
	AccessKeyID string `json:"accessKeyId,omitempty"`
	UserName    string `json:"userName,omitempty"`
	InvokedBy   string `json:"invokedBy,omitempty"`
}

// Resource is what was called on.
type Resource struct {
	Type string `json:"type"`
	Name string `json:"name"`
}

const (
	maxAgent     = 256 // characters of what a client says of itself
	maxResources = 20
	maxName      = 512
)

func (s *Service) event(c *Call, kind class) *Event {
	e := &Event{EventVersion: "1.11", UserIdentity: identity(c.Caller), EventTime: c.At.UTC(), EventSource: c.Service + ".amazonaws.com", EventName: c.Operation,
		AWSRegion: s.Region, SourceIPAddress: c.Caller.SourceIP, UserAgent: c.UserAgent[:min(len(c.UserAgent), maxAgent)], ErrorCode: c.Error, RequestID: c.RequestID,
		EventID: newID(), ReadOnly: kind.reads, EventType: "AwsApiCall", ManagementEvent: kind.level == Management, RecipientAccountID: s.Account,
		EventCategory: "Data", Resources: resources(c.Input)}
	if e.ManagementEvent {
		e.EventCategory = "Management"
	}
	return e
}

func identity(c *access.Caller) Identity {
	i := Identity{PrincipalID: c.PrincipalID, ARN: c.ARN, AccountID: c.Account, AccessKeyID: c.AccessKeyID, UserName: c.UserName, Type: "Unknown"}
	switch c.Type {
	case access.User:
		i.Type = "IAMUser"
	case access.RoleSession:
		i.Type = "AssumedRole"
	case access.Root:
		i.Type = "Root"
	case access.Service:
		i.Type, i.InvokedBy = "AWSService", c.ServiceName
	}
	return i
}

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

// named are the members of inputs that name resources, and never anything of a customer.
var named = map[string]string{
	"DomainName": "Domain", "NewDomainName": "Domain", "ObjectTypeName": "ObjectType", "ProfileId": "Profile", "ProfileIds": "Profile", "MainProfileId": "Profile",
	"ProfileIdsToBeMerged": "Profile", "MergeId": "Merge", "JobId": "Job", "Uri": "Integration", "ResourceArn": "Resource", "KeyId": "Key", "TargetKeyId": "Key",
	"AliasName": "Alias", "KeyArn": "Key", "QueueUrl": "Queue", "QueueName": "Queue", "InstanceId": "Instance", "ContactId": "Contact", "UserName": "User",
	"RoleName": "Role", "RoleArn": "Role", "PolicyName": "Policy", "AccessKeyId": "AccessKey", "SessionId": "Session", "FlowName": "Flow",
}

// resources are what an input names.
func resources(input any) []Resource {
	v := reflect.ValueOf(input)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return nil
	}
	v = v.Elem()
	var list []Resource
	add := func(kind string, v reflect.Value) {
		for v.Kind() == reflect.Pointer && !v.IsNil() {
			v = v.Elem()
		}
		if v.Kind() != reflect.String || v.Len() == 0 || len(list) >= maxResources {
			return
		}
		name := v.String()
		list = append(list, Resource{kind, name[:min(len(name), maxName)]})
	}
	for i := range v.NumField() {
		kind, ok := named[v.Type().Field(i).Name]
		if !ok {
			continue
		}
		f := v.Field(i)
		if f.Kind() == reflect.Slice {
			for j := range f.Len() {
				add(kind, f.Index(j))
			}
			continue
		}
		add(kind, f)
	}
	return list
}

// class is what kind of call an operation is.
type class struct {
	level Level
	reads bool
}

// onData are operations on customers' data; heavy are those that a machine calls all the
// time, on data that pass through.
var (
	onData = words(`profile: SearchProfiles BatchGetProfile ListProfileObjects CreateProfile UpdateProfile DeleteProfile AddProfileKey DeleteProfileKey
		MergeProfiles DeleteProfileObject GetProfileHistoryRecord ListProfileHistoryRecords GetSimilarProfiles GetMatches ListRuleBasedMatches
		GetCalculatedAttributeForProfile ListCalculatedAttributesForProfile BatchGetCalculatedAttributeForProfile GetProfileRecommendations GetSegmentMembership
		kindred: GetProfileProvenance DescribeProfileAsOf GetMergeLineage UnmergeProfiles PreviewProfileObject ListDeadLetters RedriveDeadLetters
		connect: CreateContact DescribeContact SearchContacts UpdateContactAttributes GetContactAttributes ListAssociatedContacts BatchPutContact`)
	heavy = words(`profile: PutProfileObject BatchPutProfileObject
		sqs: SendMessage SendMessageBatch ReceiveMessage DeleteMessage DeleteMessageBatch ChangeMessageVisibility ChangeMessageVisibilityBatch
		kms: Encrypt Decrypt ReEncrypt GenerateDataKey GenerateDataKeyWithoutPlaintext
		kindred: GetCallerPermissions GetServerInfo`)
)

func words(text string) map[string]bool {
	set, service := map[string]bool{}, ""
	for _, w := range strings.Fields(text) {
		if name, ok := strings.CutSuffix(w, ":"); ok {
			service = name
			continue
		}
		set[service+":"+w] = true
	}
	return set
}

func classify(service, operation string) class {
	c := class{level: Management}
	switch name := service + ":" + operation; {
	case heavy[name]:
		c.level = All
	case onData[name]:
		c.level = Access
	}
	for _, verb := range [...]string{"Get", "List", "Describe", "Search", "BatchGet", "Preview", "Lookup", "Receive", "Detect"} {
		if strings.HasPrefix(operation, verb) {
			c.reads = true
		}
	}
	return c
}
