package firehose

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/gzip"
)

// answer writes a response of the protocol.
func (e *Endpoint) answer(w http.ResponseWriter, id string, p *problem) {
	body, err := json.Marshal(struct {
		RequestID string `json:"requestId"`
		Timestamp int64  `json:"timestamp"` // milliseconds since 1970
		Error     string `json:"errorMessage,omitempty"`
	}{id, e.Now().UnixMilli(), bounded(p.message, maxMessage)})
	if err != nil {
		panic("firehose: " + err.Error()) // strings and a number
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(p.status)
	_, _ = w.Write(body) // the stream may have given up
}

// budget is memory that requests share.
type budget struct{ left atomic.Int64 }

var errMemory = &problem{status: http.StatusServiceUnavailable, message: "Too many deliveries are under way; try again"}

func (b *budget) take(n int64) bool {
	if b.left.Add(-n) >= 0 {
		return true
	}
	b.left.Add(n)
	return false
}

// holding is a body in memory that the budget knows of.
type holding struct {
	budget *budget
	body   []byte
}

func (h *holding) release() {
	h.budget.left.Add(int64(cap(h.body)))
	h.body = nil
}

// grow makes room for a body of n bytes at least.
func (h *holding) grow(n int64) error {
	n = min(n, MaxBody+1)
	if !h.budget.take(n) {
		return errMemory
	}
	old := int64(cap(h.body))
	larger := make([]byte, len(h.body), n)
	copy(larger, h.body)
	h.body = larger
	h.budget.left.Add(old)
	return nil
}

// firstBytes is how much is made room for when the length is not known.
const firstBytes = 64 << 10

// read reads the body, decompressed. The holding is the caller's to release
// whatever the error.
func (h *holding) read(r *http.Request) error {
	if r.ContentLength > MaxBody {
		return bad("The body must have at most %d bytes", MaxBody)
	}
	var from io.Reader = io.LimitReader(r.Body, MaxBody+1)
	room := r.ContentLength + 1
	switch encoding := strings.ToLower(r.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(from)
		if err != nil {
			return bad("The body is not gzip, as Content-Encoding says")
		}
		from, room = z, 0
	default:
		return bad("Content-Encoding: want gzip or none")
	}
	if err := h.grow(max(room, firstBytes)); err != nil {
		return err
	}
	for {
		if len(h.body) > MaxBody {
			return bad("The body must have at most %d bytes when it is decompressed", MaxBody)
		}
		if len(h.body) == cap(h.body) {
			if err := h.grow(2 * int64(cap(h.body))); err != nil {
				return err
			}
		}
		n, err := from.Read(h.body[len(h.body):cap(h.body)])
		h.body = h.body[:len(h.body)+n]
		switch {
		case err == io.EOF:
			return nil
		case err != nil && r.Context().Err() != nil:
			return r.Context().Err()
		case err != nil:
			return &problem{http.StatusBadRequest, "The body could not be read to its end", err}
		}
	}
}

// envelope is a request of the protocol. The data are JSON strings as they stand
// in the body.
type envelope struct {
	requestID string
	data      [][]byte
}

var (
	errEnvelope = errors.New("the body is not a JSON object with requestId, timestamp and records")
	errMany     = errors.New("there are more records than the protocol allows")
	errNoData   = errors.New("a record has no data, or data that are no string")
)

// parseEnvelope reads a body. It keeps slices of it. Members it does not know
// are passed over.
func parseEnvelope(body []byte) (*envelope, error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(body))
	e := &envelope{}
	records := false
	err := object(d, func(name string) error {
		switch name {
		case "requestId":
			raw, err := d.ReadValue()
			if err != nil || raw.Kind() != '"' {
				return errEnvelope
			}
			text, err := jsontext.AppendUnquote(nil, raw)
			e.requestID = string(text)
			return err
		case "timestamp":
			raw, err := d.ReadValue()
			if err != nil || raw.Kind() != '0' {
				return errEnvelope
			}
			return nil
		case "records":
			records = true
			return e.records(d, body)
		}
		return d.SkipValue()
	})
	if err != nil {
		return nil, err
	}
	if _, err := d.ReadToken(); err != io.EOF || !records {
		return nil, errEnvelope
	}
	return e, nil
}

// object reads an object; member reads the value of each of its names.
func object(d *jsontext.Decoder, member func(name string) error) error {
	if d.PeekKind() != '{' {
		return errEnvelope
	}
	if _, err := d.ReadToken(); err != nil {
		return errEnvelope
	}
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return errEnvelope
		}
		if err := member(name.String()); err != nil {
			return err
		}
	}
	if _, err := d.ReadToken(); err != nil { // its end, or what is wrong
		return errEnvelope
	}
	return nil
}

func (e *envelope) records(d *jsontext.Decoder, body []byte) error {
	if d.PeekKind() != '[' {
		return errEnvelope
	}
	if _, err := d.ReadToken(); err != nil {
		return errEnvelope
	}
	for d.PeekKind() == '{' {
		if len(e.data) == MaxRecords {
			return errMany
		}
		var data []byte
		err := object(d, func(name string) error {
			if name != "data" {
				return d.SkipValue()
			}
			raw, err := d.ReadValue()
			if err != nil {
				return errEnvelope
			}
			if raw.Kind() != '"' {
				return errNoData
			}
			end := int(d.InputOffset())
			data = body[end-len(raw) : end]
			return nil
		})
		if err != nil {
			return err
		}
		if data == nil {
			return errNoData
		}
		e.data = append(e.data, data)
	}
	if end, err := d.ReadToken(); err != nil || end.Kind() != ']' {
		return errEnvelope
	}
	return nil
}

var (
	errLargeData = fmt.Errorf("the data have more than %d bytes", maxData)
	errBase64    = errors.New("the data are not base64")
)

// decode decodes the data of a record into scratch, which it returns grown.
func decode(data, scratch []byte) (blob, grown []byte, err error) {
	text := data[1 : len(data)-1]
	if len(text) > base64.StdEncoding.EncodedLen(maxData) {
		return nil, scratch, errLargeData
	}
	if bytes.IndexByte(text, '\\') >= 0 { // some writers escape = and /
		if text, err = jsontext.AppendUnquote(nil, data); err != nil {
			return nil, scratch, errBase64
		}
	}
	if n := base64.StdEncoding.DecodedLen(len(text)); cap(scratch) < n {
		scratch = make([]byte, n)
	}
	scratch = scratch[:cap(scratch)]
	n, err := base64.StdEncoding.Decode(scratch, text)
	if err != nil {
		return nil, scratch, errBase64
	}
	return scratch[:n], scratch, nil
}

// split calls each with every JSON value of a blob. What is not JSON is one
// value, to the end of the blob, with whole false.
func split(blob []byte, each func(value []byte, whole bool) error) error {
	d := jsontext.NewDecoder(bytes.NewBuffer(blob), jsontext.AllowDuplicateNames(true))
	at := int64(0)
	for {
		raw, err := d.ReadValue()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return each(bytes.TrimSpace(blob[at:]), false)
		}
		if err := each(raw, true); err != nil {
			return err
		}
		at = d.InputOffset()
	}
}
