//! The state of the client ([`State`]), the documented code for the end of a connection
//! ([`PeerErrorCode`]), and its exact cause ([`DisconnectCause`]).

use crate::codes::application;
use crate::link::LinkErrorKind;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
pub use photon_proto::peer::KeyExchangeFailure;
use photon_proto::{DecodeError, Text, udp};

/// The state of a client.
///
/// ```text
///  0 Uninitialized
/// 10 Disconnected ── connect ──> 1 ConnectingToNameServer
/// -1 Error                            │ key exchange done
///    │                                v
///    │                           2 ConnectedToNameServer
///    │                                │ region chosen, login accepted
///    │                                v
///    └──────── reconnect ───────> 3 ConnectingToFrontEnd
///                                     │ login accepted
///                                     v
///                                4 ConnectedToFrontEnd
///
/// any state but 0 ── disconnect() ──────────────────────> 10
/// any of 1 to 4 ──── any other end of the connection ───> -1
/// 3 ──────────────── a reconnect that fails, once ──────> 1
/// -1 ─────────────── an attempt with restore on ────────> 3 or 1
/// ```
///
/// Exhaustive: the documented API has exactly these states. Spec: chat.md 1.9 and 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// The connection ended, and the application did not end it. It may connect again.
    Error,
    /// The client has not connected yet.
    Uninitialized,
    /// The client connects to the name server and exchanges keys.
    ConnectingToNameServer,
    /// The client is connected to the name server. The application can list the regions and choose
    /// one.
    ConnectedToNameServer,
    /// The client connects to the front end and logs in.
    ConnectingToFrontEnd,
    /// The client is logged in on the front end, and can chat.
    ConnectedToFrontEnd,
    /// The application called `disconnect()`.
    Disconnected,
}

impl State {
    /// Returns the documented number.
    #[must_use]
    pub const fn code(self) -> i32 {
        match self {
            Self::Error => -1,
            Self::Uninitialized => 0,
            Self::ConnectingToNameServer => 1,
            Self::ConnectedToNameServer => 2,
            Self::ConnectingToFrontEnd => 3,
            Self::ConnectedToFrontEnd => 4,
            Self::Disconnected => 10,
        }
    }

    /// Returns the documented name (`StateToName`).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "Error",
            Self::Uninitialized => "Uninitialized",
            Self::ConnectingToNameServer => "ConnectingToNameServer",
            Self::ConnectedToNameServer => "ConnectedToNameServer",
            Self::ConnectingToFrontEnd => "ConnectingToFrontEnd",
            Self::ConnectedToFrontEnd => "ConnectedToFrontEnd",
            Self::Disconnected => "Disconnected",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// One of the two servers that a client connects to.
///
/// Exhaustive: the Chat service has no other. Spec: chat.md 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Server {
    /// The server that lists the regions, checks the credentials and returns the front end's
    /// address.
    NameServer,
    /// The server that transports the chat messages.
    FrontEnd,
}

impl Server {
    /// The application name in the init message to this server. Spec: chat.md 2.2.
    pub(crate) const fn application(self) -> &'static str {
        match self {
            Self::NameServer => application::NAME_SERVER,
            Self::FrontEnd => application::FRONT_END,
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::NameServer => "name server",
            Self::FrontEnd => "front end",
        })
    }
}

/// The documented error codes: which server, and how the connection ended.
///
/// Exhaustive: the documented API has exactly these codes. [`DisconnectCause`] has the details, and
/// may grow. Spec: chat.md 1.10.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PeerErrorCode {
    /// No error.
    Ok,
    /// 1001: the connection to the front end failed.
    FrontEndError,
    /// 1002: the client could not connect to the front end.
    FrontEndConnectFailed,
    /// 1003: the front end closed the connection.
    FrontEndConnectClosed,
    /// 1004: the front end did not respond in time.
    FrontEndTimeout,
    /// 1005: the key exchange with the front end failed.
    FrontEndEncryptionEstablishError,
    /// 1101: the front end rejected the login.
    FrontEndAuthenticationFailed,
    /// 3001: the connection to the name server failed.
    NameServerError,
    /// 3002: the client could not connect to the name server.
    NameServerConnectFailed,
    /// 3003: the name server closed the connection.
    NameServerConnectClosed,
    /// 3004: the name server did not respond in time.
    NameServerTimeout,
    /// 3005: the key exchange with the name server failed.
    NameServerEncryptionEstablishError,
    /// 3101: the name server rejected the login.
    NameServerAuthenticationFailed,
}

