package bulk

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/go-json-experiment/json/jsontext"
)

// ReasonsSuffix follows the name of the file of failures in that of the file of
// reasons.
const ReasonsSuffix = ".reasons"

// failures are two files: the records that failed, as JSON lines, and the
// reasons, a JSON object on each line. They are made with the first failure and
// readable by their owner only.
type failures struct {
	path            string
	records, causes *os.File
	recordsBuf      *bufio.Writer
	causesBuf       *bufio.Writer
	kept
}

// kept is how much of the files of failures belongs to what is acknowledged.
type kept struct{ RecordBytes, ReasonBytes, Lines int64 }

// failure is a line of the file of reasons.
type failure struct {
	Input  string
	Record int64 // in the input, from 1
	Start  int64 // byte in the input, decompressed
	End    int64
	Line   int64 `json:",omitempty"` // in the file of failures, from 1; 0: it is not there
	Code   int   `json:",omitempty"` // as an HTTP status
	Reason string
}

// openFailures takes up the files of failures of an earlier run up to the
// lengths that its checkpoint gives, or, with none, makes sure that nothing is
// lost by starting them.
func openFailures(path string, k kept, resumed bool) (*failures, error) {
	f := &failures{path: path, kept: k}
	info, err := os.Stat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("file of failures: %w", err)
	}
	there := err == nil && info.Size() > 0
	switch {
	case !resumed && there:
		return nil, fmt.Errorf("file of failures: %s holds the failures of an earlier run; feed them back or move it away", path)
	case k.RecordBytes > 0 && !there:
		return nil, fmt.Errorf("file of failures: %s is gone, and with it failures of the run to go on with", path)
	case resumed && (there || k.ReasonBytes > 0):
		return f, f.open()
	}
	return f, nil
}

func (f *failures) open() (err error) {
	if f.records, err = openAt(f.path, f.RecordBytes); err != nil {
		return err
	}
	if f.causes, err = openAt(f.path+ReasonsSuffix, f.ReasonBytes); err != nil {
		return errors.Join(err, f.records.Close())
	}
	f.recordsBuf, f.causesBuf = bufio.NewWriter(f.records), bufio.NewWriter(f.causes)
	if err := syncDir(filepath.Dir(f.path)); err != nil {
		return fmt.Errorf("file of failures: %w", err)
	}
	return nil
}

// openAt opens a file and cuts it to a length, which it must have.
func openAt(path string, length int64) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("file of failures: %w", err)
	}
	info, err := file.Stat()
	if err == nil && info.Size() < length {
		err = fmt.Errorf("%s has %d bytes, the run to go on with had written %d", path, info.Size(), length)
	}
	if err == nil {
		err = file.Truncate(length)
	}
	if err == nil {
		_, err = file.Seek(length, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("file of failures: %w", errors.Join(err, file.Close()))
	}
	return file, nil
}

// add writes a failed record.
func (f *failures) add(input string, r *Record, o Outcome) error {
	if f.records == nil {
		if err := f.open(); err != nil {
			return err
		}
	}
	line := failure{Input: input, Record: r.Number, Start: r.Start, End: r.End, Code: o.Code, Reason: o.Reason}
	if r.Body != nil {
		f.Lines++
		line.Line = f.Lines
		text := append(oneLine(r.Body), '\n')
		n, err := f.recordsBuf.Write(text)
		if f.RecordBytes += int64(n); err != nil {
			return fmt.Errorf("file of failures: %w", err)
		}
	}
	text, err := json.Marshal(line)
	if err == nil {
		var n int
		n, err = f.causesBuf.Write(append(text, '\n'))
		f.ReasonBytes += int64(n)
	}
	if err != nil {
		return fmt.Errorf("file of reasons: %w", err)
	}
	return nil
}

// oneLine writes a record on one line. In valid JSON line ends are blanks; in
// what is not valid they become blanks, too.
func oneLine(body []byte) []byte {
	if bytes.IndexByte(body, '\n') < 0 && bytes.IndexByte(body, '\r') < 0 {
		return bytes.Clone(body)
	}
	if v := jsontext.Value(bytes.Clone(body)); v.Compact() == nil {
		return v
	}
	line := bytes.Clone(body)
	for i, c := range line {
		if c == '\n' || c == '\r' {
			line[i] = ' '
		}
	}
	return line
}

// sync makes what has been added durable.
func (f *failures) sync() error {
	if f.records == nil {
		return nil
	}
	err := errors.Join(f.recordsBuf.Flush(), f.causesBuf.Flush())
	if err == nil {
		err = errors.Join(f.records.Sync(), f.causes.Sync())
	}
	if err != nil {
		return fmt.Errorf("file of failures: %w", err)
	}
	return nil
}

func (f *failures) close() error {
	if f.records == nil {
		return nil
	}
	return errors.Join(f.records.Close(), f.causes.Close())
}

// maxReasons bounds how many reasons are told apart.
const maxReasons = 100

const otherReasons = "other reasons"

// position is what makes reasons differ that are the same.
var position = regexp.MustCompile(` \(at byte \d+\)`)

// fail counts a failed record.
func (t *Totals) fail(reason string) {
	t.Failed++
	if t.Reasons == nil {
		t.Reasons = map[string]int64{}
	}
	reason = position.ReplaceAllString(reason, "")
	if _, known := t.Reasons[reason]; !known && len(t.Reasons) >= maxReasons {
		reason = otherReasons
	}
	t.Reasons[reason]++
}
