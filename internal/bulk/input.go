package bulk

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"kindred/internal/ingest"
)

// Bounds of an input, in bytes.
const (
	// MaxRecord is how much of one record is held in memory. Ingestion takes
	// less, see ingest.MaxObject; what is between the two fails and is kept.
	MaxRecord = 1 << 20

	bufferBytes = 64 << 10  // read at once; as much is looked at to find the format
	maxWindow   = 128 << 20 // of Zstandard; what zstd --long=27 writes
)

// Format is how an input is written.
type Format string

// The formats. Auto is found out from the name and the first bytes.
const (
	Auto  Format = "auto"
	JSON  Format = "json"
	Lines Format = "jsonl"
	CSV   Format = "csv"
)

// ParseFormat reads the name of a format.
func ParseFormat(s string) (Format, error) {
	switch f := Format(s); f {
	case Auto, JSON, Lines, CSV:
		return f, nil
	}
	return "", fmt.Errorf("format %q: want auto, json, jsonl or csv", s)
}

// Record is one record of an input.
type Record struct {
	// Body is the record as JSON text; of a malformed record, what the file of
	// failures keeps of it; nil when it is too large to be held.
	Body []byte
	// Problem says why it cannot be ingested, empty if it may.
	Problem string
	// Number counts the records of the input from 1.
	Number int64
	// Start and End are where the record lies in the input, decompressed.
	Start, End int64
}

// Position is how far an input has been read: the offset in bytes in the
// decompressed input, and the number of records before it.
type Position struct{ Offset, Records int64 }

// SyntaxError says that an input cannot be read on.
type SyntaxError struct {
	Offset int64 // in the decompressed input
	Rule   string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("at byte %d: %s", e.Offset, e.Rule) }

// Input reads the records of a file or stream.
type Input struct {
	Name   string
	Format Format // never Auto

	text    text
	file    *os.File // nil for a stream
	plain   bool     // not compressed
	closers []func() error
	taken   *counter
	records splitter
	number  int64
}

// splitter finds the next record in the text. It sets what it knows of it.
type splitter interface {
	next(*Record) error
	// resume says that the text continues after a record.
	resume()
}

// counter counts the bytes read from what is below all buffers.
type counter struct {
	r io.Reader
	n atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// Open opens a file.
func Open(path string, f Format) (*Input, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	in, err := NewInput(path, file, f)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	in.file = file
	in.closers = append(in.closers, file.Close)
	return in, nil
}

// NewInput reads records from r. The name is for finding the format and for
// messages.
func NewInput(name string, r io.Reader, f Format) (*Input, error) {
	in := &Input{Name: name, Format: f, taken: &counter{r: r}}
	if err := in.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), in.Close())
	}
	return in, nil
}

func (in *Input) prepare() error {
	raw := bufio.NewReaderSize(in.taken, bufferBytes)
	magic, err := raw.Peek(4)
	if err != nil && err != io.EOF {
		return err
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(raw)
		if err != nil {
			return fmt.Errorf("gzip: %w", err)
		}
		in.closers = append(in.closers, z.Close)
		in.text.r = bufio.NewReaderSize(z, bufferBytes)
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return fmt.Errorf("zstd: %w", err)
		}
		in.closers = append(in.closers, func() error { z.Close(); return nil })
		in.text.r = bufio.NewReaderSize(z, bufferBytes)
	default:
		in.plain, in.text.r = true, raw
	}
	head, err := in.text.r.Peek(bufferBytes)
	if err != nil && err != io.EOF {
		return err
	}
	if bytes.HasPrefix(head, []byte{0xff, 0xfe}) || bytes.HasPrefix(head, []byte{0xfe, 0xff}) {
		return errors.New("the text is UTF-16; want UTF-8")
	}
	if bytes.HasPrefix(head, byteOrderMark) {
		in.text.skip(len(byteOrderMark))
		head = head[len(byteOrderMark):]
	}
	if in.Format == Auto {
		if in.Format = sniff(in.Name, head); in.Format == Auto {
			return errors.New("the format cannot be told from the name or the first bytes; use --format")
		}
	}
	switch in.Format {
	case Lines:
		in.records = &lines{text: &in.text}
	case CSV:
		in.records, err = newCSV(&in.text)
	default:
		in.records, err = newValues(&in.text)
	}
	if err == io.EOF { // an empty input has no records
		in.records, err = &lines{text: &in.text}, nil
	}
	return err
}

