package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"
)

// validateAdmin checks --admin-listen: what is served there needs no signature, so only
// who is on the machine may reach it.
func (c *config) validateAdmin() error {
	if c.adminListen == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(c.adminListen)
	if err != nil {
		return fmt.Errorf("--admin-listen: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return errors.New("--admin-listen: want a loopback address, such as 127.0.0.1:4621")
	}
	return nil
}

// administer serves what is for the machine's administrator until the context ends:
// /metrics and /healthz as the server has them, and runtime profiles.
func administer(ctx context.Context, ln net.Listener, server http.Handler) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", server)
	mux.Handle("GET /healthz", server)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", http.NotFound) // flags are nobody's business
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	srv := &http.Server{Handler: local(mux), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("--admin-listen: %w", err)
	}
	return nil
}

// local refuses requests that a page in a browser of this machine makes under a name of
// its own (DNS rebinding).
func local(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "this address is for the machine's administrator", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
