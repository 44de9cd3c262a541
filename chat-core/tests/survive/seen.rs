//! What a reader was told about one channel, and the judgement of it. Spec: chat.md 4.1.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};

use chat_core::Origin;

use crate::truth::{Key, Truth};

/// Something that the application received about a channel.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    Message {
        at_ms: u64,
        #[expect(dead_code, reason = "failures print it")]
        id: Option<i32>,
        text: String,
        origin: Origin,
    },
    Gap {
        at_ms: u64,
        after: i32,
        missing: Option<u32>,
        verified: bool,
        new_life: bool,
    },
    /// The client logged in on a front end.
    Login { at_ms: u64 },
    /// Nothing reaches the application before this time: its program stands still, or its link does.
    Delayed { until_ms: u64 },
}

/// The kinds of broken promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Twice,
    OutOfOrder,
    Lost,
    /// Ids skip, and no gap was reported.
    SilentHole,
    /// A gap was reported where nothing is missing.
    FalseGap,
    /// A gap with a wrong number of messages or a wrong position.
    WrongGap,
    /// A gap over messages that the server held when it was asked.
    AvoidableGap,
    /// Another life began, and nothing reported it.
    LifeUntold,
    /// A late message that belongs to no reported gap.
    LateWithoutGap,
    /// A message that nobody published.
    Unknown,
    /// A message waited for longer than the waiting time.
    Waited,
    /// The client did not ask for the channel on its last connection.
    NotAsked,
    /// None is broken: the client gave up, and reported it, because a server that had forgotten
    /// everything refused the token that the same server had just issued.
    FreshTokenRefused,
}

#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) kind: Kind,
    pub(crate) text: String,
}

impl Display for Violation {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}: {}", self.kind, self.text)
    }
}

/// What the server was asked for, and what it sent, on the last connection of a reader to one channel.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers {
    /// The times of the subscriptions, with the number of messages that they asked for.
    pub(crate) asked: Vec<(u64, i32)>,
    /// The texts of the messages: live ones, and histories.
    pub(crate) sent: BTreeSet<String>,
    /// When each message was sent to the user for the first time, on any connection.
    pub(crate) first_sent: BTreeMap<String, u64>,
}

/// The rules of one judgement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'a> {
    /// What the server sent is owed, if it was published from `from_ms` on. A connection that was
    /// lost may have taken messages along, and so only the last one counts: whatever a loss took, the
    /// client has to ask for again.
    pub(crate) answers: &'a Answers,
    /// The time of the first subscription; messages that were published before may be missing.
    pub(crate) from_ms: u64,
    /// The longest time from the first sending by the server, or the login if that was later, to the
    /// delivery.
    pub(crate) max_wait_ms: Option<u64>,
}

/// Judges what a reader received, in the order in which it did.
pub(crate) fn judge(truth: &Truth, seen: &[Seen], rules: Rules<'_>) -> Vec<Violation> {
    let mut judge = Judge {
        truth,
        violations: Vec::new(),
        delivered: BTreeSet::new(),
        gaps: Vec::new(),
        previous: None,
        gap: None,
        since_ms: 0,
        first_of_life: BTreeMap::new(),
        rules,
    };
    for one in seen {
        judge.see(one);
    }
    if rules.answers.asked.is_empty() {
        judge.broken(Kind::NotAsked, "on the last connection".to_owned());
    }
    for text in &rules.answers.sent {
        let owed = truth.find(text).filter(|owed| owed.at_ms >= rules.from_ms);
        if let Some(owed) = owed.filter(|owed| !judge.delivered.contains(&owed.key)) {
            let text = format!("{:?} {text:?}, published at {}", owed.key, owed.at_ms);
            judge.broken(Kind::Lost, text);
        }
    }
    judge.violations
}

struct Judge<'a> {
    truth: &'a Truth,
    violations: Vec<Violation>,
    delivered: BTreeSet<Key>,
    /// The holes that were reported: a life, and the ids of the missing messages.
    gaps: Vec<(u32, i32, i32)>,
    /// The last message that was not late.
    previous: Option<Key>,
    /// A gap since then.
    gap: Option<Seen>,
    /// Since when everything can reach the application.
    since_ms: u64,
    /// The first message of each life that was neither late nor older.
    first_of_life: BTreeMap<u32, i32>,
    rules: Rules<'a>,
}