impl PeerErrorCode {
    /// All codes, in the order of their numbers.
    pub const ALL: [Self; 13] = [
        Self::Ok,
        Self::FrontEndError,
        Self::FrontEndConnectFailed,
        Self::FrontEndConnectClosed,
        Self::FrontEndTimeout,
        Self::FrontEndEncryptionEstablishError,
        Self::FrontEndAuthenticationFailed,
        Self::NameServerError,
        Self::NameServerConnectFailed,
        Self::NameServerConnectClosed,
        Self::NameServerTimeout,
        Self::NameServerEncryptionEstablishError,
        Self::NameServerAuthenticationFailed,
    ];

    /// Returns the documented number.
    #[must_use]
    pub const fn code(self) -> i32 {
        match self {
            Self::Ok => 0,
            Self::FrontEndError => 1001,
            Self::FrontEndConnectFailed => 1002,
            Self::FrontEndConnectClosed => 1003,
            Self::FrontEndTimeout => 1004,
            Self::FrontEndEncryptionEstablishError => 1005,
            Self::FrontEndAuthenticationFailed => 1101,
            Self::NameServerError => 3001,
            Self::NameServerConnectFailed => 3002,
            Self::NameServerConnectClosed => 3003,
            Self::NameServerTimeout => 3004,
            Self::NameServerEncryptionEstablishError => 3005,
            Self::NameServerAuthenticationFailed => 3101,
        }
    }

    /// Returns the documented name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "Ok",
            Self::FrontEndError => "FrontEndError",
            Self::FrontEndConnectFailed => "FrontEndConnectFailed",
            Self::FrontEndConnectClosed => "FrontEndConnectClosed",
            Self::FrontEndTimeout => "FrontEndTimeout",
            Self::FrontEndEncryptionEstablishError => "FrontEndEncryptionEstablishError",
            Self::FrontEndAuthenticationFailed => "FrontEndAuthenticationFailed",
            Self::NameServerError => "NameServerError",
            Self::NameServerConnectFailed => "NameServerConnectFailed",
            Self::NameServerConnectClosed => "NameServerConnectClosed",
            Self::NameServerTimeout => "NameServerTimeout",
            Self::NameServerEncryptionEstablishError => "NameServerEncryptionEstablishError",
            Self::NameServerAuthenticationFailed => "NameServerAuthenticationFailed",
        }
    }
}

impl fmt::Display for PeerErrorCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({})", self.name(), self.code())
    }
}

/// The exact cause for the end of a connection: what [`PeerErrorCode`] cannot express.
///
/// ```
/// use chat_core::{CauseKind, DisconnectCause, codes::return_code};
///
/// fn advice(cause: &DisconnectCause) -> &'static str {
///     match (cause.kind, cause.return_code) {
///         (_, Some(return_code::MAX_CCU_REACHED)) => "the game is full: try again later",
///         (CauseKind::AuthenticationRefused, _) => "log in again",
///         (CauseKind::Silent { .. } | CauseKind::Unacknowledged, _) => "check the network",
///         _ => "try again",
///     }
/// }
/// # let _ = advice;
/// ```
///
/// Non-exhaustive: a cause may get more details. Spec: chat.md 1.11 and 10 (R3).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DisconnectCause {
    /// The server at the other end of the connection.
    pub server: Server,
    /// The kind of the cause.
    pub kind: CauseKind,
    /// The return code of the server, if it sent one.
    pub return_code: Option<i16>,
    /// The text of the server or of the operating system; may be empty. One of more than 1,024 bytes
    /// is shortened and ends in `…`.
    pub text: Text,
    /// The address of the server, as `scheme://host:port`, if no answer of it ever arrived on the
    /// connection. Empty otherwise, and for an address that was not used.
    pub address: Text,
    /// The causes at the server addresses that the client tried before this one.
    pub earlier: Vec<DisconnectCause>,
    /// The number of messages that the client had accepted and that are not known to have left it:
    /// the driver had not reported them as sent, or over UDP the server had not acknowledged them,
    /// so it may have received some of these.
    ///
    /// One message is one call that returned `Ok` and sends something: every publish and private
    /// message, and also every other request to the server (subscribe, friends, status, ...), whose
    /// missing result is reported besides. Logins, handshakes and pings do not count. A message
    /// that was handed to the driver may still be lost in the buffers of the operating system.
    pub unsent_messages: u64,
}

