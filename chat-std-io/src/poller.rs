//! [`Poller`]: sleeping in the kernel until one of several sockets is ready.

use crate::transport::{Interest, SourceRef, Visit};
use crate::waker::WakerSlot;
use mio::event::Source;
use mio::{Events, Poll, Registry, Token};
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

/// Events that one sleep reports at most. A session has one socket, and a few while it connects or
/// closes; it tries all of them after a sleep, so a number that is too small costs nothing.
const MAX_EVENTS: usize = 16;
const WAKE: Token = Token(0);
const SOCKET: Token = Token(1);

/// A poller for the sockets of one session.
///
/// It watches clones of the sockets, and only during a sleep, for three reasons. The sockets stay
/// `std::net` types, which mio would own. A clone that outlived its socket would keep the connection
/// open. And on Windows mio watches a socket again only after it has seen `WouldBlock` itself, which
/// it never does here. The price is four short system calls for each socket and sleep.
pub(crate) struct Poller {
    poll: Poll,
    events: Events,
    /// The sockets of the sleep that is under way.
    watched: Vec<Watched>,
    waker: WakerSlot,
}

enum Watched {
    Tcp(mio::net::TcpStream),
    Udp(mio::net::UdpSocket),
}

impl Poller {
    /// Creates a poller that this slot wakes. A slot has one poller.
    pub(crate) fn new(waker: &WakerSlot) -> io::Result<Self> {
        let poll = Poll::new()?;
        waker.fill(mio::Waker::new(poll.registry(), WAKE)?);
        Ok(Self {
            poll,
            events: Events::with_capacity(MAX_EVENTS),
            watched: Vec::new(),
            waker: waker.clone(),
        })
    }

    /// Sleeps until one of the visited sockets is ready, the waker wakes, or `longest` has passed.
    /// Sockets without an interest are not watched: systems report some of their errors regardless,
    /// again in each sleep.
    pub(crate) fn sleep<'a>(
        &mut self,
        longest: Duration,
        visit_sources: impl FnOnce(Visit<'_, 'a>),
    ) -> io::Result<()> {
        debug_assert!(self.watched.is_empty(), "clones live for one sleep");
        let mut result = Ok(());
        visit_sources(&mut |source, interest| {
            if result.is_ok() {
                result = self.watch(source, interest);
            }
        });
        let result = result.and_then(|()| self.poll(longest));
        self.unwatch();
        if result.is_ok() && self.events.iter().any(|event| event.token() == WAKE) {
            self.waker.take();
        }
        match result {
            // A signal ends a sleep, so that a program can react to it.
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            result => result,
        }
    }

    /// Polls until there is an event or `longest` has passed.
    ///
    /// On Windows mio also returns, without an event, for what the sleep before has cancelled: each
    /// socket that was watched and not ready. Without this loop every sleep but the first would end
    /// at once, and a waiting program would spin.
    fn poll(&mut self, longest: Duration) -> io::Result<()> {
        let began = Instant::now();
        let mut left = longest;
        loop {
            self.poll.poll(&mut self.events, Some(left))?;
            left = longest.saturating_sub(began.elapsed());
            if !self.events.is_empty() || left.is_zero() {
                return Ok(());
            }
        }
    }

    fn watch(&mut self, source: SourceRef<'_>, interest: Interest) -> io::Result<()> {
        let interests = match (interest.readable, interest.writable) {
            (false, false) => return Ok(()),
            (true, false) => mio::Interest::READABLE,
            (false, true) => mio::Interest::WRITABLE,
            (true, true) => mio::Interest::READABLE | mio::Interest::WRITABLE,
        };
        let mut clone = Watched::clone_of(source)?;
        // Registering reports a socket that is ready already, so no input is missed between the
        // last read and the sleep.
        clone
            .source()
            .register(self.poll.registry(), SOCKET, interests)?;
        self.watched.push(clone);
        Ok(())
    }

    /// Drops all clones. Each is deregistered first: epoll would otherwise keep watching through
    /// the original, under a descriptor number that no longer exists.
    fn unwatch(&mut self) {
        for mut clone in self.watched.drain(..) {
            let registry: &Registry = self.poll.registry();
            if let Err(error) = clone.source().deregister(registry) {
                log::debug!(target: "photon_chat::net", "a socket stays watched: {error}");
            }
        }
    }
}

impl Watched {
    fn clone_of(source: SourceRef<'_>) -> io::Result<Self> {
        Ok(match source {
            SourceRef::Tcp(stream) => Self::Tcp(mio::net::TcpStream::from_std(stream.try_clone()?)),
            SourceRef::Udp(socket) => Self::Udp(mio::net::UdpSocket::from_std(socket.try_clone()?)),
        })
    }

    fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Tcp(stream) => stream,
            Self::Udp(socket) => socket,
        }
    }
}

