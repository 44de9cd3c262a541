//! [`Screen`]: all that the terminal chat shows, as plain data. It takes events, keys and
//! measurements, and has neither a session nor a terminal, so that tests can drive and draw it.

use super::conversation::{Conversation, Target};
use super::entry::Entry;
use super::input::InputLine;
use super::report;
use super::text::clean;
use chat_core::{Event, Message, Origin, Outcome, State, StatusChange, UserStatus};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// How many tabs strangers and servers can open. Further conversations are shown in the log.
const MAX_CONVERSATIONS: usize = 100;
/// How many friends are shown at most; the user adds them.
const MAX_FRIENDS: usize = 1000;
/// How many sent messages wait for their confirmation at most. The client has the same limit.
const MAX_SENT: usize = 1024;

/// A friend's status, clean.
#[derive(Debug)]
pub(crate) struct Friend {
    pub(crate) status: UserStatus,
    pub(crate) text: String,
}

/// Measurements and lists of the session that no event repeats.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Measured {
    /// The subscribers of the selected channel, clean and sorted.
    pub(crate) members: Vec<String>,
    pub(crate) round_trip: Option<Duration>,
    /// UDP only: the percentage of commands that were sent again.
    pub(crate) loss: Option<u64>,
}

/// The state of the terminal chat.
#[derive(Debug)]
pub(crate) struct Screen {
    pub(crate) user: String,
    /// The addresses of the name server.
    pub(crate) server: String,
    pub(crate) state: State,
    pub(crate) conversations: Vec<Conversation>,
    pub(crate) selected: usize,
    pub(crate) input: InputLine,
    pub(crate) friends: BTreeMap<String, Friend>,
    pub(crate) measured: Measured,
    /// The time when the next attempt begins, and its number.
    pub(crate) next_attempt: Option<(u32, Duration)>,
    /// The time since the start of the program, in whole seconds.
    now: Duration,
    /// How often the client came back.
    pub(crate) restores: u64,
    /// Whether there was a connection that ended.
    was_lost: bool,
    /// The messages that were sent, with the tab that they belong to: for what became of them.
    sent: VecDeque<(u64, Target)>,
    /// The rows of the last drawn list of messages, to scroll by.
    pub(crate) page: usize,
    pub(crate) changed: bool,
}

impl Screen {
    pub(crate) fn new(user: &str, server: &str) -> Self {
        Self {
            user: clean(user),
            server: clean(server),
            state: State::Uninitialized,
            conversations: vec![Conversation::new(Target::Log, "log".into())],
            selected: 0,
            input: InputLine::default(),
            friends: BTreeMap::new(),
            measured: Measured::default(),
            next_attempt: None,
            now: Duration::ZERO,
            restores: 0,
            was_lost: false,
            sent: VecDeque::new(),
            page: 10,
            changed: true,
        }
    }

    /// Whether something changed since the last call, so that it has to be drawn.
    pub(crate) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// The next time at which something changes by itself: the countdown.
    pub(crate) fn next_change(&self) -> Option<Duration> {
        self.next_attempt
            .filter(|(_, at)| *at > self.now)
            .map(|_| self.now + Duration::from_secs(1))
    }

    /// Notes the time since the start of the program.
    pub(crate) fn set_time(&mut self, now: Duration) {
        let now = Duration::from_secs(now.as_secs());
        self.changed |= now != self.now && self.next_attempt.is_some();
        self.now = now;
    }

    /// The number of the next attempt to connect, and the seconds until it begins.
    pub(crate) fn countdown(&self) -> Option<(u32, u64)> {
        self.next_attempt
            .map(|(attempt, at)| (attempt, at.saturating_sub(self.now).as_secs()))
    }

    /// Notes what the session measured.
    pub(crate) fn set_measured(&mut self, measured: Measured) {
        self.changed |= measured != self.measured;
        self.measured = measured;
    }

    pub(crate) fn current(&self) -> &Conversation {
        // There is always the log.
        self.conversations
            .get(self.selected)
            .unwrap_or(&self.conversations[0])
    }

    pub(crate) fn current_mut(&mut self) -> &mut Conversation {
        self.selected = self.selected.min(self.conversations.len() - 1);
        &mut self.conversations[self.selected]
    }

    /// Reports something in the log, and where the user is looking.
    pub(crate) fn notice(&mut self, text: &str) {
        self.report(Entry::Notice(clean(text)));
    }

