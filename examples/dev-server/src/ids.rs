//! The names of what the server holds: its servers, their connections, and its partitions.

use std::fmt::{self, Display, Formatter};

use photon_proto::Text;

/// One of the two servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ServerKind {
    /// The name server: regions and logins.
    NameServer,
    /// The chat front end.
    FrontEnd,
}

/// The id of a connection, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(u64);

impl ConnectionId {
    pub(crate) const fn numbered(number: u64) -> Self {
        Self(number)
    }

    /// The number of connections accepted before this one.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl Display for ConnectionId {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "connection {}", self.number())
    }
}

impl Display for ServerKind {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::NameServer => "name server",
            Self::FrontEnd => "front end",
        })
    }
}

/// The key of a partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PartitionKey {
    pub(crate) app_id: Text,
    pub(crate) app_version: Text,
}
