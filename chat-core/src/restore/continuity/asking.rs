//! Questions of one channel: when the client asks the server for messages, and how long it waits.

use super::{
    Anchor, Cached, Continuity, Fingerprint, MAX_QUESTIONS, Question, QuestionKind, Questions,
    Recent, Step, Surroundings, is_within,
};
use crate::operation::pending::RequestedHistory;
use crate::timers::Timer;
use alloc::vec::Vec;
use core::time::Duration;
use photon_proto::{HashKeys, Timestamp};

impl Continuity {
    /// Whether an answer may still arrive.
    pub(super) fn was_asked(&self, now: Timestamp) -> bool {
        self.open
            .as_ref()
            .is_some_and(|open| is_within(open.window, now))
    }

    /// Notes that the present question filled a hole: it does not count against the limit.
    pub(super) fn note_filled(&mut self) {
        let question = self.open.as_mut().and_then(|open| open.question.as_mut());
        if let Some(question) =
            question.filter(|question| !question.filled && question.kind.is_own())
        {
            question.filled = true;
            self.filled = self.filled.saturating_add(1);
        }
    }

    /// Ends or asks a question, after an event of so many messages.
    pub(super) fn settle(
        &mut self,
        around: &mut Surroundings<'_>,
        messages: usize,
        steps: &mut Vec<Step>,
    ) {
        let held = self.holds();
        if let Some(kind) = self.question() {
            let full_answer = match kind {
                QuestionKind::Application { messages } => messages,
                _ => around.questions.full_answer(),
            };
            let is_full = messages >= full_answer;
            if !held && self.proven {
                self.end_question(around);
                self.ask_for_dropped(around);
            } else if held && is_full {
                self.end_question(around);
                if full_answer >= around.questions.full_answer() {
                    // The server has no more.
                    self.release(around, steps);
                }
            }
        }
        if self.holds() && self.question().is_none() && !self.ask(around, QuestionKind::Overlap) {
            if self.proven || around.may_ask {
                self.release(around, steps);
            } else {
                // The application may be about to subscribe with history.
                self.start_question(around, QuestionKind::Silent);
            }
        }
        self.apply_caps(around);
    }

    pub(super) fn question(&self) -> Option<QuestionKind> {
        let open = self.open.as_ref()?;
        open.question.as_ref().map(|question| question.kind)
    }

    /// Whether the client may ask the server once more.
    pub(super) fn can_ask(&self, around: &Surroundings<'_>) -> bool {
        around.may_ask && self.asked < MAX_QUESTIONS.saturating_add(self.filled)
    }

    /// Asks the server if that is allowed. Returns whether it is.
    pub(super) fn ask(&mut self, around: &mut Surroundings<'_>, kind: QuestionKind) -> bool {
        if !self.can_ask(around) {
            return false;
        }
        self.asked += 1;
        let last_id = match kind {
            QuestionKind::Everything => 0,
            _ => self.last_id_to_ask(),
        };
        around.questions.ask(around.channel, last_id);
        self.start_question(around, kind);
        true
    }

    /// Asks again for messages that were dropped.
    pub(super) fn ask_for_dropped(&mut self, around: &mut Surroundings<'_>) {
        let Some(open) = &mut self.open else {
            return;
        };
        let (cut, undecided) = (
            core::mem::take(&mut open.cut),
            core::mem::take(&mut open.undecided),
        );
        if self.question() == Some(QuestionKind::Everything) {
            // The answer has them, too.
            return;
        }
        if undecided {
            // They may be far below the position.
            self.ask(around, QuestionKind::Everything);
        } else if cut {
            self.ask(around, QuestionKind::Overlap);
        }
    }

    pub(super) fn start_question(&mut self, around: &mut Surroundings<'_>, kind: QuestionKind) {
        self.end_question(around);
        let serial = around.questions.start(around.now, around.channel);
        let open = self.open.get_or_insert_default();
        open.question = Some(Question {
            serial: Some(serial),
            kind,
            filled: false,
        });
        if kind != QuestionKind::Silent {
            self.open_window(around);
        }
    }

    pub(super) fn open_window(&mut self, around: &mut Surroundings<'_>) {
        let end = around.now.plus_millis(around.questions.window_ms());
        self.open.get_or_insert_default().window = Timer::At(end);
        self.watch_window(around);
    }

    /// Makes sure that the channel is looked at again after its window.
    fn watch_window(&mut self, around: &mut Surroundings<'_>) {
        if let Some(open) = &mut self.open
            && !core::mem::replace(&mut open.watched, true)
        {
            around.questions.watch_window(around.now, around.channel);
        }
    }

    /// Releases what only answers need once none can come any more. Most channels are quiet: without
    /// this, each would keep it until the connection ends.
    pub(crate) fn on_window_end(&mut self, around: &mut Surroundings<'_>) {
        let Some(open) = &mut self.open else {
            return;
        };
        open.watched = false;
        if is_within(open.window, around.now) || is_within(open.window_asleep, around.now) {
            self.watch_window(around);
        } else if open.is_over() {
            self.open = None;
        }
    }

    /// Notes a sleep that began at `before`: answers to what was asked may have waited for the
    /// program. So may live messages of another life, and so the window itself stays as it is.
    pub(crate) fn put_off(&mut self, before: Timestamp, slept: Duration, earliest: Timestamp) {
        let Some(open) = &mut self.open else {
            return;
        };
        if is_within(open.window, before) {
            open.window_asleep = open.window;
        }
        if is_within(open.window_asleep, before) {
            open.window_asleep.put_off(slept, earliest);
        }
    }

