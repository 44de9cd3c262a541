//! Tests of the server with hand-written bytes of clients: the core in virtual time, then real
//! sockets and the program. Spec: chat.md 12.

mod channels;
mod control;
mod datagram_addresses;
mod datagram_harness;
mod datagram_load;
mod datagram_sockets;
mod datagrams;
mod ended_connections;
mod faults;
mod harness;
mod hostile;
mod logins;
mod logs;
mod message_content;
mod messages;
mod mixed;
mod orders;
mod presence;
mod program;
mod restart;
mod rules;
mod simulated;
mod sockets;
mod sound;
mod web_sockets;