    /// Reports that something failed.
    pub(crate) fn problem(&mut self, text: &str) {
        self.report(Entry::Problem(clean(text)));
    }

    fn report(&mut self, entry: Entry) {
        if self.selected != 0 {
            self.current_mut().push(entry.clone());
        }
        self.conversations[0].push(entry);
        self.changed = true;
    }

    /// Shows something that the user asked for, in the tab where that was.
    pub(crate) fn answer(&mut self, text: &str) {
        let text = clean(text);
        let conversation = self.current_mut();
        conversation.scroll = 0;
        conversation.push(Entry::Notice(text));
        self.changed = true;
    }

    /// Notes that the client accepted a message.
    pub(crate) fn note_sent(&mut self, token: u64, target: Target) {
        if self.sent.len() == MAX_SENT {
            self.sent.pop_front();
        }
        self.sent.push_back((token, target));
    }

    /// Shows an event.
    pub(crate) fn on_event(&mut self, event: &Event) {
        self.changed = true;
        // At the first login nothing was lost, so nothing is restored.
        let is_first =
            matches!(event, Event::Restored { failed, .. } if failed.is_empty() && !self.was_lost);
        if let Some(line) = report::of(event).filter(|_| !is_first) {
            match line {
                report::Line::Notice(text) => self.notice(&text),
                report::Line::Problem(text) => self.problem(&text),
            }
        }
        match event {
            Event::StateChanged { to, .. } => {
                self.state = *to;
                self.next_attempt = None;
            }
            Event::ReconnectScheduled { attempt, after } => {
                // Rounded up: the attempt does not begin before zero is shown.
                let after = Duration::from_millis(after.as_millis() as u64 + 999);
                self.next_attempt = Some((*attempt, self.now + after));
            }
            Event::Authenticated(login) => self.user = clean(&login.user_id),
            Event::Error { .. } => self.was_lost = true,
            Event::Restored { failed, .. } => {
                self.restores += u64::from(self.was_lost);
                for missing in failed {
                    self.problem(&format!("#{}: {}", missing.channel, missing.outcome));
                }
            }
            Event::SubscribeResult(results) => {
                for result in results {
                    let target = Target::Channel(result.channel.to_string());
                    if result.outcome == Outcome::Done {
                        let is_asked_for = result.request.is_some();
                        self.open(target, is_asked_for);
                    } else {
                        let name = clean(&result.channel);
                        self.problem(&format!("#{name}: {}", result.outcome));
                    }
                }
            }
            Event::UnsubscribeResult(results) => {
                for result in results {
                    self.close(&Target::Channel(result.channel.to_string()));
                }
            }
            Event::ChatMessages { channel, messages } => {
                let is_old = messages.origin() != Origin::Live;
                for message in messages.iter() {
                    self.on_message(Target::Channel(channel.to_string()), &message, is_old);
                }
            }
            Event::PrivateMessage { channel, message } => {
                let message = message.get();
                self.on_message(Target::Private(channel.to_string()), &message, false);
            }
            Event::UserStatusUpdate {
                user,
                status,
                message,
            } => self.on_status(user, *status, message),
            Event::UserSubscribed(change) => {
                self.note(&change.channel, &format!("{} joined", clean(&change.user)));
            }
            Event::UserUnsubscribed(change) => {
                self.note(&change.channel, &format!("{} left", clean(&change.user)));
            }
            Event::PropertiesChanged(change) => {
                for (key, value) in &change.properties {
                    let (key, value) = (clean(&report::key(key)), clean(&report::shown(value)));
                    let by = clean(&change.by);
                    self.note(&change.channel, &format!("{by} set {key} to {value}"));
                }
            }
            Event::Gap { channel, .. } => {
                let target = Target::Channel(channel.to_string());
                let text = clean(&report::gap(event));
                if let Some(at) = self.find(&target) {
                    self.conversations[at].push(Entry::Problem(text));
                }
            }
            Event::MessageSent { token, .. } => {
                self.settle(token.number());
            }
            Event::MessageRefused { token, error, .. } => {
                let target = self.settle(token.number());
                self.fail(target, &format!("a message was refused: {error}"));
            }
            Event::MessageUnconfirmed { token } => {
                let target = self.settle(token.number());
                self.fail(target, "it is unknown whether your last message arrived");
            }
            _ => {}
        }
    }

