//! The socket of a link, of whichever kind, and what goes through it in one pass.

use crate::client::ClientSide;
use crate::session::IoStats;
use crate::tcp::{self, Stream};
use crate::udp::{self, Datagrams, MAX_DATAGRAM_BYTES};
#[cfg(feature = "websocket")]
use crate::websocket::{self, WebSocket};
use chat_core::{LinkError, LinkErrorKind, LinkInput, Target, Wire};
use std::net::SocketAddr;
use std::time::Duration;

/// What is read at one time. More than the longest datagram, which has less than 64 KiB.
pub(crate) const CHUNK_BYTES: usize = 64 * 1024;
/// How many bytes one pass reads from a stream at most: the next goes on. Keeps a frame short when a lot arrives at once.
// A multiple of the chunk, so that the last one of a pass is whole.
pub const MAX_READ_BYTES: usize = 256 * 1024;
/// How many datagrams one pass receives on a link at most: the next goes on. So many of the longest are
/// [`MAX_READ_BYTES`].
// 128: a frame then takes everything that a system keeps by default. On Linux that is 92 datagrams of 1,200 bytes,
// what a server sends at most, and elsewhere about as much; beyond that it throws away what arrives.
pub const MAX_READ_DATAGRAMS: usize = MAX_READ_BYTES / MAX_DATAGRAM_BYTES;
/// How many datagrams one pass sends on a link at most. More than core has at one time (udp.md 5.9); the next goes on.
const MAX_SENT_DATAGRAMS: usize = 128;

pub(crate) enum Socket {
    Stream(Stream),
    Datagrams(Datagrams),
    #[cfg(feature = "websocket")]
    Messages(Box<WebSocket>),
}

/// What sockets are opened with.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    #[cfg(feature = "tls")]
    pub(crate) tls: crate::tls::Tls,
    /// The longest message that core accepts.
    #[cfg(feature = "websocket")]
    pub(crate) max_message_bytes: usize,
}

/// What a pass over a link's input brought.
#[derive(Debug, Default)]
pub(crate) struct Pass {
    /// Anything for core.
    pub(crate) any: bool,
    /// There is more, and it is wanted.
    pub(crate) more: bool,
    /// The end, which core has not been told yet.
    pub(crate) end: Option<LinkInput<'static>>,
}

/// How far the end of a socket that core has closed is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parting {
    /// The other side has not ended yet.
    Waits,
    /// It has, in answer; or there is none to wait for.
    Confirmed,
    /// Whether it has is not to be known any more.
    Broken,
}

impl Socket {
    /// Whether [`Socket::open`] does not block.
    pub(crate) fn opens_at_once(target: &Target, wire: Wire) -> bool {
        match wire {
            Wire::Stream => false,
            Wire::Datagram => udp::is_literal(target),
            other => unsupported(other).is_some(),
        }
    }

    /// Resolves a target and connects to it. May stop early once it is not wanted any more.
    #[cfg_attr(not(feature = "websocket"), expect(unused_variables))]
    pub(crate) fn open(
        target: &Target,
        wire: Wire,
        setup: &Setup,
        wanted: impl Fn() -> bool,
    ) -> Result<(Self, SocketAddr), LinkError> {
        if let Some(error) = unsupported(wire) {
            return Err(error);
        }
        match wire {
            Wire::Datagram => {
                let (socket, address) = udp::connect(target)?;
                Ok((Self::Datagrams(Datagrams::new(socket)), address))
            }
            #[cfg(feature = "websocket")]
            Wire::WebSocket {
                secure,
                text,
                subprotocol,
            } => {
                let kind = websocket::Kind {
                    secure,
                    text,
                    subprotocol,
                };
                let (socket, address) = websocket::connect(target, kind, setup, wanted)?;
                Ok((Self::Messages(Box::new(socket)), address))
            }
            // The others are not supported.
            _ => {
                let (socket, address) = tcp::connect(target, wanted)?;
                Ok((Self::Stream(Stream::new(socket)), address))
            }
        }
    }

    /// Whether it is connected, but not open for core yet: its handshakes are part of receiving, which then tells core.
    pub(crate) fn is_opening(&self) -> bool {
        match self {
            Self::Stream(_) | Self::Datagrams(_) => false,
            #[cfg(feature = "websocket")]
            Self::Messages(messages) => messages.is_opening(),
        }
    }

    /// Whether the last attempt left something that the system did not take.
    pub(crate) fn unsent(&self) -> bool {
        match self {
            Self::Stream(stream) => stream.unsent,
            Self::Datagrams(datagrams) => datagrams.unsent,
            #[cfg(feature = "websocket")]
            Self::Messages(messages) => messages.unsent,
        }
    }

