package kindredclient

import (
	"context"
	"net/http"
	"net/url"
)

// KeyUse is that a domain, or an object type of it, has values under a KMS key.
type KeyUse struct {
	DomainName     string
	ObjectTypeName string `json:",omitempty"` // empty: the domain's own values
	State          string // IN_FORCE, or BEING_REPLACED until they are sealed anew
}

// CallerPermission is whether the caller may do an action, and if not, why.
type CallerPermission struct {
	Action  string
	Allowed bool
	Reason  string `json:",omitempty"`
}

// GetKeyUsage tells which domains and object types have values under a KMS key.
func (c *Client) GetKeyUsage(ctx context.Context, keyARN string) ([]KeyUse, error) {
	var out struct{ Uses []KeyUse }
	err := c.Do(ctx, http.MethodGet, "/key-usage?key-arn="+url.QueryEscape(keyARN), nil, &out)
	return out.Uses, err
}

// GetQueueUsage tells which domains send their dead letters to a queue.
func (c *Client) GetQueueUsage(ctx context.Context, queueURL string) ([]string, error) {
	var out struct{ DomainNames []string }
	err := c.Do(ctx, http.MethodGet, "/queue-usage?queue-url="+url.QueryEscape(queueURL), nil, &out)
	return out.DomainNames, err
}

// GetCallerPermissions tells which of 1 to 200 actions the caller may do on a resource
// (empty: "*"), as far as its own policies and the resource's tags say.
func (c *Client) GetCallerPermissions(ctx context.Context, resourceARN string, actions ...string) ([]CallerPermission, error) {
	in := map[string]any{"Actions": actions}
	if resourceARN != "" {
		in["ResourceArn"] = resourceARN
	}
	var out struct{ Permissions []CallerPermission }
	err := c.Do(ctx, http.MethodPost, "/caller-permissions", in, &out)
	return out.Permissions, err
}
