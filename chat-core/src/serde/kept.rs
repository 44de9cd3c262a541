//! The stored form of [`Kept`].

use crate::restore::continuity::{Fingerprint, Recent, Repeats};
use crate::restore::{
    Kept, KeptChannel, KeptConversation, KeptOptions, WantedMessage, WantedStatus,
};
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
    let seen = || {
        kept.conversations
            .iter()
            .flat_map(|one| one.seen.iter().copied())
    };
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
        (
            "last_ids",
            each(|one| one.wanted.map_or(0, |wanted| wanted.last_id)),
        ),
        ("leaving", texts(kept.leaving.clone())),
        ("friends", texts(kept.friends.clone())),
        ("former_friends", texts(kept.former_friends.clone())),
        ("status", kept.status.as_ref().map_or(Value::Null, status)),
        ("status_is_unsent", kept.status_is_unsent.into()),
        (
            "conversations",
            texts(
                kept.conversations
                    .iter()
                    .map(|one| one.name.clone())
                    .collect(),
            ),
        ),
        (
            "seen",
            Value::from(
                kept.conversations
                    .iter()
                    .map(|one| one.seen.len() as i32)
                    .collect::<Vec<_>>(),
            ),
        ),
        (
            "seen_ids",
            Value::from(seen().map(|(id, _)| id).collect::<Vec<i32>>()),
        ),
        (
            "seen_prints",
            Value::Bytes(seen().flat_map(|(_, print)| print_bytes(print)).collect()),
        ),
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
    let last_ids = numbers("last_ids")?;
    if [positions, wanted, histories, last_ids, most]
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
    let histories = histories.iter().zip(last_ids);
    let options = wanted.iter().zip(histories.zip(most));
    let mut channels = Vec::new();
    let rest = prints.iter().zip(options);
    for ((name, position), (prints, (flags, ((history, last_id), most)))) in
        names.zip(positions).zip(rest)
    {
        let options = KeptOptions {
            history: *history,
            last_id: *last_id,
            max_subscribers: *most,
            ..options_of(*flags)
        };
        let recent = read_prints(prints, *position);
        channels.push(channel(name, *position, recent, *flags, options)?);
    }
    let [leaving, friends, former_friends] = ["leaving", "friends", "former_friends"];
    let (leaving, friends) = (texts(leaving)?.collect(), texts(friends)?.collect());
    let former_friends = texts(former_friends)?.collect();
    // Channels are wanted or left, and friends are friends or former ones.
    check_names(channels.iter().map(|one| &one.name))?;
    let wanted = channels.iter().filter(|one| one.wanted.is_some());
    check_names(wanted.map(|one| &one.name).chain(&leaving))?;
    check_names([&friends, &former_friends].into_iter().flatten())?;
    let prints = bytes("seen_prints")?;
    let conversations = conversations(
        texts("conversations")?,
        numbers("seen")?,
        numbers("seen_ids")?,
        prints,
    )?;
    check_names(conversations.iter().map(|one| &one.name))?;
    Ok(Kept {
        app_id: text("app_id")?,
        app_version: text("app_version")?,
        region: text("region")?,
        user_id: text("user_id")?,
        keys,
        channels,
        leaving,
        friends,
        former_friends,
        status: map.get("status").map_or(Ok(None), read_status)?,
        status_is_unsent: match map.get("status_is_unsent") {
            Some(Value::Bool(is_unsent)) => *is_unsent,
            _ => return Err("the status of the kept state is damaged"),
        },
        conversations,
    })
}

/// Refuses names that the application could not have passed, and those that are there twice.
fn check_names<'n>(names: impl Iterator<Item = &'n Text>) -> Result<(), &'static str> {
    let mut sorted: Vec<&str> = names.map(|name| &**name).collect();
    sorted.sort_unstable();
    if sorted.first().is_some_and(|first| first.is_empty()) {
        return Err("the kept state has an empty name");
    }
    if sorted.windows(2).any(|two| two.first() == two.last()) {
        return Err("the kept state has a name twice");
    }
    Ok(())
}

/// Reads the private conversations: how many messages each has, and of all their ids and prints.
fn conversations(
    names: impl ExactSizeIterator<Item = Text>,
    counts: &[i32],
    ids: &[i32],
    prints: &[u8],
) -> Result<Vec<KeptConversation>, &'static str> {
    let damaged = "the conversations of the kept state are damaged";
    let (prints, []) = prints.as_chunks::<8>() else {
        return Err(damaged);
    };
    if names.len() != counts.len() || ids.len() != prints.len() {
        return Err(damaged);
    }
    let mut all = ids
        .iter()
        .copied()
        .zip(prints.iter().map(|print| read_print(*print)));
    let mut conversations = Vec::new();
    for (name, count) in names.zip(counts) {
        let count = usize::try_from(*count).map_err(|_| damaged)?;
        if !(1..=Repeats::LENGTH).contains(&count) {
            return Err(damaged);
        }
        let seen: Vec<_> = all.by_ref().take(count).collect();
        if seen.len() != count {
            return Err(damaged);
        }
        conversations.push(KeptConversation { name, seen });
    }
    if all.next().is_some() {
        return Err(damaged);
    }
    Ok(conversations)
}

fn print_bytes(print: Fingerprint) -> [u8; 8] {
    (u64::from(print.sender) << 32 | u64::from(print.text)).to_be_bytes()
}

fn read_print(bytes: [u8; 8]) -> Fingerprint {
    let both = u64::from_be_bytes(bytes);
    Fingerprint {
        sender: (both >> 32) as u32,
        text: both as u32,
    }
}

/// The fingerprints of the messages from the position downwards: of each its sender and its text.
fn prints(channel: &KeptChannel) -> impl Iterator<Item = u8> + use<> {
    let (recent, position) = (channel.recent, channel.position);
    (0..Recent::LENGTH)
        .flat_map(move |before| print_bytes(recent.get(position.saturating_sub(before))))
}

fn read_prints(bytes: &[u8; PRINTS_BYTES], position: i32) -> Recent {
    let mut recent = Recent::default();
    let (prints, _) = bytes.as_chunks::<8>();
    for (before, print) in (0..).zip(prints).collect::<Vec<_>>().into_iter().rev() {
        let id = position.saturating_sub(before);
        if id > 0 {
            recent.note(id, read_print(*print));
        }
    }
    recent
}

fn flags(wanted: &KeptOptions) -> i32 {
    let bit = |flag, bit: i32| i32::from(flag) << bit;
    1 | bit(wanted.publish_subscribers, 1) | bit(wanted.or_plain, 2) | bit(wanted.is_new, 3)
}

/// The options that are flags.
fn options_of(flags: i32) -> KeptOptions {
    let flag = |bit: i32| flags & (1 << bit) != 0;
    KeptOptions {
        history: 0,
        last_id: 0,
        max_subscribers: 0,
        publish_subscribers: flag(1),
        or_plain: flag(2),
        is_new: flag(3),
    }
}

fn channel(
    name: Text,
    position: i32,
    recent: Recent,
    flags: i32,
    options: KeptOptions,
) -> Result<KeptChannel, &'static str> {
    // `SubscribeOptions` that the client itself would refuse are not stored, so they are damage.
    let options_fit = (-1..=100).contains(&options.history) && options.max_subscribers >= 0;
    if !(0..i32::MAX).contains(&position) || !(0..16).contains(&flags) || !options_fit {
        return Err("a channel of the kept state is damaged");
    }
    Ok(KeptChannel {
        name,
        position,
        recent,
        wanted: (flags & 1 != 0).then_some(options),
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
