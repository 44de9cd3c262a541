//! Conformance: at least one test for each numbered item of chat.md section 11, named after it, and the normative rules
//! of its section 6 beside them. Virtual time, no sockets; the server side says only what a test tells it to say.

mod addresses;
mod connect;
mod counting;
mod deadlines;
mod disconnect;
mod endings;
mod errors;
mod held;
mod login;
mod messages;
mod other;
mod presence;
mod raw;
mod reconnect;
mod regions;
mod requests;
mod rig;
mod status;
mod stream_timers;
mod subscribe;
mod udp_connect;
mod udp_endings;
mod udp_goodbye;
mod udp_traffic;
mod websocket;
