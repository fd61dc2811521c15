package kms_test

import (
	"fmt"
	"testing"
	"time"

	"kindred/internal/api/kmsapi"
)

func (f *fixture) aliases(in kmsapi.ListAliasesRequest) map[string]string {
	f.t.Helper()
	out := map[string]string{}
	for {
		page, err := f.ListAliases(f.admin, &in)
		f.ok(err)
		for _, a := range page.Aliases {
			if _, twice := out[*a.AliasName]; twice {
				f.t.Errorf("%s is listed twice", *a.AliasName)
			}
			if *a.AliasArn != "arn:aws:kms:us-east-1:000000000000:"+*a.AliasName {
				f.t.Errorf("ARN %s of %s", *a.AliasArn, *a.AliasName)
			}
			out[*a.AliasName] = *a.TargetKeyId
		}
		if in.Marker = page.NextMarker; in.Marker == nil {
			return out
		}
	}
}

func TestAliases(t *testing.T) {
	f := newFixture(t)
	a, b := f.key(), f.key()
	f.alias("alias/one", a)
	f.alias("alias/two/deep_x-1", a)
	f.alias("alias/three", b)
	made := f.now
	blob := f.encrypt("alias/one", "under a", nil)

	f.pass(time.Hour)
	f.ok(f.UpdateAlias(f.admin, &kmsapi.UpdateAliasRequest{AliasName: "alias/one", TargetKeyId: b}))
	if got := f.describe("alias/one").KeyId; got != b {
		t.Errorf("alias/one stands for %s, want %s", got, b)
	}
	if got, err := f.decrypt(f.admin, blob, nil); err != nil || got != "under a" {
		t.Errorf("sealed before the alias moved: %q, %v", got, err)
	}
	_, err := f.Decrypt(f.admin, &kmsapi.DecryptRequest{CiphertextBlob: blob, KeyId: new("alias/one")})
	f.fails(err, "Decrypt", "IncorrectKeyException")

	all := f.aliases(kmsapi.ListAliasesRequest{Limit: new(1)})
	if len(all) != 3 || all["alias/one"] != b || all["alias/two/deep_x-1"] != a || all["alias/three"] != b {
		t.Errorf("all aliases: %v", all)
	}
	ofB := f.aliases(kmsapi.ListAliasesRequest{KeyId: &b, Limit: new(1)})
	if len(ofB) != 2 || ofB["alias/one"] != b || ofB["alias/three"] != b {
		t.Errorf("aliases of b: %v", ofB)
	}
	out, err := f.ListAliases(f.admin, &kmsapi.ListAliasesRequest{KeyId: &b})
	f.ok(err)
	if one := out.Aliases[0]; !one.CreationDate.Equal(made) || !one.LastUpdatedDate.Equal(f.now) {
		t.Errorf("dates %v and %v", one.CreationDate, one.LastUpdatedDate)
	}

	f.ok(f.DeleteAlias(f.admin, &kmsapi.DeleteAliasRequest{AliasName: "alias/one"}))
	_, err = f.DescribeKey(f.admin, &kmsapi.DescribeKeyRequest{KeyId: "alias/one"})
	f.fails(err, "DescribeKey", "NotFoundException")
	if got := f.aliases(kmsapi.ListAliasesRequest{KeyId: &b}); len(got) != 1 {
		t.Errorf("aliases of b after the deletion: %v", got)
	}
	f.alias("alias/one", a)
}

