//! The parts of an answer that follow later, while they wait: [`LateAnswer`].

use photon_proto::{Text, Value};

use crate::ids::ConnectionId;
use crate::property_list::Properties;
use crate::requests::Subscribe;

/// A part of an answer that waits for its time.
#[derive(Clone, Debug)]
pub(crate) struct LateAnswer {
    pub(crate) connection: ConnectionId,
    pub(crate) user_id: Text,
    pub(crate) part: LatePart,
}

#[derive(Clone, Debug)]
pub(crate) enum LatePart {
    /// The histories are built when they are sent.
    Build(Subscribe, Vec<bool>),
    /// They were built before.
    Send(Vec<CopiedHistory>),
    /// The user enters these channels, which have these properties if they are new.
    Enter(Vec<Text>, Properties),
}

/// The messages of one channel that a subscriber gets, with their ids.
#[derive(Clone, Debug)]
pub(crate) struct CopiedHistory {
    pub(crate) channel: Text,
    pub(crate) messages: Vec<(i32, Text, Value)>,
}
