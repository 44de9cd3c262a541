//! The stored form of [`Kept`].

use crate::restore::continuity::{Fingerprint, Recent};
use crate::restore::{Kept, KeptChannel, KeptOptions, WantedMessage, WantedStatus};
use crate::status::UserStatus;
use ::serde::de::{Deserialize, Deserializer, Error as _};
use ::serde::ser::{Serialize, Serializer};
use alloc::boxed::Box;
use alloc::vec::Vec;
use bytes::Bytes;
use photon_proto::{Array, Hashtable, Text, Value};

/// The version of the stored form. Another one is refused.
const VERSION: i32 = 1;
/// The fingerprints of a channel.
const PRINTS_BYTES: usize = 8 * Recent::LENGTH as usize;

/// In the form of a [`Value`], which limits what reading takes.
impl Serialize for Kept {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        to_value(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Kept {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_value(&Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// The stored form. Lists side by side take far less than a map for each channel.
fn to_value(kept: &Kept) -> Value {
    let each = |one: fn(&KeptChannel) -> i32| {
        Value::from(kept.channels.iter().map(one).collect::<Vec<i32>>())
    };
    let texts = |all: Vec<Text>| Value::Array(Array::String(all));
    let wanted = |one: &KeptChannel| one.wanted.map_or(0, |wanted| flags(&wanted));
    let pairs: Vec<(Value, Value)> = [
        ("version", Value::Int(VERSION)),
        ("app_id", kept.app_id.clone().into()),
        ("app_version", kept.app_version.clone().into()),
        ("region", kept.region.clone().into()),
        ("user_id", kept.user_id.clone().into()),
        (
            "channels",
            texts(kept.channels.iter().map(|one| one.name.clone()).collect()),
        ),
        ("positions", each(|one| one.position)),
        ("keys", Value::Bytes(Bytes::copy_from_slice(&kept.keys))),
        (
            "recent",
            Value::Bytes(kept.channels.iter().flat_map(prints).collect()),
        ),
        (
            "wanted",
            Value::from(kept.channels.iter().map(wanted).collect::<Vec<i32>>()),
        ),
        (
            "histories",
            each(|one| one.wanted.map_or(0, |wanted| wanted.history)),
        ),
        (
            "max_subscribers",
            each(|one| one.wanted.map_or(0, |wanted| wanted.max_subscribers)),
        ),
        ("friends", texts(kept.friends.clone())),
        ("status", kept.status.as_ref().map_or(Value::Null, status)),
    ]
    .map(|(key, value)| (Value::from(key), value))
    .into();
    Value::Hashtable(Hashtable(pairs))
}

/// Reads the stored form. The error names what is wrong.
fn from_value(value: &Value) -> Result<Kept, &'static str> {
    let Value::Hashtable(map) = value else {
        return Err("the kept state is not a Hashtable");
    };
    if map.get("version") != Some(&Value::Int(VERSION)) {
        return Err("the kept state has another version");
    }
    let text = |key| match map.get(key) {
        Some(Value::String(text)) => Ok(text.detached()),
        _ => Err("a text of the kept state is missing"),
    };
    let texts = |key| match map.get(key) {
        Some(Value::Array(Array::String(all))) => Ok(all.iter().map(Text::detached)),
        _ => Err("a list of names of the kept state is missing"),
    };
    let numbers = |key| match map.get(key) {
        Some(Value::Array(Array::Int(all))) => Ok(all.as_slice()),
        _ => Err("a list of numbers of the kept state is missing"),
    };
    let names = texts("channels")?;
    let (positions, wanted) = (numbers("positions")?, numbers("wanted")?);
    let (histories, most) = (numbers("histories")?, numbers("max_subscribers")?);
    if [positions, wanted, histories, most]
        .iter()
        .any(|all| all.len() != names.len())
    {
        return Err("the lists of the kept state differ in length");
    }
    let bytes = |key| match map.get(key) {
        Some(Value::Bytes(bytes)) => Ok(bytes),
        _ => Err("the hashes of the kept state are missing"),
    };
    let keys = bytes("keys")?.as_ref().try_into();
    let keys = keys.map_err(|_| "the keys of the kept state are damaged")?;
    let (prints, []) = bytes("recent")?.as_chunks::<PRINTS_BYTES>() else {
        return Err("the hashes of the kept state are damaged");
    };
    if prints.len() != names.len() {
        return Err("the lists of the kept state differ in length");
    }
    let options = wanted.iter().zip(histories.iter().zip(most));
    let mut channels = Vec::new();
    let rest = prints.iter().zip(options);
    for ((name, position), (prints, (flags, (history, most)))) in names.zip(positions).zip(rest) {
        let recent = read_prints(prints, *position);
        channels.push(channel(name, *position, recent, *flags, *history, *most)?);
    }
    let mut sorted: Vec<&str> = channels.iter().map(|one| &*one.name).collect();
    sorted.sort_unstable();
    if sorted.windows(2).any(|two| two.first() == two.last()) {
        return Err("the kept state has a channel twice");
    }
    let friends: Vec<Text> = texts("friends")?.collect();
    if friends.iter().any(|friend| friend.is_empty()) {
        return Err("the kept state has a friend without a name");
    }
    Ok(Kept {
        app_id: text("app_id")?,
        app_version: text("app_version")?,
        region: text("region")?,
        user_id: text("user_id")?,
        keys,
        channels,
        friends,
        status: map.get("status").map_or(Ok(None), read_status)?,
    })
}

/// The fingerprints of the messages from the position downwards: of each its sender and its text.
fn prints(channel: &KeptChannel) -> impl Iterator<Item = u8> + use<> {
    let (recent, position) = (channel.recent, channel.position);
    (0..Recent::LENGTH).flat_map(move |before| {
        let print = recent.get(position.saturating_sub(before));
        (u64::from(print.sender) << 32 | u64::from(print.text)).to_be_bytes()
    })
}

fn read_prints(bytes: &[u8; PRINTS_BYTES], position: i32) -> Recent {
    let mut recent = Recent::default();
    let (prints, _) = bytes.as_chunks::<8>();
    for (before, print) in (0..).zip(prints).collect::<Vec<_>>().into_iter().rev() {
        let both = u64::from_be_bytes(*print);
        let id = position.saturating_sub(before);
        if id > 0 {
            recent.note(
                id,
                Fingerprint {
                    sender: (both >> 32) as u32,
                    text: both as u32,
                },
            );
        }
    }
    recent
}

fn flags(wanted: &KeptOptions) -> i32 {
    let bit = |flag, bit: i32| i32::from(flag) << bit;
    1 | bit(wanted.publish_subscribers, 1) | bit(wanted.or_plain, 2) | bit(wanted.is_new, 3)
}

fn channel(
    name: Text,
    position: i32,
    recent: Recent,
    flags: i32,
    history: i32,
    max_subscribers: i32,
) -> Result<KeptChannel, &'static str> {
    let flag = |bit: i32| flags & (1 << bit) != 0;
    // `SubscribeOptions` that the client itself would refuse are not stored, so they are damage.
    let options_fit = (-1..=100).contains(&history) && max_subscribers >= 0;
    if name.is_empty()
        || !(0..i32::MAX).contains(&position)
        || !(0..16).contains(&flags)
        || !options_fit
    {
        return Err("a channel of the kept state is damaged");
    }
    Ok(KeptChannel {
        name,
        position,
        recent,
        wanted: flag(0).then_some(KeptOptions {
            history,
            max_subscribers,
            publish_subscribers: flag(1),
            or_plain: flag(2),
            is_new: flag(3),
        }),
    })
}

/// The number of the status; the kind of the message; its value.
fn status(status: &WantedStatus) -> Value {
    let (kind, message) = match status.kept_message() {
        WantedMessage::Keep => (0, Value::Null),
        WantedMessage::Clear => (1, Value::Null),
        WantedMessage::Set(value) => (2, (**value).clone()),
    };
    let parts = alloc::vec![Value::Int(status.status.code()), Value::Int(kind), message];
    Value::Array(Array::Object(parts))
}

fn read_status(value: &Value) -> Result<Option<WantedStatus>, &'static str> {
    let damaged = Err("the status of the kept state is damaged");
    let parts = match value {
        Value::Null => return Ok(None),
        Value::Array(Array::Object(parts)) => parts.as_slice(),
        _ => return damaged,
    };
    let [Value::Int(code), Value::Int(kind), message] = parts else {
        return damaged;
    };
    let message = match (kind, message) {
        (0, Value::Null) => WantedMessage::Keep,
        (1, Value::Null) => WantedMessage::Clear,
        (2, value) => WantedMessage::Set(Box::new(value.clone())),
        _ => return damaged,
    };
    Ok(Some(WantedStatus::new(UserStatus::new(*code), message)))
}
