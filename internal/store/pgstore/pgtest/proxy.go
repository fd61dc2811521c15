package pgtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// Fate is what a Proxy does with what a client sends.
type Fate int

const (
	Deliver        Fate = iota
	CutBefore           // the connection breaks, and the server sees none of it
	CutAfter            // the server sees it, and the client never hears what came of it
	CutAndHoldBack      // the connection breaks for the client; the server sees it at Release
)

// Proxy stands between clients and a server, and breaks connections.
type Proxy struct {
	server string
	listen net.Listener
	decide func(data []byte) Fate
	tasks  sync.WaitGroup

	mu   sync.Mutex // guards the following
	open map[net.Conn]bool
	held []held
	down bool
}

// held is what a server has not been sent yet.
type held struct {
	server backend
	data   []byte
}

// NewProxy is a proxy in front of an address, which asks decide, a piece at a time,
// about what clients send. It ends with the test.
func NewProxy(t testing.TB, server string, decide func(data []byte) Fate) *Proxy {
	t.Helper()
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{server: server, listen: listen, decide: decide, open: map[net.Conn]bool{}}
	p.tasks.Go(p.accept)
	t.Cleanup(func() {
		_ = listen.Close()
		p.CutAll()
		p.tasks.Wait()
	})
	return p
}

// URL is that of a database through the proxy.
func (p *Proxy) URL(s *Server, database string) string {
	return fmt.Sprintf("postgres://kindred:%s@%s/%s?sslmode=disable", s.Password(), p.listen.Addr(), database)
}

// Address is host and port of the proxy.
func (p *Proxy) Address() string { return p.listen.Addr().String() }

// CutAll breaks all connections.
func (p *Proxy) CutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		_ = c.Close()
	}
}

// SetDown makes the proxy refuse new connections, or take them again.
func (p *Proxy) SetDown(down bool) {
	p.mu.Lock()
	p.down = down
	p.mu.Unlock()
}

// Release sends servers what was held back, and reports for how many of them.
func (p *Proxy) Release() (n int, err error) {
	p.mu.Lock()
	list := p.held
	p.held = nil
	p.mu.Unlock()
	for _, h := range list {
		_, e := h.server.Write(h.data)
		err = errors.Join(err, e, h.server.finish())
		n++
	}
	return n, err
}

// backend is a connection to the server.
type backend struct {
	*net.TCPConn
	ended chan struct{} // closed when the server has said all
}

// finish lets the server end what it does, and waits for that.
func (b backend) finish() error {
	err := b.CloseWrite()
	select {
	case <-b.ended:
	case <-time.After(finishWithin):
		err = errors.Join(err, errors.New("the server does not end what it was sent"))
	}
	return errors.Join(err, b.Close())
}

const finishWithin = 30 * time.Second

func (p *Proxy) accept() {
	for {
		client, err := p.listen.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		down := p.down
		p.mu.Unlock()
		conn, err := net.Dial("tcp", p.server)
		if down || err != nil {
			_ = client.Close()
			if err == nil {
				_ = conn.Close()
			}
			continue
		}
		server := backend{conn.(*net.TCPConn), make(chan struct{})}
		p.mu.Lock()
		p.open[client], p.open[conn] = true, true
		p.mu.Unlock()
		p.tasks.Go(func() { p.answers(client, server) })
		p.tasks.Go(func() { p.questions(client, server) })
	}
}

func (p *Proxy) close(list ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range list {
		delete(p.open, c)
		_ = c.Close()
	}
}

// answers carries what the server sends.
func (p *Proxy) answers(client net.Conn, server backend) {
	_, _ = io.Copy(client, server)
	p.close(client)
	_, _ = io.Copy(io.Discard, server) // for a client that is cut off
	close(server.ended)
}

// questions carries what the client sends.
func (p *Proxy) questions(client net.Conn, server backend) {
	buf := make([]byte, 1<<20)
	for {
		n, err := client.Read(buf)
		if err != nil {
			p.close(client, server.TCPConn)
			return
		}
		switch p.decide(buf[:n]) {
		case CutBefore:
			p.close(client, server.TCPConn)
			return
		case CutAfter:
			p.close(client)
			_, _ = server.Write(buf[:n])
			_ = server.finish()
			p.close(server.TCPConn)
			return
		case CutAndHoldBack:
			p.mu.Lock()
			p.held = append(p.held, held{server, bytes.Clone(buf[:n])})
			delete(p.open, server.TCPConn)
			p.mu.Unlock()
			p.close(client)
			return
		}
		if _, err := server.Write(buf[:n]); err != nil {
			p.close(client, server.TCPConn)
			return
		}
	}
}
