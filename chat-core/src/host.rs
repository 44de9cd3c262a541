//! Host names and IP addresses: their syntax, and the hosts to which a name server may send the
//! client ([`AllowedHosts`]).

use crate::error::AddressError;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use photon_proto::Text;

/// RFC 1035 2.3.4, without the dot of the root.
const MAX_HOST_BYTES: usize = 253;
/// RFC 1035 2.3.4.
const MAX_LABEL_BYTES: usize = 63;

/// Checks a host that is not in brackets: an IPv4 address, or a name.
///
/// Only the characters of host names and `_` are allowed, which networks of containers use. That
/// excludes whatever a log or a terminal would show as something else: control characters, quotes,
/// letters that only look like ASCII. Resolvers do not accept them either.
pub(crate) fn check_host(host: &str) -> Result<(), AddressError> {
    if host.is_empty() {
        return Err(AddressError::MissingHost);
    }
    if host.contains(is_invisible) {
        return Err(AddressError::WhiteSpace);
    }
    // A name may end with the dot of the root.
    let name = host.strip_suffix('.').unwrap_or(host);
    let is_label = |label: &str| {
        (1..=MAX_LABEL_BYTES).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if name.len() > MAX_HOST_BYTES || !name.split('.').all(is_label) {
        return Err(AddressError::BadHost);
    }
    // Resolvers take "127.1" and "0x7f000001" for addresses, so what ends like a number must be one
    // in the usual form: otherwise it could circumvent a list of hosts.
    let last = name.rsplit('.').next().unwrap_or_default();
    let number = last.strip_prefix("0x").or(last.strip_prefix("0X"));
    let is_number = match number {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => last.bytes().all(|byte| byte.is_ascii_digit()),
    };
    if is_number && host.parse::<Ipv4Addr>().is_err() {
        return Err(AddressError::BadHost);
    }
    Ok(())
}

/// Checks a host that was in brackets.
pub(crate) fn check_bracketed_host(host: &str) -> Result<(), AddressError> {
    match host.parse::<Ipv6Addr>() {
        Ok(_) => Ok(()),
        Err(_) if host.is_empty() => Err(AddressError::MissingHost),
        Err(_) if host.contains(is_invisible) => Err(AddressError::WhiteSpace),
        Err(_) => Err(AddressError::BadBrackets),
    }
}

/// Parses a port. `u16::from_str` accepts a sign, too.
pub(crate) fn parse_port(port: &str) -> Result<u16, AddressError> {
    let is_digits = (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse() {
        Ok(port) if is_digits && port > 0 => Ok(port),
        _ => Err(AddressError::BadPort),
    }
}

/// Whether a character is white space, a control character, or invisible: zero width, or a change
/// of the direction of text.
pub(crate) fn is_invisible(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        || matches!(
            character,
            '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E007F}'
        )
}

/// The hosts to which a name server may send the client.
#[derive(Clone, Debug, Default)]
pub(crate) enum AllowedHosts {
    #[default]
    Any,
    Listed(Vec<Text>),
}

impl AllowedHosts {
    /// Whether the host is listed, or ends with a listed suffix.
    pub(crate) fn allow(&self, host: &str) -> bool {
        let Self::Listed(hosts) = self else {
            return true;
        };
        let name = host.strip_suffix('.').unwrap_or(host);
        // An address has more than one form, such as `::1` and `0:0:0:0:0:0:0:1`.
        let address = name.parse::<IpAddr>().ok();
        hosts.iter().any(|listed| {
            let listed = listed.strip_suffix('.').unwrap_or(listed);
            if let Some(address) = address {
                let bare = listed
                    .strip_prefix('[')
                    .and_then(|one| one.strip_suffix(']'));
                return bare.unwrap_or(listed).parse() == Ok(address);
            }
            let listed = listed.strip_prefix('*').unwrap_or(listed);
            if !listed.starts_with('.') {
                return name.eq_ignore_ascii_case(listed);
            }
            let label_bytes = name.len().saturating_sub(listed.len());
            label_bytes > 0
                && name
                    .get(label_bytes..)
                    .is_some_and(|suffix| suffix.eq_ignore_ascii_case(listed))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{AllowedHosts, check_bracketed_host, check_host, parse_port};
    use crate::error::AddressError;
    use alloc::string::String;
    use alloc::vec::Vec;

    #[test]
    fn sound09_hosts_have_the_syntax_of_names_or_addresses() {
        let label = "a".repeat(63);
        let longest = [&*label, &label, &label, &label[..61]].join(".");
        assert_eq!(longest.len(), 253);
        let rooted = [&*longest, "."].concat();
        for good in [
            "h",
            "ns.photonengine.io",
            "NS.Example.",
            "127.0.0.1",
            "my_container-1",
            "4chan.org",
            "xn--bcher-kva.example",
            "a.1b",
            "0x.example",
            &longest,
            &rooted,
        ] {
            assert_eq!(check_host(good), Ok(()), "{good}");
        }
        let longer_label = "a".repeat(64);
        let longer = [&*longest, "a"].concat();
        for bad in [
            ".",
            "a..b",
            ".a",
            "a..",
            "zz\"",
            "a%00",
            "a\\b",
            "<a>",
            "b\u{fc}cher.example",
            "\u{430}pple.example",
            "a=b",
            "a,b",
            "127.1",
            "1",
            "2130706433",
            "0x7f.1",
            "0x7f000001",
            "1.2.3.4.5",
            "256.1.1.1",
            "01.2.3.4",
            "1.2.3.4.",
            "a.0x",
            "a.12",
            &longer_label,
            &longer,
        ] {
            assert_eq!(check_host(bad), Err(AddressError::BadHost), "{bad}");
        }
        for invisible in [
            "a b",
            "a\u{7}",
            "a\u{202e}b",
            "a\u{200b}",
            "\u{feff}a",
            "a\u{2028}",
        ] {
            assert_eq!(
                check_host(invisible),
                Err(AddressError::WhiteSpace),
                "{invisible:?}"
            );
            assert_eq!(
                check_bracketed_host(invisible),
                Err(AddressError::WhiteSpace)
            );
        }
        for good in ["::", "::1", "2001:db8::1:0", "::ffff:1.2.3.4"] {
            assert_eq!(check_bracketed_host(good), Ok(()), "{good}");
        }
        for bad in [
            "zz\"",
            "1.2.3.4",
            "host",
            ":::",
            "1::2::3",
            "fe80::1%eth0",
            "12345::",
            "[::1",
        ] {
            assert_eq!(
                check_bracketed_host(bad),
                Err(AddressError::BadBrackets),
                "{bad}"
            );
        }
    }

    #[test]
    fn sound09_ports_are_digits() {
        assert_eq!(parse_port("1"), Ok(1));
        assert_eq!(parse_port("00080"), Ok(80));
        assert_eq!(parse_port("65535"), Ok(65_535));
        for bad in [
            "", "0", "+1", "-1", "65536", "000080", "1 ", " 1", "0x1", "\u{661}", "1e3", "1_0",
        ] {
            assert_eq!(parse_port(bad), Err(AddressError::BadPort), "{bad}");
        }
    }

    #[test]
    fn sound09_listed_hosts_are_names_addresses_or_suffixes() {
        let allow = |listed: &[&str], host: &str| {
            let listed: Vec<_> = listed.iter().map(|&one| one.into()).collect();
            AllowedHosts::Listed(listed).allow(host)
        };
        assert!(AllowedHosts::Any.allow("anywhere"));
        assert!(!allow(&[], "anywhere"));
        for (listed, host, expected) in [
            ("fe.example", "fe.example", true),
            ("fe.example", "FE.Example.", true),
            ("fe.example", "a.fe.example", false),
            (".photonengine.io", "gce-eu-1.photonengine.io", true),
            ("*.photonengine.io", "a.b.PhotonEngine.io", true),
            (".photonengine.io.", "a.photonengine.io", true),
            (".photonengine.io", "photonengine.io", false),
            (".photonengine.io", "evilphotonengine.io", false),
            (".photonengine.io", "photonengine.io.evil", false),
            (".photonengine.io", ".photonengine.io", false),
            ("127.0.0.1", "127.0.0.1", true),
            (".0.0.1", "127.0.0.1", false),
            ("[::1]", "0:0:0:0:0:0:0:1", true),
            ("::1", "::1", true),
            ("::1", "::2", false),
            ("", "a", false),
            (".", "a", false),
            ("*", "a", false),
        ] {
            assert_eq!(allow(&[listed], host), expected, "{listed}, {host}");
        }
        let many: Vec<String> = (0..9).map(|number| alloc::format!("h{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(allow(&many, "h8") && !allow(&many, "h9"));
    }
}
