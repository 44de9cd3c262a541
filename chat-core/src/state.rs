//! Where the client stands ([`State`]), how a connection ended as the documented API tells it ([`PeerErrorCode`]), and
//! why exactly ([`DisconnectCause`]).

use crate::codes::application;
use crate::link::LinkErrorKind;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
pub use photon_proto::peer::KeyExchangeFailure;
use photon_proto::{DecodeError, Text, udp};

/// The client's state. Spec: chat.md 1.9 and 6.
///
/// ```text
///                       connect                  key exchange done             region: login accepted
///  0 Uninitialized ───────────> 1 ConnectingTo ───────────────────> 2 ConnectedTo ──────────────────> 3 ConnectingTo
/// 10 Disconnected                 NameServer                          NameServer                        FrontEnd
/// -1 Error      (reconnect: from 10 and -1 straight to 3, and from there to 1 if that fails)             │
///      ^  ^                                                                                              │ login accepted
///      │  └──── 10: disconnect() in any state but 0                                                      v
///      └─────── -1: anything that ends a connection unasked                                     4 ConnectedToFrontEnd
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// A connection ended unasked; the application may connect again.
    Error,
    /// Nothing has happened yet.
    Uninitialized,
    /// Opening the name server and exchanging keys.
    ConnectingToNameServer,
    /// On the name server: regions can be listed, a region can be chosen.
    ConnectedToNameServer,
    /// Opening the front end and logging in there.
    ConnectingToFrontEnd,
    /// Chatting.
    ConnectedToFrontEnd,
    /// Ended by `disconnect()`.
    Disconnected,
}

impl State {
    /// The documented number.
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

    /// The documented name (`StateToName`).
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

/// One of the two servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Server {
    /// Lists regions, checks credentials, names the front end.
    NameServer,
    /// Carries the chat.
    FrontEnd,
}

impl Server {
    /// The application name that this server is given when a connection begins. Spec: chat.md 2.2.
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

/// The documented error codes. Spec: chat.md 1.10.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PeerErrorCode {
    /// No error.
    Ok,
    /// 1001: the link to the front end failed.
    FrontEndError,
    /// 1002: the front end could not be reached.
    FrontEndConnectFailed,
    /// 1003: the front end ended the connection.
    FrontEndConnectClosed,
    /// 1004: the front end did not answer in time.
    FrontEndTimeout,
    /// 1005: the key exchange with the front end failed.
    FrontEndEncryptionEstablishError,
    /// 1101: the front end refused the login.
    FrontEndAuthenticationFailed,
    /// 3001: the link to the name server failed.
    NameServerError,
    /// 3002: the name server could not be reached.
    NameServerConnectFailed,
    /// 3003: the name server ended the connection.
    NameServerConnectClosed,
    /// 3004: the name server did not answer in time.
    NameServerTimeout,
    /// 3005: the key exchange with the name server failed.
    NameServerEncryptionEstablishError,
    /// 3101: the name server refused the login.
    NameServerAuthenticationFailed,
}

impl PeerErrorCode {
    /// All codes.
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

    /// The documented number.
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

    /// The documented name.
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

/// Why a connection ended, beyond the documented code. Spec: chat.md 1.11 and 10 (R3).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DisconnectCause {
    /// Which server's connection it was.
    pub server: Server,
    /// What happened.
    pub kind: CauseKind,
    /// The server's return code, where it gave one.
    pub return_code: Option<i16>,
    /// The server's words or the system's, where there are any.
    pub text: Text,
    /// What happened to the server addresses that were tried before.
    pub earlier: Vec<DisconnectCause>,
}

/// What happened to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CauseKind {
    /// The link could not be opened or broke.
    Link(LinkErrorKind),
    /// The link was not open when its deadline passed.
    NeverOpened,
    /// The server closed the link without a word.
    Closed,
    /// The server said why and ended the connection: see the return code and text.
    ServerDisconnect,
    /// The server's address, as the name server gave it, cannot be used.
    BadAddress,
    /// Bytes that are no frame: the stream cannot be followed any more.
    BadStream(DecodeError),
    /// The server ended the connection with a disconnect command. Spec: udp.md 7.2.
    DisconnectCommand(DisconnectReason),
    /// Something that was sent was not acknowledged in time, be it the wish to connect. Spec: udp.md 5.6.
    Unacknowledged,
    /// Datagrams that the connection cannot survive.
    BadDatagrams(udp::Violation),
    /// The driver handed over far more than [`ChatClient::wants_input`](crate::ChatClient::wants_input) asked for.
    InputOverrun,
    /// Nothing was heard from the server for too long.
    Silent {
        /// How long, in whole milliseconds.
        elapsed: Duration,
    },
    /// A step was not done when its deadline passed.
    Deadline(Step),
    /// The key exchange failed.
    KeyExchange(KeyExchangeFailure),
    /// The server refused the login: see the return code and text.
    AuthenticationRefused,
    /// The login cannot be written: what it holds is the application's, the text says what is wrong with it.
    LoginNotSent,
    /// The login was accepted without naming a front end (p230).
    MissingAddress,
    /// The login was accepted without a token (p221).
    MissingToken,
}

