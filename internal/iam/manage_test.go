package iam_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kindred/internal/access"
	"kindred/internal/api"
	"kindred/internal/api/kindredapi"
	"kindred/internal/fault"
	"kindred/internal/iam"
)

// operations are those of the description that concern principals and are done here.
func operations() (list []*api.Operation) {
	for _, op := range kindredapi.Service().Operations {
		if _, ok := reflect.TypeFor[*iam.Service]().MethodByName(op.Name); ok && strings.HasPrefix(op.URI, "/iam/") {
			list = append(list, op)
		}
	}
	return list
}

// call calls an operation by name.
func call(svc *iam.Service, ctx context.Context, name string, in reflect.Value) error {
	out := reflect.ValueOf(svc).MethodByName(name).Call([]reflect.Value{reflect.ValueOf(ctx), in})
	err, _ := out[1].Interface().(error)
	return err
}

// TestEveryOperationAsks: each operation is there, refuses who has no permission
// naming the action and the resource, and lets in who has just that.
func TestEveryOperationAsks(t *testing.T) {
	ops := operations()
	if len(ops) != 32 {
		t.Errorf("%d operations", len(ops))
	}
	for _, op := range ops {
		t.Run(op.Name, func(t *testing.T) {
			w := newWorld(t)
			nobody := w.user("nobody", "")
			in := reflect.New(op.Input.Go)
			resource := "*"
			for _, m := range op.Input.Members {
				f := in.Elem().FieldByName(m.Name)
				if f.Kind() != reflect.String {
					continue
				}
				switch m.Name {
				case "UserName", "RoleName":
					f.SetString("x")
					resource = "arn:aws:iam::" + account + ":" + strings.ToLower(strings.TrimSuffix(m.Name, "Name")) + "/x"
				case "PolicyName":
					f.SetString("y")
					if resource == "*" {
						resource = "arn:aws:iam::" + account + ":policy/y"
					}
				case "PolicyDocument":
					f.SetString(allow("*", "*"))
				case "AssumeRolePolicyDocument":
					f.SetString(trust(root))
				case "Status":
					f.SetString("Active")
				case "AccessKeyId":
					f.SetString("AKIAAAAAAAAAAAAAAAAA")
				}
			}
			wantFault(t, call(w.svc, w.as(nobody), op.Name, in), fault.Denied, "",
				"is not authorized to perform: iam:"+op.Name+" on resource: "+resource)
			wantFault(t, call(w.svc, t.Context(), op.Name, in), fault.Denied, "", "no authenticated caller")
			somebody := w.user("somebody", allow("iam:"+op.Name, resource))
			if err := call(w.svc, w.as(somebody), op.Name, in); err != nil && !fault.Is(err, fault.NotFound) {
				t.Errorf("with the permission: %v", err)
			}
		})
	}
}