    pub(super) fn end_question(&mut self, around: &mut Surroundings<'_>) {
        let question = self.open.as_mut().and_then(|open| open.question.take());
        if let Some(serial) = question.and_then(|question| question.serial) {
            around.questions.cancel(serial);
        }
    }

    /// Handles the end of the time that a question waits. Returns what to hand out.
    pub(crate) fn on_deadline(&mut self, around: &mut Surroundings<'_>, serial: u64) -> Vec<Step> {
        let mut steps = Vec::new();
        let Some(kind) = self.question() else {
            debug_assert!(false, "an ended question has no deadline");
            return steps;
        };
        debug_assert!(
            self.open
                .as_ref()
                .and_then(|open| open.question.as_ref())
                .is_some_and(|question| { question.serial == Some(serial) }),
            "a channel has one question"
        );
        self.end_question(around);
        if self.holds() {
            self.release(around, &mut steps);
        } else if !self.proven && kind != QuestionKind::Everything && around.questions.restores() {
            // Silence may mean another life with lower ids. More silence changes nothing: the next
            // message decides.
            self.ask(around, QuestionKind::Everything);
        }
        self.ask_for_dropped(around);
        debug_assert!(self.is_consistent(), "{self:?}");
        steps
    }

    /// Notes that the client has subscribed again, with [`Continuity::last_id_to_ask`]. `is_limited` is
    /// whether it asked for a part of the history only, because the whole one may have ended connections.
    pub(crate) fn on_asked(&mut self, around: &mut Surroundings<'_>, is_limited: bool) {
        self.asked = if is_limited {
            // A question asks for all of it, and would end this connection as well.
            u8::MAX
        } else {
            self.asked.saturating_add(1)
        };
        if !self.proven || self.holds() {
            self.start_question(around, QuestionKind::Overlap);
        } else {
            self.open_window(around);
        }
    }

    /// Notes that the application subscribed with history, so long ago. That counts as a question.
    pub(crate) fn on_application_asked(
        &mut self,
        questions: &mut Questions,
        history: RequestedHistory,
        elapsed: Duration,
    ) {
        let RequestedHistory {
            messages, last_id, ..
        } = history;
        // The highest id is none. Spec: chat.md 4.1.
        if last_id > self.position && last_id < i32::MAX {
            self.set_position(last_id);
        }
        let waits = self.known && (!self.proven || self.holds());
        let open = self.open.get_or_insert_default();
        if messages == RequestedHistory::ANCHOR && !self.known {
            open.anchor = Anchor::Expected {
                pass: questions.pass,
            };
        } else {
            open.expects_history = true;
        }
        // A channel that is new is noted with its event 5, which may be late because a datagram was
        // lost. Only its history can be as late: a new life that begins after the time for answers
        // would be taken for it.
        let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let left_ms = questions.window_ms().saturating_sub(elapsed_ms);
        open.window = Timer::Armed {
            after_ms: left_ms.max(questions.waiting_ms()),
        };
        // A question of the client itself goes on: its answer is at least as complete.
        let replaced = open
            .question
            .as_ref()
            .is_none_or(|question| !question.kind.is_own());
        if waits && replaced {
            let full_answer = questions.full_answer();
            // An anchor is one message as well.
            let messages =
                usize::try_from(messages).map_or(full_answer, |one| one.clamp(1, full_answer));
            let question = open.question.replace(Question {
                serial: None,
                kind: QuestionKind::Application { messages },
                filled: false,
            });
            if let Some(serial) = question.and_then(|question| question.serial) {
                questions.cancel(serial);
            }
        }
    }

    /// Whether the channel is in the known life, and no message is waited for.
    pub(crate) fn is_settled(&self) -> bool {
        self.known && self.proven && !self.holds() && self.question().is_none()
    }

    /// Takes the position of an earlier run of the program.
    pub(crate) fn resume(&mut self, position: i32, recent: Recent) {
        self.set_position(position);
        self.recent = recent;
    }

    /// The last messages up to this position, as far as they are known.
    pub(crate) fn recent(&self, keys: &HashKeys, cached: &impl Cached, position: i32) -> Recent {
        let mut recent = Recent::default();
        let first = position.saturating_sub(Recent::LENGTH).max(0);
        for id in first.saturating_add(1)..=position {
            let print = match cached.find(id) {
                Some(message) => Fingerprint::of(keys, &message),
                None => self.recent.get(id),
            };
            recent.note(id, print);
        }
        recent
    }

    /// Takes an id that the application passes as position: it has the messages up to it.
    pub(super) fn set_position(&mut self, id: i32) {
        if !self.known {
            (self.known, self.proven) = (true, false);
            // The messages that the client asks for only to compare them are not delivered.
            self.lowest = (id - Recent::LENGTH + 1).max(1);
        }
        self.position = id;
        self.recent = Recent::default();
    }

    /// Starts the timers that a call of the application armed.
    pub(crate) fn start_timers(&mut self, around: &mut Surroundings<'_>) {
        let Some(open) = &mut self.open else {
            return;
        };
        open.window.start(around.now);
        if let Some(question) = &mut open.question
            && question.serial.is_none()
        {
            question.serial = Some(around.questions.start(around.now, around.channel));
        }
        self.watch_window(around);
    }
}
