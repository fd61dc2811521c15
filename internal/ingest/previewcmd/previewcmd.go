// Package previewcmd is the command "kindred preview": it tells what would become
// of the records of files in a domain of a running server, and why, without
// storing anything, so that mappings can be tried and tested.
//
// Records and profiles are customer data, and are what the command shows.
package previewcmd

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"kindred/internal/bulk"
	"kindred/internal/remote"
	"kindred/kindredclient"
)

const usage = `usage: kindred preview --domain D --object-type T [--mapping FILE] [flags] FILE...

Tells what would become of the records of files, and why: the values of the
fields, what each key finds, and the profile before and after. Nothing is stored.
A file is JSON, JSON lines, or CSV with a header; gzip and zstd are recognised. The
file - is standard input.

Each record is judged by what is stored when it is asked about, so one does not
see the profile that an earlier one would make.

--mapping is the definition of an object type in JSON, as put-profile-object-type
takes it and get-profile-object-type answers it. It stands in for the object type
of the domain, which need not exist.

The exit code is 0 only if no record would fail, so that a mapping and its sample
records can be a test.

`

// command is one run of the command.
type command struct {
	client *kindredclient.Client
	out    io.Writer

	server                              remote.Server
	domain, objectType, mapping, format string
	json                                bool
	files                               []string
}

// Run runs "kindred preview" with the arguments after that word. The account goes
// to stdout. It is an error if a record would fail.
func Run(ctx context.Context, args []string, stdin io.Reader, stdout io.Writer) error {
	c := &command{out: stdout}
	err := c.parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err == nil {
		c.client, err = c.server.Client(ctx)
	}
	if err == nil {
		err = c.run(ctx, stdin)
	}
	if err != nil {
		return fmt.Errorf("preview: %w", err)
	}
	return nil
}

func (c *command) parse(args []string) error {
	fs := flag.NewFlagSet("kindred preview", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	c.server.Flags(fs)
	fs.StringVar(&c.domain, "domain", "", "`name` of the domain")
	fs.StringVar(&c.objectType, "object-type", "", "`name` of the records' object type (default: that of the mapping)")
	fs.StringVar(&c.mapping, "mapping", "", "`file` with the definition of an object type, instead of the one in the domain")
	fs.StringVar(&c.format, "format", string(bulk.Auto), "auto, json, jsonl or csv")
	fs.BoolVar(&c.json, "json", false, "write one line of JSON for each record")
	fs.Usage = func() {}
	var err error
	if c.files, err = remote.Parse(fs, args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(c.out, usage)
			fs.SetOutput(c.out)
			fs.PrintDefaults()
		}
		return err
	}
	if _, err := bulk.ParseFormat(c.format); err != nil {
		return fmt.Errorf("--format: %w", err)
	}
	switch {
	case c.domain == "":
		return errors.New("--domain: required")
	case c.objectType == "" && c.mapping == "":
		return errors.New("--object-type: required without --mapping")
	case len(c.files) == 0:
		return errors.New("no file is given; - is standard input")
	}
	return nil
}
