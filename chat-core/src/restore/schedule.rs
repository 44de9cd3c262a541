//! [`Schedule`]: when the client connects again after an unwanted end, and when it gives up.
//! Spec: chat.md 10, R9.
//!
//! ```text
//!  an end ─> on_end ─┬─ a reason that waiting does not change ────────────> GiveUp
//!                    ├─ no attempts left ─────────────────────────────────> GiveUp
//!                    └─ otherwise: a random part of the window, then twice the window ─> After
//!  connected ─> on_connected: each 10 s until the next end halve the window
//! ```

use crate::codes::return_code;
use crate::state::{CauseKind, DisconnectCause};
use photon_proto::{Random, Timestamp};

/// The window of the first attempt. The clients of a server that restarts lose their connections in
/// the same moment: each waits for a random part of the window, so that they do not come back in the
/// same moment, too.
const FIRST_WINDOW_MS: u64 = 2_000;
/// The greatest window. Longer ones would help no server, and a user waits in front of the screen.
const LAST_WINDOW_MS: u64 = 60_000;
/// A connection that lasts so long is stable: it halves the window, and attempts count from 1 again.
const STABLE_MS: u64 = 10_000;
/// A server that closes a connection after this time did not close it because of the client.
const LONG_STABLE_MS: u64 = 60_000;
/// So many closes in a row, each before the connection was stable for [`LONG_STABLE_MS`] ...
const MAX_CLOSES: u32 = 5;
/// ... that span at least this time are a rule, not an accident: two clients with the same user that
/// displace each other, or a server that does not want this client.
const CLOSES_SPAN_MS: u64 = 120_000;

/// The consequence of an unwanted end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// This attempt, counted from 1, begins after this time.
    After { attempt: u32, after_ms: u64 },
    /// The client does not connect again by itself.
    GiveUp,
}

/// Whether the server closed a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Close {
    NotByServer,
    ByServer,
    /// It did, and what restore asked for may be the reason: the client asks for less next time. That
    /// is no rule yet that the server follows, and ends by itself once nothing less can be asked for.
    Answered,
}

/// The back-off between attempts, and the reasons to stop.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    /// How many attempts may follow each other; `None` means any number.
    max_attempts: Option<u32>,
    /// The attempts since the last stable connection.
    attempts: u32,
    /// The next attempt begins before this time has passed.
    window_ms: u64,
    /// Since when the client is connected.
    connected_at: Option<Timestamp>,
    refusals: Refusals,
    closes: Closes,
}

/// Refusals with the same code in a row.
#[derive(Clone, Copy, Debug, Default)]
struct Refusals {
    code: Option<i16>,
    count: u32,
}

/// Closes by the server in a row, each soon after the login or before it.
#[derive(Clone, Copy, Debug, Default)]
struct Closes {
    count: u32,
    /// The time of the first.
    since: Timestamp,
}

impl Schedule {
    pub(crate) fn new(max_attempts: Option<u32>) -> Self {
        Self {
            max_attempts,
            attempts: 0,
            window_ms: FIRST_WINDOW_MS,
            connected_at: None,
            refusals: Refusals::default(),
            closes: Closes::default(),
        }
    }

    /// Starts over, because the application connects, or ended the connection itself: what failed
    /// before was another attempt of the user.
    pub(crate) fn reset(&mut self) {
        *self = Self::new(self.max_attempts);
    }

    /// Notes that an attempt begins without waiting, because the network has changed. What failed
    /// before failed in another network, so it is the first one. Refusals and closes stay: they came
    /// from the server. Returns the number of the attempt.
    pub(crate) fn begin_at_once(&mut self) -> u32 {
        self.window_ms = FIRST_WINDOW_MS;
        self.attempts = 1;
        // A connection that was abandoned had no end that `on_end` saw, and its time must not count for
        // the next one.
        self.connected_at = None;
        self.attempts
    }

