//! UDP: a connected socket for whole datagrams. Lost datagrams are the client's concern: it
//! resends.

use super::{LinkEnd, MAX_DATAGRAM_BYTES, MAX_READ_DATAGRAMS, ReadOutcome};
use crate::link_handle::LinkHandle;
use crate::sleep::{self, Woken, uninterrupted};
use crate::stats::IoStats;
use chat_core::{LinkError, LinkErrorKind, LinkInput};
use std::io::{self, ErrorKind};
use std::net::UdpSocket;
use std::time::Duration;

/// Errors in succession that end the link: single ones concern one datagram, a series concerns the
/// socket.
const MAX_ERRORS_IN_A_ROW: u32 = 16;
/// Attempts to send a datagram: a second one if the first reported an earlier datagram.
const SEND_ATTEMPTS: usize = 2;
/// Datagrams that one pass sends on a link at most; the next pass continues. More than the client
/// can have ready at one time (udp.md 5.9).
const MAX_SENT_DATAGRAMS: usize = 128;

/// A connected socket that never blocks, except in [`Datagrams::sleep`].
pub(crate) struct Datagrams {
    socket: UdpSocket,
    /// Why the socket is unusable, until the next receive reports it.
    broken: Option<LinkError>,
    /// Errors since the system last returned a datagram or had none.
    errors_in_a_row: u32,
    /// The last attempt left datagrams that the system did not take.
    pub(crate) unsent: bool,
}

/// Result of one attempt to receive.
#[derive(Debug)]
enum Received {
    /// A datagram of so many bytes was written to the buffer.
    Datagram(usize),
    /// A datagram or error that does not concern the client; there may be more.
    Ignored,
    /// Nothing has arrived.
    Nothing,
    /// The socket is unusable.
    End(LinkError),
}

impl Datagrams {
    pub(crate) fn new(socket: UdpSocket) -> Self {
        Self {
            socket,
            broken: None,
            errors_in_a_row: 0,
            unsent: false,
        }
    }

    /// Receives up to [`MAX_READ_DATAGRAMS`], including those that are not passed on. Does not ask
    /// whether the client wants input: acks are among them (DESIGN 4.5).
    pub(crate) fn receive(
        &mut self,
        client: &mut impl LinkHandle,
        buffer: &mut [u8],
        stats: &mut IoStats,
    ) -> Result<ReadOutcome, LinkEnd> {
        let mut any = false;
        for _ in 0..MAX_READ_DATAGRAMS {
            match self.receive_one(buffer, stats) {
                Received::Datagram(bytes) => {
                    any = true;
                    let Some(datagram) = buffer.get(..bytes) else {
                        debug_assert!(false, "a datagram fills at most the buffer");
                        continue;
                    };
                    client.handle(LinkInput::Received(datagram));
                }
                Received::Ignored => {}
                Received::Nothing => return Ok(ReadOutcome { any, more: false }),
                Received::End(error) => return Err(LinkEnd::Failed(error)),
            }
        }
        // Probably. Only another receive would tell, and that is the next pass's.
        Ok(ReadOutcome { any, more: true })
    }

    /// Sends up to [`MAX_SENT_DATAGRAMS`]. A datagram that the system does not take is not
    /// reported: the client builds it anew, with current contents, when it is asked again.
    pub(crate) fn send(&mut self, client: &mut impl LinkHandle, stats: &mut IoStats) {
        if self.is_broken() {
            self.unsent |= client.transmit().is_some();
            return;
        }
        self.unsent = !send_batch(client, |datagram| {
            send_one(|| self.socket.send(datagram), stats)
        });
    }

    /// Receives one datagram. The buffer must be longer than any datagram: what systems do with one
    /// that does not fit differs.
    fn receive_one(&mut self, buffer: &mut [u8], stats: &mut IoStats) -> Received {
        debug_assert!(buffer.len() > MAX_DATAGRAM_BYTES);
        if let Some(broken) = self.broken.take() {
            return Received::End(broken);
        }
        stats.reads += 1;
        let result = uninterrupted(|| self.socket.recv(buffer));
        self.on_receive(result, stats)
    }

