package iamcmd

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"kindred/kindredclient"
)

var commands = []command{
	{"user create", "NAME", "Make a user, without keys or permissions", 1, 1, createUser},
	{"user get", "NAME", "Show a user", 1, 1, getUser},
	{"user list", "", "List the users", 0, 0, listUsers},
	{"user delete", "NAME", "Delete a user with its keys and inline policies", 1, 1, deleteUser},
	{"password set", "USER", "Give a user a password for the console, and end the user's sessions", 1, 1, setPassword},
	{"password change", "", "Replace your own password", 0, 0, changePassword},
	{"password show", "USER", "Tell whether a user has a password, and since when", 1, 1, showPassword},
	{"password delete", "USER", "Take a user's password away, and end the user's sessions", 1, 1, deletePassword},
	{"sign-in-link", "[--user USER]", "Make a link to the console that lets in as a user, once, for 15 minutes", 0, 0, signInLink},
	{"session list", "USER", "List a user's sessions in the console", 1, 1, listSessions},
	{"session revoke", "USER SESSION-ID", "End a session and the credentials that hang on it", 2, 2, revokeSession},
	{"key create", "USER", "Make an access key and show its secret, this once", 1, 1, createKey},
	{"key list", "USER", "List a user's access keys", 1, 1, listKeys},
	{"key disable", "USER KEY-ID", "Refuse an access key from now on", 2, 2, setKey("Inactive")},
	{"key enable", "USER KEY-ID", "Accept an access key again", 2, 2, setKey("Active")},
	{"key delete", "USER KEY-ID", "Delete an access key", 2, 2, deleteKey},
	{"role create", "NAME --trust FILE|-", "Make a role that those may assume whom the trust policy names", 1, 1, createRole},
	{"role get", "NAME", "Show a role", 1, 1, getRole},
	{"role list", "", "List the roles", 0, 0, listRoles},
	{"role trust", "NAME FILE|-", "Replace a role's trust policy", 2, 2, trustRole},
	{"role delete", "NAME", "Delete a role with its inline policies", 1, 1, deleteRole},
	{"policy put", "[--user USER | --role ROLE] NAME FILE|-", "Make or replace an inline policy, or a managed one", 2, 2, putPolicy},
	{"policy get", "[--user USER | --role ROLE] NAME", "Show the text of an inline policy, or of a managed one", 1, 1, getPolicy},
	{"policy list", "[--user USER | --role ROLE]", "List the policies of a user or role, or the managed ones", 0, 0, listPolicies},
	{"policy delete", "[--user USER | --role ROLE] NAME", "Delete an inline policy, or a managed one", 1, 1, deletePolicy},
	{"policy attach", "(--user USER | --role ROLE) NAME", "Attach a managed policy", 1, 1, attachPolicy("PUT", "attached")},
	{"policy detach", "(--user USER | --role ROLE) NAME", "Detach a managed policy", 1, 1, attachPolicy("DELETE", "detached")},
}

// answer is a JSON object of the server.
type answer map[string]any

func (a answer) object(name string) answer {
	o, _ := a[name].(map[string]any)
	return o
}

func (a answer) objects(name string) []answer {
	list, _ := a[name].([]any)
	objects := make([]answer, 0, len(list))
	for _, v := range list {
		if o, ok := v.(map[string]any); ok {
			objects = append(objects, o)
		}
	}
	return objects
}

// text is a member for people; times are in seconds since 1970 on the wire.
func (a answer) text(name string) string {
	switch v := a[name].(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		if strings.HasSuffix(name, "Date") {
			return time.Unix(int64(v), 0).UTC().Format(time.RFC3339)
		}
		return fmt.Sprintf("%.0f", v)
	default:
		return fmt.Sprint(v)
	}
}

func path(parts ...string) string {
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return "/iam/" + strings.Join(parts, "/")
}

// table shows one line for each object, with its members by name.
func (c *call) table(objects []answer, members ...string) error {
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(members, "\t"))
	for _, o := range objects {
		values := make([]string, len(members))
		for i, m := range members {
			values[i] = o.text(m)
		}
		fmt.Fprintln(w, strings.Join(values, "\t"))
	}
	return w.Flush()
}

