//! What is told while a run goes on, and about it in the end.

use super::Run;
use crate::event_loop;
use crate::population::{self, Stage};
use crate::process::{Process, Usage};
use crate::report::Growth;
use chat_core::{ChatClient, Timestamp};
use std::io;
use std::time::Duration;

/// Time between two lines about how it goes.
const LINE: Duration = Duration::from_secs(5);

/// What both processes had taken at some time; `None` where nobody tells.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct UsageSample {
    own: Option<Usage>,
    server: Option<Usage>,
}

impl Run<'_> {
    /// One turn of the event loop, and a line about it now and then.
    pub(super) fn turn(&mut self, until: Timestamp, step: &str) -> io::Result<()> {
        if self.next_line <= self.event_loop.now() {
            self.next_line = plus(self.next_line, LINE);
            let population = &self.population;
            writeln!(
                self.out,
                "{step:8} {} s: {} joined, {} under way, {} failed, {} lost, {} heard the message, {} left",
                self.elapsed().as_secs(),
                population.count(Stage::Joined),
                population.under_way(),
                population.count(Stage::Failed),
                population.count(Stage::Lost),
                population.heard,
                population.count(Stage::Left),
            )?;
        }
        let Self {
            event_loop,
            population,
            next_line,
            ..
        } = self;
        event_loop.turn(until.min(*next_line), |index, now, chat, event| {
            population.on_event(index, now, chat, event)
        })
    }

    /// What is needed, also for the next time, when there are more clients.
    pub(super) fn report_files(&mut self, needed: usize) -> io::Result<()> {
        let server = if self.options.is_stream() {
            "as many as there are clients, and some"
        } else {
            "few"
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
        self.next_line = plus(self.begin, LINE);
    }

    /// Since the step began.
    pub(super) fn elapsed(&self) -> Duration {
        Duration::from_micros(self.event_loop.now().micros_since(self.begin))
    }

    /// What both processes have taken so far.
    pub(super) fn sample_usage(&self) -> UsageSample {
        UsageSample {
            own: Process::own().usage().ok(),
            server: self.server.as_ref().and_then(|server| server.usage().ok()),
        }
    }

    /// What the step that ends now took of the processor.
    pub(super) fn report_step(&mut self) -> io::Result<()> {
        let begin = self.usage_at_begin;
        self.report_processor_since("  in it ", &begin)
    }

    /// What everything since then took of the processor.
    pub(super) fn report_processor(&mut self, since: &UsageSample) -> io::Result<()> {
        self.report_processor_since("in all  ", since)
    }

    fn report_processor_since(&mut self, name: &str, since: &UsageSample) -> io::Result<()> {
        let now = self.sample_usage();
        let of = |before: Option<Usage>, after: Option<Usage>| match (before, after) {
            (Some(before), Some(after)) => {
                format!("{:.2} s", after.processor_s - before.processor_s)
            }
            _ => "not known".to_owned(),
        };
        let (own, server) = (of(since.own, now.own), of(since.server, now.server));
        writeln!(
            self.out,
            "{name} processor time of the clients {own}, of the server {server}"
        )
    }

    /// What each client takes of the memory on both sides, while all are there.
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
            writeln!(self.out, "memory   not known: this system has no /proc")?;
        } else if now.server.is_none() {
            writeln!(
                self.out,
                "memory   of the server not known: give its process with --server-pid"
            )?;
        }
        writeln!(
            self.out,
            "memory   of that, for each client, the client's state machine itself {} bytes, records of this program {} \
             bytes; the rest is what the client holds on the heap. The system's socket buffers are not in it",
            size_of::<ChatClient>(),
            event_loop::RECORD_BYTES + population::RECORD_BYTES,
        )
    }

    /// What the connections have counted, if they are over UDP.
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
                "udp      on {connections} front-end connections {resent} commands were sent again, {duplicates} came \
                 again, {dropped} were dropped; {} datagrams did not get through this system; the longest round trip \
                 was {slowest} ms",
                self.event_loop.counts().traffic.lost,
            )?;
        }
        Ok(())
    }

    /// Later than anything that is waited for.
    pub(super) fn far(&self) -> Timestamp {
        plus(self.event_loop.now(), LINE)
    }
}

/// Some time later.
pub(super) fn plus(time: Timestamp, duration: Duration) -> Timestamp {
    time.plus_micros(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}