    fn on_receive(&mut self, result: io::Result<usize>, stats: &mut IoStats) -> Received {
        let received = match result {
            Ok(bytes) if bytes <= MAX_DATAGRAM_BYTES => Received::Datagram(bytes),
            // No valid datagram is as long, so the client need not look at it.
            Ok(_) => {
                stats.datagrams_too_long += 1;
                Received::Ignored
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Received::Nothing,
            Err(error) if is_refusal(&error) => {
                stats.datagrams_refused += 1;
                return Received::Ignored;
            }
            Err(error) => {
                debug_assert!(
                    self.errors_in_a_row < MAX_ERRORS_IN_A_ROW,
                    "the link has ended"
                );
                stats.datagram_errors += 1;
                self.errors_in_a_row += 1;
                return if self.errors_in_a_row < MAX_ERRORS_IN_A_ROW {
                    Received::Ignored
                } else {
                    Received::End(LinkError::from(&error))
                };
            }
        };
        self.errors_in_a_row = 0;
        received
    }

    /// Whether the next attempt to receive reports the end.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// Sleeps in the kernel until a datagram arrives, for at most about `longest`. Returns whether
    /// one has.
    pub(crate) fn sleep(&mut self, longest: Duration, stats: &mut IoStats) -> bool {
        match sleep::until_input(&self.socket, longest) {
            Woken::Input => true,
            Woken::Nothing => false,
            // The system reported an earlier datagram (only once), or the next receive meets the
            // error again.
            Woken::Error(error) => {
                stats.datagrams_refused += u64::from(is_refusal(&error));
                true
            }
            Woken::Stuck(error) => {
                self.broken = Some(LinkError::from(&error));
                true
            }
        }
    }

    /// Ends the link as if the network had failed, whatever has arrived.
    pub(crate) fn simulate_connection_loss(&mut self) {
        self.broken = Some(LinkError::new(LinkErrorKind::Reset, super::SIMULATED_LOSS));
    }
}

/// Sends up to [`MAX_SENT_DATAGRAMS`] while `send` returns true. Returns whether the client has no
/// more output.
fn send_batch(client: &mut impl LinkHandle, mut send: impl FnMut(&[u8]) -> bool) -> bool {
    for _ in 0..MAX_SENT_DATAGRAMS {
        let Some(datagram) = client.transmit() else {
            return true;
        };
        let bytes = datagram.len();
        if !send(datagram) {
            return false;
        }
        client.transmitted(bytes);
    }
    client.transmit().is_none()
}

/// Sends one datagram, or drops it, which the client treats alike. Returns false if the system does
/// not take it now.
fn send_one(mut send: impl FnMut() -> io::Result<usize>, stats: &mut IoStats) -> bool {
    for _ in 0..SEND_ATTEMPTS {
        stats.writes += 1;
        match uninterrupted(&mut send) {
            Ok(_) => return true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            // The system reports an earlier datagram instead of sending this one: try again.
            Err(error) if is_refusal(&error) => stats.datagrams_refused += 1,
            Err(error) => {
                log::debug!(target: "photon_chat::net", "the system refused a datagram: {error}");
                break;
            }
        }
    }
    stats.datagrams_unsent += 1;
    true
}

/// Whether the system reports that nothing listened when an earlier datagram arrived.
fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link_handle::ClientLink;
    use crate::transport::CHUNK_BYTES;
    use chat_core::{ChatClient, ChatConfig, ConnectOptions, LinkCommand, Timestamp};
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

    const LONG: Duration = Duration::from_secs(30);
    const NOW: Timestamp = Timestamp::ZERO;

    /// A socket, in a loop that plays the client.
    struct Client {
        datagrams: Datagrams,
        buffer: Vec<u8>,
        stats: IoStats,
    }

