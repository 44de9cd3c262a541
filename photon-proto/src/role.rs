/// The end of a connection: the same bytes mean different things in the two directions.
///
/// Exhaustive: a Photon connection has two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Connects, and sends requests and pings.
    Client,
    /// Accepts, and sends responses, events and ping answers.
    Server,
}
