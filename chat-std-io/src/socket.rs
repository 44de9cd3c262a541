//! The socket of a link, of whichever kind, and what goes through it in one pass.

use crate::session::IoStats;
use crate::tcp::{self, Stream};
use crate::udp::{self, Datagrams, MAX_DATAGRAM_BYTES};
use chat_core::{ChatClient, LinkError, LinkErrorKind, LinkId, LinkInput, Target, Timestamp, Wire};
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

impl Socket {
    /// Whether [`Socket::open`] does not block.
    pub(crate) fn opens_at_once(target: &Target, wire: Wire) -> bool {
        match wire {
            Wire::Stream => false,
            Wire::Datagram => udp::is_literal(target),
            _ => true,
        }
    }

    /// Resolves a target and connects to it. May stop early once it is not wanted any more.
    pub(crate) fn open(
        target: &Target,
        wire: Wire,
        wanted: impl Fn() -> bool,
    ) -> Result<(Self, SocketAddr), LinkError> {
        match wire {
            Wire::Stream => {
                let (socket, address) = tcp::connect(target, wanted)?;
                Ok((Self::Stream(Stream::new(socket)), address))
            }
            Wire::Datagram => {
                let (socket, address) = udp::connect(target)?;
                Ok((Self::Datagrams(Datagrams::new(socket)), address))
            }
            other => Err(unsupported(other)),
        }
    }

    /// Whether the last attempt left something that the system did not take.
    pub(crate) fn unsent(&self) -> bool {
        match self {
            Self::Stream(stream) => stream.unsent,
            Self::Datagrams(datagrams) => datagrams.unsent,
        }
    }

    /// Whether it is known to have ended, and core not told yet.
    pub(crate) fn is_broken(&self) -> bool {
        match self {
            Self::Stream(stream) => stream.is_broken(),
            Self::Datagrams(datagrams) => datagrams.is_broken(),
        }
    }

    /// Whether core wants to hear what arrives. Datagrams always: acknowledgements are among them.
    pub(crate) fn is_wanted(&self, chat: &ChatClient, id: LinkId) -> bool {
        match self {
            Self::Stream(_) => chat.wants_input(id),
            Self::Datagrams(_) => true,
        }
    }

    /// Hands over what can be read, as far as core wants it. Never blocks.
    pub(crate) fn receive(
        &mut self,
        chat: &mut ChatClient,
        now: Timestamp,
        id: LinkId,
        buffer: &mut [u8],
        stats: &mut IoStats,
    ) -> Pass {
        match self {
            Self::Stream(stream) => {
                let (bytes, end) = read(stream, chat, now, id, buffer, stats);
                let more = bytes >= MAX_READ_BYTES && end.is_none() && chat.wants_input(id);
                Pass { any: bytes > 0 || end.is_some(), more, end }
            }
            Self::Datagrams(datagrams) => {
                let hand_over = |datagram: &[u8]| chat.handle_link(now, id, LinkInput::Received(datagram));
                receive_batch(datagrams, buffer, stats, hand_over)
            }
        }
    }

    /// Sends what the system takes. Never blocks.
    pub(crate) fn send(&mut self, chat: &mut ChatClient, now: Timestamp, id: LinkId, stats: &mut IoStats) {
        let broken = self.is_broken();
        match self {
            Self::Stream(stream) if broken => stream.unsent |= chat.transmit(now, id).is_some(),
            Self::Datagrams(datagrams) if broken => datagrams.unsent |= chat.transmit(now, id).is_some(),
            Self::Stream(stream) => write(stream, chat, now, id, stats),
            Self::Datagrams(datagrams) => {
                datagrams.unsent = !send_batch(chat, now, id, |datagram| datagrams.send(datagram, stats));
            }
        }
    }

    /// Sleeps in the kernel until there is something to read, at most about this long; whether there is.
    pub(crate) fn sleep(&mut self, longest: Duration, stats: &mut IoStats) -> bool {
        match self {
            Self::Stream(stream) => stream.sleep(longest),
            Self::Datagrams(datagrams) => datagrams.sleep(longest, stats),
        }
    }

    /// Cuts it, as if the line had broken: that is what receiving then says.
    pub(crate) fn sever(&mut self) {
        match self {
            Self::Stream(stream) => stream.sever(),
            Self::Datagrams(datagrams) => datagrams.sever(),
        }
    }
}

