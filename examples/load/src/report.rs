//! [`Report`]: the results of a run, and whether they meet the requirements.

use crate::latency::Percentiles;
use crate::server_side::ServerFigures;
use crate::timeline::Second;
use crate::usage::Used;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

/// The longest time in which the messages of the step `publish` must reach all users.
pub(crate) const MAX_DELIVERY: Duration = Duration::from_secs(10);

/// The results of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) clients: usize,
    /// Clients that subscribed.
    pub(crate) joined: usize,
    /// Clients that lost the subscription or the connection before the end of the test.
    pub(crate) lost: usize,
    /// Clients that had lost the connection and were not back at the end of the test.
    pub(crate) away: usize,
    /// Clients that disconnected at the end of the test.
    pub(crate) left: usize,
    /// Messages that clients published.
    pub(crate) published: u64,
    /// Messages that a client did not accept for sending.
    pub(crate) refused: u64,
    /// Messages of which it is unknown whether the server got them, because the connection ended: they
    /// need not reach anybody.
    pub(crate) unconfirmed: u64,
    /// Deliveries that had to happen: messages times the clients in their channel.
    pub(crate) expected: u64,
    /// Deliveries, each counted once.
    pub(crate) received: u64,
    /// Deliveries to a client that already had the message.
    pub(crate) duplicates: u64,
    /// Deliveries to a client that had the message in an earlier life of its channel.
    pub(crate) repeated: u64,
    /// The latency of all deliveries.
    pub(crate) latency: Option<Percentiles>,
    /// The latency of the step `traffic`.
    pub(crate) traffic_latency: Option<Percentiles>,
    /// The latency of the step `publish`.
    pub(crate) publish_latency: Option<Percentiles>,
    /// The length of the step `traffic`.
    pub(crate) traffic: Duration,
    /// The seconds of the step `traffic`.
    pub(crate) seconds: Vec<Second>,
    /// What all clients did to come back, and what they missed.
    pub(crate) restored: Restored,
    /// The sums of the UDP connections, if there were any.
    pub(crate) udp: Option<UdpFigures>,
    pub(crate) bytes_read: u64,
    pub(crate) bytes_written: u64,
    /// Processor time and memory of the run.
    pub(crate) used: Used,
    /// What the server counted during the steps `traffic` and `publish`, if it is in this process.
    pub(crate) server: Option<ServerFigures>,
    /// Each cause of a failure, with its count and the first user.
    pub(crate) causes: BTreeMap<String, (usize, usize)>,
}

/// What all clients together did to come back.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Restored {
    pub(crate) attempts: u64,
    pub(crate) restores: u64,
    pub(crate) gaps: u64,
    /// At least so many: the size of some gaps is not known.
    pub(crate) missing: u64,
}

/// The sums of the UDP connections to the front end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct UdpFigures {
    pub(crate) connections: u64,
    /// Commands that were sent again because no ack arrived.
    pub(crate) resent: u64,
    /// Commands that had arrived before.
    pub(crate) duplicates: u64,
    /// Datagrams and commands that were dropped.
    pub(crate) dropped: u64,
    /// Datagrams that this system did not send.
    pub(crate) unsent: u64,
    /// The longest smoothed round trip of a connection.
    pub(crate) longest_round_trip: Duration,
}

impl Report {
    /// Deliveries that did not happen.
    pub(crate) fn lost_deliveries(&self) -> u64 {
        self.expected.saturating_sub(self.received)
    }

    /// Deliveries per second of the traffic, if there was any.
    pub(crate) fn deliveries_per_second(&self) -> Option<f64> {
        let received: u64 = self.seconds.iter().map(|second| second.received).sum();
        (!self.traffic.is_zero()).then(|| received as f64 / self.traffic.as_secs_f64())
    }

