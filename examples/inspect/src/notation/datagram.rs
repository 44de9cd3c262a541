//! Converts UDP datagrams to the notation.

use crate::hex;
use photon_proto::udp::command::{Body, Command, ConnectFields, Fragment, kind, kind_name};
use photon_proto::udp::datagram::Header;
use serde_json::{Map, Value as Json, json};

/// The length of `payload_head`.
const HEAD_BYTES: usize = 8;

/// Converts a datagram. `commands` are results of [`command_to_json`]. There is no reverse.
///
/// | `t` | other keys |
/// | --- | --- |
/// | `datagram` | `peer_id`, `flags`, `command_count`, `sent_time`, `challenge` (in hex), `length`; `crc` (in hex) and `crc_valid` if it has a checksum; `trailing_bytes` if there are any; `commands` |
#[must_use]
pub fn datagram_to_json(
    header: &Header,
    length: usize,
    trailing_bytes: usize,
    commands: Vec<Json>,
) -> Json {
    let mut map = object(json!({
        "t": "datagram", "peer_id": header.peer_id, "flags": if header.crc.is_some() { 0xCC } else { 0 },
        "command_count": header.count, "sent_time": header.sent_time,
        "challenge": format!("{:08x}", header.challenge), "length": length,
    }));
    if let Some(crc) = header.crc {
        map.insert("crc".into(), format!("{crc:08x}").into());
        map.insert("crc_valid".into(), true.into());
    }
    if trailing_bytes > 0 {
        map.insert("trailing_bytes".into(), trailing_bytes.into());
    }
    map.insert("commands".into(), commands.into());
    Json::Object(map)
}

/// Converts a command, without the message in its payload.
///
/// All commands have `type`, `name`, `channel`, `flags`, `reserved` (the reason of a disconnect),
/// `size` and `reliable_seq`.
///
/// | `name` | other keys |
/// | --- | --- |
/// | `ack`, `ack_unsequenced` | `acked_seq`, `acked_sent_time` |
/// | `connect` | `mtu`, `window_size`, `channel_count`, `bandwidth_in`, `bandwidth_out`, `throttle_interval`, `throttle_accel`, `throttle_decel` |
/// | `verify_connect` | `assigned_peer_id`, and the keys of `connect` |
/// | `send_reliable`, `send_reliable_unsequenced` | `payload_length`, `payload_head` |
/// | `send_unreliable` | `unreliable_seq`, and the keys of `send_reliable` |
/// | `send_unsequenced` | `group`, and the keys of `send_reliable` |
/// | `send_fragment`, `send_fragment_unsequenced` | `start_seq`, `fragment_count`, `fragment_number`, `total_length`, `fragment_offset`, `payload_length` |
/// | others; `unknown_N` without a name | `hex`: surplus bytes, if there are any |
#[must_use]
pub fn command_to_json(command: &Command<'_>) -> Json {
    let name =
        kind_name(command.kind).map_or_else(|| format!("unknown_{}", command.kind), String::from);
    let mut map = object(json!({
        "type": command.kind, "name": name, "channel": command.channel, "flags": command.flags,
        "reserved": command.reserved, "size": command.size, "reliable_seq": command.rseq,
    }));
    map.extend(match command.body {
        Body::Ack { rseq, sent_time } => object(json!({"acked_seq": rseq, "acked_sent_time": sent_time})),
        Body::Connect(fields) => connect(&fields),
        Body::VerifyConnect(fields) => {
            let mut map = object(json!({"assigned_peer_id": fields.id}));
            map.extend(connect(&fields));
            map
        }
        Body::Message(payload) => self::payload(payload),
        Body::Numbered { number, payload } => {
            let name = if command.kind == kind::UNRELIABLE { "unreliable_seq" } else { "group" };
            let mut map = object(json!({name: number}));
            map.extend(self::payload(payload));
            map
        }
        Body::Fragment(Fragment { start, count, number, total, offset, part }) => object(json!({
            "start_seq": start, "fragment_count": count, "fragment_number": number, "total_length": total,
            "fragment_offset": offset, "payload_length": part.len(),
        })),
        Body::Other([]) => Map::new(),
        Body::Other(surplus) => object(json!({"hex": hex::encode(surplus)})),
    });
    Json::Object(map)
}

fn connect(fields: &ConnectFields) -> Map<String, Json> {
    object(json!({
        "mtu": fields.mtu, "window_size": fields.window_size, "channel_count": fields.channel_count,
        "bandwidth_in": fields.bandwidth_in, "bandwidth_out": fields.bandwidth_out,
        "throttle_interval": fields.throttle_interval, "throttle_accel": fields.throttle_acceleration,
        "throttle_decel": fields.throttle_deceleration,
    }))
}

fn payload(payload: &[u8]) -> Map<String, Json> {
    let head = payload.get(..HEAD_BYTES).unwrap_or(payload);
    object(json!({"payload_length": payload.len(), "payload_head": hex::encode(head)}))
}

fn object(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}