/// Sleeps until the socket is ready, for at most `longest`. Returns whether it is.
#[cfg(test)]
pub(crate) fn sleep_on(source: SourceRef<'_>, interest: Interest, longest: Duration) -> bool {
    let mut poller = Poller::new(&WakerSlot::default()).unwrap();
    poller
        .sleep(longest, |visit| visit(source, interest))
        .unwrap();
    poller.events.iter().any(|event| event.token() == SOCKET)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
    use std::thread;

    const LONG: Duration = Duration::from_secs(30);
    const SHORT: Duration = Duration::from_millis(5);
    const INPUT: Interest = Interest {
        readable: true,
        writable: false,
    };
    const OUTPUT: Interest = Interest {
        readable: false,
        writable: true,
    };
    const NONE: Interest = Interest {
        readable: false,
        writable: false,
    };

    fn tcp_pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.set_nonblocking(true).unwrap();
        (client, listener.accept().unwrap().0)
    }

    fn udp_pair() -> (UdpSocket, UdpSocket) {
        let [a, b] = [(); 2].map(|()| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
        a.connect(b.local_addr().unwrap()).unwrap();
        b.connect(a.local_addr().unwrap()).unwrap();
        a.set_nonblocking(true).unwrap();
        (a, b)
    }

    /// Sleeps once. Returns whether the sleep ended early.
    fn ends_early<'a>(
        poller: &mut Poller,
        longest: Duration,
        sources: &[(SourceRef<'a>, Interest)],
    ) -> bool {
        let began = Instant::now();
        let visit_all = |visit: Visit<'_, 'a>| {
            for (source, interest) in sources {
                visit(*source, *interest);
            }
        };
        poller.sleep(longest, visit_all).unwrap();
        assert!(poller.watched.is_empty(), "every clone was dropped");
        began.elapsed() < longest
    }

    /// mio on Windows is known for sleeps after the first that notice nothing.
    #[test]
    fn each_of_many_sleeps_notices_input() {
        let mut poller = Poller::new(&WakerSlot::default()).unwrap();
        let (tcp, mut tcp_server) = tcp_pair();
        let (udp, udp_server) = udp_pair();
        let sources = [(SourceRef::Tcp(&tcp), INPUT), (SourceRef::Udp(&udp), INPUT)];
        for _ in 0..3 {
            assert!(!ends_early(&mut poller, SHORT, &sources), "nothing arrived");
            assert!(!ends_early(&mut poller, SHORT, &sources), "nor now");
            tcp_server.write_all(b"x").unwrap();
            assert!(ends_early(&mut poller, LONG, &sources));
            assert!(ends_early(&mut poller, LONG, &sources), "it is still there");
            assert_eq!((&tcp).read(&mut [0; 8]).unwrap(), 1);
            assert!(!ends_early(&mut poller, SHORT, &sources), "it was read");
            udp_server.send(b"x").unwrap();
            assert!(ends_early(&mut poller, LONG, &sources));
            assert_eq!(udp.recv(&mut [0; 8]).unwrap(), 1);
        }
    }

    #[test]
    fn a_sleep_notices_space_for_output_and_the_end() {
        let mut poller = Poller::new(&WakerSlot::default()).unwrap();
        let (tcp, mut server) = tcp_pair();
        assert!(ends_early(
            &mut poller,
            LONG,
            &[(SourceRef::Tcp(&tcp), OUTPUT)]
        ));
        let chunk = [7; 64 * 1024];
        let mut written = 0;
        // A system may need a moment to move bytes from the sender's to the receiver's buffer.
        while !ends_early(&mut poller, SHORT, &[(SourceRef::Tcp(&tcp), INPUT)]) {
            match (&tcp).write(&chunk) {
                Ok(bytes) => written += bytes,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    break;
                }
            }
        }
        while let Ok(bytes) = (&tcp).write(&chunk) {
            written += bytes;
        }
        let reader = thread::spawn(move || {
            server.read_exact(&mut vec![0; written]).unwrap();
        });
        assert!(ends_early(
            &mut poller,
            LONG,
            &[(SourceRef::Tcp(&tcp), OUTPUT)]
        ));
        reader.join().unwrap();
        assert!(ends_early(
            &mut poller,
            LONG,
            &[(SourceRef::Tcp(&tcp), INPUT)]
        ));
        assert!(!ends_early(
            &mut poller,
            SHORT,
            &[(SourceRef::Tcp(&tcp), NONE)]
        ));
    }

    #[test]
    fn wakes_from_another_thread_end_one_sleep() {
        let slot = WakerSlot::default();
        slot.wake();
        let mut poller = Poller::new(&slot).unwrap();
        assert!(
            !ends_early(&mut poller, SHORT, &[]),
            "no poller existed then"
        );
        for _ in 0..3 {
            for _ in 0..1_000 {
                slot.wake();
            }
            assert!(ends_early(&mut poller, LONG, &[]), "woken before the sleep");
            assert!(!ends_early(&mut poller, SHORT, &[]), "many are one");
            let slot = slot.clone();
            let waker = thread::spawn(move || slot.wake());
            assert!(ends_early(&mut poller, LONG, &[]));
            waker.join().unwrap();
        }
    }
}