    /// Forgets a sent message and returns its tab.
    fn settle(&mut self, token: u64) -> Option<Target> {
        let at = self.sent.iter().position(|(sent, _)| *sent == token)?;
        self.sent.remove(at).map(|(_, target)| target)
    }

    fn fail(&mut self, target: Option<Target>, text: &str) {
        match target.and_then(|target| self.find(&target)) {
            Some(at) => self.conversations[at].push(Entry::Problem(clean(text))),
            None => self.problem(text),
        }
    }

    fn on_message(&mut self, target: Target, message: &Message<'_>, is_old: bool) {
        self.show_message(target, message.sender, &message.content.to_string(), is_old);
    }

    /// Shows a message of `sender` in its tab.
    pub(crate) fn show_message(&mut self, target: Target, sender: &str, text: &str, is_old: bool) {
        self.changed = true;
        let (sender, text) = (clean(sender), clean(text));
        let is_own = sender == self.user;
        let entry = Entry::Message {
            sender,
            text,
            is_own,
            is_old,
        };
        let Some(at) = self.open(target, false) else {
            self.conversations[0].push(entry);
            return;
        };
        let is_shown = at == self.selected;
        let conversation = &mut self.conversations[at];
        conversation.push(entry);
        let is_seen = is_shown && conversation.scroll == 0;
        if !is_own && !is_seen {
            conversation.unread += 1;
        }
    }

    fn on_status(&mut self, user: &str, status: UserStatus, change: &StatusChange) {
        let user = clean(user);
        if !self.friends.contains_key(&user) && self.friends.len() >= MAX_FRIENDS {
            return;
        }
        let friend = self.friends.entry(user).or_insert(Friend {
            status,
            text: String::new(),
        });
        friend.status = status;
        match change {
            StatusChange::Kept => {}
            StatusChange::Cleared => friend.text.clear(),
            StatusChange::Set(value) => friend.text = clean(&report::shown(value)),
        }
    }

    /// A notice in a channel's tab.
    fn note(&mut self, channel: &str, text: &str) {
        if let Some(at) = self.find(&Target::Channel(channel.to_owned())) {
            self.conversations[at].push(Entry::Notice(text.to_owned()));
        }
    }

    /// Whether there is a tab of it.
    pub(crate) fn has(&self, target: &Target) -> bool {
        self.find(target).is_some()
    }

    fn find(&self, target: &Target) -> Option<usize> {
        self.conversations
            .iter()
            .position(|conversation| conversation.target == *target)
    }

    /// The tab of a conversation, which opens if there is none; `None` if there are too many.
    pub(crate) fn open(&mut self, target: Target, select: bool) -> Option<usize> {
        let at = match self.find(&target) {
            Some(at) => at,
            None if self.conversations.len() >= MAX_CONVERSATIONS => return None,
            None => {
                let title = match &target {
                    Target::Log => "log".into(),
                    Target::Channel(name) => format!("#{}", clean(name)),
                    Target::Private(user) => format!("@{}", clean(user)),
                };
                self.conversations.push(Conversation::new(target, title));
                self.conversations.len() - 1
            }
        };
        if select {
            self.select(at);
        }
        self.changed = true;
        Some(at)
    }

    pub(crate) fn close(&mut self, target: &Target) {
        if let Some(at) = self.find(target).filter(|at| *at > 0) {
            self.conversations.remove(at);
            if self.selected >= at {
                self.select(self.selected - 1);
            }
            self.changed = true;
        }
    }

    pub(crate) fn select(&mut self, at: usize) {
        if at < self.conversations.len() {
            self.selected = at;
            self.conversations[at].unread = 0;
            self.changed = true;
        }
    }

    /// Notes the size of the list of messages, and how far it can be scrolled.
    pub(crate) fn note_drawn(&mut self, columns: usize, page: usize, most_scroll: usize) {
        self.page = page.max(1);
        self.current_mut().note_drawn(columns, most_scroll);
    }

    /// The size of the terminal changed.
    pub(crate) fn on_resize(&mut self) {
        self.changed = true;
    }

    /// Removes friends from the list.
    pub(crate) fn forget_friends(&mut self, users: &[String]) {
        for user in users {
            self.friends.remove(&clean(user));
        }
        self.changed = true;
    }
}
