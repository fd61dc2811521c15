package iam

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"kindred/internal/fault"
	"kindred/internal/store"
)

// The managed policies that every installation has, for the people who work in the
// console: the roles that Amazon Connect has as security profiles ("Security profile
// permissions for Customer Profiles", administrator guide). They are ordinary
// policies but that only a release changes them, see [Service.Predefine].
const (
	AgentPolicy      = "KindredAgent"
	SupervisorPolicy = "KindredSupervisor"
	AdminPolicy      = "KindredAdministrator"
)

// predefinedVersion grows by one whenever a text below changes, so that of two
// releases on one store the newer one's text stays.
const predefinedVersion = 1

// What an agent does on a contact: find, see, make and edit profiles, bring a
// contact and its profile together.
var agentActions = []string{
	"profile:SearchProfiles", "profile:BatchGetProfile", "profile:ListProfileObjects",
	"profile:CreateProfile", "profile:UpdateProfile", "profile:AddProfileKey", "profile:DeleteProfileKey",
	"profile:ListDomains", "profile:GetDomain", "profile:ListAccountIntegrations", "profile:ListIntegrations", "profile:GetIntegration",
	"profile:ListProfileObjectTypes", "profile:GetProfileObjectType",
	"profile:ListProfileObjectTypeTemplates", "profile:GetProfileObjectTypeTemplate",
	"profile:ListDomainLayouts", "profile:GetDomainLayout", "profile:ListTagsForResource",
	"connect:ListInstances", "connect:DescribeInstance", "connect:DescribeContact", "connect:SearchContacts",
	"connect:ListAssociatedContacts", "connect:GetContactAttributes", "connect:UpdateContactAttributes",
	"kindred:GetProfileProvenance",
}

// What a supervisor does beside.
var supervisorActions = []string{
	"profile:GetCalculatedAttributeDefinition", "profile:ListCalculatedAttributeDefinitions",
	"profile:GetCalculatedAttributeForProfile", "profile:ListCalculatedAttributesForProfile", "profile:BatchGetCalculatedAttributeForProfile",
	"profile:CreateCalculatedAttributeDefinition", "profile:UpdateCalculatedAttributeDefinition", "profile:DeleteCalculatedAttributeDefinition",
	"profile:GetSegmentDefinition", "profile:ListSegmentDefinitions", "profile:GetSegmentMembership", "profile:GetSegmentEstimate",
	"profile:GetSegmentSnapshot", "profile:CreateSegmentEstimate",
	"profile:MergeProfiles", "profile:GetMatches", "profile:GetSimilarProfiles", "profile:ListRuleBasedMatches",
	"profile:GetProfileHistoryRecord", "profile:ListProfileHistoryRecords",
	"kindred:UnmergeProfiles", "kindred:GetMergeLineage", "kindred:DescribeProfileAsOf",
	"kindred:ListDeadLetters", "kindred:RedriveDeadLetters", "kindred:PreviewProfileObject",
	"kindred:ListJobs", "kindred:GetJob",
	"sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility",
}

var predefined = []policyRecord{
	{Name: AgentPolicy, Text: allowing(agentActions),
		Description: "For agents: find, see, make and edit customer profiles, and the contacts that belong to them"},
	{Name: SupervisorPolicy, Text: allowing(slices.Concat(agentActions, supervisorActions)),
		Description: "For supervisors: all that agents may, and merges, history, calculated attributes, segments and dead letters"},
	{Name: AdminPolicy, Text: allowing([]string{"*"}),
		Description: "For administrators: everything"},
}

func allowing(actions []string) string {
	return "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [{\n    \"Effect\": \"Allow\",\n    \"Action\": [\n      \"" +
		strings.Join(actions, "\",\n      \"") + "\"\n    ],\n    \"Resource\": \"*\"\n  }]\n}\n"
}

// Predefine makes the predefined policies that are not there, and brings those of an
// older release up to date. A policy that somebody has made under such a name stays
// as it is. To be called at each start.
func (s *Service) Predefine(ctx context.Context) error {
	var stale []policyRecord
	look := func(r store.Reader) error {
		stale = nil
		for _, p := range predefined {
			there, err := load[policyRecord](ctx, s, r, policySort(p.Name))
			if err != nil {
				return err
			}
			if there == nil || there.Predefined != 0 && there.Predefined < predefinedVersion {
				stale = append(stale, p)
			}
		}
		return nil
	}
	if err := s.view(ctx, look); err != nil || len(stale) == 0 {
		return err
	}
	err := s.update(ctx, func(t *txn) error {
		if err := look(t); err != nil {
			return err
		}
		for _, p := range stale {
			there, err := load[policyRecord](ctx, s, t, policySort(p.Name))
			if err != nil {
				return err
			}
			if there == nil {
				there = &policyRecord{Name: p.Name, ID: newID("ANPA", 17), Created: t.Now()}
				t.ledger.policies++
			}
			there.Text, there.Description, there.Updated, there.Predefined = p.Text, p.Description, t.Now(), predefinedVersion
			if err := t.save(policySort(p.Name), there); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("predefined policies: %w", err)
	}
	return nil
}

// keepPredefined refuses to change a predefined policy.
func keepPredefined(p *policyRecord) error {
	if p.Predefined == 0 {
		return nil
	}
	return fault.New(fault.Invalid, "The policy %s is predefined and cannot be changed or deleted; make another one with its text.", p.Name)
}