    /// Notes that the client is connected as far as the application wants: to the front end, or to
    /// the name server if it named no region.
    pub(crate) fn on_connected(&mut self, now: Timestamp) {
        // An application that stays on the name server first and then chooses a region has had one
        // connection.
        self.connected_at.get_or_insert(now);
        self.refusals = Refusals::default();
    }

    /// Notes that a server refused the kept token, and the client goes on to the name server. This
    /// is not the end of the attempt.
    pub(crate) fn on_token_refused(&mut self, code: i16) {
        self.refusals.add(Some(code));
    }

    /// Decides what follows after an unwanted end.
    pub(crate) fn on_end(
        &mut self,
        cause: &DisconnectCause,
        close: Close,
        now: Timestamp,
        random: &mut Random,
    ) -> Next {
        let connected_ms = self.connected_at.take().map(|at| now.millis_since(at));
        if let Some(ms) = connected_ms {
            self.credit(ms);
        }
        self.refusals.add(cause.return_code);
        match close {
            _ if connected_ms.is_some_and(|ms| ms >= LONG_STABLE_MS) => {
                self.closes = Closes::default();
            }
            Close::NotByServer => self.closes = Closes::default(),
            Close::ByServer => self.closes.add(now),
            // Not forgotten either: two clients that displace each other may do so during restore.
            Close::Answered => {}
        }
        let is_unwelcome = close == Close::ByServer && self.closes.are_final(now);
        let is_final = is_final(cause) || self.refusals.are_final() || is_unwelcome;
        if is_final || self.max_attempts.is_some_and(|max| self.attempts >= max) {
            return Next::GiveUp;
        }
        let after_ms = part(self.window_ms, random.u32("reconnect"));
        self.window_ms = (self.window_ms * 2).min(LAST_WINDOW_MS);
        self.attempts = self.attempts.saturating_add(1);
        debug_assert!(
            (FIRST_WINDOW_MS..=LAST_WINDOW_MS).contains(&self.window_ms),
            "a window of {} ms",
            self.window_ms
        );
        Next::After {
            attempt: self.attempts,
            after_ms,
        }
    }

    /// Rewards a connection that lasted.
    fn credit(&mut self, connected_ms: u64) {
        // Five halvings lead from the greatest window to the first.
        for _ in 0..(connected_ms / STABLE_MS).min(5) {
            self.window_ms = (self.window_ms / 2).max(FIRST_WINDOW_MS);
        }
        if connected_ms >= STABLE_MS {
            self.attempts = 0;
        }
    }
}

/// Whether a cause is one that another attempt does not change.
fn is_final(cause: &DisconnectCause) -> bool {
    match cause.return_code {
        // Only a login can be refused for the app id: a kept token that is no longer valid leads to
        // the name server instead of an end.
        Some(return_code::INVALID_AUTHENTICATION) => cause.kind == CauseKind::AuthenticationRefused,
        Some(return_code::INVALID_REGION | return_code::USER_BLOCKED) => true,
        _ => false,
    }
}

impl Refusals {
    /// Notes the return code of an end, or that it had none.
    fn add(&mut self, code: Option<i16>) {
        self.count = if code == self.code {
            self.count.saturating_add(1)
        } else {
            1
        };
        self.code = code;
    }

    fn are_final(self) -> bool {
        match self.code {
            // A token can expire between two servers, but a new one does not do so at once.
            Some(return_code::AUTHENTICATION_TICKET_EXPIRED) => self.count >= 2,
            // The authentication service of the application may be disturbed for a moment.
            Some(return_code::CUSTOM_AUTHENTICATION_FAILED) => self.count >= 3,
            _ => false,
        }
    }
}

impl Closes {
    fn add(&mut self, now: Timestamp) {
        if self.count == 0 {
            self.since = now;
        }
        self.count = self.count.saturating_add(1);
    }

    fn are_final(self, now: Timestamp) -> bool {
        // Without the span, a server that restarts and closes early connections meanwhile would be
        // given up within seconds.
        self.count >= MAX_CLOSES && now.millis_since(self.since) >= CLOSES_SPAN_MS
    }
}

