//! Progress lines and resource usage that a run prints.

use super::Run;
use crate::event_loop;
use crate::population::{self, Stage};
use crate::process::{Process, Usage};
use crate::report::Growth;
use chat_std_io::{ChatClient, Session, Timestamp};
use std::io;
use std::time::Duration;

/// The time between two progress lines.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// The resources that both processes have used so far; `None` where that is unknown.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct UsageSample {
    own: Option<Usage>,
    server: Option<Usage>,
}

impl Run<'_> {
    /// Runs the event loop once, until this time at the latest, and prints a progress line if one
    /// is due.
    pub(super) fn poll(&mut self, until: Timestamp, step: &str) -> io::Result<()> {
        if self.next_line <= self.event_loop.now() {
            self.next_line = self.next_line.plus(LINE_INTERVAL);
            let population = &self.population;
            writeln!(
                self.out,
                "{step:8} {} s: {} joined, {} away, {} starting, {} failed, {} lost, {} received the message, \
                 {} disconnected",
                self.elapsed().as_secs(),
                population.count(Stage::Joined),
                population.count(Stage::Away),
                population.starting(),
                population.count(Stage::Failed),
                population.count(Stage::Lost),
                population.received,
                population.count(Stage::Left),
            )?;
        }
        let Self {
            event_loop,
            population,
            next_line,
            ..
        } = self;
        event_loop.poll(until.min(*next_line), |index, now, chat, event| {
            population.on_event(index, now, chat, event)
        })
    }

    /// Prints the necessary limits of open files.
    pub(super) fn report_files(&mut self, needed: usize) -> io::Result<()> {
        let server = if self.options.is_stream() {
            "one for each client and a few more"
        } else {
            "only a few"
        };
        let clients = self.options.clients;
        writeln!(
            self.out,
            "files    {clients} clients need `ulimit -n {needed}`; the server needs {server}"
        )
    }

    pub(super) fn begin_step(&mut self) {
        self.begin = self.event_loop.now();
        self.usage_at_begin = self.sample_usage();
        self.next_line = self.begin.plus(LINE_INTERVAL);
    }

    /// The time since the step began.
    pub(super) fn elapsed(&self) -> Duration {
        self.event_loop.now().since(self.begin)
    }

    /// The resources that both processes have used so far.
    pub(super) fn sample_usage(&self) -> UsageSample {
        UsageSample {
            own: Process::own().usage().ok(),
            server: self.server.as_ref().and_then(|server| server.usage().ok()),
        }
    }

    /// Prints the processor time of the present step.
    pub(super) fn report_step(&mut self) -> io::Result<()> {
        let begin = self.usage_at_begin;
        self.report_processor_since("        ", &begin)
    }

    /// Prints the processor time since a sample.
    pub(super) fn report_processor(&mut self, since: &UsageSample) -> io::Result<()> {
        self.report_processor_since("total   ", since)
    }

    fn report_processor_since(&mut self, name: &str, since: &UsageSample) -> io::Result<()> {
        let now = self.sample_usage();
        let of = |before: Option<Usage>, after: Option<Usage>| match (before, after) {
            (Some(before), Some(after)) => {
                format!("{:.2} s", after.processor_s - before.processor_s)
            }
            _ => "unknown".to_owned(),
        };
        let (own, server) = (of(since.own, now.own), of(since.server, now.server));
        writeln!(
            self.out,
            "{name} processor time: clients {own}, server {server}"
        )
    }

    /// Prints the memory per client in both processes, while all clients are connected.
    pub(super) fn report_memory(
        &mut self,
        before: &UsageSample,
        idle: &UsageSample,
    ) -> io::Result<()> {
        let now = self.sample_usage();
        let clients = self.population.count(Stage::Joined);
        for (step, then) in [("after idling", idle), ("after the message", &now)] {
            for (side, before, after) in [
                ("clients", before.own, then.own),
                ("server", before.server, then.server),
            ] {
                if let (Some(before), Some(after)) = (before, after) {
                    let growth = Growth {
                        before,
                        after,
                        clients,
                    };
                    writeln!(self.out, "memory   {side} {step}: {growth}")?;
                }
            }
        }
        if now.own.is_none() {
            writeln!(self.out, "memory   unknown: this system has no /proc")?;
        } else if now.server.is_none() {
            writeln!(
                self.out,
                "memory   of the server unknown: name its process with --server-pid"
            )?;
        }
        writeln!(
            self.out,
            "memory   of each client's bytes, {} are the Session and {} the records of this \
             program; the rest is on the session's heap. Socket buffers of the system are not included",
            size_of::<Session>(),
            event_loop::RECORD_BYTES + population::RECORD_BYTES,
        )
    }

    /// Prints the statistics of UDP connections, if there are any.
    pub(super) fn report_udp(&mut self) -> io::Result<()> {
        let (mut connections, mut resent, mut duplicates, mut dropped, mut slowest) =
            (0_u64, 0, 0, 0, 0);
        for stats in self.event_loop.clients().map(ChatClient::stats) {
            if let Some(udp) = stats.udp {
                connections += 1;
                resent += udp.resent_commands;
                duplicates += udp.duplicates;
                dropped += udp.dropped_datagrams.total() + udp.discarded.total();
                slowest = stats.round_trip.map_or(0, |it| it.as_millis()).max(slowest);
            }
        }
        if connections > 0 {
            writeln!(
                self.out,
                "udp      on {connections} front-end connections {resent} commands were resent, \
                 {duplicates} were received twice, {dropped} were dropped; this system lost {} datagrams; \
                 the longest round trip was {slowest} ms",
                self.event_loop.counts().lost,
            )?;
        }
        Ok(())
    }

    /// A time after the next progress line, for steps that wait for events only.
    pub(super) fn next_interval(&self) -> Timestamp {
        self.event_loop.now().plus(LINE_INTERVAL)
    }
}
