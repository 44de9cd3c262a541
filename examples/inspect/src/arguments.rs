//! The command line.

use crate::help;
use command_line::{choice, text};
use lexopt::{Arg, Parser};
use photon_inspect::hex;
use photon_inspect::lines::Kind;
use photon_proto::Protocol;
use photon_proto::Role;
use std::ffi::OsString;

/// The parsed command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Decode {
        protocol: Protocol,
        kind: Kind,
        key: Option<[u8; 32]>,
    },
    Encode {
        protocol: Protocol,
        kind: Kind,
        key: Option<[u8; 32]>,
    },
    Frames {
        protocol: Option<Protocol>,
        role: Option<Role>,
        key: Option<[u8; 32]>,
    },
    Datagram {
        protocol: Option<Protocol>,
        key: Option<[u8; 32]>,
    },
    Print(&'static str),
}

#[derive(Clone, Copy)]
enum Name {
    Decode,
    Encode,
    Frames,
    Datagram,
}

/// Parses the arguments after the program's name.
pub(crate) fn parse(
    arguments: impl IntoIterator<Item = impl Into<OsString>>,
) -> Result<Command, String> {
    let mut parser = Parser::from_args(arguments);
    let name = match command_line::next(&mut parser)? {
        None => {
            return Err("the command is missing: use decode, encode, frames or datagram".into());
        }
        Some(Arg::Short('h') | Arg::Long("help")) => return Ok(Command::Print(help::PROGRAM)),
        Some(Arg::Short('V') | Arg::Long("version")) => return Ok(Command::Print(help::VERSION)),
        Some(Arg::Value(name)) => match name.to_str() {
            Some("decode") => Name::Decode,
            Some("encode") => Name::Encode,
            Some("frames") => Name::Frames,
            Some("datagram") => Name::Datagram,
            _ => {
                return Err(format!(
                    "unknown command {name:?}: use decode, encode, frames or datagram"
                ));
            }
        },
        Some(other) => return Err(other.unexpected().to_string()),
    };
    let (mut protocol, mut kind, mut role, mut key) = (None, None, None, None);
    while let Some(argument) = command_line::next(&mut parser)? {
        match (argument, name) {
            (Arg::Short('h') | Arg::Long("help"), name) => {
                return Ok(Command::Print(match name {
                    Name::Decode => help::DECODE,
                    Name::Encode => help::ENCODE,
                    Name::Frames => help::FRAMES,
                    Name::Datagram => help::DATAGRAM,
                }));
            }
            (Arg::Long("protocol"), _) => {
                protocol = Some(choice(
                    &mut parser,
                    "protocol",
                    &[("1.6", Protocol::V16), ("1.8", Protocol::V18)],
                )?);
            }
            (Arg::Long("kind"), Name::Decode | Name::Encode) => {
                let kinds = [
                    ("value", Kind::Value),
                    ("message", Kind::Message),
                    ("frame", Kind::Frame),
                ];
                kind = Some(choice(&mut parser, "kind", &kinds)?);
            }
            (Arg::Long("role"), Name::Frames) => {
                role = Some(choice(
                    &mut parser,
                    "role",
                    &[("client", Role::Client), ("server", Role::Server)],
                )?);
            }
            (Arg::Long("key"), _) => {
                let text = text(&mut parser)?;
                // The error must not contain the key, which is secret.
                let bytes = hex::decode(text.as_bytes())
                    .ok()
                    .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
                key = Some(
                    bytes.ok_or("--key takes the 32 bytes of an AES-256 key as 64 hex digits")?,
                );
            }
            (other, _) => return Err(other.unexpected().to_string()),
        }
    }
    let protocol_missing = "--protocol is missing: use --protocol 1.6 or --protocol 1.8";
    let kind_missing = "--kind is missing: use --kind value, --kind message or --kind frame";
    Ok(match name {
        Name::Decode => Command::Decode {
            protocol: protocol.ok_or(protocol_missing)?,
            kind: kind.ok_or(kind_missing)?,
            key,
        },
        Name::Encode => Command::Encode {
            protocol: protocol.ok_or(protocol_missing)?,
            kind: kind.ok_or(kind_missing)?,
            key,
        },
        Name::Frames => Command::Frames {
            protocol,
            role,
            key,
        },
        Name::Datagram => Command::Datagram { protocol, key },
    })
}

#[cfg(test)]
mod tests {
    use super::{Command, Kind, Protocol, Role, parse};
    use crate::help;

    fn line(text: &str) -> Result<Command, String> {
        parse(text.split_whitespace())
    }

    #[test]
    fn commands_are_parsed() {
        let key = "00".repeat(32);
        assert_eq!(
            line("decode --protocol 1.6 --kind value"),
            Ok(Command::Decode {
                protocol: Protocol::V16,
                kind: Kind::Value,
                key: None
            })
        );
        assert_eq!(
            line(&format!("encode --kind=frame --key {key} --protocol=1.8")),
            Ok(Command::Encode {
                protocol: Protocol::V18,
                kind: Kind::Frame,
                key: Some([0; 32])
            })
        );
        assert_eq!(
            line("frames"),
            Ok(Command::Frames {
                protocol: None,
                role: None,
                key: None
            })
        );
        assert_eq!(
            line("frames --role server --protocol 1.8"),
            Ok(Command::Frames {
                protocol: Some(Protocol::V18),
                role: Some(Role::Server),
                key: None
            })
        );
        assert_eq!(
            line("datagram"),
            Ok(Command::Datagram {
                protocol: None,
                key: None
            })
        );
        assert_eq!(
            line(&format!("datagram --key {key} --protocol 1.6")),
            Ok(Command::Datagram {
                protocol: Some(Protocol::V16),
                key: Some([0; 32])
            })
        );
        assert_eq!(line("--help"), Ok(Command::Print(help::PROGRAM)));
        assert_eq!(line("-V"), Ok(Command::Print(help::VERSION)));
        assert_eq!(line("decode --help"), Ok(Command::Print(help::DECODE)));
        assert_eq!(line("encode -h"), Ok(Command::Print(help::ENCODE)));
        assert_eq!(
            line("frames --protocol 1.6 --help"),
            Ok(Command::Print(help::FRAMES))
        );
        assert_eq!(line("datagram --help"), Ok(Command::Print(help::DATAGRAM)));
    }

    #[test]
    fn errors_name_the_wrong_argument() {
        for (arguments, named) in [
            ("", "decode, encode, frames or datagram"),
            ("show", "show"),
            ("--protocol 1.6", "--protocol"),
            ("decode --kind value", "--protocol"),
            ("encode --protocol 1.6", "--kind"),
            ("decode --protocol 1.7 --kind value", "1.6, 1.8"),
            (
                "decode --protocol 1.6 --kind event",
                "value, message, frame",
            ),
            ("decode --protocol 1.6 --kind value --role client", "--role"),
            ("frames --kind value", "--kind"),
            ("frames --role both", "client, server"),
            ("frames --key 00", "64 hex digits"),
            ("frames --key", "--key"),
            ("frames more", "more"),
            ("datagram --kind frame", "--kind"),
            ("datagram --role client", "--role"),
            ("datagrams", "datagrams"),
        ] {
            let error = line(arguments).unwrap_err();
            assert!(error.contains(named), "{arguments}: {error}");
        }
        let secret = "a5".repeat(31);
        assert!(
            !line(&format!("frames --key {secret}"))
                .unwrap_err()
                .contains("a5")
        );
    }
}
