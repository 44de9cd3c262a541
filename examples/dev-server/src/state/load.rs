//! Reading a state, and continuing with it.

use std::collections::{BTreeMap, BTreeSet};

use photon_proto::{Array, Text, Value};

use super::StateError;
use super::records::{Record, key, record};
use crate::channel::Channel;
use crate::core::ServerCore;
use crate::history::{History, Stored};
use crate::ids::PartitionKey;
use crate::property_list::Properties;
use crate::timers::Timer;
use crate::tokens::Tokens;
use crate::user::User;

/// A state in the order of its records. Nothing of the server has changed yet.
#[derive(Default)]
pub(super) struct Loaded {
    mac_key: [u8; 16],
    cipher_key: [u8; 32],
    clock_micros: i64,
    sequence: u64,
    partitions: Vec<LoadedPartition>,
}

struct LoadedPartition {
    key: PartitionKey,
    channels: Vec<LoadedChannel>,
    conversations: Vec<((Text, Text), LoadedHistory)>,
    users: Vec<(Text, User)>,
}

struct LoadedChannel {
    name: Text,
    properties: Properties,
    user_properties: BTreeMap<Text, Properties>,
    history: LoadedHistory,
}

#[derive(Default)]
struct LoadedHistory {
    last_id: i32,
    messages: Vec<Stored>,
}

/// Interprets records.
pub(super) fn parse(records: Vec<Record>) -> Result<Loaded, StateError> {
    let mut records = records.into_iter();
    let first = records.next().filter(|first| first.kind == record::SERVER);
    let mut loaded = first
        .and_then(server)
        .ok_or(StateError::Damaged("the first record is not the server's"))?;
    // A message belongs to the channel or conversation before it.
    let mut in_conversation = false;
    for mut one in records {
        let kind = one.kind;
        let done = if kind == record::PARTITION {
            partition(one).map(|new| loaded.partitions.push(new))
        } else {
            loaded.partitions.last_mut().and_then(|last| match kind {
                record::CHANNEL => {
                    in_conversation = false;
                    last.channels.push(channel(one)?);
                    Some(())
                }
                record::CONVERSATION => {
                    in_conversation = true;
                    let users = (one.take_text(key::NAME)?, one.take_text(key::OTHER)?);
                    last.conversations.push((users, history(&mut one)?));
                    Some(())
                }
                record::MESSAGE => {
                    let history = if in_conversation {
                        &mut last.conversations.last_mut()?.1
                    } else {
                        &mut last.channels.last_mut()?.history
                    };
                    history.messages.push(message(one)?);
                    Some(())
                }
                record::USER => {
                    last.users.push(user(one)?);
                    Some(())
                }
                _ => None,
            })
        };
        done.ok_or(StateError::Damaged("a record has wrong content"))?;
    }
    Ok(loaded)
}

fn server(mut one: Record) -> Option<Loaded> {
    Some(Loaded {
        mac_key: one.take_bytes(key::MAC_KEY)?,
        cipher_key: one.take_bytes(key::CIPHER_KEY)?,
        clock_micros: one.take_long(key::CLOCK)?,
        sequence: u64::try_from(one.take_long(key::SEQUENCE)?).ok()?,
        partitions: Vec::new(),
    })
}

fn partition(mut one: Record) -> Option<LoadedPartition> {
    Some(LoadedPartition {
        key: PartitionKey {
            app_id: one.take_text(key::APP_ID)?,
            app_version: one.take_text(key::APP_VERSION)?,
        },
        channels: Vec::new(),
        conversations: Vec::new(),
        users: Vec::new(),
    })
}

fn channel(mut one: Record) -> Option<LoadedChannel> {
    let mut user_properties = BTreeMap::new();
    for (user, own) in pairs(one.take(key::USER_PROPERTIES)?)? {
        let Value::String(user) = user else {
            return None;
        };
        user_properties.insert(user, pairs(own)?);
    }
    Some(LoadedChannel {
        name: one.take_text(key::NAME)?,
        properties: pairs(one.take(key::PROPERTIES)?)?,
        user_properties,
        history: history(&mut one)?,
    })
}