    impl Client {
        fn connected_to(server: SocketAddr) -> Self {
            let (socket, address) = crate::connect::addresses::udp(&[server]).unwrap();
            assert_eq!((address, socket.peer_addr().unwrap()), (server, server));
            Self {
                datagrams: Datagrams::new(socket),
                buffer: vec![0; CHUNK_BYTES],
                stats: IoStats::default(),
            }
        }

        fn pass(&mut self, recorder: &mut Recorder) -> ReadOutcome {
            self.datagrams
                .receive(recorder, &mut self.buffer, &mut self.stats)
                .unwrap()
        }

        fn address(&self) -> SocketAddr {
            self.datagrams.socket.local_addr().unwrap()
        }

        fn send(&mut self, datagram: &[u8]) -> bool {
            send_one(|| self.datagrams.socket.send(datagram), &mut self.stats)
        }

        fn receive(&mut self) -> Received {
            self.datagrams
                .receive_one(&mut self.buffer, &mut self.stats)
        }

        /// The next datagram; waits for it.
        fn next(&mut self) -> &[u8] {
            loop {
                match self.receive() {
                    Received::Datagram(bytes) => return &self.buffer[..bytes],
                    Received::Nothing => assert!(
                        self.datagrams.sleep(LONG, &mut self.stats),
                        "a datagram arrives in time"
                    ),
                    Received::Ignored => {}
                    Received::End(error) => panic!("{error:?}"),
                }
            }
        }
    }

    /// Records what a pass passes on. Never wants input, which datagrams do not depend on.
    #[derive(Default)]
    struct Recorder(Vec<u8>);

    impl LinkHandle for Recorder {
        fn wants_input(&self) -> bool {
            false
        }

        fn handle(&mut self, input: LinkInput<'_>) {
            let LinkInput::Received(datagram) = input else {
                panic!("only datagrams are passed on: {input:?}")
            };
            self.0.extend_from_slice(datagram);
        }

        fn transmit(&mut self) -> Option<&[u8]> {
            None
        }

        fn transmitted(&mut self, _: usize) {}
    }

    fn bind(ip: impl Into<IpAddr>) -> io::Result<(UdpSocket, SocketAddr)> {
        let socket = UdpSocket::bind((ip.into(), 0))?;
        socket.set_read_timeout(Some(LONG))?;
        let address = socket.local_addr()?;
        Ok((socket, address))
    }

    fn received_by(server: &UdpSocket) -> (Vec<u8>, SocketAddr) {
        let mut buffer = [0; 4_096];
        let (bytes, from) = server.recv_from(&mut buffer).unwrap();
        (buffer[..bytes].to_vec(), from)
    }

    fn exchanges_datagrams(server: &UdpSocket, address: SocketAddr) {
        let mut client = Client::connected_to(address);
        assert!(matches!(client.receive(), Received::Nothing));
        for datagram in [&b"hello"[..], b"", &[7; MAX_DATAGRAM_BYTES]] {
            assert!(client.send(datagram));
            assert_eq!(received_by(server), (datagram.to_vec(), client.address()));
            server.send_to(datagram, client.address()).unwrap();
            assert_eq!(client.next(), datagram);
        }
        assert!(matches!(client.receive(), Received::Nothing));
        assert_eq!(client.stats.writes, 3);
    }

    #[test]
    fn datagrams_go_both_ways() {
        let (server, address) = bind(Ipv4Addr::LOCALHOST).unwrap();
        exchanges_datagrams(&server, address);
    }

    #[test]
    fn datagrams_go_both_ways_over_ipv6() {
        match bind(Ipv6Addr::LOCALHOST) {
            Ok((server, address)) => exchanges_datagrams(&server, address),
            Err(error) => eprintln!("skipped: this machine has no ::1: {error}"),
        }
    }

    #[test]
    fn datagrams_of_other_addresses_are_ignored() {
        let (server, address) = bind(Ipv4Addr::LOCALHOST).unwrap();
        let (stranger, _) = bind(Ipv4Addr::LOCALHOST).unwrap();
        let mut client = Client::connected_to(address);
        for word in [b"one", b"two"] {
            stranger.send_to(b"not for you", client.address()).unwrap();
            server.send_to(word, client.address()).unwrap();
            assert_eq!(client.next(), word);
        }
    }