var byteOrderMark = []byte{0xef, 0xbb, 0xbf}

// sniff finds the format of an input: by what its name ends in, but for .json,
// which is used for JSON lines too; else by its first bytes.
func sniff(name string, head []byte) Format {
	ext := strings.ToLower(filepath.Ext(name))
	if ext == ".gz" || ext == ".zst" || ext == ".zstd" {
		ext = strings.ToLower(filepath.Ext(strings.TrimSuffix(strings.ToLower(name), ext)))
	}
	switch ext {
	case ".jsonl", ".ndjson":
		return Lines
	case ".csv":
		return CSV
	}
	head = bytes.TrimLeft(head, blanks)
	switch {
	case len(head) == 0 || head[0] == '[':
		return JSON
	case head[0] == '{':
		// A whole object on the first line: lines, of which one that is
		// malformed does not spoil the rest.
		line, _, _ := bytes.Cut(head, []byte{'\n'})
		if isValue(line) {
			return Lines
		}
		return JSON
	}
	if line, _, _ := bytes.Cut(head, []byte{'\n'}); ext != ".json" && bytes.IndexByte(line, ',') > 0 && utf8.Valid(line) {
		return CSV
	}
	return Auto
}

// Resume goes on after a position, which must be one that a Record or the
// beginning of the same input gave. It must come before the first Next.
func (in *Input) Resume(p Position) error {
	if p.Records == 0 {
		return nil
	}
	if p.Offset < in.text.offset {
		return fmt.Errorf("%s: the position is before the first record", in.Name)
	}
	if in.file != nil && in.plain {
		if err := in.text.seek(in.file, in.taken, p.Offset); err != nil {
			return fmt.Errorf("%s: %w", in.Name, err)
		}
	}
	for left := p.Offset - in.text.offset; left > 0; left = p.Offset - in.text.offset {
		n, err := in.text.r.Discard(int(min(left, math.MaxInt32)))
		in.text.offset += int64(n)
		if err != nil {
			return fmt.Errorf("%s: it ends before the position: %w", in.Name, err)
		}
	}
	in.number = p.Records
	in.records.resume()
	return nil
}

// Next reads a record; io.EOF after the last. What it returns belongs to the
// caller. After another error the input cannot be read on.
func (in *Input) Next() (Record, error) {
	var r Record
	if err := in.records.next(&r); err != nil {
		if err != io.EOF {
			err = fmt.Errorf("%s: %w", in.Name, err)
		}
		return Record{}, err
	}
	in.number++
	r.Number, r.End = in.number, in.text.offset
	switch {
	case r.Problem != "":
	case r.Body == nil:
		r.Problem = fmt.Sprintf("The record is larger than %d bytes", MaxRecord)
	case len(r.Body) > ingest.MaxObject:
		r.Problem = fmt.Sprintf("The record is larger than %d bytes", ingest.MaxObject)
	case !utf8.Valid(r.Body):
		r.Problem = "The record is not valid UTF-8"
	}
	return r, nil
}

// Taken is how many bytes have been read from below all buffers and
// decompression. It may be called while others read.
func (in *Input) Taken() int64 { return in.taken.n.Load() }

// Close closes the file.
func (in *Input) Close() error {
	var errs []error
	for _, c := range in.closers {
		errs = append(errs, c())
	}
	in.closers = nil
	return errors.Join(errs...)
}

// text is a buffered stream with the offset of what comes next.
type text struct {
	r      *bufio.Reader
	offset int64
}

func (t *text) skip(n int) {
	n, _ = t.r.Discard(n) // they have been peeked at
	t.offset += int64(n)
}

// ahead returns what is buffered and not yet read, at least one byte; io.EOF at
// the end.
func (t *text) ahead() ([]byte, error) {
	if _, err := t.r.Peek(1); err != nil {
		return nil, err
	}
	return t.r.Peek(t.r.Buffered())
}

func (t *text) seek(file *os.File, c *counter, offset int64) error {
	if _, err := file.Seek(offset, io.SeekStart); err != nil {
		return err
	}
	c.n.Store(offset)
	t.r.Reset(c)
	t.offset = offset
	return nil
}
