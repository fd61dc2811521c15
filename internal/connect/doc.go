// Package connect is the part of Amazon Connect that customer profiles need:
// instances, contacts, and the contact records that contacts leave behind.
//
// # Contacts and profiles
//
// A contact is kept in the object form of a contact record (package
// contactrecord). When its instance belongs to a domain, every change of it is
// ingested there as an object of the type that the domain's integration with
// the instance names, normally CTR, so that the profile is found or made by the
// template in force. That goes through an outbox: the contact and the note that
// it is to be ingested are one transaction, so the ingestion outlives a crash,
// and its failing never fails the call. A contact that cannot be ingested goes
// the way of any object, to the domain's dead letter queue; without one, the
// reason is kept with the contact ([Service.Ingestion]).
//
// Contact records come more than once and out of order ("Contact records data
// model", administrator guide). The newest LastUpdateTimestamp wins. A record
// wins over a contact that is only known from calls and was changed in the same
// second; of two different records with the same time the one with the greater
// bytes wins, so that every order of arrival ends alike.
//
// CreateContact has no member for the customer's address. It is taken from, in
// this order: the attributes customerEndpointAddress and customerEndpointType;
// the attributes profileSearchKey (_phone or _email) and profileSearchValue,
// which are those of the agent workspace's auto-pop; a reference of type EMAIL;
// the attributes that [addressAttributes] lists; the contact that it follows or
// is related to.
//
// # Differences from the managed service
//
//   - Instances are active at once, and have no service role and access URL.
//   - CreateContact takes every channel and initiation method of the model.
//   - BatchPutContact is not reserved to campaigns and needs no campaign, queue
//     or system endpoint.
//   - A ClientToken is remembered for as long as what it has made exists.
//   - Integration associations are kept and listed, and have no effect.
//   - SearchContacts refuses criteria on transcripts, routing, agent hierarchy,
//     AI agents and regions, of which nothing is known here.
//
// # Storage
//
// Everything is sealed with the cipher given to [New], bound to its place: a
// format byte, then the sealed JSON. Partitions and sort keys, where INSTANCE
// and CONTACT are identifiers:
//
//	connect                          INSTANCE: instance
//	connect/INSTANCE/associations    ID: integration association
//	connect/INSTANCE/c/CONTACT       c: contact; l/CONTACT: a contact that refers to this one
//	connect/INSTANCE/due             CONTACT: to be ingested, since when
//	connect/INSTANCE/feed            time in microseconds, CONTACT: it has changed
//	connect/INSTANCE/t/KIND/DAY      time CONTACT: contacts by a time of theirs
//
// KIND is the time ([timeKinds]), DAY is yyyymmdd in UTC, time is in
// milliseconds, 8 bytes big endian. A day's index is written to on that day
// only. References, due notes and time entries hold the format byte alone or
// with a time; keys hold identifiers and times and nothing of a customer.
package connect