    /// Whether receiving brings something that sleeping would not notice: an end that core was not told, or what waits
    /// in a buffer of ours.
    pub(crate) fn is_ready(&self) -> bool {
        match self {
            Self::Stream(stream) => stream.is_broken(),
            Self::Datagrams(datagrams) => datagrams.is_broken(),
            #[cfg(feature = "websocket")]
            Self::Messages(messages) => messages.is_ready(),
        }
    }

    /// Whether what arrives is to be read although core wants no input. Datagrams always: acknowledgements are among
    /// them.
    pub(crate) fn is_always_read(&self) -> bool {
        matches!(self, Self::Datagrams(_)) || self.is_opening()
    }

    /// Hands over what can be read, as far as core wants it. Never blocks.
    pub(crate) fn receive(
        &mut self,
        core: &mut impl ClientSide,
        buffer: &mut [u8],
        stats: &mut IoStats,
    ) -> Pass {
        match self {
            Self::Stream(stream) => {
                let (bytes, end) = read(stream, core, buffer, stats);
                let more = bytes >= MAX_READ_BYTES && end.is_none() && core.wants_input();
                Pass {
                    any: bytes > 0 || end.is_some(),
                    more,
                    end,
                }
            }
            Self::Datagrams(datagrams) => receive_batch(datagrams, buffer, stats, |datagram| {
                core.handle(LinkInput::Received(datagram))
            }),
            #[cfg(feature = "websocket")]
            Self::Messages(messages) => messages.receive(core, stats),
        }
    }

    /// Sends what the system takes. Never blocks.
    pub(crate) fn send(&mut self, core: &mut impl ClientSide, stats: &mut IoStats) {
        match self {
            Self::Stream(stream) if stream.is_broken() => {
                stream.unsent |= core.transmit().is_some()
            }
            Self::Stream(stream) => write(stream, core, stats),
            Self::Datagrams(datagrams) if datagrams.is_broken() => {
                datagrams.unsent |= core.transmit().is_some()
            }
            Self::Datagrams(datagrams) => {
                datagrams.unsent = !send_batch(core, |datagram| datagrams.send(datagram, stats));
            }
            #[cfg(feature = "websocket")]
            Self::Messages(messages) => messages.send(core, stats),
        }
    }

    /// Sleeps in the kernel until there is something to read, at most about this long; whether there is.
    pub(crate) fn sleep(&mut self, longest: Duration, stats: &mut IoStats) -> bool {
        match self {
            Self::Stream(stream) => stream.sleep(longest),
            Self::Datagrams(datagrams) => datagrams.sleep(longest, stats),
            #[cfg(feature = "websocket")]
            Self::Messages(messages) => messages.stream().sleep(longest),
        }
    }

    /// Cuts it, as if the line had broken: that is what receiving then says.
    pub(crate) fn sever(&mut self) {
        match self {
            Self::Stream(stream) => stream.sever(),
            Self::Datagrams(datagrams) => datagrams.sever(),
            #[cfg(feature = "websocket")]
            Self::Messages(messages) if messages.is_opening() => {}
            #[cfg(feature = "websocket")]
            Self::Messages(messages) => messages.stream().sever(),
        }
    }

    /// Tells the other side that core has closed it.
    #[cfg_attr(not(feature = "websocket"), expect(unused_variables))]
    pub(crate) fn finish(&mut self, stats: &mut IoStats) -> Parting {
        match self {
            Self::Stream(stream) => match stream.finish() {
                true => Parting::Waits,
                false => Parting::Broken,
            },
            // Core takes leave and waits for the answer, and counts what was cut short.
            Self::Datagrams(_) => Parting::Confirmed,
            #[cfg(feature = "websocket")]
            Self::Messages(messages) => messages.finish(stats),
        }
    }

    /// Whether it has something left to say to the other side after that has ended it.
    pub(crate) fn outlives_end(&self) -> bool {
        match self {
            Self::Stream(_) | Self::Datagrams(_) => false,
            #[cfg(feature = "websocket")]
            Self::Messages(messages) => messages.outlives_end(),
        }
    }

    /// Goes on with its end: writes what is left of it, and throws away what comes. Never blocks.
    pub(crate) fn drain(&mut self, buffer: &mut [u8], stats: &mut IoStats) -> Parting {
        match self {
            Self::Stream(stream) => stream.drain(buffer, stats),
            Self::Datagrams(_) => Parting::Confirmed,
            #[cfg(feature = "websocket")]
            Self::Messages(messages) => messages.drain(buffer, stats),
        }
    }
}

