// Package mapping is the mapping language of object types: how the fields of
// a record (a Document) become values (Source) and where they are written
// (Target), and how the time of a record is read (TimeFormat). It knows
// nothing of the standard objects, of keys or of storage.
//
// # Sources
//
// A source is an accessor or a template. Only _source, the record, can be
// referred to. What is missing is empty and never an error.
//
//	_source.Address.City            accessor
//	_source['first name'].x         names with any characters; also .[first name]
//	_source.items[0].sku            one element; also .items.0.sku
//	_source.line_items[].title      array accessor: one value for each element
//	VIP-{{_source.id}}              text and values
//	{{#if _source.x}}…{{else}}…{{/if}}
//	{{#unless _source.x}}…{{else}}…{{/unless}}
//	{{#each _source.items}}{{this}} {{name}} {{@index}} {{@key}} {{@first}} {{@last}} {{../x}}{{else}}…{{/each}}
//	{{#with _source.Address}}{{City}}{{else}}…{{/with}}
//	{{#removeExtraSpace}}…{{/removeExtraSpace}}
//	{{! comment }}  {{!-- comment --}}  {{~ and ~}} for white space  {{else if _source.y}}
//
// Templates follow Handlebars (https://handlebarsjs.com/guide/) with these
// differences, all of them because values are data and no web page:
//
//   - {{x}} and {{{x}}} are the same, nothing is escaped for HTML;
//   - _source means the record inside of {{#each}} and {{#with}} too;
//   - an object inside {{ }} is shown as JSON.
//
// Partials, decorators, inline helpers, arguments, literals, subexpressions,
// raw blocks and inverted sections are refused when the source is compiled.
//
// Every evaluation is bounded in steps and output (MaxSteps, MaxResultBytes),
// every expression in length and nesting, whatever the record is.
package mapping