    #[test]
    fn a_server_that_starts_late_does_not_end_the_link() {
        let (server, address) = bind(Ipv4Addr::LOCALHOST).unwrap();
        let mut client = Client::connected_to(address);
        drop(server);
        assert!(client.send(b"first"));
        // The system may report the refusal to a sleep, a receive or a send.
        while client.stats.datagrams_refused == 0 {
            assert!(
                client.datagrams.sleep(LONG, &mut client.stats),
                "the refusal arrives in time"
            );
            assert!(matches!(
                client.receive(),
                Received::Ignored | Received::Nothing
            ));
            assert!(client.send(b"again"));
        }
        let server = UdpSocket::bind(address).unwrap();
        server.set_read_timeout(Some(LONG)).unwrap();
        // Whether or not the system reports the earlier ones first, this one arrives.
        assert!(client.send(b"now"));
        assert_eq!(received_by(&server).0, b"now");
        assert_eq!(
            (client.stats.datagrams_unsent, client.stats.datagram_errors),
            (0, 0)
        );
    }

    #[test]
    fn datagrams_that_are_too_long_are_dropped() {
        let (server, address) = bind(Ipv4Addr::LOCALHOST).unwrap();
        let mut client = Client::connected_to(address);
        // 65,507: the longest that IPv4 can carry.
        for bytes in [MAX_DATAGRAM_BYTES + 1, 65_507] {
            if let Err(error) = server.send_to(&vec![1; bytes], client.address()) {
                eprintln!("{bytes} bytes left out: {error}");
                client.stats.datagrams_too_long += 1;
            }
        }
        server.send_to(b"short", client.address()).unwrap();
        assert_eq!(client.next(), b"short");
        assert_eq!(
            (
                client.stats.datagrams_too_long,
                client.stats.datagram_errors
            ),
            (2, 0)
        );
    }

    #[test]
    fn a_datagram_that_the_system_refuses_is_dropped() {
        let (server, address) = bind(Ipv4Addr::LOCALHOST).unwrap();
        let mut client = Client::connected_to(address);
        assert!(client.send(&[0; 70_000]), "dropped");
        assert_eq!((client.stats.datagrams_unsent, client.stats.writes), (1, 1));
        assert!(client.send(b"short"));
        assert_eq!(received_by(&server).0, b"short");
    }

    #[test]
    fn each_error_of_a_send_is_counted_by_kind() {
        let cases: [(&[ErrorKind], bool, u64, u64); 5] = [
            (
                &[ErrorKind::Interrupted, ErrorKind::WouldBlock],
                false,
                0,
                0,
            ),
            (
                &[ErrorKind::ConnectionRefused, ErrorKind::WouldBlock],
                false,
                1,
                0,
            ),
            (&[ErrorKind::ConnectionReset], true, 1, 0),
            (
                &[ErrorKind::ConnectionRefused, ErrorKind::ConnectionRefused],
                true,
                2,
                1,
            ),
            (&[ErrorKind::NetworkUnreachable], true, 0, 1),
        ];
        for (errors, done, refused, unsent) in cases {
            let mut stats = IoStats::default();
            let mut results = errors.iter();
            let send = || results.next().map_or(Ok(1), |kind| Err((*kind).into()));
            assert_eq!(send_one(send, &mut stats), done, "{errors:?}");
            assert_eq!(
                (stats.datagrams_refused, stats.datagrams_unsent),
                (refused, unsent),
                "{errors:?}"
            );
        }
    }

