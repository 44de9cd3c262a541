//! The figures that a run collects for its report.

use super::{Run, ServerFigures};
use crate::event_loop;
use crate::population::{self, Stage};
use crate::report::{Restored, UdpFigures};
use crate::usage::{Growth, UsageSample};
use chat_std_io::{ChatClient, Session};
use std::io;

impl Run<'_> {
    /// The resources that both sides have used so far.
    pub(super) fn sample_usage(&self) -> UsageSample {
        UsageSample::take(self.server.process())
    }

    /// Notes what the server in this process counted since `before`.
    pub(super) fn note_server(&mut self, before: Option<ServerFigures>) {
        let now = self.server.figures();
        self.report.server = before.zip(now).map(|(before, now)| ServerFigures {
            users: now.users,
            messages: now.messages.saturating_sub(before.messages),
            events: now.events.saturating_sub(before.events),
        });
    }

    /// Notes and prints the memory per client of both sides, while all clients are connected.
    pub(super) fn report_memory(&mut self, before: &UsageSample) -> io::Result<()> {
        let now = self.sample_usage();
        let clients = self.population.count(Stage::Joined);
        self.report.used.clients_memory = Growth::between(before.clients, now.clients, clients);
        self.report.used.server_memory = Growth::between(before.server, now.server, clients);
        if let Some(growth) = self.report.used.clients_memory {
            let side = if self.server.is_local() {
                "clients and server"
            } else {
                "clients"
            };
            self.print(format_args!("memory   {side}: {growth}"))?;
        } else {
            self.print(format_args!("memory   unknown: this system has no /proc"))?;
        }
        match self.report.used.server_memory {
            Some(growth) => self.print(format_args!("memory   server: {growth}"))?,
            None if !self.server.is_local() => self.print(format_args!(
                "memory   of the server unknown: name its process with --server-pid"
            ))?,
            None => {}
        }
        self.print(format_args!(
            "memory   of each client's bytes, {} are the Session and {} the records of this program; the rest is \
             on the session's heap. Socket buffers of the system are not included",
            size_of::<Session>(),
            event_loop::RECORD_BYTES + population::RECORD_BYTES,
        ))
    }

    /// Notes the processor time since a sample, and the bytes of all sessions.
    pub(super) fn note_processor(&mut self, since: &UsageSample) {
        let (clients, server) = self.sample_usage().processor_since(since);
        self.report.used.clients_processor_s = clients;
        self.report.used.server_processor_s = server;
        let counts = self.event_loop.counts();
        self.report.bytes_read = counts.bytes_read;
        self.report.bytes_written = counts.bytes_written;
    }

    /// Notes the statistics of UDP connections, if there are any.
    pub(super) fn note_udp(&mut self) {
        let mut sum = UdpFigures {
            unsent: self.event_loop.counts().lost,
            ..UdpFigures::default()
        };
        for stats in self.event_loop.clients().map(ChatClient::stats) {
            if let Some(udp) = stats.udp {
                sum.connections += 1;
                sum.resent += udp.resent_commands;
                sum.duplicates += udp.duplicates;
                sum.dropped += udp.dropped_datagrams.total() + udp.discarded.total();
                let round_trip = stats.round_trip.unwrap_or_default();
                sum.longest_round_trip = sum.longest_round_trip.max(round_trip);
            }
        }
        self.report.udp = (sum.connections > 0).then_some(sum);
    }

    /// Notes what all clients did to come back, and what they missed.
    pub(super) fn note_restored(&mut self) {
        let mut sum = Restored {
            restores: self.population.restores_done,
            ..Restored::default()
        };
        for stats in self.event_loop.clients().map(ChatClient::stats) {
            sum.attempts += stats.reconnect_attempts;
            sum.gaps += stats.gaps;
            sum.missing += stats.missing_messages;
        }
        self.report.restored = sum;
    }

    /// Notes the messages and their deliveries.
    pub(super) fn note_deliveries(&mut self) {
        let deliveries = &self.population.deliveries;
        self.report.published = deliveries.published();
        self.report.refused = deliveries.refused;
        self.report.unconfirmed = deliveries.unconfirmed;
        self.report.expected = deliveries.expected;
        self.report.received = deliveries.received;
        self.report.duplicates = deliveries.duplicates;
        self.report.repeated = deliveries.repeated;
        self.report.latency = deliveries.latency.percentiles();
    }
}
