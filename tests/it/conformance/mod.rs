//! The tee on the wire: raw sockets on every side of the real program. What a proxy must refuse, re-encode, pass on
//! and survive; what must reach the primary, the candidate and the client, byte for byte.

// a case and the table that plays it
mod case;
// a raw client
mod client;
// HTTP/1 as far as a test must read it
mod message;
// a scripted origin
mod origin;
// the real program between two origins
mod tee;

// bodies, lengths and cuts of the primary's answers
mod answers;
// faults of the candidate that no client may notice
mod candidate_faults;
// chunked requests, trailers, cuts
mod chunks;
// what the candidate is sent
mod copies;
// lengths of requests
mod framing;
// request heads, Host, targets, limits
mod heads;
// what stays on one connection
mod hop_by_hop;
// 1xx, early answers, upgrades
mod interim;
// the loop guard and the tee's own fields
mod marks;
// connections that serve more than one request
mod reuse;
// streaming both ways
mod timing;
