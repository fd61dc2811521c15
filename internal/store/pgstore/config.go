package pgstore

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Defaults of what the URL of a database may set.
const (
	defaultConnections = 20
	defaultStatement   = 30 * time.Second // statement_timeout
	defaultIdle        = 10 * time.Second // idle_in_transaction_session_timeout
)

// acceptUnsafe is the parameter of a URL that lets the engine use a server that
// may lose what it has acknowledged.
const acceptUnsafe = "kindred_unsafe"

// Config is where a database is and how it is used.
type Config struct {
	pool   *pgxpool.Config
	unsafe bool
}

// IsURL reports whether a name of a store is one of a PostgreSQL database.
func IsURL(s string) bool {
	return strings.HasPrefix(s, "postgres://") || strings.HasPrefix(s, "postgresql://")
}

// ParseURL reads the URL of a database: postgres://USER@HOST:PORT/DATABASE?PARAMETERS,
// as libpq knows it, with PGHOST, PGPASSWORD and its other variables, password
// and service files for what it leaves out. Parameters beside libpq's are those of
// package pgxpool (pool_max_conns, 20 by default, and so on), settings of the server,
// and kindred_unsafe=on, which accepts a server with fsync off.
func ParseURL(raw string) (*Config, error) {
	if !IsURL(raw) {
		return nil, errors.New("the URL of a database begins with postgres://")
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("the URL of the database is malformed") // its error quotes it
	}
	asked, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, errors.New("the parameters of the database's URL are malformed")
	}
	c := &Config{}
	switch v := asked.Get(acceptUnsafe); v {
	case "", "off":
	case "on":
		c.unsafe = true
	default:
		return nil, fmt.Errorf("%s: want on or off", acceptUnsafe)
	}
	if c.pool, err = pgxpool.ParseConfig(raw); err != nil {
		var bad *pgconn.ParseConfigError
		if errors.As(err, &bad) {
			// Behind the URL, of which nothing is to be repeated.
			if _, why, ok := strings.Cut(bad.Error(), "`: "); ok {
				return nil, errors.New("the URL of the database: " + why)
			}
		}
		return nil, errors.New("the URL of the database is malformed")
	}
	if !asked.Has("pool_max_conns") {
		c.pool.MaxConns = defaultConnections
	}
	if c.pool.MaxConns < minConnections {
		return nil, fmt.Errorf("pool_max_conns: want %d or more", minConnections)
	}
	conn := &c.pool.ConnConfig.Config
	delete(conn.RuntimeParams, acceptUnsafe)
	for name, value := range map[string]string{
		"application_name":                    "kindred",
		"statement_timeout":                   milliseconds(defaultStatement),
		"idle_in_transaction_session_timeout": milliseconds(defaultIdle),
		"jit":                                 "off",
	} {
		if conn.RuntimeParams[name] == "" {
			conn.RuntimeParams[name] = value
		}
	}
	if conn.ConnectTimeout == 0 {
		conn.ConnectTimeout = connectWithin
	}
	// A standby is behind what has been acknowledged.
	conn.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	return c, nil
}

// minConnections lets a commit find out its outcome while another one waits.
const minConnections = 2

// connectWithin bounds one try to connect, where the URL does not.
const connectWithin = 5 * time.Second

func milliseconds(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }

// String names the database without its password, for messages.
func (c *Config) String() string {
	conn := c.pool.ConnConfig
	return fmt.Sprintf("database %s on %s, user %s", conn.Database, conn.Host, conn.User)
}

// LogValue keeps the password out of logs.
func (c *Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Options are what a Store needs beside the database.
type Options struct {
	// Clock is what Tx.Now reads. By default it is the database's clock, so that all
	// nodes have one.
	Clock func() time.Time
	// Patience is for how long a call goes on trying when the database cannot be
	// reached, and a commit to find out its outcome. 15 seconds by default.
	Patience time.Duration
	// Bits is the size of a bucket, for a schema that Open makes; DefaultBits if 0.
	Bits   int
	Logger *slog.Logger // where warnings go; nowhere by default

	// routed makes the engine treat a plain database as a distributed one.
	routed bool
}

func (o Options) withDefaults() Options {
	if o.Patience == 0 {
		o.Patience = 15 * time.Second
	}
	if o.Bits == 0 {
		o.Bits = DefaultBits
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}