/// The kind of a [`DisconnectCause`].
///
/// May grow: each new check that can end a connection gets a kind of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CauseKind {
    /// The link could not be opened, or broke.
    Link(LinkErrorKind),
    /// The driver had not opened the link when the deadline passed.
    NeverOpened,
    /// The server closed the link without a disconnect message.
    Closed,
    /// The server sent a disconnect message. Return code and text give its reason.
    ServerDisconnect,
    /// The name server returned an invalid address for the front end.
    BadAddress,
    /// The name server returned a front end that
    /// [`ChatConfig::allowed_front_ends`](crate::ChatConfig::allowed_front_ends) does not list.
    FrontEndNotAllowed,
    /// The server sent bytes that are not a frame, so the client cannot find the next one.
    BadStream(DecodeError),
    /// The server sent a disconnect command. Spec: udp.md 7.2.
    DisconnectCommand(DisconnectReason),
    /// The server did not acknowledge a command in time, which may be the connect command.
    /// Spec: udp.md 5.6.
    Unacknowledged,
    /// The server violated the UDP protocol in a way that the connection cannot survive.
    BadDatagrams(udp::Violation),
    /// The driver passed far more input than
    /// [`ChatClient::wants_input`](crate::ChatClient::wants_input) allows.
    InputOverrun,
    /// The client received no message from the server within the silence timeout.
    Silent {
        /// The time without a message, in whole milliseconds.
        elapsed: Duration,
    },
    /// A message of the server began and was not completed within the silence timeout. Each further
    /// 1,024 bytes of it start the timeout again.
    IncompleteMessage {
        /// The time without progress, in whole milliseconds.
        elapsed: Duration,
    },
    /// The server did not answer a ping within the silence timeout, although it sent other
    /// messages. Each 1,024 bytes of them start the timeout again.
    PingUnanswered {
        /// The time without an answer, in whole milliseconds.
        elapsed: Duration,
    },
    /// The server reads nothing, or next to nothing: the driver could not send 1,024 of the bytes that
    /// wait within the silence timeout. Each 1,024 bytes start the timeout again.
    SendStalled {
        /// The time without progress, in whole milliseconds.
        elapsed: Duration,
    },
    /// The program stood still, and nothing of the server arrived within two seconds after it woke:
    /// the connection did not survive. Spec: chat.md 10 (R4).
    Slept {
        /// How long the program stood still.
        elapsed: Duration,
    },
    /// The application reported that the network changed, and the client abandoned the link
    /// ([`ChatClient::network_changed`](crate::ChatClient::network_changed)).
    NetworkChanged,
    /// A step did not complete before its deadline.
    Deadline(Step),
    /// The key exchange failed.
    KeyExchange(KeyExchangeFailure),
    /// The server rejected the login. Return code and text give its reason.
    AuthenticationRefused,
    /// The client could not encode the login. Its contents come from the application; the text
    /// names the fault.
    LoginNotSent,
    /// The name server accepted the login without an address of a front end (p230).
    MissingAddress,
    /// The name server accepted the login without a token (p221).
    MissingToken,
}

