//! The steps that publish messages.

use super::{Run, Total};
use crate::population::Stage;
use crate::report::Seconds;
use crate::table::{grouped, milliseconds};
use chat_std_io::{PublishOptions, Timestamp};
use std::io;
use std::time::Duration;

impl Run<'_> {
    /// Publishes at a steady rate of deliveries, in each channel in turn.
    pub(super) fn traffic(&mut self) -> io::Result<()> {
        let length = self.options.traffic;
        if length.is_zero() {
            return Ok(());
        }
        self.begin_step("traffic", Total::Time(length));
        self.population.deliveries.begin_timeline(self.begin);
        let usage = self.sample_usage();
        let (end, before) = (self.begin.plus(length), self.counted());
        // As a number with a fraction: rounded intervals would add up to another rate.
        let mut due_us = 0.0;
        let mut channel = 0;
        let give_up = end.plus(self.options.delivery_timeout);
        loop {
            let (now, due) = (self.event_loop.now(), self.begin.plus_micros(due_us as u64));
            if due >= end {
                break;
            }
            if due > now {
                self.poll(due)?;
                continue;
            }
            // Messages that were due before the end are published, however late it is.
            if now >= give_up {
                let late = Seconds(now.since(due));
                let cause = format!("the test is {late} s behind: choose a lower --rate");
                self.population.note(0, &cause);
                self.population.deliveries.refused += 1;
                break;
            }
            let receivers = self.publish_in(channel, due)?;
            due_us += receivers.max(1) as f64 * 1e6 / f64::from(self.options.rate);
            channel = (channel + 1) % self.options.channels;
        }
        while self.event_loop.now() < end {
            self.poll(end)?;
        }
        self.report.traffic = self.elapsed();
        let now = self.event_loop.now();
        // The first moments after the end would be a second of their own.
        let late = now.since(end) > Duration::from_millis(500);
        self.report.seconds = self
            .population
            .deliveries
            .end_timeline(if late { now } else { end });
        self.wait_for_deliveries(before)?;
        let now = self.sample_usage();
        let (clients, server) = now.processor_since(&usage);
        self.report.traffic_latency = self.population.deliveries.of_step.percentiles();
        self.report.used.clients_traffic_s = clients;
        self.report.used.server_traffic_s = server;
        self.end_messages(before)
    }

    /// Publishes a message in each channel at once; waits until all clients have received theirs.
    pub(super) fn publish_everywhere(&mut self) -> io::Result<()> {
        if self.population.count(Stage::Joined) == 0 {
            return self.print(format_args!("publish  skipped: no client is subscribed"));
        }
        self.begin_step("publish", Total::Received);
        let before = self.counted();
        for channel in 0..self.options.channels {
            self.publish_in(channel, self.begin)?;
        }
        self.wait_for_deliveries(before)?;
        self.report.publish_latency = self.population.deliveries.of_step.percentiles();
        self.end_messages(before)
    }

    /// Publishes the next message in a channel. Returns the number of its receivers.
    fn publish_in(&mut self, channel: usize, due: Timestamp) -> io::Result<usize> {
        let Some(publisher) = self.population.next_publisher(channel) else {
            return Ok(0);
        };
        let now = self.event_loop.now();
        let text = self.population.deliveries.next_text();
        let Some(session) = self.event_loop.session(publisher) else {
            debug_assert!(false, "each user has a session");
            return Ok(0);
        };
        let name = self.population.channel(channel);
        let published = session
            .chat
            .publish_message(name, text.as_str(), &PublishOptions::new());
        let receivers = self.population.receivers(channel);
        match published {
            Ok(token) => {
                let publisher = (publisher, token.number());
                let deliveries = &mut self.population.deliveries;
                deliveries.on_published(channel, now, due, publisher, receivers);
            }
            Err(error) => {
                self.population.deliveries.refused += 1;
                self.population
                    .note(publisher, &format!("publishing: {error}"));
            }
        }
        // A backlog must not keep the loop from reading.
        if now.since(due) > Duration::from_millis(1) {
            self.poll(Timestamp::ZERO)?;
        }
        Ok(receivers)
    }

    /// The expected and the received deliveries so far.
    fn counted(&self) -> (u64, u64) {
        let deliveries = &self.population.deliveries;
        (deliveries.expected, deliveries.received)
    }

    /// The expected and the received deliveries since `before`.
    fn counted_since(&self, before: (u64, u64)) -> (u64, u64) {
        let (expected, received) = self.counted();
        // Messages of an earlier step may turn out to be unconfirmed.
        (expected.saturating_sub(before.0), received - before.1)
    }

    /// Waits until each client has received every message that its channel got since `before`.
    fn wait_for_deliveries(&mut self, before: (u64, u64)) -> io::Result<()> {
        let end = self.event_loop.now().plus(self.options.delivery_timeout);
        while self.event_loop.now() < end {
            let (expected, received) = self.counted_since(before);
            let connected =
                self.population.count(Stage::Joined) + self.population.count(Stage::Away);
            if received >= expected || connected == 0 {
                break;
            }
            self.poll(end)?;
        }
        Ok(())
    }

    /// Ends a step with the deliveries since `before`.
    fn end_messages(&mut self, before: (u64, u64)) -> io::Result<()> {
        let (expected, received) = self.counted_since(before);
        let deliveries = &self.population.deliveries;
        let Some(latency) = deliveries.of_step.percentiles() else {
            let wait = Seconds(self.options.delivery_timeout);
            return self.end_step(format_args!("no client received a message within {wait} s"));
        };
        let line = format!(
            "{} of {} deliveries, in ms: the first after {:.1}, half of them after {:.1}, 99 % after {:.1}, the last \
             after {:.1}",
            grouped(received),
            grouped(expected),
            milliseconds(latency.lowest),
            milliseconds(latency.p50),
            milliseconds(latency.p99),
            milliseconds(latency.highest)
        );
        self.end_step(format_args!("{line}"))
    }
}
