// Package live tells pages of contacts as they arrive and change: a stream of
// server-sent events for one instance, with the profiles that belong to each contact.
//
// GET /console/events?instanceId=ID is signed as a presigned request for the service
// "kindred", as a browser's EventSource can send nothing but a URL. The caller must be
// allowed connect:DescribeContact on the instance's contacts, and profile:SearchProfiles
// on the domain that takes them in; a contact on which it is denied the former is left
// out. Who the caller is, and what it may, is asked again every few seconds, so a stream
// ends within that time after a sign-out, a change of policy, or the end of its
// credentials.
//
// An event is sent at least once for each change of a contact, on whichever node it
// was made, and shows the contact as it is when it is sent. Its id is a position to go on
// from: the header Last-Event-ID, or, where the URL has to be signed anew, lastEventId in
// the query. Positions are good for as long as notes are kept ([connect.FeedKept]); an
// older one goes on from there. A stream without one begins with what happened in the
// last two minutes, so that a page that is loaded while a contact rings shows it. It
// begins with 500 changes at most, the newest.
//
// An event "end" is the last one where the server ends a stream. Its reason is CREDENTIALS
// (sign in or renew, and sign another URL), PERMISSION, TOO_SLOW or DRAINING.
//
// Everything is bounded: streams, those of one caller, what waits for a reader, and how
// long a write may take. A reader that is too slow is dropped, and can go on from where
// it was.
package live