/// The reason in a disconnect command of a server.
///
/// May grow: [`DisconnectReason::Other`] holds the numbers that have no name yet. Spec: udp.md 7.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// 1: the logic of the server closed the connection.
    Logic,
    /// 2: the client did not respond to the server in time.
    Timeout,
    /// 3: the server has reached its limit of users.
    UserLimit,
    /// Any other number.
    Other(u8),
}

impl CauseKind {
    /// The kind for the end of a UDP connection.
    pub(crate) fn of_udp(cause: udp::Cause) -> Self {
        match cause {
            udp::Cause::ServerLogic => Self::DisconnectCommand(DisconnectReason::Logic),
            udp::Cause::ServerTimeout => Self::DisconnectCommand(DisconnectReason::Timeout),
            udp::Cause::ServerUserLimit => Self::DisconnectCommand(DisconnectReason::UserLimit),
            udp::Cause::ServerUnknown(reason) => {
                Self::DisconnectCommand(DisconnectReason::Other(reason))
            }
            udp::Cause::ProtocolError(violation) => Self::BadDatagrams(violation),
            udp::Cause::ConnectTimeout | udp::Cause::Timeout => Self::Unacknowledged,
            // The other causes are local, or belong to the server role.
            _ => Self::Closed,
        }
    }
}

/// A step of connecting that has a deadline.
///
/// May grow with the steps. Spec: chat.md 6.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// Name server: from the connect call until the connection is established. Front end: from the
    /// name server's response until the login is accepted.
    Connect,
    /// From sending a login until its response.
    Authenticate,
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Logic => out.write_str("by server logic"),
            Self::Timeout => out.write_str("the client did not respond in time"),
            Self::UserLimit => out.write_str("user limit reached"),
            Self::Other(reason) => write!(out, "reason {reason}"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Connect => "not connected",
            Self::Authenticate => "no response to the login",
        })
    }
}

impl DisconnectCause {
    /// Makes a cause without return code, text, address and earlier causes. Public for the tests of
    /// applications.
    #[must_use]
    pub fn new(server: Server, kind: CauseKind) -> Self {
        Self {
            server,
            kind,
            return_code: None,
            text: Text::EMPTY,
            address: Text::EMPTY,
            earlier: Vec::new(),
            unsent_messages: 0,
        }
    }

    pub(crate) fn with_text(mut self, text: impl Into<Text>) -> Self {
        self.text = text.into();
        self
    }

    pub(crate) fn with_code(mut self, code: i16) -> Self {
        self.return_code = Some(code);
        self
    }

    /// The documented code for this cause. The table is in the crate docs under "Error codes".
    /// Spec: chat.md 1.10.
    pub(crate) fn code(&self, opened: bool) -> PeerErrorCode {
        use PeerErrorCode as Code;
        let (front_end, name_server) = match self.kind {
            CauseKind::NeverOpened | CauseKind::BadAddress | CauseKind::FrontEndNotAllowed => {
                (Code::FrontEndConnectFailed, Code::NameServerConnectFailed)
            }
            CauseKind::Link(_) | CauseKind::Closed if !opened => {
                (Code::FrontEndConnectFailed, Code::NameServerConnectFailed)
            }
            CauseKind::Closed
            | CauseKind::ServerDisconnect
            | CauseKind::DisconnectCommand(_)
            | CauseKind::Link(LinkErrorKind::Reset) => {
                (Code::FrontEndConnectClosed, Code::NameServerConnectClosed)
            }
            CauseKind::Link(_)
            | CauseKind::BadStream(_)
            | CauseKind::BadDatagrams(_)
            | CauseKind::NetworkChanged
            | CauseKind::InputOverrun => (Code::FrontEndError, Code::NameServerError),
            CauseKind::Silent { .. }
            | CauseKind::IncompleteMessage { .. }
            | CauseKind::PingUnanswered { .. }
            | CauseKind::SendStalled { .. }
            | CauseKind::Unacknowledged
            | CauseKind::Slept { .. }
            | CauseKind::Deadline(_) => (Code::FrontEndTimeout, Code::NameServerTimeout),
            CauseKind::KeyExchange(_) => (
                Code::FrontEndEncryptionEstablishError,
                Code::NameServerEncryptionEstablishError,
            ),
            CauseKind::AuthenticationRefused
            | CauseKind::LoginNotSent
            | CauseKind::MissingAddress
            | CauseKind::MissingToken => (
                Code::FrontEndAuthenticationFailed,
                Code::NameServerAuthenticationFailed,
            ),
        };
        match self.server {
            Server::FrontEnd => front_end,
            Server::NameServer => name_server,
        }
    }
}

