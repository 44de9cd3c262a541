//! [`View`]: what a script has been shown so far.
//!
//! The client knows more than its events have announced: a state that ended, messages behind the
//! present one. A script that acts on an event must see neither, so every getter reads this view,
//! which [`take`](View::take) moves forward by one event at a time.

use chat_core::{Channel, Event, Message, Messages, Origin, Outcome, PrivateMessage, State, Text};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::{Rc, Weak};

/// As many messages of a channel as the client keeps. Spec: chat.md 5.
const MAX_MESSAGES: usize = 100;
/// As many bytes of messages as the client keeps. They are shared with it, not copied.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// A channel as the script knows it. The Lua object of a channel that is gone keeps it alive.
pub(crate) type SharedChannel = Rc<RefCell<ChannelView>>;

#[derive(Debug)]
pub(crate) struct ChannelView {
    pub(crate) name: Text,
    pub(crate) is_private: bool,
    pub(crate) is_subscribed: bool,
    pub(crate) last_id: i32,
    /// Oldest first.
    parts: VecDeque<Part>,
    messages: usize,
    /// The parts of the present life of the channel have this order or a higher one.
    life: u64,
    /// Whether a part may be in front of one that came earlier.
    has_unordered: bool,
}

/// The messages of one event, charged and released together.
#[derive(Debug)]
struct Part {
    messages: Held,
    dropped: usize,
    bytes: usize,
    order: u64,
}

#[derive(Clone, Debug)]
enum Held {
    Public(Messages),
    Private(PrivateMessage),
}

impl Held {
    fn len(&self) -> usize {
        match self {
            Self::Public(messages) => messages.len(),
            Self::Private(_) => 1,
        }
    }

    fn pinned_bytes(&self) -> usize {
        match self {
            Self::Public(messages) => messages.pinned_bytes(),
            Self::Private(message) => message.pinned_bytes(),
        }
    }

    fn first_id(&self) -> Option<i32> {
        match self {
            Self::Public(messages) => messages.get(0).and_then(|message| message.id),
            Self::Private(message) => message.id(),
        }
    }
}

/// The messages of one event that a channel still holds.
pub(crate) struct HeldMessages {
    messages: Held,
    dropped: usize,
}

impl HeldMessages {
    /// Returns how many they are.
    pub(crate) fn len(&self) -> usize {
        self.messages.len() - self.dropped
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Message<'_>> {
        let (public, private) = match &self.messages {
            Held::Public(messages) => (Some(messages.iter()), None),
            Held::Private(message) => (None, Some(message.get())),
        };
        let all = public.into_iter().flatten().chain(private);
        all.skip(self.dropped)
    }
}

impl ChannelView {
    /// Returns its messages, oldest first. They are shared, not copied.
    pub(crate) fn held(&self) -> Vec<HeldMessages> {
        let each = self.parts.iter().map(|part| HeldMessages {
            messages: part.messages.clone(),
            dropped: part.dropped,
        });
        each.collect()
    }

    /// The place of the part with this order.
    fn place_with(&self, order: u64) -> Option<usize> {
        // Nearly always they are in order, and many orders are asked for at a time.
        let found = self.parts.binary_search_by_key(&order, |part| part.order);
        let in_order = found.ok();
        in_order.or_else(|| {
            let is_unordered = self.has_unordered;
            let mut parts = self.parts.iter();
            is_unordered.then(|| parts.position(|part| part.order == order))?
        })
    }

    /// The place of messages that are not the newest: behind those with lower ids.
    fn place_of(&self, first: Option<i32>) -> usize {
        let is_behind = |part: &Part| {
            part.order >= self.life && part.messages.first_id().is_none_or(|id| Some(id) > first)
        };
        let newer = self.parts.iter().rev().take_while(|part| is_behind(part));
        self.parts.len() - newer.count()
    }
}

/// Channels of one kind, in the order in which the script got to know them.
#[derive(Debug, Default)]
struct Channels {
    by_name: HashMap<Text, u64>,
    in_order: BTreeMap<u64, SharedChannel>,
}

impl Channels {
    fn get(&self, name: &str) -> Option<&SharedChannel> {
        self.in_order.get(self.by_name.get(name)?)
    }
}

#[derive(Debug)]
pub(crate) struct View {
    pub(crate) state: State,
    pub(crate) user_id: Text,
    public: Channels,
    private: Channels,
    bytes: usize,
    live_parts: usize,
    /// All parts, oldest first; those that are gone are skipped.
    age: VecDeque<(Weak<RefCell<ChannelView>>, u64)>,
    next_order: u64,
}