impl Judge<'_> {
    fn broken(&mut self, kind: Kind, text: String) {
        self.violations.push(Violation { kind, text });
    }

    fn see(&mut self, seen: &Seen) {
        match seen {
            Seen::Login { at_ms: since_ms } | Seen::Delayed { until_ms: since_ms } => {
                self.since_ms = self.since_ms.max(*since_ms)
            }
            Seen::Gap { .. } => {
                if let Some(earlier) = self.gap.replace(seen.clone()) {
                    // A hole before a new life, and then the life, are two.
                    let lives = |gap: &Seen| matches!(gap, Seen::Gap { new_life: true, .. });
                    if lives(&earlier) == lives(seen) {
                        self.broken(Kind::FalseGap, format!("{earlier:?}, then {seen:?}"));
                    } else if lives(&earlier) {
                        // The gap behind the first message of a life has ids: keep the life.
                        self.gap = Some(earlier);
                    }
                }
            }
            Seen::Message {
                at_ms,
                text,
                origin,
                ..
            } => match self.truth.find(text) {
                None => self.broken(Kind::Unknown, format!("{text:?} at {at_ms}")),
                Some(published) => {
                    // A server may send a message long after it was published: only then it waits.
                    let sent_ms = self.rules.answers.first_sent.get(text);
                    let sent_ms = sent_ms.map_or(published.at_ms, |ms| *ms);
                    self.message(published.key, sent_ms, *at_ms, *origin);
                }
            },
        }
    }

    fn message(&mut self, key: Key, sent_ms: u64, at_ms: u64, origin: Origin) {
        if !self.delivered.insert(key) {
            return self.broken(Kind::Twice, format!("{key:?} at {at_ms}"));
        }
        let since = sent_ms.max(self.since_ms);
        if let Some(most) = self.rules.max_wait_ms.filter(|most| at_ms > since + most) {
            let waited = at_ms - since;
            self.broken(
                Kind::Waited,
                format!("{key:?} {waited} ms of {most} at {at_ms}"),
            );
        }
        if origin == Origin::Older {
            // Earlier history than the first message of this life, in whatever order it comes.
            let first = self.first_of_life.get(&key.life);
            if first.is_none_or(|first| key.id >= *first) {
                self.broken(
                    Kind::OutOfOrder,
                    format!("{key:?} is not older, at {at_ms}"),
                );
            }
            return;
        }
        if origin == Origin::Late {
            let mut gaps = self.gaps.iter();
            let known =
                |gap: &(u32, i32, i32)| gap.0 == key.life && gap.1 <= key.id && key.id <= gap.2;
            if !gaps.any(known) {
                self.broken(Kind::LateWithoutGap, format!("{key:?} at {at_ms}"));
            }
            return;
        }
        self.first_of_life.entry(key.life).or_insert(key.id);
        let gap = self.gap.take();
        let Some(previous) = self.previous.replace(key) else {
            return;
        };
        if key < previous {
            self.previous = Some(previous);
            return self.broken(
                Kind::OutOfOrder,
                format!("{key:?} after {previous:?} at {at_ms}"),
            );
        }
        if key.life > previous.life {
            return self.another_life(previous, key, gap, at_ms);
        }
        let hole = key.id - previous.id - 1;
        match gap {
            None if hole > 0 => {
                self.broken(
                    Kind::SilentHole,
                    format!("{previous:?} to {key:?} at {at_ms}"),
                );
            }
            Some(gap) if hole == 0 => {
                self.broken(
                    Kind::FalseGap,
                    format!("{gap:?} between {previous:?} and {key:?}"),
                );
            }
            Some(Seen::Gap {
                after,
                missing,
                verified,
                new_life,
                at_ms,
            }) => {
                let right = match missing {
                    Some(missing) if verified => i64::from(missing) == i64::from(hole),
                    Some(missing) => i64::from(missing) <= i64::from(hole),
                    None => false,
                };
                if !right || new_life || after != previous.id {
                    let gap = format!(
                        "after {after}, {missing:?}, verified {verified}, new life {new_life}"
                    );
                    self.broken(
                        Kind::WrongGap,
                        format!("{gap} between {previous:?} and {key:?} at {at_ms}"),
                    );
                }
                self.gaps.push((key.life, previous.id + 1, key.id - 1));
                self.check_avoidable(previous, key, at_ms);
            }
            _ => {}
        }
    }

    /// A gap over messages that the server held when the client asked on this connection.
    fn check_avoidable(&mut self, previous: Key, key: Key, at_ms: u64) {
        // A client whose connections end while it restores asks for less, and reports what that leaves
        // out. Spec: chat.md 10.1.
        let mut asked = self.rules.answers.asked.iter().rev();
        let last = asked.find(|(asked_ms, _)| *asked_ms <= at_ms);
        if last.is_some_and(|(_, history)| *history >= 0) {
            return;
        }
        let mut held = self.truth.held_at(key.life, at_ms);
        if let Some(missing) = held.find(|one| previous.id < one.id && one.id < key.id) {
            let text = format!("{missing:?} was still held at {at_ms}");
            self.broken(Kind::AvoidableGap, text);
        }
    }

    fn another_life(&mut self, previous: Key, key: Key, gap: Option<Seen>, at_ms: u64) {
        let told = matches!(gap, Some(Seen::Gap { new_life: true, .. }));
        // A life whose ids have passed the old position by a whole history cannot be recognised; it
        // looks like a hole. Spec: chat.md 4.1.
        let outgrown = key.id > previous.id;
        if !told && !outgrown {
            self.broken(
                Kind::LifeUntold,
                format!("{previous:?} to {key:?} at {at_ms}"),
            );
        }
        // The first messages of a life may be gone as well: Late ones fill the hole.
        if key.id > 1 {
            self.gaps.push((key.life, 1, key.id - 1));
        }
    }
}
