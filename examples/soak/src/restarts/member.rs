//! A client in the conversation, and the judgement of what it received.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::{self, Display, Formatter};

use chat_std_io::chat_core::{MessageToken, Origin, Restore};
use chat_std_io::{
    ChatConfig, ConnectOptions, Event, PublishOptions, Session, SessionOptions, State,
    SubscribeOptions, Tls,
};
use dev_server::Transport;

use crate::server::Server;

const CHANNEL: &str = "conversation";

pub(crate) struct Member {
    number: usize,
    session: Session,
    subscribed: bool,
    restored: bool,
    sent: usize,
    last_from: usize,
    /// Messages without a result.
    open: BTreeSet<MessageToken>,
    settled: BTreeSet<MessageToken>,
    /// The texts of accepted messages.
    accepted: Vec<String>,
    received: BTreeSet<String>,
    /// For each sender the number of its last message that was not late.
    last_of: BTreeMap<String, usize>,
    errors: Vec<String>,
    figures: Figures,
}

/// Counters of one client, or of all.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    clients: u64,
    accepted: u64,
    confirmed: u64,
    refused: u64,
    unconfirmed: u64,
    received: u64,
    late: u64,
    gaps: u64,
    new_lives: u64,
    missing: u64,
    attempts: u64,
    restores: u64,
}

impl Figures {
    pub(crate) fn add(&mut self, other: &Self) {
        self.clients += 1;
        self.accepted += other.accepted;
        self.confirmed += other.confirmed;
        self.refused += other.refused;
        self.unconfirmed += other.unconfirmed;
        self.received += other.received;
        self.late += other.late;
        self.gaps += other.gaps;
        self.new_lives += other.new_lives;
        self.missing += other.missing;
        self.attempts += other.attempts;
        self.restores += other.restores;
    }
}

impl Display for Figures {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} clients: {} messages accepted ({} confirmed, {} refused, {} unconfirmed), {} received ({} late), \
             none twice or out of order; {} gaps ({} new lives) with {} missing; {} attempts, {} restores",
            self.clients,
            self.accepted,
            self.confirmed,
            self.refused,
            self.unconfirmed,
            self.received,
            self.late,
            self.gaps,
            self.new_lives,
            self.missing,
            self.attempts,
            self.restores
        )
    }
}

impl Member {
    pub(crate) fn connect(number: usize, server: &Server) -> Result<Self, Box<dyn Error>> {
        let transport = Transport::ALL
            .get(number % Transport::ALL.len())
            .copied()
            .ok_or("a transport")?;
        let config = ChatConfig::new(server.url(transport), "restarts", "1")
            .user_id(format!("user{number}"))
            .restore(Restore::new());
        let tls = Tls::with_root(server.certificate.as_bytes())?;
        let mut session = Session::with_options(config, SessionOptions::new().tls(tls))?;
        let options = ConnectOptions::new().region("eu");
        session.chat.connect_to_name_server(options)?;
        Ok(Self {
            number,
            session,
            subscribed: false,
            restored: false,
            sent: 0,
            last_from: 0,
            open: BTreeSet::new(),
            settled: BTreeSet::new(),
            accepted: Vec::new(),
            received: BTreeSet::new(),
            last_of: BTreeMap::new(),
            errors: Vec::new(),
            figures: Figures::default(),
        })
    }

    pub(crate) fn is_in(&self) -> bool {
        self.subscribed
    }

    pub(crate) fn is_restored(&self) -> bool {
        self.restored
    }

    pub(crate) fn expect_restore(&mut self) {
        self.restored = false;
    }

    pub(crate) fn describe(&self) -> String {
        format!("user{} is in {}", self.number, self.session.chat.state())
    }

    /// From now on every message must reach all clients.
    pub(crate) fn begin_last_part(&mut self) {
        self.last_from = self.accepted.len();
    }

    pub(crate) fn last_part(&self) -> Vec<String> {
        self.accepted
            .get(self.last_from..)
            .unwrap_or_default()
            .to_vec()
    }