/// The part of `whole` that a random number stands for.
fn part(whole: u64, random: u32) -> u64 {
    debug_assert!(whole <= LAST_WINDOW_MS, "the product does not overflow");
    (whole * u64::from(random)) >> u32::BITS
}

#[cfg(test)]
mod tests {
    use super::{Close, FIRST_WINDOW_MS, Next, Schedule};
    use crate::codes::return_code;
    use crate::link::LinkErrorKind;
    use crate::state::{CauseKind, DisconnectCause, Server};
    use alloc::format;
    use alloc::string::String;
    use alloc::vec::Vec;
    use photon_proto::{Random, Timestamp};

    /// A schedule in virtual time.
    struct Trial {
        schedule: Schedule,
        random: Random,
        now: Timestamp,
    }

    impl Trial {
        fn new(max_attempts: Option<u32>) -> Self {
            Self::with_seed(max_attempts, 7)
        }

        fn with_seed(max_attempts: Option<u32>, seed: u32) -> Self {
            let mut bytes = [0; 32];
            bytes[..4].copy_from_slice(&seed.to_be_bytes());
            Self {
                schedule: Schedule::new(max_attempts),
                random: Random::new(bytes),
                now: Timestamp::from_millis(1_000),
            }
        }

        fn end(&mut self, cause: &DisconnectCause, close: Close) -> Next {
            self.schedule
                .on_end(cause, close, self.now, &mut self.random)
        }

        /// A link that cannot be opened.
        fn fail(&mut self) -> Next {
            let kind = CauseKind::Link(LinkErrorKind::Refused);
            self.end(
                &DisconnectCause::new(Server::NameServer, kind),
                Close::NotByServer,
            )
        }

        fn refuse(&mut self, code: i16) -> Next {
            let kind = CauseKind::AuthenticationRefused;
            let cause = DisconnectCause::new(Server::NameServer, kind).with_code(code);
            self.end(&cause, Close::NotByServer)
        }

        fn close(&mut self) -> Next {
            self.close_as(Close::ByServer)
        }

        fn close_as(&mut self, close: Close) -> Next {
            let cause = DisconnectCause::new(Server::FrontEnd, CauseKind::Closed);
            self.end(&cause, close)
        }

        fn connect_for(&mut self, ms: u64) {
            self.schedule.on_connected(self.now);
            self.wait(ms);
        }

        fn wait(&mut self, ms: u64) {
            self.now = self.now.plus_millis(ms);
        }
    }

    fn attempt(next: Next) -> u32 {
        match next {
            Next::After { attempt, .. } => attempt,
            Next::GiveUp => panic!("gave up"),
        }
    }

    #[test]
    fn the_window_doubles_up_to_a_minute_and_every_part_of_it_is_used() {
        let (mut least, mut most) = ([u64::MAX; 8], [0; 8]);
        for seed in 0..2_000 {
            let mut trial = Trial::with_seed(None, seed);
            for (index, (least, most)) in least.iter_mut().zip(&mut most).enumerate() {
                let Next::After { attempt, after_ms } = trial.fail() else {
                    panic!("gave up");
                };
                assert_eq!(attempt as usize, index + 1);
                (*least, *most) = ((*least).min(after_ms), (*most).max(after_ms));
            }
        }
        let windows = [2, 4, 8, 16, 32, 60, 60, 60].map(|seconds| seconds * 1_000);
        for ((window, least), most) in windows.into_iter().zip(least).zip(most) {
            assert!(least < window / 100, "{least} of {window}");
            assert!(
                most > window - window / 100 && most < window,
                "{most} of {window}"
            );
        }
    }

