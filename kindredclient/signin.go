package kindredclient

import (
	"context"
	"net/http"
	"net/url"
)

// UserPassword tells whether a user has a password for the console.
type UserPassword struct {
	UserName    string
	HasPassword bool
	SetDate     *Time `json:",omitempty"`
}

// SignInLink lets in whoever opens it first, once, as the user.
type SignInLink struct {
	UserName       string
	Token          string
	URL            string `json:"Url"` // with the token, by the address that the server knows itself by
	ExpirationDate Time
}

// SignInSession is a session of somebody who has signed in to the console.
type SignInSession struct {
	SessionID      string `json:"SessionId"`
	Method         string // PASSWORD, ACCESS_KEY or LINK
	AccessKeyID    string `json:"AccessKeyId,omitempty"` // of ACCESS_KEY
	CreateDate     Time
	LastUsedDate   Time // to the minute
	ExpirationDate Time
}

// SetUserPassword gives a user a password of 12 to 128 characters that is not the
// user's name, or another one, and ends the user's sessions and links.
func (c *Client) SetUserPassword(ctx context.Context, userName, password string) error {
	return c.Do(ctx, http.MethodPut, userPath(userName)+"/password", map[string]string{"Password": password}, nil)
}

// GetUserPassword tells whether a user has a password.
func (c *Client) GetUserPassword(ctx context.Context, userName string) (*UserPassword, error) {
	var out UserPassword
	err := c.Do(ctx, http.MethodGet, userPath(userName)+"/password", nil, &out)
	return &out, err
}

// DeleteUserPassword takes a user's password away, and ends the user's sessions and
// links.
func (c *Client) DeleteUserPassword(ctx context.Context, userName string) error {
	return c.Do(ctx, http.MethodDelete, userPath(userName)+"/password", nil, nil)
}

// ChangePassword replaces the caller's own password, and ends the caller's sessions
// and links, that of the call included, if it is one.
func (c *Client) ChangePassword(ctx context.Context, oldPassword, newPassword string) error {
	return c.Do(ctx, http.MethodPost, "/iam/change-password", map[string]string{"OldPassword": oldPassword, "NewPassword": newPassword}, nil)
}

// CreateSignInLink makes a link that is good once, for 15 minutes.
func (c *Client) CreateSignInLink(ctx context.Context, userName string) (*SignInLink, error) {
	var out SignInLink
	err := c.Do(ctx, http.MethodPost, userPath(userName)+"/sign-in-link", struct{}{}, &out)
	return &out, err
}

// ListSessions lists a user's sessions, the newest first, at most 50.
func (c *Client) ListSessions(ctx context.Context, userName string) ([]SignInSession, error) {
	var out struct{ Sessions []SignInSession }
	err := c.Do(ctx, http.MethodGet, userPath(userName)+"/sessions", nil, &out)
	return out.Sessions, err
}

// RevokeSession ends a user's session and the credentials that hang on it.
func (c *Client) RevokeSession(ctx context.Context, userName, sessionID string) error {
	return c.Do(ctx, http.MethodDelete, userPath(userName)+"/sessions/"+url.PathEscape(sessionID), nil, nil)
}

func userPath(name string) string { return "/iam/users/" + url.PathEscape(name) }
