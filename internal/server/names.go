package server

import (
	"errors"
	"slices"

	"kindred/internal/api"
	"kindred/internal/fault"
	"kindred/internal/store"
	"kindred/internal/wire"
)

// names are the names that a service gives to what went wrong. Of several the
// first that the operation declares is used, and the first of all when it
// declares none.
type names struct {
	malformed, missing, enumeration, invalid []string
	exists, denied, notFound, busy           []string
	internal                                 string
}

// profileNames are those of Customer Profiles, and of Kindred's own service.
var profileNames = names{
	malformed: []string{"BadRequestException"}, missing: []string{"BadRequestException"},
	enumeration: []string{"BadRequestException"}, invalid: []string{"BadRequestException"},
	exists: []string{"BadRequestException"}, denied: []string{"AccessDeniedException"},
	notFound: []string{"ResourceNotFoundException"}, busy: []string{"ThrottlingException"},
	internal: "InternalServerException",
}

// serviceNames holds the names by signing name.
var serviceNames = map[string]*names{
	"profile": &profileNames,
	"kindred": &profileNames,
	"connect": {
		malformed:   []string{"InvalidRequestException", "InvalidParameterException"},
		missing:     []string{"InvalidParameterException", "InvalidRequestException"},
		enumeration: []string{"InvalidParameterException", "InvalidRequestException"},
		invalid:     []string{"InvalidParameterException", "InvalidRequestException"},
		exists:      []string{"DuplicateResourceException", "InvalidRequestException"},
		denied:      []string{"AccessDeniedException"}, notFound: []string{"ResourceNotFoundException"},
		busy: []string{"ThrottlingException"}, internal: "InternalServiceException",
	},
	"appflow": {
		malformed: []string{"ValidationException"}, missing: []string{"ValidationException"},
		enumeration: []string{"ValidationException"}, invalid: []string{"ValidationException"},
		exists: []string{"ConflictException", "ValidationException"}, denied: []string{"AccessDeniedException"},
		notFound: []string{"ResourceNotFoundException"}, busy: []string{"ThrottlingException"},
		internal: "InternalServerException",
	},
	"kms": {
		malformed: []string{"SerializationException"}, missing: []string{"ValidationException"},
		enumeration: []string{"ValidationException"}, invalid: []string{"ValidationException"},
		exists: []string{"AlreadyExistsException"}, denied: []string{"AccessDeniedException"},
		notFound: []string{"NotFoundException"}, busy: []string{"ThrottlingException"},
		internal: "KMSInternalException",
	},
	"sqs": {
		malformed: []string{"SerializationException"}, missing: []string{"MissingParameter"},
		enumeration: []string{"InvalidAttributeName", "InvalidParameterValue"}, invalid: []string{"InvalidParameterValue"},
		exists: []string{"QueueNameExists", "InvalidParameterValue"}, denied: []string{"AccessDenied"},
		notFound: []string{"QueueDoesNotExist", "ResourceNotFoundException"}, busy: []string{"RequestThrottled"},
		internal: "InternalFailure",
	},
	"sts": {
		malformed: []string{"ValidationError"}, missing: []string{"ValidationError"},
		enumeration: []string{"ValidationError"}, invalid: []string{"ValidationError"},
		exists: []string{"ValidationError"}, denied: []string{"AccessDenied"},
		notFound: []string{"ValidationError"}, busy: []string{"Throttling"},
		internal: "InternalFailure",
	},
}

// common are the errors that any operation may answer without declaring them,
// with their statuses (AWS, "Common error types" of each API).
var common = map[string]int{
	"AccessDenied":                        403,
	"AccessDeniedException":               403,
	"ExpiredToken":                        403,
	"ExpiredTokenException":               403,
	"IncompleteSignature":                 400,
	"IncompleteSignatureException":        400,
	"InternalFailure":                     500,
	"InternalServerException":             500,
	"InternalServiceException":            500,
	"InvalidAction":                       400,
	"InvalidClientTokenId":                403,
	"InvalidParameterCombination":         400,
	"InvalidParameterValue":               400,
	"InvalidQueryParameter":               400,
	"InvalidSignatureException":           403,
	"KMSInternalException":                500,
	"MalformedQueryString":                400,
	"MissingAction":                       400,
	"MissingAuthenticationToken":          403,
	"MissingAuthenticationTokenException": 403,
	"MissingParameter":                    400,
	"NotImplementedException":             501,
	"RequestExpired":                      400,
	"RequestThrottled":                    400,
	"SerializationException":              400,
	"ServiceUnavailable":                  503,
	"ServiceUnavailableException":         503,
	"SignatureDoesNotMatch":               403,
	"Throttling":                          400,
	"ThrottlingException":                 429,
	"UnknownOperationException":           404,
	"UnrecognizedClientException":         403,
	"ValidationError":                     400,
	"ValidationException":                 400,
}

// queryNames are what the Query protocol calls some common errors.
var queryNames = map[string]string{
	"AccessDeniedException":               "AccessDenied",
	"ExpiredTokenException":               "ExpiredToken",
	"IncompleteSignatureException":        "IncompleteSignature",
	"InvalidSignatureException":           "SignatureDoesNotMatch",
	"MissingAuthenticationTokenException": "MissingAuthenticationToken",
	"SerializationException":              "MalformedQueryString",
	"UnrecognizedClientException":         "InvalidClientTokenId",
}