    #[test]
    fn each_ten_stable_seconds_halve_the_window_and_attempts_count_from_one_again() {
        for (ms, window_ms) in [
            (9_999, 60_000),
            (10_000, 30_000),
            (29_999, 15_000),
            (50_000, FIRST_WINDOW_MS),
            (3_600_000, FIRST_WINDOW_MS),
        ] {
            let mut trial = Trial::new(None);
            for _ in 0..6 {
                trial.fail();
            }
            assert_eq!(trial.schedule.window_ms, 60_000);
            trial.connect_for(ms);
            let next = trial.fail();
            assert_eq!(attempt(next), if ms < 10_000 { 7 } else { 1 }, "after {ms}");
            // It has doubled again.
            let doubled = (window_ms * 2).min(60_000);
            assert_eq!(trial.schedule.window_ms, doubled, "after {ms}");
        }
    }

    #[test]
    fn the_limit_of_attempts_counts_from_the_last_stable_connection() {
        let mut trial = Trial::new(Some(3));
        for round in 0..4 {
            for number in 1..=3 {
                assert_eq!(attempt(trial.fail()), number, "round {round}");
            }
            trial.connect_for(10_000);
        }
        for number in 1..=3 {
            assert_eq!(attempt(trial.fail()), number);
        }
        assert_eq!(trial.fail(), Next::GiveUp);
        assert_eq!(Trial::new(Some(0)).fail(), Next::GiveUp);
        // The application connects: everything counts from the beginning.
        trial.schedule.reset();
        assert_eq!(attempt(trial.fail()), 1);
    }

    #[test]
    fn refusals_that_waiting_does_not_change_end_the_schedule() {
        for code in [
            return_code::INVALID_AUTHENTICATION,
            return_code::INVALID_REGION,
            return_code::USER_BLOCKED,
        ] {
            assert_eq!(Trial::new(None).refuse(code), Next::GiveUp, "{code}");
        }
        for (code, times) in [
            (return_code::AUTHENTICATION_TICKET_EXPIRED, 2),
            (return_code::CUSTOM_AUTHENTICATION_FAILED, 3),
        ] {
            let mut trial = Trial::new(None);
            for number in 1..times {
                assert_eq!(attempt(trial.refuse(code)), number);
            }
            assert_eq!(trial.refuse(code), Next::GiveUp, "{code}");
        }
    }

    #[test]
    fn refusals_count_in_a_row_only() {
        let expired = return_code::AUTHENTICATION_TICKET_EXPIRED;
        let failed = return_code::CUSTOM_AUTHENTICATION_FAILED;
        let mut trial = Trial::new(None);
        for _ in 0..5 {
            attempt(trial.refuse(expired));
            attempt(trial.refuse(failed));
            attempt(trial.refuse(failed));
            attempt(trial.fail());
            attempt(trial.refuse(expired));
            trial.connect_for(1);
        }
        // The kept token was refused, and then the one that the name server issued.
        trial.schedule.on_token_refused(expired);
        assert_eq!(trial.refuse(expired), Next::GiveUp);
    }

    #[test]
    fn everything_else_is_waited_out() {
        let mut trial = Trial::new(None);
        for code in [32757, 32762, -1, -2, -3, 32743, 32744, 32745, 32752] {
            for _ in 0..20 {
                attempt(trial.refuse(code));
            }
        }
        for _ in 0..1_000 {
            trial.wait(60_000);
            attempt(trial.fail());
        }
    }

    #[test]
    fn five_early_closes_in_a_row_end_the_schedule_once_they_span_two_minutes() {
        let closes = |gap_ms: u64| {
            let mut trial = Trial::new(None);
            let mut number = 1;
            while trial.close() != Next::GiveUp {
                trial.wait(gap_ms);
                number += 1;
                assert!(number < 1_000);
            }
            number
        };
        assert_eq!(closes(30_000), 5);
        assert_eq!(closes(29_999), 6);
        assert_eq!(closes(59_999), 5);
        assert_eq!(closes(1_000), 121);
    }

    #[test]
    fn a_close_after_a_stable_minute_or_another_end_begins_the_row_again() {
        let mut trial = Trial::new(None);
        for _ in 0..50 {
            for _ in 0..4 {
                trial.connect_for(59_999);
                attempt(trial.close());
            }
            trial.connect_for(60_000);
            attempt(trial.close());
        }
        for _ in 0..50 {
            for _ in 0..4 {
                trial.wait(59_999);
                attempt(trial.close());
            }
            attempt(trial.fail());
        }
    }

