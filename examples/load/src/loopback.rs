//! Whether a server is on this machine. A load test of somebody else's server is an attack, and a
//! typing error in an address must not start one.

use chat_std_io::chat_core::ServerAddress;
use std::net::IpAddr;

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

/// The hosts to which the name server at this address may send the clients: behind a forwarded port
/// of this machine may be anybody's server.
pub(crate) fn front_ends(server: &str) -> Vec<String> {
    let own = server.parse().ok();
    let own = own.map(|address: ServerAddress| address.host().to_owned());
    let local = ["127.0.0.1", "::1", "localhost", ".localhost"];
    own.into_iter().chain(local.map(str::to_owned)).collect()
}

/// The error of a test whose clients were sent to another host.
pub(crate) fn sent_elsewhere(cause: &str) -> String {
    format!(
        "{cause}: the name server sent the clients to a server that is not this machine; only if that server is \
         yours, or its owner agrees, add {STATEMENT}"
    )
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
        let hosts = front_ends("udp://127.8.9.1:5058");
        assert!(
            ["127.8.9.1", "127.0.0.1", "::1"]
                .iter()
                .all(|host| hosts.contains(&(*host).to_owned()))
        );
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
    }
}
