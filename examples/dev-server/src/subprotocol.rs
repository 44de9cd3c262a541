//! [`SubProtocol`]: the serialization of a connection's messages.

pub use photon_proto::peer::{SubProtocol, SubProtocolError};