// kindStatus is the status of an error whose name has none of its own.
var kindStatus = map[fault.Kind]int{
	fault.Internal: 500, fault.Invalid: 400, fault.Exists: 400, fault.Denied: 403,
	fault.NotFound: 404, fault.Busy: 429, fault.Unimplemented: 501,
}

const (
	internalMessage = "The request could not be completed because of an internal error. Try again; if it stays, give the operator the request ID."
	busyMessage     = "Too many changes to the same data at the same time. Try again."
)

// refusal is how an error is answered and what is to be logged of it.
type refusal struct {
	wire.Error
	cause  error // ours to look at: an internal error or a defect
	defect string
}

// refuse turns an error into the one that the client of the call sees.
func refuse(c *wire.Call, err error) refusal {
	n := &profileNames
	if c.Service != nil && serviceNames[c.Service.SigningName] != nil {
		n = serviceNames[c.Service.SigningName]
	}
	var invalid *wire.Invalid
	var f *fault.Error
	switch {
	case errors.As(err, &invalid):
		return refuseInvalid(c, n, invalid)
	case errors.As(err, &f):
	case errors.Is(err, store.ErrConflict):
		f = fault.New(fault.Busy, busyMessage).Because(err)
	default:
		f = fault.New(fault.Internal, internalMessage).Because(err)
	}
	return refuseFault(c, n, f)
}

// refuseInvalid names a request that the wire does not accept. These names need
// no declaration.
func refuseInvalid(c *wire.Call, n *names, e *wire.Invalid) refusal {
	var name string
	status := 0
	switch e.Rule {
	case wire.UnknownOperation, wire.MissingOperation:
		name = "UnknownOperationException"
		switch {
		case c.Protocol == api.AWSQuery && e.Rule == wire.MissingOperation:
			name = "MissingAction"
		case c.Protocol == api.AWSQuery:
			name = "InvalidAction"
		case c.Protocol == api.AWSJSON:
			status = 400
		}
	case wire.Missing:
		name = pick(c.Operation, n.missing)
	case wire.Enumeration:
		name = pick(c.Operation, n.enumeration)
	case wire.Malformed:
		name = pick(c.Operation, n.malformed)
	default:
		name = pick(c.Operation, n.invalid)
	}
	r := named(c, name, fault.Invalid, e.Message)
	if status != 0 {
		r.Status = status
	}
	return r
}

func refuseFault(c *wire.Call, n *names, f *fault.Error) refusal {
	if f.Kind == fault.Internal && f.Name == "" {
		r := named(c, n.internal, fault.Internal, internalMessage)
		r.cause = f
		return r
	}
	name := f.Name
	if name == "" {
		name = n.of(c.Operation, f.Kind)
	}
	r := named(c, name, f.Kind, f.Message)
	if f.Kind == fault.Internal {
		r.cause = f
	}
	if c.Operation != nil && common[r.Name] == 0 && !declares(c.Operation, r.Name) {
		defect := "the operation does not declare " + r.Name
		r = named(c, n.internal, fault.Internal, internalMessage)
		r.cause, r.defect = f, defect
	}
	return r
}

// of is the name for a kind.
func (n *names) of(op *api.Operation, k fault.Kind) string {
	switch k {
	case fault.Invalid:
		return pick(op, n.invalid)
	case fault.Exists:
		return pick(op, n.exists)
	case fault.Denied:
		return pick(op, n.denied)
	case fault.NotFound:
		return pick(op, n.notFound)
	case fault.Busy:
		return pick(op, n.busy)
	case fault.Unimplemented:
		return "NotImplementedException"
	}
	return n.internal
}

// named is the error of a name, with the status that the model gives it.
func named(c *wire.Call, name string, kind fault.Kind, message string) refusal {
	if c.Protocol == api.AWSQuery {
		if q := queryNames[name]; q != "" && (c.Operation == nil || !declares(c.Operation, name)) {
			name = q
		}
	}
	e := wire.Error{Name: name, Message: message}
	if c.Service != nil {
		if sh := c.Service.Shapes[name]; sh != nil && sh.Status != 0 {
			e.Shape, e.Status = sh, sh.Status
		}
	}
	if e.Status == 0 {
		e.Status = common[name]
	}
	if e.Status == 0 {
		e.Status = kindStatus[kind]
	}
	if kind == fault.Internal {
		e.Status = max(e.Status, 500) // the model does not say it of all (KMS)
	}
	if c.Service != nil && c.Service.SigningName == "kms" && (name == "AccessDeniedException" || name == "ThrottlingException") {
		e.Status = 400 // as KMS does
	}
	return refusal{Error: e}
}

func pick(op *api.Operation, candidates []string) string {
	if op != nil {
		for _, name := range candidates {
			if declares(op, name) {
				return name
			}
		}
	}
	return candidates[0]
}

func declares(op *api.Operation, name string) bool {
	return slices.ContainsFunc(op.Errors, func(e *api.Shape) bool { return e.Name == name })
}