func TestAliasErrors(t *testing.T) {
	f := newFixture(t)
	k := f.key()
	f.alias("alias/a", k)
	create := func(name, key string) error {
		return f.CreateAlias(f.admin, &kmsapi.CreateAliasRequest{AliasName: name, TargetKeyId: key})
	}
	f.fails(create("alias/a", f.key()), "CreateAlias", "AlreadyExistsException")
	for _, name := range []string{"a", "alias/", "alias/aws/x", "alias/a:b", "alias/a b", "arn:aws:kms:us-east-1:000000000000:alias/x"} {
		f.fails(create(name, k), "CreateAlias", "InvalidAliasNameException")
	}
	none := "00000000-0000-4000-8000-000000000000"
	f.fails(create("alias/b", none), "CreateAlias", "NotFoundException")
	f.fails(f.UpdateAlias(f.admin, &kmsapi.UpdateAliasRequest{AliasName: "alias/none", TargetKeyId: k}), "UpdateAlias", "NotFoundException")
	f.fails(f.UpdateAlias(f.admin, &kmsapi.UpdateAliasRequest{AliasName: "alias/a", TargetKeyId: none}), "UpdateAlias", "NotFoundException")
	f.fails(f.UpdateAlias(f.admin, &kmsapi.UpdateAliasRequest{AliasName: "a", TargetKeyId: k}), "UpdateAlias", "ValidationException")
	f.fails(f.DeleteAlias(f.admin, &kmsapi.DeleteAliasRequest{AliasName: "alias/none"}), "DeleteAlias", "NotFoundException")
	f.fails(f.DeleteAlias(f.admin, &kmsapi.DeleteAliasRequest{AliasName: "none"}), "DeleteAlias", "ValidationException")
	_, err := f.ListAliases(f.admin, &kmsapi.ListAliasesRequest{KeyId: &none})
	f.fails(err, "ListAliases", "NotFoundException")
	_, err = f.ListAliases(f.admin, &kmsapi.ListAliasesRequest{KeyId: new("arn:aws:x")})
	f.fails(err, "ListAliases", "InvalidArnException")

	doomed := f.key()
	_, err = f.ScheduleKeyDeletion(f.admin, &kmsapi.ScheduleKeyDeletionRequest{KeyId: doomed})
	f.ok(err)
	f.fails(f.UpdateAlias(f.admin, &kmsapi.UpdateAliasRequest{AliasName: "alias/a", TargetKeyId: doomed}), "UpdateAlias", "KMSInvalidStateException")
	for i := range 49 {
		f.alias(fmt.Sprintf("alias/more-%d", i), k)
	}
	f.fails(create("alias/51st", k), "CreateAlias", "LimitExceededException")
	other := f.key()
	f.alias("alias/other", other)
	f.fails(f.UpdateAlias(f.admin, &kmsapi.UpdateAliasRequest{AliasName: "alias/other", TargetKeyId: k}), "UpdateAlias", "LimitExceededException")
	f.ok(f.UpdateAlias(f.admin, &kmsapi.UpdateAliasRequest{AliasName: "alias/a", TargetKeyId: k}))
}

// TestAliasRights: an alias operation needs leave on the alias and on the key.
func TestAliasRights(t *testing.T) {
	f := newFixture(t)
	k := f.key()
	allow := func(resource string) string {
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["kms:CreateAlias","kms:UpdateAlias","kms:DeleteAlias"],"Resource":"` + resource + `"}}`
	}
	onAlias, onKey := allow("arn:aws:kms:*:*:alias/team-*"), allow("arn:aws:kms:*:*:key/*")
	in := &kmsapi.CreateAliasRequest{AliasName: "alias/team-x", TargetKeyId: k}
	f.fails(f.CreateAlias(f.user("a", onAlias), in), "CreateAlias", "AccessDeniedException")
	f.fails(f.CreateAlias(f.user("b", onKey), in), "CreateAlias", "AccessDeniedException")
	both := f.user("c", onAlias, onKey)
	f.fails(f.CreateAlias(both, &kmsapi.CreateAliasRequest{AliasName: "alias/x", TargetKeyId: k}), "CreateAlias", "AccessDeniedException")
	f.ok(f.CreateAlias(both, in))
	f.fails(f.UpdateAlias(f.user("a", onAlias), &kmsapi.UpdateAliasRequest{AliasName: "alias/team-x", TargetKeyId: k}), "UpdateAlias", "AccessDeniedException")
	f.fails(f.DeleteAlias(f.user("b", onKey), &kmsapi.DeleteAliasRequest{AliasName: "alias/team-x"}), "DeleteAlias", "AccessDeniedException")
	f.ok(f.DeleteAlias(both, &kmsapi.DeleteAliasRequest{AliasName: "alias/team-x"}))
}