// fields shows one object, a member a line.
func (c *call) fields(o answer, members ...string) error {
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	for _, m := range members {
		if v := o.text(m); v != "" {
			fmt.Fprintf(w, "%s\t%s\n", m, v)
		}
	}
	return w.Flush()
}

func (c *call) say(format string, args ...any) func(answer) error {
	return func(answer) error {
		_, err := fmt.Fprintf(c.out, format+"\n", args...)
		return err
	}
}

// all asks for every page of a list.
func (c *call) all(ctx context.Context, path, member string, show func(answer) error) error {
	items := []any{}
	for next := ""; ; {
		var page answer
		target := path
		if next != "" {
			target += "?next-token=" + url.QueryEscape(next)
		}
		if err := c.client.Do(ctx, "GET", target, nil, &page); err != nil {
			return err
		}
		list, _ := page[member].([]any)
		items = append(items, list...)
		if next = page.text("NextToken"); next == "" {
			return c.show(answer{member: items}, show)
		}
	}
}

var (
	userFields = []string{"UserName", "UserId", "Arn", "CreateDate"}
	keyFields  = []string{"AccessKeyId", "Status", "CreateDate"}
	roleFields = []string{"RoleName", "RoleId", "Arn", "CreateDate", "MaxSessionDuration", "Description"}
)

func createUser(ctx context.Context, c *call) error {
	return c.ask(ctx, "POST", path("users"), answer{"UserName": c.args[0]}, func(a answer) error {
		return c.fields(a.object("User"), userFields...)
	})
}

func getUser(ctx context.Context, c *call) error {
	return c.ask(ctx, "GET", path("users", c.args[0]), nil, func(a answer) error {
		return c.fields(a.object("User"), userFields...)
	})
}

func listUsers(ctx context.Context, c *call) error {
	return c.all(ctx, path("users"), "Users", func(a answer) error {
		return c.table(a.objects("Users"), userFields...)
	})
}

func deleteUser(ctx context.Context, c *call) error {
	return c.ask(ctx, "DELETE", path("users", c.args[0]), nil, c.say("deleted user %s", c.args[0]))
}

func createKey(ctx context.Context, c *call) error {
	return c.ask(ctx, "POST", path("users", c.args[0], "access-keys"), answer{}, func(a answer) error {
		return c.fields(a.object("AccessKey"), "AccessKeyId", "SecretAccessKey")
	})
}

func listKeys(ctx context.Context, c *call) error {
	return c.ask(ctx, "GET", path("users", c.args[0], "access-keys"), nil, func(a answer) error {
		return c.table(a.objects("AccessKeyMetadata"), keyFields...)
	})
}

func setKey(status string) func(context.Context, *call) error {
	return func(ctx context.Context, c *call) error {
		return c.ask(ctx, "PUT", path("users", c.args[0], "access-keys", c.args[1]), answer{"Status": status},
			c.say("access key %s is now %s", c.args[1], strings.ToLower(status)))
	}
}

func deleteKey(ctx context.Context, c *call) error {
	return c.ask(ctx, "DELETE", path("users", c.args[0], "access-keys", c.args[1]), nil, c.say("deleted access key %s", c.args[1]))
}

func createRole(ctx context.Context, c *call) error {
	if c.trust == "" {
		return errors.New("--trust FILE is missing: the policy that says who may assume the role")
	}
	trust, err := c.document(c.trust)
	if err != nil {
		return err
	}
	in := answer{"RoleName": c.args[0], "AssumeRolePolicyDocument": trust}
	if c.description != "" {
		in["Description"] = c.description
	}
	if c.maxSession != 0 {
		in["MaxSessionDuration"] = c.maxSession
	}
	return c.ask(ctx, "POST", path("roles"), in, func(a answer) error {
		return c.fields(a.object("Role"), roleFields...)
	})
}

func getRole(ctx context.Context, c *call) error {
	return c.ask(ctx, "GET", path("roles", c.args[0]), nil, func(a answer) error {
		return c.fields(a.object("Role"), append(roleFields, "AssumeRolePolicyDocument")...)
	})
}

