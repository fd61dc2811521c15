package sqs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"kindred/internal/api/sqsapi"
	"kindred/internal/fault"
	"kindred/internal/store"
)

// Limits of AddPermission (API reference).
const (
	maxLabel   = 80 // characters
	maxActions = 7  // of a statement
)

// permissible are the actions that a queue's owner can open to others by
// AddPermission.
var permissible = map[string]bool{
	"*": true, "SendMessage": true, "ReceiveMessage": true, "DeleteMessage": true, "ChangeMessageVisibility": true,
	"GetQueueAttributes": true, "GetQueueUrl": true, "ListDeadLetterSourceQueues": true, "PurgeQueue": true,
}

// policyText is a policy of which the statements can be edited; what else it
// says stays as it is.
type policyText struct {
	members    map[string]json.RawMessage
	statements []json.RawMessage
}

func readPolicyText(text string) (*policyText, error) {
	p := &policyText{members: make(map[string]json.RawMessage)}
	if text == "" {
		return p, nil
	}
	if err := json.Unmarshal([]byte(text), &p.members); err != nil {
		return nil, fmt.Errorf("sqs: queue policy: %w", err)
	}
	list := p.members["Statement"]
	if !bytes.HasPrefix(list, []byte("[")) { // a single statement needs no list
		p.statements = []json.RawMessage{list}
		return p, nil
	}
	if err := json.Unmarshal(list, &p.statements); err != nil {
		return nil, fmt.Errorf("sqs: queue policy: %w", err)
	}
	return p, nil
}

// labelled is the place of the statement with a Sid, -1 if there is none.
func (p *policyText) labelled(label string) int {
	for i, raw := range p.statements {
		var s struct{ Sid string }
		if json.Unmarshal(raw, &s) == nil && s.Sid == label {
			return i
		}
	}
	return -1
}

// text is the policy in JSON; empty when no statement is left.
func (p *policyText) text() (string, error) {
	if len(p.statements) == 0 {
		return "", nil
	}
	list, err := json.Marshal(p.statements)
	if err != nil {
		return "", fmt.Errorf("sqs: queue policy: %w", err)
	}
	p.members["Statement"] = list
	b, err := json.Marshal(p.members)
	return string(b), err
}

func quoted(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic("sqs: " + err.Error()) // strings and maps of them always have a form
	}
	return b
}

// AddPermission adds a statement to the queue's policy that lets accounts
// perform actions.
func (s *Service) AddPermission(ctx context.Context, in *sqsapi.AddPermissionRequest) error {
	name, err := s.nameOfURL(in.QueueUrl)
	if err != nil {
		return err
	}
	statement, err := s.permission(name, in)
	return s.changePolicy(ctx, "AddPermission", name, func(p *policyText) error {
		if err != nil { // told only to those who may
			return err
		}
		if p.labelled(in.Label) >= 0 {
			return invalidParameter("Label: the policy has a statement with this label already.")
		}
		if len(p.statements) >= maxPolicyStatements {
			return fault.Named(fault.Busy, "OverLimit", "A queue policy has at most %d statements.", maxPolicyStatements)
		}
		if p.members["Version"] == nil {
			p.members["Version"] = quoted("2012-10-17")
			p.members["Id"] = quoted(s.arn(name) + "/SQSDefaultPolicy")
		}
		p.statements = append(p.statements, statement)
		return nil
	})
}

// permission is the statement for a request.
func (s *Service) permission(name string, in *sqsapi.AddPermissionRequest) (json.RawMessage, error) {
	if in.Label == "" || len(in.Label) > maxLabel || !validQueueName(in.Label) {
		return nil, invalidParameter("Label: has 1 to %d alphanumeric characters, hyphens and underscores.", maxLabel)
	}
	if len(in.AWSAccountIds) == 0 {
		return nil, invalidParameter("AWSAccountIds: must not be empty.")
	}
	if len(in.Actions) == 0 {
		return nil, invalidParameter("Actions: must not be empty.")
	}
	if len(in.Actions) > maxActions {
		return nil, fault.Named(fault.Busy, "OverLimit", "Actions: %d actions were found, at most %d are allowed.", len(in.Actions), maxActions)
	}
	var principals, actions []string
	for _, account := range in.AWSAccountIds {
		if len(account) != 12 || strings.Trim(account, "0123456789") != "" {
			return nil, invalidParameter("AWSAccountIds: an account has 12 digits.")
		}
		principals = append(principals, "arn:aws:iam::"+account+":root")
	}
	for _, action := range in.Actions {
		if !permissible[action] {
			return nil, invalidParameter("Actions: %.80q cannot be permitted to others.", action)
		}
		actions = append(actions, "SQS:"+action)
	}
	return quoted(map[string]any{
		"Sid":       in.Label,
		"Effect":    "Allow",
		"Principal": map[string]any{"AWS": principals},
		"Action":    actions,
		"Resource":  s.arn(name),
	}), nil
}

// RemovePermission takes the statement of a label from the queue's policy.
func (s *Service) RemovePermission(ctx context.Context, in *sqsapi.RemovePermissionRequest) error {
	name, err := s.nameOfURL(in.QueueUrl)
	if err != nil {
		return err
	}
	return s.changePolicy(ctx, "RemovePermission", name, func(p *policyText) error {
		i := p.labelled(in.Label)
		if i < 0 {
			return invalidParameter("Label: the policy has no statement with this label.")
		}
		p.statements = append(p.statements[:i], p.statements[i+1:]...)
		return nil
	})
}

func (s *Service) changePolicy(ctx context.Context, action, name string, edit func(*policyText) error) error {
	return s.updateQueue(ctx, action, name, nil, func(tx store.Tx, q *queue, _ [][]byte) error {
		p, err := readPolicyText(q.Attributes[attrPolicy])
		if err != nil {
			return err
		}
		if err := edit(p); err != nil {
			return err
		}
		text, err := p.text()
		if err != nil {
			return err
		}
		c := q.clone()
		c.Modified = s.micros()
		if text == "" {
			delete(c.Attributes, attrPolicy)
			return s.put(tx, name, c)
		}
		if _, err := parsePolicy(text); err != nil {
			return fault.Named(fault.Busy, "OverLimit", "The policy would break a rule: %s.", err)
		}
		c.Attributes[attrPolicy] = text
		return s.put(tx, name, c)
	})
}
