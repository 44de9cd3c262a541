//! IPv4 addresses on networks with IPv6 only, whose gateway translates (NAT64).
//!
//! A name needs nothing: the resolver of such a network (DNS64) returns an IPv6 address for it. For
//! an IPv4 address as text nobody asks DNS. Apple's `getaddrinfo` translates such a text by itself,
//! but those of glibc, musl and Windows return the address unchanged, and `std` does not even call
//! them: it parses the text. So this module does what RFC 8305, 7.1 asks of a client: it asks the
//! resolver for the name `ipv4only.arpa`, which has two known IPv4 addresses, finds these in the
//! IPv6 addresses that the resolver returns (RFC 7050), and puts the server's address in their
//! place (RFC 6052).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// A name that has only IPv4 addresses, [`KNOWN`], unless a resolver translates. RFC 7050, 8.
const NAME: &str = "ipv4only.arpa";
const KNOWN: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 0, 170), Ipv4Addr::new(192, 0, 0, 171)];
/// Bytes of an IPv6 address that hold the IPv4 address, for each length of a prefix. Byte 8 is
/// always zero. RFC 6052, 2.2.
const LAYOUTS: [[usize; 4]; 6] = [
    [12, 13, 14, 15], // 96 bits, by far the most frequent
    [9, 10, 11, 12],  // 64
    [7, 9, 10, 11],   // 56
    [6, 7, 9, 10],    // 48
    [5, 6, 7, 9],     // 40
    [4, 5, 6, 7],     // 32
];

/// The addresses that reach an IPv4 address over this network's gateway; none if there is no
/// gateway. Asks the resolver, so it may block.
pub(super) fn map(
    literal: Ipv4Addr,
    port: u16,
    resolve: impl Fn(&str) -> io::Result<Vec<SocketAddr>>,
) -> Vec<SocketAddr> {
    // First the address itself: a resolver of the application may know another way.
    let mut mapped = resolve(&literal.to_string()).unwrap_or_default();
    mapped.retain(|address| address.ip() != IpAddr::V4(literal));
    if !mapped.is_empty() {
        return mapped;
    }
    for address in resolve(NAME).unwrap_or_default() {
        if let SocketAddr::V6(known) = address
            && let Some(ip) = replace_known(*known.ip(), literal)
        {
            let address = SocketAddr::from((ip, port));
            // The name has two addresses, and the gateway one prefix.
            if !mapped.contains(&address) {
                mapped.push(address);
            }
        }
    }
    mapped
}

/// Whether this machine has a route to IPv6 addresses elsewhere, without which there is no gateway.
/// Sends nothing: the system looks the route up when a UDP socket connects.
pub(super) fn has_ipv6_route() -> bool {
    // The well-known prefix of gateways. RFC 6052, 2.1.
    let gateway = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0xc000, 0xaa);
    UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))
        .and_then(|socket| socket.connect((gateway, 443)))
        .is_ok()
}

/// An IPv6 address of [`NAME`] with another IPv4 address inside. `None` if it holds no known one.
fn replace_known(address: Ipv6Addr, literal: Ipv4Addr) -> Option<Ipv6Addr> {
    let mut octets = address.octets();
    let layout = LAYOUTS.into_iter().find(|layout| {
        let held = layout.map(|index| octets.get(index).copied().unwrap_or_default());
        KNOWN.contains(&Ipv4Addr::from(held))
    })?;
    for (index, octet) in layout.into_iter().zip(literal.octets()) {
        *octets.get_mut(index)? = octet;
    }
    Some(octets.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LITERAL: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);

    fn mapped(answers: &[(&str, &[&str])]) -> Vec<String> {
        let resolve = |host: &str| {
            let answer = answers.iter().find(|(name, _)| *name == host);
            let texts = answer.ok_or(io::ErrorKind::NotFound)?.1;
            let address = |text: &&str| SocketAddr::new(text.parse().unwrap(), 5058);
            Ok(texts.iter().map(address).collect())
        };
        let mapped = map(LITERAL, 5058, resolve);
        mapped.iter().map(|one| one.to_string()).collect()
    }

    #[test]
    fn the_gateways_prefix_is_found_in_the_known_name() {
        let known = ["192.0.0.170", "64:ff9b::c000:aa", "64:ff9b::c000:ab"];
        assert_eq!(
            mapped(&[(NAME, &known), ("203.0.113.7", &["203.0.113.7"])]),
            ["[64:ff9b::cb00:7107]:5058"]
        );
    }

    /// The examples of RFC 6052, 2.4, with our address.
    #[test]
    fn every_length_of_a_prefix_is_recognised() {
        for (known, expected) in [
            ("2001:db8:c000:aa::", "2001:db8:cb00:7107::"),
            ("2001:db8:1c0:0:aa::", "2001:db8:1cb:71:7::"),
            ("2001:db8:122:c000:0:aa00::", "2001:db8:122:cb00:71:700::"),
            ("2001:db8:122:3c0:0:aa::", "2001:db8:122:3cb:0:7107::"),
            (
                "2001:db8:122:344:c0:0:aa00::",
                "2001:db8:122:344:cb:71:700:0",
            ),
            ("2001:db8:122:344::c000:aa", "2001:db8:122:344::cb00:7107"),
        ] {
            let known: Ipv6Addr = known.parse().unwrap();
            let replaced = replace_known(known, LITERAL);
            assert_eq!(replaced, Some(expected.parse().unwrap()), "{known}");
        }
    }

    #[test]
    fn without_a_gateway_there_is_no_other_address() {
        assert_eq!(mapped(&[]), [""; 0]);
        assert_eq!(mapped(&[(NAME, &["192.0.0.170", "192.0.0.171"])]), [""; 0]);
        assert_eq!(mapped(&[(NAME, &["2001:db8::1"])]), [""; 0]);
    }

    #[test]
    fn a_resolver_that_maps_the_address_itself_is_used() {
        let itself = ["203.0.113.7", "fd77::9"];
        assert_eq!(
            mapped(&[("203.0.113.7", &itself), (NAME, &["64:ff9b::c000:aa"])]),
            ["[fd77::9]:5058"]
        );
    }
}
