package kindredclient

import (
	"context"
	"net/http"
	"net/url"
)

// Checkpoint is the state of the embedded store at a moment, as a directory on the
// server's machine.
type Checkpoint struct {
	Name      string
	Directory string
	CreatedAt Time
}

// CreateCheckpoint lets the server write a checkpoint, which is there until it is deleted.
func (c *Client) CreateCheckpoint(ctx context.Context) (*Checkpoint, error) {
	var out Checkpoint
	if err := c.Do(ctx, http.MethodPost, "/checkpoints", struct{}{}, &out); err != nil {
		return nil, err
	}
	return &out, nil
}

// DeleteCheckpoint removes a checkpoint.
func (c *Client) DeleteCheckpoint(ctx context.Context, name string) error {
	return c.Do(ctx, http.MethodDelete, "/checkpoints/"+url.PathEscape(name), nil, nil)
}
