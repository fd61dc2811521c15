package server

import (
	"context"
	"fmt"
	"reflect"

	"kindred/internal/api"
)

// operation is an operation of a mounted service.
type operation struct {
	mount  *Mount
	method *method // nil: not implemented
	stats  *operationStats
}

// method is the implementation of an operation.
type method struct {
	fn     reflect.Value
	result bool // it returns an output beside the error
}

var (
	contextType = reflect.TypeFor[context.Context]()
	errorType   = reflect.TypeFor[error]()
)

// bind looks up the methods of a mount by the names of its operations.
func bind(m *Mount) map[string]*method {
	methods := map[string]*method{}
	for _, impl := range m.Impl {
		v := reflect.ValueOf(impl)
		for i := range v.NumMethod() {
			name := v.Type().Method(i).Name
			op := m.API.Operation(name)
			if op == nil {
				continue
			}
			if methods[name] != nil {
				panic(fmt.Sprintf("server: %s %s is implemented twice, the second time by %T", m.API.ID, name, impl))
			}
			methods[name] = newMethod(op, impl, v.Method(i))
		}
	}
	return methods
}

func newMethod(op *api.Operation, impl any, fn reflect.Value) *method {
	t := fn.Type()
	in := t.NumIn() == 2 && t.In(0) == contextType && t.In(1) == reflect.PointerTo(op.Input.Go)
	n := t.NumOut()
	out := n > 0 && t.Out(n-1) == errorType &&
		(n == 2 && t.Out(0) == reflect.PointerTo(op.Output.Go) || n == 1 && len(op.Output.Members) == 0)
	if !in || !out || t.IsVariadic() {
		panic(fmt.Sprintf("server: %T.%s is a %s, want func(context.Context, *%s) (*%s, error)",
			impl, op.Name, t, op.Input.Go, op.Output.Go))
	}
	return &method{fn: fn, result: n == 2}
}

// call calls the implementation. Input is what the wire decoded.
func (m *method) call(ctx context.Context, input any) (output any, err error) {
	out := m.fn.Call([]reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf(input)})
	if e := out[len(out)-1]; !e.IsNil() {
		return nil, e.Interface().(error)
	}
	if m.result {
		output = out[0].Interface()
	}
	return output, nil
}