impl fmt::Display for DisconnectCause {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: ", self.server)?;
        let is_unanswered = !self.address.is_empty();
        match self.kind {
            CauseKind::Link(kind) => write!(out, "the link failed ({kind:?})")?,
            CauseKind::NeverOpened => out.write_str("could not connect before the deadline")?,
            CauseKind::Closed => out.write_str("closed by the server")?,
            CauseKind::ServerDisconnect => out.write_str("disconnected by the server")?,
            CauseKind::BadAddress => out.write_str("the address is invalid")?,
            CauseKind::FrontEndNotAllowed => out.write_str("the address is not allowed")?,
            CauseKind::BadStream(error) => {
                write!(out, "the server sent an invalid frame: {error}")?
            }
            CauseKind::DisconnectCommand(reason) => {
                write!(out, "disconnected by the server ({reason})")?;
            }
            // Nothing refuses a datagram to a wrong address.
            CauseKind::Unacknowledged if is_unanswered => {
                out.write_str("no answer came: check the address, and that a server runs there")?;
            }
            CauseKind::Unacknowledged => {
                out.write_str("the server stopped acknowledging: check the network")?;
            }
            CauseKind::BadDatagrams(violation) => {
                write!(out, "the server violated the UDP protocol: {violation}")?;
            }
            CauseKind::InputOverrun => {
                out.write_str("the driver passed input while wants_input was false")?;
            }
            CauseKind::Silent { elapsed } => write!(
                out,
                "the server was silent for {} ms: check the network",
                elapsed.as_millis()
            )?,
            CauseKind::IncompleteMessage { elapsed } => write!(
                out,
                "the server did not complete a message for {} ms: check the network",
                elapsed.as_millis()
            )?,
            CauseKind::PingUnanswered { elapsed } => write!(
                out,
                "the server did not answer a ping for {} ms: check the network",
                elapsed.as_millis()
            )?,
            CauseKind::SendStalled { elapsed } => write!(
                out,
                "the server read nothing for {} ms: check the network",
                elapsed.as_millis()
            )?,
            CauseKind::Slept { elapsed } => write!(
                out,
                "nothing arrived after the program had stood still for {} ms: connect again",
                elapsed.as_millis()
            )?,
            CauseKind::NetworkChanged => {
                out.write_str("the network changed, as the application reported")?;
            }
            CauseKind::Deadline(step) => write!(out, "{step} before the deadline")?,
            CauseKind::KeyExchange(failure) => write!(out, "{failure}")?,
            CauseKind::AuthenticationRefused => out.write_str("login rejected")?,
            CauseKind::LoginNotSent => out.write_str("the client could not encode the login")?,
            CauseKind::MissingAddress => {
                out.write_str("the login was accepted without a front-end address (p230)")?;
            }
            CauseKind::MissingToken => {
                out.write_str("the login was accepted without a token (p221)")?;
            }
        }
        if let Some(code) = self.return_code {
            write!(out, ", return code {code}")?;
            if let Some(name) = crate::codes::return_code::name(code) {
                write!(out, " ({name})")?;
            }
        }
        if !self.text.is_empty() {
            write!(out, ": {}", self.text)?;
        }
        if is_unanswered {
            write!(out, "; the address was {}", self.address)?;
        }
        match self.unsent_messages {
            0 => {}
            1 => out.write_str("; 1 accepted message was not sent or not acknowledged")?,
            count => write!(
                out,
                "; {count} accepted messages were not sent or not acknowledged"
            )?,
        }
        for earlier in &self.earlier {
            write!(out, "; before that, {earlier}")?;
        }
        Ok(())
    }
}
