package democmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

func (l *loader) alias() string     { return l.domain + "-service" }
func (l *loader) queueName() string { return l.domain + "-dead-letters" }

// statement is one of a policy.
type statement struct {
	Sid, Effect      string
	Principal        map[string]string
	Action, Resource string
	Condition        map[string]map[string]string
}

// enable makes the instance, the queue, the key and the domain, and brings them
// together, as the console's page does. It returns the instance's id.
func (l *loader) enable(ctx context.Context) (instance string, err error) {
	key, err := l.keys.CreateKey(ctx, &kms.CreateKeyInput{Description: aws.String("Customer profiles of " + l.domain)})
	if err != nil {
		return "", err
	}
	if _, err := l.keys.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String("alias/" + l.domain + "-profiles"), TargetKeyId: key.KeyMetadata.KeyId}); err != nil {
		return "", err
	}
	text, err := json.Marshal(struct {
		Version   string
		Statement []statement
	}{"2012-10-17", []statement{{
		Sid: "CustomerProfiles", Effect: "Allow", Principal: map[string]string{"Service": "profile.amazonaws.com"},
		Action: "sqs:SendMessage", Resource: fmt.Sprintf("arn:aws:sqs:%s:%s:%s", l.region, l.account, l.queueName()),
		Condition: map[string]map[string]string{"StringEquals": {"aws:SourceAccount": l.account,
			"aws:SourceArn": fmt.Sprintf("arn:aws:profile:%s:%s:domains/%s", l.region, l.account, l.domain)}},
	}}})
	if err != nil {
		return "", err
	}
	queue, err := l.queues.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(l.queueName()),
		Attributes: map[string]string{"Policy": string(text), "MessageRetentionPeriod": "1209600"}})
	if err != nil {
		return "", err
	}
	if _, err := l.profiles.CreateDomain(ctx, &customerprofiles.CreateDomainInput{DomainName: &l.domain, DefaultExpirationDays: aws.Int32(1098),
		DefaultEncryptionKey: key.KeyMetadata.Arn, DeadLetterQueueUrl: queue.QueueUrl}); err != nil {
		return "", err
	}
	for _, t := range objectTypes() {
		t.DomainName = &l.domain
		if _, err := l.profiles.PutProfileObjectType(ctx, t); err != nil {
			return "", fmt.Errorf("object type %s: %w", *t.ObjectTypeName, err)
		}
	}
	var made struct{ Id, Arn string }
	err = l.contacts.Do(ctx, http.MethodPut, "/instance", map[string]any{"InstanceAlias": l.alias(), "IdentityManagementType": "CONNECT_MANAGED",
		"InboundCallsEnabled": true, "OutboundCallsEnabled": true}, &made)
	if err != nil {
		return "", err
	}
	_, err = l.profiles.PutIntegration(ctx, &customerprofiles.PutIntegrationInput{DomainName: &l.domain, Uri: &made.Arn, ObjectTypeName: aws.String("CTR")})
	return made.Id, err
}

// instance finds the instance that enable has made.
func (l *loader) instance(ctx context.Context) (string, error) {
	for path := "/instance"; ; {
		var page struct {
			InstanceSummaryList []struct{ Id, InstanceAlias string }
			NextToken           string
		}
		if err := l.contacts.Do(ctx, http.MethodGet, path, nil, &page); err != nil {
			return "", err
		}
		for _, i := range page.InstanceSummaryList {
			if i.InstanceAlias == l.alias() {
				return i.Id, nil
			}
		}
		if page.NextToken == "" {
			return "", fmt.Errorf("there is no instance %s: run kindred demo without --arrive first", l.alias())
		}
		path = "/instance?nextToken=" + page.NextToken
	}
}

// put sends records, several at the same time; which of them comes first does not
// matter within a chapter.
func (l *loader) put(ctx context.Context, objectType string, records []record) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	batches := make(chan []record)
	failures := make(chan error, workers)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for batch := range batches {
				if err := l.putBatch(ctx, objectType, batch); err != nil {
					failures <- err
					cancel()
					return
				}
			}
		})
	}
	for batch := range slices.Chunk(records, 10) {
		select {
		case batches <- batch:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(batches)
	group.Wait()
	close(failures)
	if err, failed := <-failures; failed {
		return err
	}
	return ctx.Err()
}

func (l *loader) putBatch(ctx context.Context, objectType string, batch []record) error {
	in := &customerprofiles.BatchPutProfileObjectInput{DomainName: &l.domain, ObjectTypeName: &objectType}
	for i, r := range batch {
		text, err := json.Marshal(r)
		if err != nil {
			return err
		}
		in.Items = append(in.Items, types.BatchPutProfileObjectRequestItem{Id: aws.String(fmt.Sprint(i)), Object: aws.String(string(text))})
	}
	out, err := l.profiles.BatchPutProfileObject(ctx, in)
	if err != nil {
		return err
	}
	var all error
	for _, f := range out.Failed {
		all = errors.Join(all, fmt.Errorf("%s: %s", objectType, aws.ToString(f.Message)))
	}
	return all
}

// find returns the profile of a key's value.
func (l *loader) find(ctx context.Context, key, value string) (string, error) {
	out, err := l.profiles.SearchProfiles(ctx, &customerprofiles.SearchProfilesInput{DomainName: &l.domain, KeyName: &key, Values: []string{value}})
	if err != nil {
		return "", err
	}
	if len(out.Items) != 1 {
		return "", fmt.Errorf("%d profiles have the %s of a customer", len(out.Items), key)
	}
	return *out.Items[0].ProfileId, nil
}

// merge merges people who are there twice, and returns how many were.
func (l *loader) merge(ctx context.Context, twins [][2]string) (int, error) {
	for _, t := range twins {
		one, err := l.find(ctx, "customerNo", t[0])
		if err != nil {
			return 0, err
		}
		other, err := l.find(ctx, "customerNo", t[1])
		if err != nil {
			return 0, err
		}
		if _, err := l.profiles.MergeProfiles(ctx, &customerprofiles.MergeProfilesInput{DomainName: &l.domain, MainProfileId: &one, ProfileIdsToBeMerged: []string{other},
			FieldSourceProfileIds: &types.FieldSourceProfileIds{EmailAddress: &other}}); err != nil {
			return 0, err
		}
	}
	return len(twins), nil
}

// arrive lets contacts arrive.
func (l *loader) arrive(ctx context.Context, instance string, callers []caller) error {
	for _, c := range callers {
		in := map[string]any{"InstanceId": instance, "Channel": c.channel, "InitiationMethod": "INBOUND",
			"Attributes": map[string]string{"profileSearchKey": c.key, "profileSearchValue": c.value, "customerPhone": c.value}}
		if err := l.contacts.Do(ctx, http.MethodPut, "/contact/create-contact", in, nil); err != nil {
			return err
		}
	}
	return nil
}
