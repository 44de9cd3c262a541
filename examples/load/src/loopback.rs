//! Whether a server is on this machine. A load test of somebody else's server is an attack, and a
//! typing error in an address must not start one.

use chat_std_io::chat_core::ServerAddress;
use std::net::{IpAddr, SocketAddr};

/// The option by which the user states that another machine may be tested.
pub(crate) const STATEMENT: &str = "--i-own-this-server";

/// Refuses an address of another machine.
///
/// # Errors
/// The address does not parse, or its host is neither a loopback address nor `localhost`. Other
/// names are not resolved: whose machine they mean can change between two look-ups.
pub(crate) fn check_address(server: &str) -> Result<(), String> {
    let address: ServerAddress = server
        .parse()
        .map_err(|error| format!("--server {server}: {error}"))?;
    let host = address.host();
    if is_loopback_host(host) {
        return Ok(());
    }
    Err(format!(
        "--server {server}: {host} is not this machine: use 127.0.0.1, [::1] or localhost, or omit --server; \
         only if the server is yours, or its owner agrees, add {STATEMENT}"
    ))
}

/// Refuses a server on another machine to which a name server on this one sent a client: behind a
/// forwarded port of this machine may be anybody's server.
///
/// # Errors
/// The address is not a loopback address.
pub(crate) fn check_peer(peer: SocketAddr) -> Result<(), String> {
    if is_loopback(peer.ip()) {
        return Ok(());
    }
    Err(format!(
        "the name server sent the clients to {peer}, which is not this machine, so the test has ended: \
         only if that server is yours, or its owner agrees, add {STATEMENT}"
    ))
}

/// RFC 6761, 6.3: names that end in `.localhost` are this machine, too.
fn is_loopback_host(host: &str) -> bool {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || name.ends_with(".localhost") || address.parse().is_ok_and(is_loopback)
}

fn is_loopback(address: IpAddr) -> bool {
    // ::ffff:127.0.0.1 is a loopback address as well.
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_accepted() {
        for server in [
            "udp://127.0.0.1:5058",
            "tcp://127.8.9.1",
            "udp://[::1]:5058",
            "udp://[::ffff:127.0.0.1]:5058",
            "ws://localhost:9093",
            "wss://LocalHost",
            "wss://chat.localhost:19093",
        ] {
            assert_eq!(check_address(server), Ok(()), "{server}");
        }
        assert_eq!(check_peer("127.0.0.1:5055".parse().unwrap()), Ok(()));
        assert_eq!(check_peer("[::1]:5055".parse().unwrap()), Ok(()));
    }

    #[test]
    fn other_machines_are_refused_with_the_option_that_allows_them() {
        for server in [
            "udp://10.0.0.1:5058",
            "udp://192.168.1.1",
            "tcp://0.0.0.0:4533",
            "udp://[::]:5058",
            "udp://[::ffff:10.0.0.1]:5058",
            "udp://[2001:db8::1]:5058",
            "wss://ns.example.com",
            "ws://localhost.example.com",
            "ws://notlocalhost",
            "ws://127.0.0.1.example.com",
            "ws://127.0.0.1@example.com",
        ] {
            let error = check_address(server).expect_err(server);
            assert!(error.contains(server), "{error}");
            assert!(
                error.contains(STATEMENT) || server.contains('@'),
                "{server}: {error}"
            );
        }
        let error = check_peer("10.0.0.1:5055".parse().unwrap()).unwrap_err();
        assert!(error.contains("10.0.0.1:5055") && error.contains(STATEMENT));
    }
}
