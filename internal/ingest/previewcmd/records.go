package previewcmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"kindred/internal/bulk"
	"kindred/kindredclient"
)

// maxMapping bounds the file of a mapping, in bytes.
const maxMapping = 4 << 20

// definition is a request of PutProfileObjectType or an answer of
// GetProfileObjectType.
type definition struct {
	kindredclient.ObjectType
	ObjectTypeName string

	// These say nothing of the mapping.
	DomainName, Tags, CreatedAt, LastUpdatedAt, MaxAvailableProfileObjectCount json.RawMessage
}

// readMapping reads the definition of an object type.
func (c *command) readMapping() (*kindredclient.ObjectType, error) {
	if c.mapping == "" {
		return nil, nil
	}
	f, err := os.Open(c.mapping)
	if err != nil {
		return nil, fmt.Errorf("--mapping: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxMapping+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("--mapping: %w", err)
	}
	if len(b) > maxMapping {
		return nil, fmt.Errorf("--mapping: %s is larger than %d bytes", c.mapping, maxMapping)
	}
	var d definition
	in := json.NewDecoder(bytes.NewReader(b))
	in.DisallowUnknownFields() // a member that is misspelt would be missed
	if err := in.Decode(&d); err != nil {
		return nil, fmt.Errorf("--mapping: %s: %w", c.mapping, err)
	}
	if in.More() {
		return nil, fmt.Errorf("--mapping: %s: something follows the definition", c.mapping)
	}
	switch {
	case c.objectType == "":
		c.objectType = d.ObjectTypeName
	case d.ObjectTypeName != "" && d.ObjectTypeName != c.objectType:
		return nil, fmt.Errorf("--object-type: %s is not the %s of the mapping", c.objectType, d.ObjectTypeName)
	}
	if c.objectType == "" {
		return nil, errors.New("--object-type: required, as the mapping has no ObjectTypeName")
	}
	return &d.ObjectType, nil
}

// entry is the account of one record.
type entry struct {
	File   string
	Record int64 // in its file, from 1
	*kindredclient.Preview
}

// run asks about all records, one after the other.
func (c *command) run(ctx context.Context, stdin io.Reader) error {
	typ, err := c.readMapping()
	if err != nil {
		return err
	}
	counts := map[string]int{}
	total := 0
	for _, name := range c.files {
		err := c.file(ctx, name, stdin, func(e entry, body string) error {
			if e.Preview == nil {
				in := kindredclient.PreviewProfileObjectInput{ObjectTypeName: c.objectType, ObjectType: typ, Object: body}
				if e.Preview, err = c.client.PreviewProfileObject(ctx, c.domain, in); err != nil {
					return fmt.Errorf("%s, record %d: %w", name, e.Record, err)
				}
			}
			total++
			counts[e.Outcome]++
			return c.write(e)
		})
		if err != nil {
			return err
		}
	}
	if total == 0 {
		return errors.New("there are no records")
	}
	if !c.json {
		var parts []string
		for outcome, n := range counts {
			parts = append(parts, fmt.Sprintf("%d %s", n, outcome))
		}
		slices.Sort(parts)
		fmt.Fprintf(c.out, "Records: %s.\n", strings.Join(parts, ", "))
	}
	if n := counts[wouldFail]; n > 0 {
		return fmt.Errorf("%d of %d records would fail", n, total)
	}
	return nil
}

const wouldFail = "WOULD_FAIL"

// file goes through the records of a file. One that cannot be sent has its
// account already.
func (c *command) file(ctx context.Context, name string, stdin io.Reader, each func(entry, string) error) (err error) {
	var in *bulk.Input
	if name == bulk.Stdin {
		in, err = bulk.NewInput(name, stdin, bulk.Format(c.format))
	} else {
		in, err = bulk.Open(name, bulk.Format(c.format))
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	for ctx.Err() == nil {
		r, err := in.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		e := entry{File: name, Record: r.Number}
		if r.Problem != "" {
			e.Preview = &kindredclient.Preview{Outcome: wouldFail, Error: &kindredclient.PreviewError{Message: r.Problem, Destination: "CALLER"}}
		}
		if err := each(e, string(r.Body)); err != nil {
			return err
		}
	}
	return ctx.Err()
}