/// Reads up to [`MAX_READ_BYTES`] as long as core wants it; how much, and the end if it came.
fn read(
    stream: &mut Stream,
    core: &mut impl ClientSide,
    buffer: &mut [u8],
    stats: &mut IoStats,
) -> (usize, Option<LinkInput<'static>>) {
    let mut total = 0;
    while total < MAX_READ_BYTES && core.wants_input() {
        stats.reads += 1;
        match stream.read(buffer) {
            tcp::Received::Bytes(bytes) => {
                total += bytes;
                core.handle(LinkInput::Received(buffer.get(..bytes).unwrap_or_default()));
                // The system had no more, so that asking again would only cost a call. The end of a stream that is
                // broken already is at hand, though.
                if bytes < buffer.len() && !stream.is_broken() {
                    break;
                }
            }
            tcp::Received::Nothing => break,
            tcp::Received::End(end) => return (total, Some(end)),
        }
    }
    (total, None)
}

fn write(stream: &mut Stream, core: &mut impl ClientSide, stats: &mut IoStats) {
    while let Some(bytes) = core.transmit() {
        stats.writes += 1;
        let written = stream.write(bytes);
        // Stays as it is if core gives the rest up: its last word was then that something waits.
        stream.unsent = written == 0;
        if stream.unsent {
            break;
        }
        core.transmitted(written);
    }
}

/// Receives up to [`MAX_READ_DATAGRAMS`], those included that are not handed over.
fn receive_batch(
    datagrams: &mut Datagrams,
    buffer: &mut [u8],
    stats: &mut IoStats,
    mut hand_over: impl FnMut(&[u8]),
) -> Pass {
    let mut pass = Pass::default();
    for _ in 0..MAX_READ_DATAGRAMS {
        match datagrams.receive(buffer, stats) {
            udp::Received::Datagram(bytes) => {
                pass.any = true;
                hand_over(buffer.get(..bytes).unwrap_or_default());
            }
            udp::Received::Ignored => {}
            udp::Received::Nothing => return pass,
            udp::Received::End(end) => {
                return Pass {
                    any: true,
                    more: false,
                    end: Some(end),
                };
            }
        }
    }
    // Most likely. Whether it is so, the next pass finds out.
    pass.more = true;
    pass
}

/// Sends up to [`MAX_SENT_DATAGRAMS`]; whether nothing is left. One that is not taken is not reported: core builds it
/// anew when it is pulled again, or drops it if it is not needed any more.
fn send_batch(core: &mut impl ClientSide, mut send: impl FnMut(&[u8]) -> bool) -> bool {
    for _ in 0..MAX_SENT_DATAGRAMS {
        let Some(datagram) = core.transmit() else {
            return true;
        };
        let bytes = datagram.len();
        if !send(datagram) {
            return false;
        }
        core.transmitted(bytes);
    }
    core.transmit().is_none()
}

/// Why there is no such transport here.
fn unsupported(wire: Wire) -> Option<LinkError> {
    let text = match wire {
        Wire::Stream | Wire::Datagram => return None,
        Wire::WebSocket { secure: true, .. } if cfg!(feature = "tls") => return None,
        Wire::WebSocket { secure: true, .. } => {
            "wss:// is left out of this program: enable the feature `tls` of photon-chat-std-io"
        }
        Wire::WebSocket { .. } if cfg!(feature = "websocket") => return None,
        Wire::WebSocket { .. } => {
            "ws:// is left out of this program: enable the feature `websocket` of photon-chat-std-io"
        }
        _ => {
            "this transport is not there yet: use an address that begins with udp://, tcp://, wss:// or ws://"
        }
    };
    Some(LinkError::new(LinkErrorKind::Unsupported, text))
}