fn history(one: &mut Record) -> Option<LoadedHistory> {
    Some(LoadedHistory {
        last_id: one.take_int(key::LAST_ID)?,
        messages: Vec::new(),
    })
}

fn message(mut one: Record) -> Option<Stored> {
    let (sender, content) = (one.take_text(key::NAME)?, one.take(key::CONTENT)?);
    Some(Stored {
        id: one.take_int(key::LAST_ID)?,
        sequence: u64::try_from(one.take_long(key::SEQUENCE)?).ok()?,
        bytes: Stored::size(&sender, &content),
        sender,
        content,
    })
}

fn user(mut one: Record) -> Option<(Text, User)> {
    let channels: BTreeSet<Text> = match one.take(key::CHANNELS)? {
        Value::Array(Array::String(names)) => names.into_iter().collect(),
        _ => return None,
    };
    let user = User {
        channels,
        status: one.take_int(key::STATUS)?,
        status_message: one.take(key::CONTENT),
        ..User::default()
    };
    Some((one.take_text(key::NAME)?, user))
}

fn pairs(value: Value) -> Option<Properties> {
    match value {
        Value::Dictionary(dictionary) => Some(dictionary.pairs),
        _ => None,
    }
}

impl ServerCore {
    pub(super) fn install(&mut self, loaded: Loaded) {
        let Loaded {
            mac_key,
            cipher_key,
            clock_micros,
            sequence,
            partitions,
        } = loaded;
        self.tokens = Tokens::from_keys(mac_key, cipher_key);
        self.tokens.continue_at(clock_micros, self.now);
        // The next position must be above that of every loaded message.
        self.stats.messages = sequence;
        if self.config.keep_channels {
            for partition in partitions {
                self.install_partition(partition);
            }
        }
        self.revision += 1;
        self.trim_histories();
    }

    fn install_partition(&mut self, loaded: LoadedPartition) {
        let key = loaded.key;
        self.make_partition(&key);
        let (partitions, mut cx) = self.split();
        let Some(partition) = partitions.get_mut(&key) else {
            return;
        };
        for one in loaded.channels {
            let LoadedChannel {
                name,
                properties,
                user_properties,
                history,
            } = one;
            let mut channel = Channel::new(
                properties,
                &partition.history_memory,
                &partition.channel_count,
            );
            channel.history = continued(history, History::new(&partition.history_memory));
            channel.user_properties = user_properties;
            partition.channels.insert(name, channel);
        }
        if cx.config.keep_sessions {
            for ((one, other), history) in loaded.conversations {
                let history = continued(history, History::new(&partition.history_memory));
                partition.conversations.insert(&one, &other, history);
            }
            for (id, mut user) in loaded.users {
                user.channels.retain(|name| {
                    let channel = partition.channels.get_mut(name);
                    channel.is_some_and(|channel| channel.subscribers.insert(id.clone()))
                });
                let until = user.begin_grace(cx.now, cx.config.grace_ms);
                partition.users.insert(id.clone(), user);
                cx.timers.set(until, Timer::User(key.clone(), id));
            }
        }
        let names: Vec<Text> = partition.channels.keys().cloned().collect();
        for name in names {
            if let Some(channel) = partition.channels.get_mut(&name) {
                let subscribers = &channel.subscribers;
                let own = &mut channel.user_properties;
                own.retain(|user, _| subscribers.contains(user));
            }
            partition.end_if_empty(&mut cx, &name);
        }
        self.tidy(&key);
    }
}

fn continued(loaded: LoadedHistory, mut history: History) -> History {
    for message in loaded.messages {
        history.restore(message);
    }
    history.set_last_id(loaded.last_id);
    history
}