/// The reason in a server's disconnect command. Spec: udp.md 7.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// 1: the server's logic wants it so.
    Logic,
    /// 2: the server heard nothing for too long.
    Timeout,
    /// 3: the server has too many users.
    UserLimit,
    /// Another one.
    Other(u8),
}

impl CauseKind {
    /// What the end of a UDP connection means.
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
            // Ends of this side's own making, or of the server's role.
            _ => Self::Closed,
        }
    }
}

/// A step with a deadline. Spec: chat.md 6.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// From the connect call to being connected (name server), or from the name server's answer to being logged in
    /// (front end).
    Connect,
    /// From sending a login to its answer.
    Authenticate,
}

impl DisconnectCause {
    /// A cause without return code, text and earlier causes; an application needs it for its tests.
    #[must_use]
    pub fn new(server: Server, kind: CauseKind) -> Self {
        Self {
            server,
            kind,
            return_code: None,
            text: Text::EMPTY,
            earlier: Vec::new(),
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

    /// The documented code for this cause. See "Which end gives which code" in the crate docs. Spec: chat.md 1.10.
    pub(crate) fn code(&self, opened: bool) -> PeerErrorCode {
        use PeerErrorCode as Code;
        let (front_end, name_server) = match self.kind {
            CauseKind::NeverOpened | CauseKind::BadAddress => {
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
            | CauseKind::InputOverrun => (Code::FrontEndError, Code::NameServerError),
            CauseKind::Silent { .. } | CauseKind::Unacknowledged | CauseKind::Deadline(_) => {
                (Code::FrontEndTimeout, Code::NameServerTimeout)
            }
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
        match self.kind {
            CauseKind::Link(kind) => write!(out, "link failed ({kind:?})")?,
            CauseKind::NeverOpened => out.write_str("no connection within the deadline")?,
            CauseKind::Closed => out.write_str("closed by the server")?,
            CauseKind::ServerDisconnect => out.write_str("disconnected by the server")?,
            CauseKind::BadAddress => out.write_str("the address cannot be used")?,
            CauseKind::BadStream(error) => write!(out, "the stream is broken: {error}")?,
            CauseKind::DisconnectCommand(reason) => {
                out.write_str("disconnected by the server (")?;
                match reason {
                    DisconnectReason::Logic => out.write_str("its logic wants it so)")?,
                    DisconnectReason::Timeout => out.write_str("it heard nothing for too long)")?,
                    DisconnectReason::UserLimit => out.write_str("too many users)")?,
                    DisconnectReason::Other(reason) => write!(out, "reason {reason})")?,
                }
            }
            CauseKind::Unacknowledged => out.write_str("the server does not answer any more")?,
            CauseKind::BadDatagrams(violation) => {
                write!(out, "the datagrams are broken: {violation}")?
            }
            CauseKind::InputOverrun => out.write_str("more input than was asked for")?,
            CauseKind::Silent { elapsed } => {
                write!(out, "nothing received for {} ms", elapsed.as_millis())?
            }
            CauseKind::Deadline(Step::Connect) => {
                out.write_str("not connected within the deadline")?
            }
            CauseKind::Deadline(Step::Authenticate) => {
                out.write_str("no answer to the login within the deadline")?
            }
            CauseKind::KeyExchange(failure) => write!(out, "{failure}")?,
            CauseKind::AuthenticationRefused => out.write_str("login refused")?,
            CauseKind::LoginNotSent => out.write_str("the login could not be sent")?,
            CauseKind::MissingAddress => {
                out.write_str("login accepted, but no front-end address (p230) came with it")?
            }
            CauseKind::MissingToken => {
                out.write_str("login accepted, but no token (p221) came with it")?
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
        for earlier in &self.earlier {
            write!(out, "; before that {earlier}")?;
        }
        Ok(())
    }
}
