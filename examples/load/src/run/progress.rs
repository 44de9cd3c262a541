//! The progress of a run: a bar at a terminal, otherwise a line every five seconds.

use super::Run;
use crate::population::Stage;
use crate::report::Seconds;
use crate::table::{grouped, milliseconds};
use chat_std_io::Timestamp;
use indicatif::{ProgressBar, ProgressStyle};
use std::fmt::Arguments;
use std::io;
use std::time::Duration;

/// The time between two lines.
const LINE_INTERVAL: Duration = Duration::from_secs(5);
/// The time between two pictures of the bar.
const BAR_INTERVAL: Duration = Duration::from_millis(100);
const BAR: &str = "{prefix:8} {bar:24.cyan/blue} {percent:>3} %  {msg}";

/// How far a step is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Total {
    /// It takes this long.
    Time(Duration),
    /// Until all clients have joined or failed.
    Joined,
    /// Until so many clients are back.
    Back(usize),
    /// Until all deliveries have happened.
    Received,
    /// Until all clients have left.
    Left,
}

/// The bar of the present step.
pub(super) struct Progress {
    bar: ProgressBar,
    step: &'static str,
    total: Total,
    next: Timestamp,
    /// Deliveries at the last picture, and its time, for the present rate.
    last: (u64, Timestamp),
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            bar: ProgressBar::hidden(),
            step: "",
            total: Total::Joined,
            next: Timestamp::ZERO,
            last: (0, Timestamp::ZERO),
        }
    }

    /// Removes the bar.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    /// The time until the next picture or line.
    fn interval(&self) -> Duration {
        if self.bar.is_hidden() {
            LINE_INTERVAL
        } else {
            BAR_INTERVAL
        }
    }
}

impl Run<'_> {
    /// Runs the event loop once, until this time at the latest, and shows the progress if it is time.
    pub(super) fn poll(&mut self, until: Timestamp) -> io::Result<()> {
        let now = self.event_loop.now();
        if self.progress.next <= now {
            self.progress.next = now.plus(self.progress.interval());
            self.show(now)?;
        }
        let Self {
            event_loop,
            population,
            progress,
            ..
        } = self;
        event_loop.poll(until.min(progress.next), |index, now, chat, event| {
            population.on_event(index, now, chat, event);
        })
    }

    /// Prints a line, above the bar if there is one.
    pub(super) fn print(&mut self, line: Arguments<'_>) -> io::Result<()> {
        let out = &mut *self.out;
        self.progress.bar.suspend(|| writeln!(out, "{line}"))
    }

    /// Prints the necessary limits of open files.
    pub(super) fn report_files(&mut self, needed: usize) -> io::Result<()> {
        let clients = self.options.clients;
        let server = match (self.server.is_local(), self.options.is_stream()) {
            (true, _) => "",
            (false, true) => "; the server needs one for each client and a few more",
            (false, false) => "; the server needs only a few",
        };
        self.print(format_args!(
            "files    {clients} clients need `ulimit -n {needed}`{server}"
        ))
    }

    pub(super) fn begin_step(&mut self, step: &'static str, total: Total) {
        self.begin = self.event_loop.now();
        self.usage_at_begin = self.sample_usage();
        self.population.deliveries.begin_step();
        // It draws on standard error, and nothing if that is no terminal.
        let bar = ProgressBar::new(1).with_prefix(step);
        match ProgressStyle::with_template(BAR) {
            Ok(style) => bar.set_style(style.progress_chars("━╸─")),
            Err(error) => debug_assert!(false, "the template is a constant: {error}"),
        }
        self.progress = Progress {
            bar,
            step,
            total,
            next: self.begin,
            last: (self.population.deliveries.received, self.begin),
        };
        self.progress.next = self.begin.plus(self.progress.interval());
    }

    /// Ends a step with its result and its processor time.
    pub(super) fn end_step(&mut self, result: Arguments<'_>) -> io::Result<()> {
        self.progress.clear();
        let step = self.progress.step;
        self.print(format_args!("{step:8} {result}"))?;
        let (clients, server) = self.sample_usage().processor_since(&self.usage_at_begin);
        let seconds = |time: Option<f64>| {
            time.map_or_else(|| "unknown".to_owned(), |time| format!("{time:.2} s"))
        };
        let (clients, server) = (seconds(clients), seconds(server));
        self.print(format_args!(
            "         processor time: clients {clients}, server {server}"
        ))
    }

    /// The time since the step began.
    pub(super) fn elapsed(&self) -> Duration {
        self.event_loop.now().since(self.begin)
    }

    /// A time after the next progress line, for steps that wait for events only.
    pub(super) fn next_interval(&self) -> Timestamp {
        self.event_loop.now().plus(LINE_INTERVAL)
    }

    /// Draws the bar, or prints a line.
    fn show(&mut self, now: Timestamp) -> io::Result<()> {
        let line = self.progress_text(now);
        if self.progress.bar.is_hidden() {
            let step = self.progress.step;
            return self.print(format_args!("{step:8} {line}"));
        }
        let (done, all) = self.done();
        self.progress.bar.set_length(all.max(1));
        self.progress.bar.set_position(done.min(all));
        self.progress.bar.set_message(line);
        Ok(())
    }

    /// How far the present step is.
    fn done(&self) -> (u64, u64) {
        let population = &self.population;
        let (joined, away) = (
            population.count(Stage::Joined),
            population.count(Stage::Away),
        );
        let count = |done: usize, all: usize| (done as u64, all as u64);
        match self.progress.total {
            Total::Time(length) => {
                let done = self.elapsed().min(length);
                (done.as_millis() as u64, length.as_millis() as u64)
            }
            Total::Joined => count(
                joined + population.count(Stage::Failed),
                self.options.clients,
            ),
            Total::Back(all) => count(all.saturating_sub(away), all),
            Total::Received => (
                population.deliveries.received,
                population.deliveries.expected,
            ),
            Total::Left => count(population.count(Stage::Left), self.report.joined),
        }
    }

    fn progress_text(&mut self, now: Timestamp) -> String {
        let population = &self.population;
        let received = population.deliveries.received;
        let (before, then) = self.progress.last;
        let seconds = now.since(then).as_secs_f64().max(0.001);
        let rate = ((received - before) as f64 / seconds).round() as u64;
        // A rate over less than a second would jump.
        if now.since(then) >= Duration::from_secs(1) {
            self.progress.last = (received, now);
        }
        let mut text = format!(
            "{} s: {} joined",
            Seconds(self.elapsed()),
            grouped(population.count(Stage::Joined) as u64)
        );
        for (count, name) in [
            (population.starting(), "starting"),
            (population.count(Stage::Away), "away"),
            (population.count(Stage::Failed), "failed"),
            (population.count(Stage::Lost), "lost"),
            (population.count(Stage::Left), "disconnected"),
        ] {
            if count > 0 {
                text += &format!(", {} {name}", grouped(count as u64));
            }
        }
        if population.deliveries.expected > 0 {
            text += &format!(
                ", {} deliveries, {} a second",
                grouped(received),
                grouped(rate)
            );
        }
        if let Some(latency) = population.deliveries.of_step.percentiles() {
            text += &format!(", p99 {:.1} ms", milliseconds(latency.p99));
        }
        text
    }
}
