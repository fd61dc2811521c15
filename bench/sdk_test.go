package bench

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// The same as the Wire benchmarks with AWS's own client, whose work for a call is
// part of what a user waits for: GetCallerIdentity, which does nothing but
// answer, and PutProfileObject, BatchGetProfile and SearchProfiles.

func (c *client) sdk() aws.Config {
	return aws.Config{Region: "us-east-1", BaseEndpoint: &c.url,
		Credentials: credentials.NewStaticCredentialsProvider(c.creds.AccessKeyID, c.creds.SecretAccessKey, ""),
		HTTPClient:  &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}}
}

func runSDK(b *testing.B, call func(i int64) error) {
	var next atomic.Int64
	b.SetParallelism(connections / 2)
	used := processorTime()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := call(next.Add(1) - 1); err != nil {
				b.Error(err)
				return
			}
		}
	})
	report(b, used, "calls/s")
}

// BenchmarkSDKNoop is the no-op through the SDK.
func BenchmarkSDKNoop(b *testing.B) {
	c := sts.NewFromConfig(serve(b).sdk())
	runSDK(b, func(int64) error {
		_, err := c.GetCallerIdentity(context.Background(), nil)
		return err
	})
}

// BenchmarkSDKPut puts one new object of 1 kB a call through the SDK.
func BenchmarkSDKPut(b *testing.B) {
	c := customerprofiles.NewFromConfig(serve(b).sdk())
	list := records(0, b.N)
	runSDK(b, func(i int64) error {
		_, err := c.PutProfileObject(context.Background(), &customerprofiles.PutProfileObjectInput{DomainName: aws.String("bench"),
			ObjectTypeName: aws.String("Member"), Object: &list[i]})
		return err
	})
}

// BenchmarkSDKBatchGetProfile reads one profile a call through the SDK.
func BenchmarkSDKBatchGetProfile(b *testing.B) {
	bare := serve(b)
	ids := fill(b, bare)
	c := customerprofiles.NewFromConfig(bare.sdk())
	runSDK(b, func(i int64) error {
		_, err := c.BatchGetProfile(context.Background(), &customerprofiles.BatchGetProfileInput{DomainName: aws.String("bench"),
			ProfileIds: ids[i%stored:][:1]})
		return err
	})
}

// BenchmarkSDKSearchProfiles finds one profile by a key a call through the SDK.
func BenchmarkSDKSearchProfiles(b *testing.B) {
	bare := serve(b)
	fill(b, bare)
	c := customerprofiles.NewFromConfig(bare.sdk())
	runSDK(b, func(i int64) error {
		_, err := c.SearchProfiles(context.Background(), &customerprofiles.SearchProfilesInput{DomainName: aws.String("bench"),
			KeyName: aws.String("memberId"), Values: []string{memberID(int(i % stored))}})
		return err
	})
}