    /// The requirements that were not met.
    pub(crate) fn failures(&self) -> Vec<String> {
        let Self {
            clients,
            joined,
            lost,
            ..
        } = *self;
        let mut failures = Vec::new();
        if joined < clients {
            let advice = match joined {
                0 => ": check that a server listens at this address",
                _ => "",
            };
            failures.push(format!(
                "{} of {clients} clients did not connect and subscribe{advice}",
                clients - joined
            ));
        }
        if lost > 0 {
            failures.push(format!("{lost} were disconnected"));
        }
        if self.away > 0 {
            failures.push(format!("{} did not come back", self.away));
        }
        if self.refused > 0 {
            failures.push(format!("{} messages could not be published", self.refused));
        }
        if self.lost_deliveries() > 0 {
            let gaps = match self.restored.gaps {
                0 => String::new(),
                gaps => format!("; clients reported {gaps} gaps, which they may be in"),
            };
            failures.push(format!(
                "{} of {} deliveries are missing{gaps}",
                self.lost_deliveries(),
                self.expected
            ));
        }
        if self.duplicates > 0 {
            failures.push(format!(
                "{} deliveries happened more than once",
                self.duplicates
            ));
        }
        if let Some(highest) = self.publish_latency.map(|it| it.highest)
            && highest > MAX_DELIVERY
        {
            failures.push(format!(
                "the last messages took {} s to reach the last client; the limit is {} s",
                Seconds(highest),
                Seconds(MAX_DELIVERY)
            ));
        }
        if self.left + lost < joined {
            failures.push(format!("{} did not disconnect", joined - lost - self.left));
        }
        failures.extend(self.disagreements());
        failures
    }

    /// Where the figures of the server differ from those of the clients.
    fn disagreements(&self) -> Vec<String> {
        let Some(server) = self.server else {
            return Vec::new();
        };
        // Events for a client that was lost or came back are none of the deliveries.
        if self.lost > 0 || self.restored.restores > 0 || self.away > 0 {
            return Vec::new();
        }
        let delivered = self.received + self.duplicates;
        [
            ("users", server.users, self.joined as u64),
            ("messages", server.messages, self.published),
            ("deliveries", server.events, delivered),
        ]
        .iter()
        .filter(|(_, server, clients)| server != clients)
        .map(|(name, server, clients)| {
            format!("the server counted {server} {name}, the clients {clients}")
        })
        .collect()
    }
}

/// Prints a time in seconds with milliseconds.
pub(crate) struct Seconds(pub(crate) Duration);

impl Display for Seconds {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{:03}", self.0.as_secs(), self.0.subsec_millis())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn good() -> Report {
        let latency = Percentiles {
            highest: Duration::from_millis(1_234),
            ..Percentiles::default()
        };
        Report {
            clients: 10,
            joined: 10,
            left: 10,
            published: 3,
            expected: 30,
            received: 30,
            latency: Some(latency),
            publish_latency: Some(latency),
            server: Some(ServerFigures {
                users: 10,
                messages: 3,
                events: 30,
            }),
            ..Report::default()
        }
    }

    fn server(users: u64, messages: u64, events: u64) -> Option<ServerFigures> {
        Some(ServerFigures {
            users,
            messages,
            events,
        })
    }

    #[test]
    fn unmet_requirements_are_named() {
        assert_eq!(good().failures(), [] as [String; 0]);
        let late = Some(Percentiles {
            highest: Duration::from_secs(11),
            ..Percentiles::default()
        });
        #[rustfmt::skip]
        let cases = [
            (Report { joined: 8, left: 8, server: server(8, 3, 30), ..good() }, "2 of 10 clients did not connect"),
            (Report { lost: 3, left: 7, ..good() }, "3 were disconnected"),
            (Report { received: 29, server: server(10, 3, 29), ..good() }, "1 of 30 deliveries are missing"),
            (Report { duplicates: 2, server: server(10, 3, 32), ..good() }, "2 deliveries happened more than once"),
            (Report { refused: 4, ..good() }, "4 messages could not be published"),
            (Report { publish_latency: late, ..good() }, "took 11.000 s"),
            (Report { left: 6, ..good() }, "4 did not disconnect"),
            (Report { away: 2, ..good() }, "2 did not come back"),
            (Report { server: server(9, 3, 30), ..good() }, "the server counted 9 users, the clients 10"),
            (Report { server: server(10, 4, 30), ..good() }, "the server counted 4 messages, the clients 3"),
            (Report { server: server(10, 3, 31), ..good() }, "the server counted 31 deliveries, the clients 30"),
        ];
        for (report, expected) in cases {
            let failures = report.failures();
            assert_eq!(failures.len(), 1, "{report:?}");
            assert!(failures[0].contains(expected), "{failures:?}");
        }
        let gaps = Restored {
            gaps: 2,
            ..Restored::default()
        };
        let report = Report {
            received: 20,
            restored: gaps,
            server: None,
            ..good()
        };
        assert!(report.failures()[0].contains("2 gaps"), "{report:?}");
    }

    #[test]
    fn the_figures_of_a_server_that_clients_lost_are_not_compared() {
        let restored = Restored {
            restores: 1,
            ..Restored::default()
        };
        let report = Report {
            restored,
            server: server(1, 2, 3),
            ..good()
        };
        assert_eq!(report.failures(), [] as [String; 0]);
    }
}
