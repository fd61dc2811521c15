package wire

import (
	"strings"

	"kindred/internal/api"
)

// Error is an error as the client sees it.
type Error struct {
	Name    string     // of the error shape, such as "ResourceNotFoundException"
	Shape   *api.Shape // of that name; nil for the errors that all services share
	Status  int
	Message string
}

// code is the name of the error in the Query protocol.
func (e *Error) code() string {
	if e.Shape != nil && e.Shape.Code != "" {
		return e.Shape.Code
	}
	return e.Name
}

// party is whose fault the error is, in the words of the Query protocol.
func (e *Error) party() string {
	if e.Status >= 500 {
		return "Receiver"
	}
	return "Sender"
}

// Refuse writes an error in the protocol of the call.
//
// REST-JSON carries the name in x-amzn-ErrorType, and the text as Message and
// under the name that the error's shape gives it. AWS JSON carries the name in
// __type, for version 1.0 with the namespace of the service; a service that
// older clients call by Query adds the name they know in x-amzn-query-error
// (https://smithy.io/2.0/aws/protocols/aws-query-protocol.html).
func (c *Call) Refuse(a *Answer, e *Error, requestID string) {
	switch c.Protocol {
	case api.RESTJSON:
		a.reset(e.Status, jsonContent)
		a.Header = append(a.Header, [2]string{"X-Amzn-Errortype", e.Name})
		a.Body = quote(append(a.Body, `{"Message":`...), e.Message)
		if e.Shape != nil && e.Shape.Go != nil && len(e.Shape.Members) > 0 && e.Shape.Members[0].Wire == "message" {
			a.Body = quote(append(a.Body, `,"message":`...), e.Message)
		}
		a.Body = append(a.Body, '}')
	case api.AWSJSON:
		c.refuseAWSJSON(a, e)
	default:
		c.refuseQuery(a, e, requestID)
	}
}

func (c *Call) refuseAWSJSON(a *Answer, e *Error) {
	version, name := "1.1", e.Name
	if c.Service != nil {
		version = c.Service.JSONVersion
		if version == "1.0" {
			name = "com.amazonaws." + strings.ToLower(c.Service.SigningName) + "#" + name
		}
	}
	a.reset(e.Status, "application/x-amz-json-"+version)
	if c.Service != nil && c.Service.Query {
		a.Header = append(a.Header, [2]string{"X-Amzn-Query-Error", e.code() + ";" + e.party()})
	}
	a.Body = quote(append(a.Body, `{"__type":`...), name)
	a.Body = quote(append(a.Body, `,"message":`...), e.Message)
	a.Body = append(a.Body, '}')
}