    #[test]
    fn a_single_error_is_ignored_and_a_series_ends_the_link() {
        let (_server, address) = bind(Ipv4Addr::LOCALHOST).unwrap();
        let Client {
            mut datagrams,
            mut stats,
            ..
        } = Client::connected_to(address);
        let mut receive = |result: Result<usize, ErrorKind>| {
            datagrams.on_receive(result.map_err(io::Error::from), &mut stats)
        };
        for _ in 0..3 * MAX_ERRORS_IN_A_ROW {
            assert!(matches!(
                receive(Err(ErrorKind::ConnectionRefused)),
                Received::Ignored
            ));
            assert!(matches!(
                receive(Err(ErrorKind::ConnectionReset)),
                Received::Ignored
            ));
        }
        let mut last = Received::Nothing;
        let unreachable = Err(ErrorKind::HostUnreachable);
        for between in [
            Ok(12),
            Ok(MAX_DATAGRAM_BYTES + 1),
            Err(ErrorKind::WouldBlock),
            unreachable,
        ] {
            assert!(!matches!(last, Received::End(_)));
            for _ in 1..MAX_ERRORS_IN_A_ROW {
                assert!(matches!(receive(unreachable), Received::Ignored));
            }
            last = receive(between);
        }
        let Received::End(error) = last else {
            panic!("{last:?}")
        };
        assert_eq!(error.kind, LinkErrorKind::Unreachable);
        assert_eq!(stats.datagrams_refused, u64::from(6 * MAX_ERRORS_IN_A_ROW));
        assert_eq!(
            stats.datagram_errors,
            u64::from(4 * MAX_ERRORS_IN_A_ROW - 3)
        );
    }

    #[test]
    fn a_simulated_loss_ends_the_link_whatever_arrives() {
        let (server, address) = bind(Ipv4Addr::LOCALHOST).unwrap();
        let mut client = Client::connected_to(address);
        assert!(
            !client
                .datagrams
                .sleep(Duration::from_millis(1), &mut client.stats),
            "nothing has arrived"
        );
        assert!(
            matches!(client.receive(), Received::Nothing),
            "it does not block"
        );
        server.send_to(b"too late", client.address()).unwrap();
        client.datagrams.simulate_connection_loss();
        assert!(client.datagrams.is_broken());
        let Received::End(error) = client.receive() else {
            panic!("no end")
        };
        assert_eq!(error.kind, LinkErrorKind::Reset);
    }

    #[test]
    fn a_pass_receives_a_batch_and_reports_that_more_is_left() {
        const LEFT: usize = 8;
        let (server, address) = bind(Ipv4Addr::LOCALHOST).unwrap();
        let mut client = Client::connected_to(address);
        for number in 0..MAX_READ_DATAGRAMS + LEFT {
            // A datagram that is too long counts towards the limit of a pass as well.
            let bytes = if number == 3 {
                MAX_DATAGRAM_BYTES + 1
            } else {
                1
            };
            let datagram = vec![u8::try_from(number).unwrap(); bytes];
            server.send_to(&datagram, client.address()).unwrap();
        }

        let mut recorder = Recorder::default();
        let outcome = client.pass(&mut recorder);
        assert!(outcome.any && outcome.more);
        assert_eq!(recorder.0.len(), MAX_READ_DATAGRAMS - 1);
        assert_eq!(client.stats.reads, MAX_READ_DATAGRAMS as u64);
        while recorder.0.len() < MAX_READ_DATAGRAMS + LEFT - 1 {
            let arrived = client.datagrams.sleep(LONG, &mut client.stats);
            assert!(arrived, "nothing was lost");
            let outcome = client.pass(&mut recorder);
            assert!(outcome.any && !outcome.more);
        }
        assert!(
            recorder.0.is_sorted(),
            "each once, in order: {:?}",
            recorder.0
        );

        let received = recorder.0.len();
        let outcome = client.pass(&mut recorder);
        assert!(!outcome.any && !outcome.more);
        assert_eq!(recorder.0.len(), received);
    }

    #[test]
    fn a_datagram_that_the_system_does_not_take_stays_in_the_client() {
        // Any output of a client will do, so a stream link, which opens at once, serves as well.
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
            &mut ClientLink {
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
            &mut ClientLink {
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
}
