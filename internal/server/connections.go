package server

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// connections bounds how many connections there are. When one more comes, the one that
// has been without a request for longest is closed, which its client takes for what it
// is: an idle connection that is closed. If all have requests, the new one is.
type connections struct {
	most int

	mu   sync.Mutex // guards what follows
	open map[net.Conn]*list.Element
	idle *list.List // of net.Conn, the longest without a request first
}

func newConnections(most int) *connections {
	return &connections{most: most, open: map[net.Conn]*list.Element{}, idle: list.New()}
}

// changed is told of every change of a connection (http.Server.ConnState).
func (c *connections) changed(conn net.Conn, state http.ConnState) {
	if excess := c.note(conn, state); excess != nil {
		cut(excess)
	}
}

// note keeps the state of a connection, and returns one that is too many.
func (c *connections) note(conn net.Conn, state http.ConnState) (excess net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		if len(c.open) >= c.most {
			oldest := c.idle.Front()
			if oldest == nil {
				return conn
			}
			excess = oldest.Value.(net.Conn)
			c.idle.Remove(oldest)
			delete(c.open, excess)
		}
		c.open[conn] = c.idle.PushBack(conn)
	case http.StateActive:
		if e := c.open[conn]; e != nil {
			c.idle.Remove(e)
			c.open[conn] = nil
		}
	case http.StateIdle:
		if e, known := c.open[conn]; known && e == nil {
			c.open[conn] = c.idle.PushBack(conn)
		}
	default: // closed, or taken over
		if e := c.open[conn]; e != nil {
			c.idle.Remove(e)
		}
		delete(c.open, conn)
	}
	return excess
}

// cut closes a connection without a farewell, which TLS would wait for.
func cut(conn net.Conn) {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	_ = conn.Close() // what it was is over in any case
}