/// Reads up to [`MAX_READ_BYTES`] as long as core wants it; how much, and the end if it came.
fn read(
    stream: &mut Stream,
    chat: &mut ChatClient,
    now: Timestamp,
    id: LinkId,
    buffer: &mut [u8],
    stats: &mut IoStats,
) -> (usize, Option<LinkInput<'static>>) {
    let mut total = 0;
    while total < MAX_READ_BYTES && chat.wants_input(id) {
        stats.reads += 1;
        match stream.read(buffer) {
            tcp::Received::Bytes(bytes) => {
                total += bytes;
                chat.handle_link(now, id, LinkInput::Received(buffer.get(..bytes).unwrap_or_default()));
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

fn write(stream: &mut Stream, chat: &mut ChatClient, now: Timestamp, id: LinkId, stats: &mut IoStats) {
    while let Some(bytes) = chat.transmit(now, id) {
        stats.writes += 1;
        let written = stream.write(bytes);
        // Stays as it is if core gives the rest up: its last word was then that something waits.
        stream.unsent = written == 0;
        if stream.unsent {
            break;
        }
        chat.transmitted(id, written);
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
            udp::Received::End(end) => return Pass { any: true, more: false, end: Some(end) },
        }
    }
    // Most likely. Whether it is so, the next pass finds out.
    pass.more = true;
    pass
}

/// Sends up to [`MAX_SENT_DATAGRAMS`]; whether nothing is left. One that is not taken is not reported: core builds it
/// anew when it is pulled again, or drops it if it is not needed any more.
fn send_batch(chat: &mut ChatClient, now: Timestamp, id: LinkId, mut send: impl FnMut(&[u8]) -> bool) -> bool {
    for _ in 0..MAX_SENT_DATAGRAMS {
        let Some(datagram) = chat.transmit(now, id) else { return true };
        let bytes = datagram.len();
        if !send(datagram) {
            return false;
        }
        chat.transmitted(id, bytes);
    }
    chat.transmit(now, id).is_none()
}

fn unsupported(wire: Wire) -> LinkError {
    let text = match wire {
        Wire::WebSocket { .. } => "WebSocket is not there yet: use an address that begins with udp:// or tcp://",
        _ => "this transport is not there yet: use an address that begins with udp:// or tcp://",
    };
    LinkError::new(LinkErrorKind::Unsupported, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chat_core::{ChatConfig, ConnectOptions, LinkCommand};
    use std::net::{Ipv4Addr, UdpSocket};

    const LONG: Duration = Duration::from_secs(30);
    const NOW: Timestamp = Timestamp::ZERO;

    #[test]
    fn a_pass_receives_a_batch_and_says_that_more_is_left() {
        const LEFT: usize = 8;
        let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = server.local_addr().unwrap();
        let target = Target { host: address.ip().to_string().into(), port: address.port(), path: "".into() };
        assert!(Socket::opens_at_once(&target, Wire::Datagram));
        let (socket, _) = Socket::open(&target, Wire::Datagram, || true).unwrap();
        let Socket::Datagrams(mut datagrams) = socket else { panic!("another kind") };
        let (mut buffer, mut stats) = (vec![0; CHUNK_BYTES], IoStats::default());
        assert!(datagrams.send(b"here I am", &mut stats));
        let (_, client) = server.recv_from(&mut buffer).unwrap();
        for number in 0..MAX_READ_DATAGRAMS + LEFT {
            // One that is too long counts too.
            let bytes = if number == 3 { MAX_DATAGRAM_BYTES + 1 } else { 1 };
            server.send_to(&vec![u8::try_from(number).unwrap(); bytes], client).unwrap();
        }

        let mut heard = Vec::new();
        let pass = receive_batch(&mut datagrams, &mut buffer, &mut stats, |datagram| heard.extend_from_slice(datagram));
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

        let pass = receive_batch(&mut datagrams, &mut buffer, &mut stats, |_| panic!("nothing is left"));
        assert!(!pass.any && !pass.more && pass.end.is_none());
    }

    #[test]
    fn a_datagram_that_is_not_taken_stays_in_the_client() {
        // What is sent does not matter here.
        let mut chat = ChatClient::new(ChatConfig::new("tcp://127.0.0.1:1", "app", "1.0"), [0; 32]);
        chat.connect_to_name_server(ConnectOptions::new()).unwrap();
        let Some(LinkCommand::Open { link, .. }) = chat.poll_command() else { panic!("nothing to open") };
        chat.handle_link(NOW, link, LinkInput::Opened { ipv6: false });

        let mut offered = Vec::new();
        let blocked = |datagram: &[u8]| {
            offered.push(datagram.to_vec());
            false
        };
        assert!(!send_batch(&mut chat, NOW, link, blocked));
        assert_eq!(offered.len(), 1, "one attempt");
        assert!(chat.transmit(NOW, link).is_some());

        let taken = |datagram: &[u8]| {
            offered.push(datagram.to_vec());
            true
        };
        assert!(send_batch(&mut chat, NOW, link, taken));
        assert_eq!(offered.len(), 2);
        assert_eq!(offered[0], offered[1]);
        assert!(chat.transmit(NOW, link).is_none());
    }

    #[test]
    fn what_is_not_there_says_what_is() {
        let target = Target { host: "localhost".into(), port: 9093, path: "".into() };
        let web_socket = Wire::WebSocket { secure: true, text: false, subprotocol: "" };
        assert!(Socket::opens_at_once(&target, web_socket));
        let Err(error) = Socket::open(&target, web_socket, || true) else { panic!("it is there") };
        assert_eq!(error.kind, LinkErrorKind::Unsupported);
        assert!(error.text.contains("tcp://"), "{}", error.text);

        assert!(!Socket::opens_at_once(&target, Wire::Stream));
        assert!(!Socket::opens_at_once(&target, Wire::Datagram));
    }
}
