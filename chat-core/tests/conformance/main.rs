//! Conformance: at least one test for each numbered item of chat.md section 11, named after it, and
//! tests of the normative rules of its section 6. Time is virtual and there are no sockets. The
//! server side sends only what a test makes it send.

mod addresses;
mod bad_elements;
mod bad_lists;
mod caps;
mod causes;
mod confirm;
mod connect;
mod coverage;
mod deadlines;
mod disconnect;
mod endings;
mod errors;
mod harness;
mod held_input;
mod login;
mod memory;
mod messages;
mod other;
mod pasted;
mod positions;
mod presence;
mod progress;
mod raw_operations;
mod reconnect;
mod regions;
mod repeated;
mod requests;
mod restore;
mod resubscribe;
mod server_texts;
mod sleep;
mod status;
mod stream_timers;
mod subscribe;
mod suspend;
mod time;
mod udp_connect;
mod udp_endings;
mod udp_flush;
mod udp_traffic;
mod unsent;
mod unsolicited;
mod websocket;
mod work;
