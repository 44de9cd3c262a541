//! [`Channel`]: its subscribers, properties and history. Spec: chat.md 12.

use std::collections::{BTreeMap, BTreeSet};

use photon_proto::{Text, Timestamp, Value};

use crate::channel_count::{ChannelCount, CountedChannel};
use crate::history::{History, HistoryMemory};
use crate::property_list::Properties;
use crate::requests::int;
use chat_core::codes::property;

#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) subscribers: BTreeSet<Text>,
    pub(crate) properties: Properties,
    pub(crate) user_properties: BTreeMap<Text, Properties>,
    pub(crate) history: History,
    /// Messages that wait to share an event.
    pub(crate) gathered: Vec<(Text, Value)>,
    pub(crate) gathered_bytes: usize,
    pub(crate) gathered_until: Option<Timestamp>,
    /// The time at which the channel ends if it stays empty.
    pub(crate) ends: Option<Timestamp>,
    /// The earliest reminder that is set.
    pub(crate) reminded: Option<Timestamp>,
    _counted: CountedChannel,
}

impl Channel {
    pub(crate) fn new(
        properties: Properties,
        memory: &HistoryMemory,
        count: &ChannelCount,
    ) -> Self {
        Self {
            subscribers: BTreeSet::new(),
            properties,
            user_properties: BTreeMap::new(),
            history: History::new(memory),
            gathered: Vec::new(),
            gathered_bytes: 0,
            gathered_until: None,
            ends: None,
            reminded: None,
            _counted: count.add(),
        }
    }

    /// Whether subscribers receive events about each other. Spec: chat.md 1.6.
    pub(crate) fn publishes(&self) -> bool {
        self.property(property::PUBLISH_SUBSCRIBERS) == Some(&Value::Bool(true))
    }

    pub(crate) fn is_full(&self) -> bool {
        // 0 and negative numbers mean "no limit". Spec: chat.md 1.6.
        let max = self
            .property(property::MAX_SUBSCRIBERS)
            .and_then(int)
            .filter(|max| *max > 0);
        max.and_then(|max| usize::try_from(max).ok())
            .is_some_and(|max| self.subscribers.len() >= max)
    }

    fn property(&self, key: u8) -> Option<&Value> {
        self.properties
            .iter()
            .find(|(known, _)| *known == Value::Byte(key))
            .map(|(_, value)| value)
    }
}
