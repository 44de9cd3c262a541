//! The client against the development server's core, over a simulated network with virtual time.

mod bad_networks;
mod faults;
mod lossy_hour;
mod many_clients;