    #[test]
    fn an_attempt_at_once_is_the_first() {
        let mut trial = Trial::new(Some(3));
        for _ in 0..3 {
            attempt(trial.fail());
        }
        trial.schedule.begin_at_once();
        for number in 2..=3 {
            assert_eq!(attempt(trial.fail()), number);
        }
        assert_eq!(trial.fail(), Next::GiveUp);
        // The time of the connection that was abandoned does not count for the next one.
        let mut trial = Trial::new(None);
        trial.connect_for(60_000);
        trial.schedule.begin_at_once();
        trial.connect_for(1);
        assert_eq!(attempt(trial.close()), 2);
    }

    #[test]
    fn the_same_seed_gives_the_same_schedule() {
        let run = |seed| {
            let mut trial = Trial::with_seed(None, seed);
            (0..20).map(|_| trial.fail()).collect::<Vec<_>>()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    /// How many of 1,000 clients begin an attempt in each piece of time, if their server restarts
    /// and refuses them until `back_ms` after the loss.
    fn attempts_of_a_thousand(back_ms: u64, piece_ms: u64) -> (Vec<u32>, Vec<u32>) {
        let (mut first, mut all) = (Vec::new(), Vec::new());
        let count = |counts: &mut Vec<u32>, at_ms: u64| {
            let index = usize::try_from(at_ms / piece_ms).unwrap();
            if counts.len() <= index {
                counts.resize(index + 1, 0);
            }
            counts[index] += 1;
        };
        for client in 0..1_000 {
            let mut trial = Trial::with_seed(None, client);
            trial.connect_for(3_600_000);
            let mut at_ms = 0;
            loop {
                let Next::After { attempt, after_ms } = trial.close() else {
                    panic!("gave up");
                };
                at_ms += after_ms;
                trial.wait(after_ms);
                count(&mut all, at_ms);
                if attempt == 1 {
                    count(&mut first, at_ms);
                }
                if at_ms >= back_ms {
                    break;
                }
            }
        }
        (first, all)
    }

    #[test]
    fn s09_a_thousand_clients_of_a_server_that_restarts_come_back_spread() {
        let (first, _) = attempts_of_a_thousand(0, FIRST_WINDOW_MS / 10);
        assert_eq!(first.len(), 10);
        assert_eq!(first.iter().sum::<u32>(), 1_000);
        for (tenth, clients) in first.iter().enumerate() {
            assert!(*clients <= 150, "{clients} in tenth {tenth}");
        }
        for back_ms in [0, 3_000, 10_000, 60_000] {
            let (_, all) = attempts_of_a_thousand(back_ms, 1_000);
            for (second, clients) in all.iter().enumerate().skip(2) {
                assert!(
                    *clients <= 450,
                    "{clients} in second {second}, back after {back_ms}"
                );
            }
        }
    }

    #[test]
    fn the_plot_in_the_docs_shows_the_attempts_of_a_thousand_clients() {
        let (_, all) = attempts_of_a_thousand(10_000, 1_000);
        let plot: String = all
            .iter()
            .take(16)
            .enumerate()
            .map(|(second, clients)| {
                let bar = "#".repeat((*clients as usize).div_ceil(20));
                format!("{second:>2} s {clients:>4} {bar}\n")
            })
            .collect();
        assert_eq!(plot, include_str!("spread.txt"), "replace it by\n{plot}");
    }

    #[test]
    fn closes_after_which_the_client_asks_for_less_neither_count_nor_end_the_row() {
        let mut trial = Trial::new(None);
        for _ in 0..4 {
            assert_ne!(trial.close(), Next::GiveUp);
            trial.wait(40_000);
            for _ in 0..3 {
                assert_ne!(trial.close_as(Close::Answered), Next::GiveUp);
                trial.wait(40_000);
            }
        }
        assert_eq!(trial.close(), Next::GiveUp);
    }
}
