//! A Photon Chat client as a poll-driven, runtime-agnostic, sans-IO state machine.
//!
//! TODO
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod client;
pub mod codes;
mod config;
mod error;
mod event;
mod link;
mod listener;
mod messages;
mod model;
mod operation;
mod peer;
mod pump;
mod route;
mod secret;
mod state;
mod stats;
mod timers;

pub use client::ChatClient;
pub use config::{
    Addresses, AuthData, AuthValues, ChatConfig, ConnectOptions, Encryption, PrivateOptions, PublishOptions,
    SubscribeOptions,
};
pub use error::{RegionsError, RequestError, ServerError};
pub use event::{Authenticated, BadMessage, ChannelOutcome, Event, Outcome, Region, RequestId};
pub use link::{LinkCommand, LinkError, LinkErrorKind, LinkId, LinkInput, Target, Wire};
pub use listener::{Listener, dispatch};
pub use messages::{Content, Message, Messages, OwnedMessage, PrivateMessage};
pub use model::Channel;
pub use photon_proto::{
    self, Array, Custom, DecodeError, Dictionary, Encode, EncodeError, Hashtable, Limits, Protocol, Text, Timestamp,
    Value, ValueWriter, Written,
};
pub use pump::Serviced;
pub use route::{Scheme, ServerAddress};
pub use state::{CauseKind, DisconnectCause, KeyExchangeFailure, PeerErrorCode, Server, State, Step};
pub use stats::Stats;