impl View {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Uninitialized,
            user_id: Text::default(),
            public: Channels::default(),
            private: Channels::default(),
            bytes: 0,
            live_parts: 0,
            age: VecDeque::new(),
            next_order: 0,
        }
    }

    /// Moves on by one event.
    pub(crate) fn take(&mut self, event: &Event) {
        match event {
            Event::StateChanged { from, to } => {
                self.state = *to;
                if *from == State::ConnectedToFrontEnd {
                    // Spec: chat.md 5. The objects stay, because their last ids are needed.
                    for channel in self.public.in_order.values() {
                        channel.borrow_mut().is_subscribed = false;
                    }
                }
            }
            Event::Authenticated(login) => self.user_id = login.user_id.clone(),
            Event::SubscribeResult(outcomes) => {
                for one in outcomes.iter().filter(|one| one.outcome == Outcome::Done) {
                    let channel = self.channel_or_new(&one.channel, false);
                    channel.borrow_mut().is_subscribed = true;
                }
            }
            Event::UnsubscribeResult(outcomes) => {
                for one in outcomes.iter().filter(|one| one.outcome == Outcome::Done) {
                    self.remove(&one.channel, false);
                }
            }
            Event::ChatMessages { channel, messages } => {
                let shared = self.channel_or_new(channel, false);
                let origin = messages.origin();
                if let Some(id) = messages.last_id().filter(|_| origin.moves_position()) {
                    shared.borrow_mut().last_id = id;
                }
                self.store(&shared, Held::Public(messages.clone()), origin);
            }
            Event::PrivateMessage { channel, message } => {
                let shared = self.channel_or_new(channel, true);
                if let Some(id) = message.id() {
                    shared.borrow_mut().last_id = id;
                }
                self.store(&shared, Held::Private(message.clone()), Origin::Live);
            }
            Event::ConversationForgotten { user } => self.remove(user, true),
            Event::Gap {
                channel,
                new_life: true,
                ..
            } => {
                if let Some(channel) = self.public.get(channel) {
                    channel.borrow_mut().life = self.next_order;
                }
            }
            _ => {}
        }
    }

    fn channels(&self, private: bool) -> &Channels {
        if private { &self.private } else { &self.public }
    }

    fn channels_mut(&mut self, private: bool) -> &mut Channels {
        if private {
            &mut self.private
        } else {
            &mut self.public
        }
    }

    pub(crate) fn channel(&self, name: &str, private: bool) -> Option<&SharedChannel> {
        self.channels(private).get(name)
    }

    /// The public channels that are subscribed, or all private ones.
    pub(crate) fn listed(&self, private: bool) -> impl Iterator<Item = Text> {
        let all = self.channels(private).in_order.values();
        all.filter_map(move |channel| {
            let channel = channel.borrow();
            (private || channel.is_subscribed).then(|| channel.name.clone())
        })
    }

    /// How many channels of this kind it holds, subscribed or not.
    pub(crate) fn count(&self, private: bool) -> usize {
        self.channels(private).in_order.len()
    }

    /// Removes the channels that the client does not have: it keeps a limited number of those that
    /// nobody asked for.
    pub(crate) fn retain(&mut self, private: bool, mut is_known: impl FnMut(&str) -> bool) {
        let all = self.channels(private).by_name.keys();
        let gone: Vec<_> = all.filter(|name| !is_known(name)).cloned().collect();
        for name in gone {
            self.remove(&name, private);
        }
    }

    /// Shows a channel as the client has it, if the script knows it or can use it.
    pub(crate) fn show(&mut self, channel: &Channel) {
        if !channel.is_subscribed() && self.channel(channel.name(), false).is_none() {
            return;
        }
        let shown = self.channel_or_new(channel.name(), false);
        let mut shown = shown.borrow_mut();
        shown.is_subscribed = channel.is_subscribed();
        shown.last_id = channel.last_id();
    }

    fn channel_or_new(&mut self, name: &Text, private: bool) -> SharedChannel {
        if let Some(channel) = self.channel(name, private) {
            return Rc::clone(channel);
        }
        let order = self.next_order;
        self.next_order += 1;
        // Otherwise the name would keep the text of the whole event alive.
        let name = name.detached();
        let channel = Rc::new(RefCell::new(ChannelView {
            name: name.clone(),
            is_private: private,
            is_subscribed: false,
            last_id: 0,
            parts: VecDeque::new(),
            messages: 0,
            life: 0,
            has_unordered: false,
        }));
        let channels = self.channels_mut(private);
        channels.by_name.insert(name, order);
        channels.in_order.insert(order, Rc::clone(&channel));
        channel
    }

    /// Removes a channel. Objects of the script keep its last messages, which no cap counts then.
    fn remove(&mut self, name: &str, private: bool) {
        let channels = self.channels_mut(private);
        let Some(order) = channels.by_name.remove(name) else {
            return;
        };
        let Some(channel) = channels.in_order.remove(&order) else {
            debug_assert!(false, "both maps hold the same channels");
            return;
        };
        let mut channel = channel.borrow_mut();
        channel.is_subscribed = false;
        self.bytes -= channel.parts.iter().map(|part| part.bytes).sum::<usize>();
        self.live_parts -= channel.parts.len();
        for part in &mut channel.parts {
            // Makes the entry in `age` stale.
            part.order = u64::MAX;
            part.bytes = 0;
        }
    }

    /// Empties the cache of a channel; the last id stays. Spec: chat.md 5.
    pub(crate) fn clear(&mut self, shared: &SharedChannel) {
        let mut channel = shared.borrow_mut();
        let kept = channel.parts.iter().filter(|part| part.order != u64::MAX);
        self.live_parts -= kept.count();
        self.bytes -= channel.parts.iter().map(|part| part.bytes).sum::<usize>();
        channel.parts.clear();
        channel.messages = 0;
    }

    fn store(&mut self, shared: &SharedChannel, messages: Held, origin: Origin) {
        if messages.len() == 0 {
            return;
        }
        let order = self.next_order;
        self.next_order += 1;
        let bytes = messages.pinned_bytes();
        let mut channel = shared.borrow_mut();
        let place = if origin.moves_position() {
            channel.parts.len()
        } else {
            channel.place_of(messages.first_id())
        };
        channel.has_unordered |= place < channel.parts.len();
        channel.messages += messages.len();
        channel.parts.insert(
            place,
            Part {
                messages,
                dropped: 0,
                bytes,
                order,
            },
        );
        self.bytes += bytes;
        self.live_parts += 1;
        self.age.push_back((Rc::downgrade(shared), order));
        while channel.messages > MAX_MESSAGES {
            let surplus = channel.messages - MAX_MESSAGES;
            let Some(part) = channel.parts.front_mut() else {
                debug_assert!(false, "the parts hold the messages");
                break;
            };
            let left = part.messages.len() - part.dropped;
            if left > surplus {
                part.dropped += surplus;
                channel.messages -= surplus;
            } else {
                self.bytes -= part.bytes;
                self.live_parts -= 1;
                channel.messages -= left;
                channel.parts.pop_front();
            }
        }
        drop(channel);
        self.apply_byte_cap();
    }

    /// Drops the oldest parts of all channels.
    fn apply_byte_cap(&mut self) {
        while self.bytes > MAX_BYTES {
            let Some((channel, order)) = self.age.pop_front() else {
                debug_assert!(false, "every part has an age");
                return;
            };
            let Some(channel) = channel.upgrade() else {
                continue;
            };
            let mut channel = channel.borrow_mut();
            if let Some(index) = channel.place_with(order)
                && let Some(part) = channel.parts.remove(index)
            {
                channel.messages -= part.messages.len() - part.dropped;
                self.bytes -= part.bytes;
                self.live_parts -= 1;
            }
        }
        if self.age.len() > 2 * self.live_parts + 64 {
            self.age.retain(|(channel, order)| {
                channel
                    .upgrade()
                    .is_some_and(|channel| channel.borrow().place_with(*order).is_some())
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(from: State, to: State) -> Event {
        Event::StateChanged { from, to }
    }

    #[test]
    fn only_a_lost_front_end_ends_subscriptions() {
        let mut view = View::new();
        let channel = view.channel_or_new(&Text::from("a"), false);
        channel.borrow_mut().is_subscribed = true;
        view.take(&state(State::Error, State::ConnectingToNameServer));
        assert_eq!(view.listed(false).count(), 1);
        view.take(&state(State::ConnectedToFrontEnd, State::Error));
        assert_eq!((view.listed(false).count(), view.count(false)), (0, 1));
    }

    #[test]
    fn a_forgotten_conversation_is_not_listed_and_its_object_stays() {
        let mut view = View::new();
        let channel = view.channel_or_new(&Text::from("bob"), true);
        assert_eq!(view.listed(true).count(), 1);
        view.take(&Event::ConversationForgotten { user: "bob".into() });
        assert_eq!((view.listed(true).count(), view.count(true)), (0, 0));
        assert_eq!(channel.borrow().name, "bob");
        view.clear(&channel);
        assert_eq!((view.bytes, view.live_parts), (0, 0));
    }

    #[test]
    fn channels_that_the_client_does_not_keep_go() {
        let mut view = View::new();
        for name in ["a", "b", "c"] {
            view.channel_or_new(&Text::from(name), false);
        }
        view.retain(false, |name| name == "b");
        assert_eq!(view.count(false), 1);
        assert!(view.channel("b", false).is_some());
    }
}