func TestUsers(t *testing.T) {
	w := newWorld(t)
	made, err := w.svc.CreateUser(w.ctx, &kindredapi.CreateUserRequest{UserName: "Alice"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.svc.GetUser(w.ctx, &kindredapi.GetUserRequest{UserName: "Alice"})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(made.User, got.User); d != "" {
		t.Error(d)
	}
	if got.User.Arn != "arn:aws:iam::"+account+":user/Alice" || !strings.HasPrefix(got.User.UserId, "AIDA") {
		t.Errorf("user %+v", got.User)
	}
	_, err = w.svc.CreateUser(w.ctx, &kindredapi.CreateUserRequest{UserName: "alice"})
	wantFault(t, err, fault.Exists, "", "alice exists already")
	_, err = w.svc.GetUser(w.ctx, &kindredapi.GetUserRequest{UserName: "alice"})
	wantFault(t, err, fault.NotFound, "", "alice")
	must(t)(w.svc.DeleteUser(w.ctx, &kindredapi.DeleteUserRequest{UserName: "Alice"}))
	_, err = w.svc.DeleteUser(w.ctx, &kindredapi.DeleteUserRequest{UserName: "Alice"})
	wantFault(t, err, fault.NotFound, "", "Alice")
}

func TestLists(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"c", "A", "e", "b", "D"} {
		must(t)(w.svc.CreateUser(w.ctx, &kindredapi.CreateUserRequest{UserName: name}))
		w.role(name, trust(root), "")
		must(t)(w.svc.CreatePolicy(w.ctx, &kindredapi.CreatePolicyRequest{PolicyName: name, PolicyDocument: allow("*", "*")}))
	}
	lists := map[string]func(limit *int, token *string) (string, *string, error){
		"A administrator b c D e": func(limit *int, token *string) (names string, next *string, err error) {
			out, err := w.svc.ListUsers(w.ctx, &kindredapi.ListUsersRequest{MaxResults: limit, NextToken: token})
			if err != nil {
				return "", nil, err
			}
			for _, u := range out.Users {
				names += " " + u.UserName
			}
			return names, out.NextToken, nil
		},
		"A b c D e ": func(limit *int, token *string) (names string, next *string, err error) {
			out, err := w.svc.ListRoles(w.ctx, &kindredapi.ListRolesRequest{MaxResults: limit, NextToken: token})
			if err != nil {
				return "", nil, err
			}
			for _, r := range out.Roles {
				names += " " + r.RoleName
			}
			return names, out.NextToken, nil
		},
		" A b c D e": func(limit *int, token *string) (names string, next *string, err error) {
			out, err := w.svc.ListPolicies(w.ctx, &kindredapi.ListPoliciesRequest{MaxResults: limit, NextToken: token})
			if err != nil {
				return "", nil, err
			}
			for _, p := range out.Policies {
				names += " " + p.PolicyName
			}
			return names, out.NextToken, nil
		},
	}
	for want, list := range lists {
		want = strings.TrimSpace(want)
		for limit := 1; limit <= 7; limit++ {
			var got string
			for token := (*string)(nil); ; {
				names, next, err := list(&limit, token)
				if err != nil {
					t.Fatal(err)
				}
				if n := len(strings.Fields(names)); n > limit || n == 0 {
					t.Errorf("page of %d of at most %d", n, limit)
				}
				got += names
				if token = next; token == nil {
					break
				}
			}
			if got = strings.TrimSpace(got); got != want {
				t.Errorf("in pages of %d: %s, want %s", limit, got, want)
			}
		}
	}
	roles, err := w.svc.ListRoles(w.ctx, &kindredapi.ListRolesRequest{MaxResults: new(1)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.svc.ListUsers(w.ctx, &kindredapi.ListUsersRequest{NextToken: roles.NextToken})
	wantFault(t, err, fault.Invalid, "", "NextToken")
}

func TestAccessKeys(t *testing.T) {
	w := newWorld(t)
	first := w.user("alice", "")
	second := w.key("alice")
	bob := w.user("bob", "")
	_, err := w.svc.CreateAccessKey(w.ctx, &kindredapi.CreateAccessKeyRequest{UserName: "alice"})
	wantFault(t, err, fault.Invalid, "", "limit")
	must(t)(w.svc.UpdateAccessKey(w.ctx, &kindredapi.UpdateAccessKeyRequest{UserName: "alice", AccessKeyId: first.AccessKeyID, Status: "Inactive"}))
	list, err := w.svc.ListAccessKeys(w.ctx, &kindredapi.ListAccessKeysRequest{UserName: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, k := range list.AccessKeyMetadata {
		got = append(got, k.AccessKeyId+" "+k.Status+" "+k.UserName)
	}
	if d := cmp.Diff([]string{first.AccessKeyID + " Inactive alice", second.AccessKeyID + " Active alice"}, got); d != "" {
		t.Error(d)
	}
	must(t)(w.svc.UpdateAccessKey(w.ctx, &kindredapi.UpdateAccessKeyRequest{UserName: "alice", AccessKeyId: first.AccessKeyID, Status: "Active"}))
	w.caller(first)
	_, err = w.svc.DeleteAccessKey(w.ctx, &kindredapi.DeleteAccessKeyRequest{UserName: "alice", AccessKeyId: bob.AccessKeyID})
	wantFault(t, err, fault.NotFound, "", "no access key")
	must(t)(w.svc.DeleteAccessKey(w.ctx, &kindredapi.DeleteAccessKeyRequest{UserName: "alice", AccessKeyId: first.AccessKeyID}))
	w.caller(w.key("alice"))
}

func TestRoles(t *testing.T) {
	w := newWorld(t)
	made, err := w.svc.CreateRole(w.ctx, &kindredapi.CreateRoleRequest{
		RoleName: "worker", AssumeRolePolicyDocument: trust(root), Description: new("works"), MaxSessionDuration: new(7200),
	})
	if err != nil {
		t.Fatal(err)
	}
	must(t)(w.svc.UpdateAssumeRolePolicy(w.ctx, &kindredapi.UpdateAssumeRolePolicyRequest{RoleName: "worker", PolicyDocument: trust("*")}))
	got, err := w.svc.GetRole(w.ctx, &kindredapi.GetRoleRequest{RoleName: "worker"})
	if err != nil {
		t.Fatal(err)
	}
	made.Role.AssumeRolePolicyDocument = trust("*")
	if d := cmp.Diff(made.Role, got.Role); d != "" {
		t.Error(d)
	}
	for name, err := range map[string]error{
		"of another kind": second(w.svc.CreateRole(w.ctx, &kindredapi.CreateRoleRequest{RoleName: "x", AssumeRolePolicyDocument: allow("*", "*")})),
		"not JSON":        second(w.svc.UpdateAssumeRolePolicy(w.ctx, &kindredapi.UpdateAssumeRolePolicyRequest{RoleName: "worker", PolicyDocument: "{"})),
	} {
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "PolicyDocument: ") {
			t.Errorf("trust policy %s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestInlinePolicies does the same for users and roles.
func TestInlinePolicies(t *testing.T) {
	w := newWorld(t)
	must(t)(w.svc.CreateUser(w.ctx, &kindredapi.CreateUserRequest{UserName: "x"}))
	w.role("x", trust(root), "")
	kinds := map[string]struct {
		put  func(name, text string) error
		get  func(name string) (string, error)
		list func() ([]string, error)
		del  func(name string) error
	}{
		"user": {
			func(name, text string) error {
				return second(w.svc.PutUserPolicy(w.ctx, &kindredapi.PutUserPolicyRequest{UserName: "x", PolicyName: name, PolicyDocument: text}))
			},
			func(name string) (string, error) {
				out, err := w.svc.GetUserPolicy(w.ctx, &kindredapi.GetUserPolicyRequest{UserName: "x", PolicyName: name})
				return out.PolicyDocument, err
			},
			func() ([]string, error) {
				out, err := w.svc.ListUserPolicies(w.ctx, &kindredapi.ListUserPoliciesRequest{UserName: "x"})
				return out.PolicyNames, err
			},
			func(name string) error {
				return second(w.svc.DeleteUserPolicy(w.ctx, &kindredapi.DeleteUserPolicyRequest{UserName: "x", PolicyName: name}))
			},
		},
		"role": {
			func(name, text string) error {
				return second(w.svc.PutRolePolicy(w.ctx, &kindredapi.PutRolePolicyRequest{RoleName: "x", PolicyName: name, PolicyDocument: text}))
			},
			func(name string) (string, error) {
				out, err := w.svc.GetRolePolicy(w.ctx, &kindredapi.GetRolePolicyRequest{RoleName: "x", PolicyName: name})
				return out.PolicyDocument, err
			},
			func() ([]string, error) {
				out, err := w.svc.ListRolePolicies(w.ctx, &kindredapi.ListRolePoliciesRequest{RoleName: "x"})
				return out.PolicyNames, err
			},
			func(name string) error {
				return second(w.svc.DeleteRolePolicy(w.ctx, &kindredapi.DeleteRolePolicyRequest{RoleName: "x", PolicyName: name}))
			},
		},
	}
	for kind, k := range kinds {
		t.Run(kind, func(t *testing.T) {
			text := " " + allow("*", "*") + "\n" // kept byte for byte
			for _, err := range []error{k.put("b", allow("a:b", "*")), k.put("a", text), k.put("b", text)} {
				if err != nil {
					t.Fatal(err)
				}
			}
			if names, err := k.list(); err != nil || !cmp.Equal(names, []string{"a", "b"}) {
				t.Errorf("list %v, %v", names, err)
			}
			if got, err := k.get("b"); err != nil || got != text {
				t.Errorf("got %q, %v", got, err)
			}
			if err := k.del("a"); err != nil {
				t.Error(err)
			}
			_, err := k.get("a")
			wantFault(t, err, fault.NotFound, "", "no inline policy")
			wantFault(t, k.del("a"), fault.NotFound, "", "no inline policy")
			wantFault(t, k.put("a", `{"Statement":[{"Effect":"Allow","Action":"*"}]}`), fault.Invalid, "", "PolicyDocument: policy: statement 1")
			for i := range iam.MaxInlinePolicies - 1 {
				if err := k.put(fmt.Sprintf("n%d", i), text); err != nil {
					t.Fatal(err)
				}
			}
			wantFault(t, k.put("more", text), fault.Invalid, "", "limit")
		})
	}
}

func TestManagedPolicies(t *testing.T) {
	w := newWorld(t)
	w.user("x", "")
	w.role("x", trust(root), "")
	must(t)(w.svc.CreatePolicy(w.ctx, &kindredapi.CreatePolicyRequest{PolicyName: "read", PolicyDocument: allow("profile:Get*", "*"), Description: new("reads")}))
	_, err := w.svc.CreatePolicy(w.ctx, &kindredapi.CreatePolicyRequest{PolicyName: "READ", PolicyDocument: allow("*", "*")})
	wantFault(t, err, fault.Exists, "", "exists already")
	_, err = w.svc.AttachUserPolicy(w.ctx, &kindredapi.AttachUserPolicyRequest{UserName: "x", PolicyName: "none"})
	wantFault(t, err, fault.NotFound, "", "policy")
	for range 2 { // the second time nothing happens
		must(t)(w.svc.AttachUserPolicy(w.ctx, &kindredapi.AttachUserPolicyRequest{UserName: "x", PolicyName: "read"}))
		must(t)(w.svc.AttachRolePolicy(w.ctx, &kindredapi.AttachRolePolicyRequest{RoleName: "x", PolicyName: "read"}))
	}
	count := func() int {
		out, err := w.svc.GetPolicy(w.ctx, &kindredapi.GetPolicyRequest{PolicyName: "read"})
		if err != nil || out.PolicyDocument != allow("profile:Get*", "*") || *out.Policy.Description != "reads" {
			t.Fatalf("%+v, %v", out, err)
		}
		return out.Policy.AttachmentCount
	}
	if n := count(); n != 2 {
		t.Errorf("attached %d times, want 2", n)
	}
	_, err = w.svc.DeletePolicy(w.ctx, &kindredapi.DeletePolicyRequest{PolicyName: "read"})
	wantFault(t, err, fault.Invalid, "", "attached to 2")
	want := []kindredapi.AttachedPolicy{{PolicyName: "read", PolicyArn: "arn:aws:iam::" + account + ":policy/read"}}
	ofUser, err := w.svc.ListAttachedUserPolicies(w.ctx, &kindredapi.ListAttachedUserPoliciesRequest{UserName: "x"})
	if err != nil || !cmp.Equal(ofUser.AttachedPolicies, want) {
		t.Errorf("%+v, %v", ofUser, err)
	}
	ofRole, err := w.svc.ListAttachedRolePolicies(w.ctx, &kindredapi.ListAttachedRolePoliciesRequest{RoleName: "x"})
	if err != nil || !cmp.Equal(ofRole.AttachedPolicies, want) {
		t.Errorf("%+v, %v", ofRole, err)
	}
	must(t)(w.svc.DetachUserPolicy(w.ctx, &kindredapi.DetachUserPolicyRequest{UserName: "x", PolicyName: "read"}))
	_, err = w.svc.DetachUserPolicy(w.ctx, &kindredapi.DetachUserPolicyRequest{UserName: "x", PolicyName: "read"})
	wantFault(t, err, fault.NotFound, "", "not attached")
	must(t)(w.svc.DeleteRole(w.ctx, &kindredapi.DeleteRoleRequest{RoleName: "x"}))
	if n := count(); n != 0 {
		t.Errorf("attached %d times, want 0", n)
	}
	must(t)(w.svc.DeletePolicy(w.ctx, &kindredapi.DeletePolicyRequest{PolicyName: "read"}))
}

// TestAdministratorStays: no single operation locks the administrator out.
func TestAdministratorStays(t *testing.T) {
	w := newWorld(t)
	admin := iam.Administrator
	must(t)(w.svc.CreatePolicy(w.ctx, &kindredapi.CreatePolicyRequest{PolicyName: "no", PolicyDocument: deny("iam:*", "*")}))
	must(t)(w.svc.CreatePolicy(w.ctx, &kindredapi.CreatePolicyRequest{PolicyName: "yes", PolicyDocument: allow("profile:*", "*")}))
	must(t)(w.svc.AttachUserPolicy(w.ctx, &kindredapi.AttachUserPolicyRequest{UserName: admin, PolicyName: "yes"}))
	for what, err := range map[string]error{
		"deleted":                   second(w.svc.DeleteUser(w.ctx, &kindredapi.DeleteUserRequest{UserName: admin})),
		"last key disabled":         second(w.svc.UpdateAccessKey(w.ctx, &kindredapi.UpdateAccessKeyRequest{UserName: admin, AccessKeyId: w.admin.AccessKeyID, Status: "Inactive"})),
		"last key deleted":          second(w.svc.DeleteAccessKey(w.ctx, &kindredapi.DeleteAccessKeyRequest{UserName: admin, AccessKeyId: w.admin.AccessKeyID})),
		"policy deleted":            second(w.svc.DeleteUserPolicy(w.ctx, &kindredapi.DeleteUserPolicyRequest{UserName: admin, PolicyName: iam.AdministratorPolicy})),
		"policy replaced":           second(w.svc.PutUserPolicy(w.ctx, &kindredapi.PutUserPolicyRequest{UserName: admin, PolicyName: iam.AdministratorPolicy, PolicyDocument: allow("profile:*", "*")})),
		"denied":                    second(w.svc.PutUserPolicy(w.ctx, &kindredapi.PutUserPolicyRequest{UserName: admin, PolicyName: "z", PolicyDocument: deny("iam:CreateAccessKey", "*")})),
		"denied by an attachment":   second(w.svc.AttachUserPolicy(w.ctx, &kindredapi.AttachUserPolicyRequest{UserName: admin, PolicyName: "no"})),
		"denied by an attached one": second(w.svc.UpdatePolicy(w.ctx, &kindredapi.UpdatePolicyRequest{PolicyName: "yes", PolicyDocument: deny("*", "*")})),
	} {
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if c := w.caller(w.admin); !may(c, "iam:DeleteUser", "*") {
		t.Error("the administrator is locked out")
	}
	next := w.key(admin)
	must(t)(w.svc.DeleteAccessKey(w.ctx, &kindredapi.DeleteAccessKeyRequest{UserName: admin, AccessKeyId: w.admin.AccessKeyID}))
	w.caller(next)
	must(t)(w.svc.PutUserPolicy(w.ctx, &kindredapi.PutUserPolicyRequest{UserName: admin, PolicyName: "z", PolicyDocument: deny("profile:*", "*")}))
	if may(w.caller(next), "profile:GetDomain", "*") {
		t.Error("the administrator may not give up what is not needed to manage itself")
	}
}

// TestSpelling: a policy about one spelling of a name is not passed by with
// another.
func TestSpelling(t *testing.T) {
	w := newWorld(t)
	w.user("Boss", "")
	helper := w.user("helper", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"*"},
		{"Effect":"Deny","Action":"iam:*","Resource":"arn:aws:iam::`+account+`:user/Boss"}]}`)
	ctx := w.as(helper)
	_, err := w.svc.CreateAccessKey(ctx, &kindredapi.CreateAccessKeyRequest{UserName: "Boss"})
	wantFault(t, err, fault.Denied, "", "explicit deny")
	_, err = w.svc.CreateAccessKey(ctx, &kindredapi.CreateAccessKeyRequest{UserName: "boss"})
	wantFault(t, err, fault.NotFound, "", "boss")
}

// TestNothingSecretInErrors prints what the operations refuse.
func TestNothingSecretInErrors(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice", "")
	bad := alice
	bad.SessionToken = "bogus"
	_, err1 := w.try(w.svc, bad)
	wrong := alice
	wrong.SecretAccessKey += "x"
	_, err2 := w.try(w.svc, wrong)
	_, err3 := w.svc.CreateUser(access.WithCaller(t.Context(), w.caller(alice)), &kindredapi.CreateUserRequest{UserName: "x"})
	if text := errors.Join(err1, err2, err3).Error(); strings.Contains(text, alice.SecretAccessKey) || strings.Contains(text, "bogus") {
		t.Error(text)
	}
}
