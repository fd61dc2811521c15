package kindredclient

import (
	"context"
	"net/http"
	"net/url"
)

// RenamedDomain is a domain under its new name.
type RenamedDomain struct {
	DomainName       string
	FormerDomainName string
	ARN              string `json:"DomainArn"`
	LastUpdatedAt    Time
}

// RenameDomain gives a domain another name. Everything in it stays, and its ARNs
// follow; the old name is unknown from the answer on, and free. The caller needs
// kindred:RenameDomain on both ARNs. Policies of keys and of the dead letter queue
// that name the domain by its ARN must name the new one first: a refusal holds the
// statement to add.
func (c *Client) RenameDomain(ctx context.Context, domainName, newName string) (*RenamedDomain, error) {
	in := struct{ NewDomainName string }{newName}
	var out RenamedDomain
	err := c.Do(ctx, http.MethodPost, "/domains/"+url.PathEscape(domainName)+"/rename", in, &out)
	return &out, err
}