    /// Publishes the next message, if the client takes it.
    pub(crate) fn publish(&mut self) {
        let text = format!("user{} {}", self.number, self.sent + 1);
        let options = PublishOptions::new();
        let chat = &mut self.session.chat;
        if let Ok(token) = chat.publish_message(CHANNEL, text.as_str(), &options) {
            self.sent += 1;
            self.accepted.push(text);
            self.open.insert(token);
            self.figures.accepted += 1;
        }
    }

    pub(crate) fn service(&mut self) {
        self.session.service();
        while let Some(event) = self.session.poll_event() {
            self.take(&event);
        }
    }

    fn take(&mut self, event: &Event) {
        match event {
            Event::StateChanged {
                to: State::ConnectedToFrontEnd,
                ..
            } if !self.subscribed => {
                let all = SubscribeOptions::new().history(-1);
                if let Err(error) = self.session.chat.subscribe([CHANNEL], &all) {
                    self.errors.push(error.to_string());
                }
            }
            Event::SubscribeResult(_) => self.subscribed = true,
            Event::Restored { failed, .. } => {
                self.restored = true;
                self.figures.restores += 1;
                if !failed.is_empty() {
                    self.errors.push(format!("not restored: {failed:?}"));
                }
            }
            Event::ReconnectScheduled { .. } => self.figures.attempts += 1,
            Event::ReconnectGaveUp { cause } => self.errors.push(format!("gave up: {cause}")),
            Event::Gap {
                missing, new_life, ..
            } => {
                self.figures.gaps += 1;
                self.figures.new_lives += u64::from(*new_life);
                if *new_life {
                    // Another life is delivered from its begin. A server that was killed just before it
                    // wrote its state gives ids again, so that its channel is another life with the
                    // same messages.
                    self.received.clear();
                    self.last_of.clear();
                }
                self.figures.missing += u64::from(missing.unwrap_or_default());
            }
            Event::ChatMessages { messages, .. } => {
                let late = messages.origin() == Origin::Late;
                for message in messages.iter() {
                    let text = message.content.as_str().unwrap_or_default();
                    self.receive(text, late);
                }
            }
            Event::MessageSent { token, .. } => {
                self.figures.confirmed += 1;
                self.settle(*token);
            }
            Event::MessageRefused { token, .. } => {
                self.figures.refused += 1;
                self.settle(*token);
            }
            Event::MessageUnconfirmed { token } => {
                self.figures.unconfirmed += 1;
                self.settle(*token);
            }
            _ => {}
        }
    }

    fn settle(&mut self, token: MessageToken) {
        self.open.remove(&token);
        if !self.settled.insert(token) {
            self.errors.push(format!("{token:?} has two results"));
        }
    }

    fn receive(&mut self, text: &str, late: bool) {
        self.figures.received += 1;
        self.figures.late += u64::from(late);
        if !self.received.insert(text.to_owned()) {
            self.errors.push(format!("{text:?} came twice"));
        }
        let Some((sender, number)) = text.split_once(' ') else {
            return;
        };
        let number: usize = number.parse().unwrap_or_default();
        if late {
            return;
        }
        let last = self.last_of.insert(sender.to_owned(), number);
        if last.is_some_and(|last| last > number) {
            self.errors.push(format!("{text:?} came after {last:?}"));
        }
    }

    /// Checks what the client received. Everything in `last` must have arrived.
    pub(crate) fn judge(&mut self, last: &[String]) -> Result<Figures, String> {
        let lost: Vec<&String> = last
            .iter()
            .filter(|text| !self.received.contains(*text))
            .collect();
        if !lost.is_empty() {
            self.errors.push(format!("lost: {lost:?}"));
        }
        if !self.open.is_empty() {
            self.errors
                .push(format!("without a result: {:?}", self.open));
        }
        if self.errors.is_empty() {
            Ok(self.figures)
        } else {
            Err(format!("user{}: {}", self.number, self.errors.join("; ")))
        }
    }
}
