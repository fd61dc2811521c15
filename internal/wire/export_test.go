package wire

import (
	"reflect"

	"kindred/internal/api"
)

// DecodeJSON reads a JSON object into the structure of a shape.
func DecodeJSON(s *api.Shape, body []byte) (any, error) {
	p := planOf(s)
	d := newDecoder(body)
	defer d.release()
	ptr := reflect.New(p.goType)
	seen, err := d.document(p, ptr.Elem())
	if err != nil {
		return nil, err
	}
	d.complete(p, seen)
	return ptr.Interface(), d.invalid()
}

// EncodeJSON writes the structure of a shape as a JSON object.
func EncodeJSON(s *api.Shape, v any) ([]byte, error) {
	return appendStructure(nil, planOf(s), reflect.ValueOf(v).Elem())
}

// EncodeXML writes the structure of a shape as XML elements.
func EncodeXML(s *api.Shape, v any) ([]byte, error) {
	var w xmlWriter
	w.structure(planOf(s), reflect.ValueOf(v).Elem())
	return w.body, w.err
}
