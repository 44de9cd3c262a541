//! Connecting a socket to one of several addresses.

use chat_core::{LinkError, LinkErrorKind};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

/// Limit for one TCP address before the next is tried. A third of the client's default connect
/// timeout (15 s), so that a dead first address leaves time for another.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// An error that lists the failed addresses stops growing at about this length.
const MAX_ERROR_BYTES: usize = 1_000;

/// Connects to the first address that accepts. Blocks for up to [`CONNECT_TIMEOUT`] per address,
/// and stops between two addresses once `wanted` is false.
///
/// If none accepts, the error has the kind of the last one and lists all of them.
pub(crate) fn tcp(
    addresses: &[SocketAddr],
    wanted: impl Fn() -> bool,
) -> Result<(TcpStream, SocketAddr), LinkError> {
    // Returned only if cancelled before the first attempt; the caller then drops the result.
    let mut kind = LinkErrorKind::Io;
    let mut text = String::new();
    for &address in addresses {
        if !wanted() {
            break;
        }
        match connect_tcp(address) {
            Ok(stream) => return Ok((stream, address)),
            Err(error) => {
                if text.len() < MAX_ERROR_BYTES {
                    let separator = if text.is_empty() { "" } else { "; " };
                    text.push_str(&format!("{separator}{address}: {error}"));
                }
                kind = LinkError::from(&error).kind;
            }
        }
    }
    let text = format!(
        "no server accepted the connection ({text}): check the address, and that the server runs"
    );
    Err(LinkError::new(kind, text))
}

fn connect_tcp(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, CONNECT_TIMEOUT)?;
    // On loopback, a connect to a port without a listener can connect to itself: the system may
    // choose that very port as the local one (TCP simultaneous open).
    if stream.local_addr()? == address {
        return Err(ErrorKind::ConnectionRefused.into());
    }
    // Messages are short and complete; Nagle's algorithm would hold them back for an ack.
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// Connects a UDP socket to the first address, IPv4 before IPv6. Never blocks.
///
/// Only to one: a UDP connect sends nothing, so it cannot detect an address without a server. The
/// client detects that by its own deadlines.
pub(crate) fn udp(addresses: &[SocketAddr]) -> Result<(UdpSocket, SocketAddr), LinkError> {
    let Some(&address) = addresses.iter().min_by_key(|address| address.is_ipv6()) else {
        debug_assert!(false, "the resolver returns at least one address");
        return Err(LinkError::from(&ErrorKind::AddrNotAvailable.into()));
    };
    match connect_udp(address) {
        Ok(socket) => Ok((socket, address)),
        Err(error) => {
            let kind = LinkError::from(&error).kind;
            let text =
                format!("cannot open a UDP socket to {address} ({error}): check the network");
            Err(LinkError::new(kind, text))
        }
    }
}

fn connect_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(address)?;
    // If the system chose the server's port as the local one, no server has it, and the socket
    // would exchange datagrams with itself.
    if socket.local_addr()? == address {
        return Err(ErrorKind::ConnectionRefused.into());
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::TcpListener;

    /// A listener, and an address without one.
    fn listener_and_closed_port() -> (TcpListener, SocketAddr) {
        let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (listener, closed) = (bind(), bind());
        (listener, closed.local_addr().unwrap())
    }

    #[test]
    fn tcp_tries_addresses_until_one_accepts() {
        let (listener, closed) = listener_and_closed_port();
        let open = listener.local_addr().unwrap();
        let (stream, address) = tcp(&[closed, open, closed], || true).unwrap();
        assert_eq!((address, stream.peer_addr().unwrap()), (open, open));
        assert!(stream.nodelay().unwrap());
        let error = (&stream).read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }

    #[test]
    fn the_tcp_error_lists_all_addresses_up_to_a_limit() {
        let (_listener, closed) = listener_and_closed_port();
        let error = tcp(&[closed, closed], || true).unwrap_err();
        assert_eq!(error.kind, LinkErrorKind::Refused);
        let count = error.text.matches(&closed.to_string()).count();
        assert_eq!(count, 2, "{}", error.text);

        let error = tcp(&[closed; 1_000], || true).unwrap_err();
        assert!(error.text.len() < 2 * MAX_ERROR_BYTES, "{}", error.text);
    }

    #[test]
    fn tcp_stops_between_addresses_once_it_is_cancelled() {
        let (listener, closed) = listener_and_closed_port();
        let open = listener.local_addr().unwrap();
        let calls = std::cell::Cell::new(0);
        let wanted = || {
            calls.set(calls.get() + 1);
            calls.get() < 2
        };
        assert!(tcp(&[closed, open], wanted).is_err());
    }

    #[test]
    fn udp_prefers_ipv4() {
        let ipv4 = "127.0.0.1:2".parse().unwrap();
        let addresses = [
            "[::1]:1".parse().unwrap(),
            ipv4,
            "127.0.0.1:3".parse().unwrap(),
        ];
        assert_eq!(udp(&addresses).unwrap().1, ipv4);
    }
}