#[cfg(test)]
impl Setup {
    pub(crate) fn for_test() -> Self {
        Self {
            #[cfg(feature = "tls")]
            tls: crate::tls::Tls::default(),
            #[cfg(feature = "websocket")]
            max_message_bytes: 1024 * 1024,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::LinkOf;
    use chat_core::{ChatClient, ChatConfig, ConnectOptions, LinkCommand, Timestamp};
    use std::net::{Ipv4Addr, UdpSocket};

    const LONG: Duration = Duration::from_secs(30);
    const NOW: Timestamp = Timestamp::ZERO;

    #[test]
    fn a_pass_receives_a_batch_and_says_that_more_is_left() {
        const LEFT: usize = 8;
        let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = server.local_addr().unwrap();
        let target = Target {
            host: address.ip().to_string().into(),
            port: address.port(),
            path: "".into(),
        };
        assert!(Socket::opens_at_once(&target, Wire::Datagram));
        let (socket, _) =
            Socket::open(&target, Wire::Datagram, &Setup::for_test(), || true).unwrap();
        let Socket::Datagrams(mut datagrams) = socket else {
            panic!("another kind")
        };
        let (mut buffer, mut stats) = (vec![0; CHUNK_BYTES], IoStats::default());
        assert!(datagrams.send(b"here I am", &mut stats));
        let (_, client) = server.recv_from(&mut buffer).unwrap();
        for number in 0..MAX_READ_DATAGRAMS + LEFT {
            // One that is too long counts too.
            let bytes = if number == 3 {
                MAX_DATAGRAM_BYTES + 1
            } else {
                1
            };
            server
                .send_to(&vec![u8::try_from(number).unwrap(); bytes], client)
                .unwrap();
        }

        let mut heard = Vec::new();
        let pass = receive_batch(&mut datagrams, &mut buffer, &mut stats, |datagram| {
            heard.extend_from_slice(datagram)
        });
        assert!(pass.any && pass.more && pass.end.is_none());
        assert_eq!(heard.len(), MAX_READ_DATAGRAMS - 1);
        assert_eq!(stats.reads, MAX_READ_DATAGRAMS as u64);
        while heard.len() < MAX_READ_DATAGRAMS + LEFT - 1 {
            assert!(datagrams.sleep(LONG, &mut stats), "nothing was lost");
            let hand_over = |datagram: &[u8]| heard.extend_from_slice(datagram);
            let pass = receive_batch(&mut datagrams, &mut buffer, &mut stats, hand_over);
            assert!(pass.any && !pass.more && pass.end.is_none());
        }
        assert!(heard.is_sorted(), "each once, in order: {heard:?}");

        let pass = receive_batch(&mut datagrams, &mut buffer, &mut stats, |_| {
            panic!("nothing is left")
        });
        assert!(!pass.any && !pass.more && pass.end.is_none());
    }

    #[test]
    fn a_datagram_that_is_not_taken_stays_in_the_client() {
        // What is sent does not matter here.
        let mut chat = ChatClient::new(ChatConfig::new("tcp://127.0.0.1:1", "app", "1.0"), [0; 32]);
        chat.connect_to_name_server(ConnectOptions::new()).unwrap();
        let Some(LinkCommand::Open { link, .. }) = chat.poll_command() else {
            panic!("nothing to open")
        };
        chat.handle_link(NOW, link, LinkInput::Opened { ipv6: false });

        let mut offered = Vec::new();
        let blocked = |datagram: &[u8]| {
            offered.push(datagram.to_vec());
            false
        };
        assert!(!send_batch(
            &mut LinkOf {
                chat: &mut chat,
                now: NOW,
                id: link
            },
            blocked
        ));
        assert_eq!(offered.len(), 1, "one attempt");
        assert!(chat.transmit(NOW, link).is_some());

        let taken = |datagram: &[u8]| {
            offered.push(datagram.to_vec());
            true
        };
        assert!(send_batch(
            &mut LinkOf {
                chat: &mut chat,
                now: NOW,
                id: link
            },
            taken
        ));
        assert_eq!(offered.len(), 2);
        assert_eq!(offered[0], offered[1]);
        assert!(chat.transmit(NOW, link).is_none());
    }

    #[test]
    fn what_is_left_out_says_what_to_enable() {
        let target = Target {
            host: "localhost".into(),
            port: 9093,
            path: "".into(),
        };
        for (secure, there, feature) in [
            (true, cfg!(feature = "tls"), "`tls`"),
            (false, cfg!(feature = "websocket"), "`websocket`"),
        ] {
            let wire = Wire::WebSocket {
                secure,
                text: false,
                subprotocol: "",
            };
            assert_eq!(Socket::opens_at_once(&target, wire), !there);
            if !there {
                let Err(error) = Socket::open(&target, wire, &Setup::for_test(), || true) else {
                    panic!("it is there")
                };
                assert_eq!(error.kind, LinkErrorKind::Unsupported);
                assert!(error.text.contains(feature), "{}", error.text);
            }
        }
        assert!(!Socket::opens_at_once(&target, Wire::Stream));
        assert!(!Socket::opens_at_once(&target, Wire::Datagram));
    }
}