func listRoles(ctx context.Context, c *call) error {
	return c.all(ctx, path("roles"), "Roles", func(a answer) error {
		return c.table(a.objects("Roles"), roleFields...)
	})
}

func trustRole(ctx context.Context, c *call) error {
	text, err := c.document(c.args[1])
	if err != nil {
		return err
	}
	return c.ask(ctx, "PUT", path("roles", c.args[0], "trust-policy"), answer{"PolicyDocument": text},
		c.say("replaced the trust policy of role %s", c.args[0]))
}

func deleteRole(ctx context.Context, c *call) error {
	return c.ask(ctx, "DELETE", path("roles", c.args[0]), nil, c.say("deleted role %s", c.args[0]))
}

// owner is the path of the user or role whose policy it is; empty for a managed
// policy.
func (c *call) owner() ([]string, error) {
	switch {
	case c.user != "" && c.role != "":
		return nil, errors.New("--user and --role are both given: a policy belongs to one of them")
	case c.user != "":
		return []string{"users", c.user}, nil
	case c.role != "":
		return []string{"roles", c.role}, nil
	}
	return nil, nil
}

func putPolicy(ctx context.Context, c *call) error {
	owner, err := c.owner()
	if err != nil {
		return err
	}
	text, err := c.document(c.args[1])
	if err != nil {
		return err
	}
	name, in := c.args[0], answer{"PolicyDocument": text}
	err = c.ask(ctx, "PUT", path(append(owner, "policies", name)...), in, c.say("put policy %s", name))
	var e *kindredclient.Error
	if owner != nil || !errors.As(err, &e) || e.Status != 404 {
		return err
	}
	in["PolicyName"] = name
	return c.ask(ctx, "POST", path("policies"), in, c.say("created policy %s", name))
}

func getPolicy(ctx context.Context, c *call) error {
	owner, err := c.owner()
	if err != nil {
		return err
	}
	return c.ask(ctx, "GET", path(append(owner, "policies", c.args[0])...), nil, func(a answer) error {
		return c.say("%s", strings.TrimSuffix(a.text("PolicyDocument"), "\n"))(a)
	})
}

func listPolicies(ctx context.Context, c *call) error {
	owner, err := c.owner()
	if err != nil {
		return err
	}
	if owner == nil {
		return c.all(ctx, path("policies"), "Policies", func(a answer) error {
			return c.table(a.objects("Policies"), "PolicyName", "Arn", "AttachmentCount", "UpdateDate")
		})
	}
	var inline, attached answer
	if err := c.client.Do(ctx, "GET", path(append(owner, "policies")...), nil, &inline); err != nil {
		return err
	}
	if err := c.client.Do(ctx, "GET", path(append(owner, "attached-policies")...), nil, &attached); err != nil {
		return err
	}
	both := answer{"PolicyNames": inline["PolicyNames"], "AttachedPolicies": attached["AttachedPolicies"]}
	return c.show(both, func(a answer) error {
		var rows []answer
		names, _ := a["PolicyNames"].([]any)
		for _, n := range names {
			rows = append(rows, answer{"PolicyName": n, "Kind": "inline"})
		}
		for _, p := range a.objects("AttachedPolicies") {
			rows = append(rows, answer{"PolicyName": p["PolicyName"], "Kind": "managed"})
		}
		return c.table(rows, "PolicyName", "Kind")
	})
}

func deletePolicy(ctx context.Context, c *call) error {
	owner, err := c.owner()
	if err != nil {
		return err
	}
	return c.ask(ctx, "DELETE", path(append(owner, "policies", c.args[0])...), nil, c.say("deleted policy %s", c.args[0]))
}

func attachPolicy(method, done string) func(context.Context, *call) error {
	return func(ctx context.Context, c *call) error {
		owner, err := c.owner()
		if err == nil && owner == nil {
			err = errors.New("--user or --role is missing")
		}
		if err != nil {
			return err
		}
		return c.ask(ctx, method, path(append(owner, "attached-policies", c.args[0])...), nil,
			c.say("%s policy %s", done, c.args[0]))
	}
}
