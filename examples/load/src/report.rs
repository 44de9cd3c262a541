//! [`Report`]: the results of a run, and whether they meet the requirements.

use crate::process::Usage;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

/// The longest time in which the message must reach all users.
pub(crate) const MAX_DELIVERY: Duration = Duration::from_secs(10);

/// The results of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) clients: usize,
    /// Clients that subscribed.
    pub(crate) joined: usize,
    /// Clients that lost the subscription or the connection before the end of the test.
    pub(crate) lost: usize,
    /// Clients that received the message.
    pub(crate) received: usize,
    /// How often a client received it again.
    pub(crate) duplicates: usize,
    /// The time until the last client received it.
    pub(crate) last_received: Option<Duration>,
    /// Clients that had lost the connection and were not back at the end of the test.
    pub(crate) away: usize,
    /// Clients that did not receive the message and reported a gap instead.
    pub(crate) in_gap: usize,
    /// What all clients did to come back, if they do.
    pub(crate) restored: Option<Restored>,
    /// Clients that disconnected at the end of the test.
    pub(crate) left: usize,
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

impl Display for Restored {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            attempts,
            restores,
            gaps,
            missing,
        } = self;
        write!(
            out,
            "{attempts} reconnect attempts, {restores} restores, {gaps} gaps with at least {missing} missing \
             messages"
        )
    }
}

impl Report {
    /// The requirements that were not met.
    pub(crate) fn failures(&self) -> Vec<String> {
        let Self {
            clients,
            joined,
            lost,
            received,
            ..
        } = *self;
        let mut failures = Vec::new();
        if joined < clients {
            failures.push(format!(
                "{} of {clients} clients did not connect and subscribe",
                clients - joined
            ));
        }
        if lost > 0 {
            failures.push(format!("{lost} were disconnected"));
        }
        if self.away > 0 {
            failures.push(format!("{} did not come back", self.away));
        }
        if received < clients {
            let gap = match self.in_gap {
                0 => String::new(),
                in_gap => format!("; {in_gap} of them reported a gap, which it may be in"),
            };
            let missed = clients - received;
            failures.push(format!("the message did not reach {missed}{gap}"));
        }
        if self.duplicates > 0 {
            failures.push(format!(
                "the message arrived {} times more than once",
                self.duplicates
            ));
        }
        if let Some(last) = self.last_received.filter(|last| *last > MAX_DELIVERY) {
            failures.push(format!(
                "the message took {} s to reach the last client; the limit is {} s",
                Seconds(last),
                Seconds(MAX_DELIVERY)
            ));
        }
        if self.left + lost < joined {
            failures.push(format!("{} did not disconnect", joined - lost - self.left));
        }
        failures
    }
}

impl Display for Report {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 20;
        for (cause, (count, first)) in self.causes.iter().take(SHOWN) {
            writeln!(out, "cause    {count} times, first user {first}: {cause}")?;
        }
        if self.causes.len() > SHOWN {
            writeln!(out, "cause    {} other causes", self.causes.len() - SHOWN)?;
        }
        let failures = self.failures();
        for failure in &failures {
            writeln!(out, "FAILED   {failure}")?;
        }
        if let Some(restored) = &self.restored {
            writeln!(out, "restore  {restored}")?;
        }
        if failures.is_empty() {
            let last = self.last_received.unwrap_or_default();
            writeln!(
                out,
                "ok       {} clients connected, none was disconnected{}, the message reached all of them within {} s",
                self.clients,
                if self.restored.is_some() {
                    " for good"
                } else {
                    ""
                },
                Seconds(last)
            )?;
        }
        Ok(())
    }
}

/// Prints a time in seconds with milliseconds.
pub(crate) struct Seconds(pub(crate) Duration);

impl Display for Seconds {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{:03}", self.0.as_secs(), self.0.subsec_millis())
    }
}

/// The growth of a process between two samples, in total and for each client.
pub(crate) struct Growth {
    pub(crate) before: Usage,
    pub(crate) after: Usage,
    pub(crate) clients: usize,
}

impl Growth {
    /// The growth of resident memory per client, in bytes.
    pub(crate) fn bytes_per_client(&self) -> u64 {
        let clients = u64::try_from(self.clients).unwrap_or(u64::MAX);
        self.after
            .resident_bytes
            .saturating_sub(self.before.resident_bytes)
            .checked_div(clients)
            .unwrap_or_default()
    }
}

impl Display for Growth {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let kib = |bytes: u64| bytes / 1024;
        write!(
            out,
            "{} KiB resident, {} KiB before: {} bytes per client",
            kib(self.after.resident_bytes),
            kib(self.before.resident_bytes),
            self.bytes_per_client()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Report {
        let last_received = Some(Duration::from_millis(1_234));
        Report {
            clients: 10,
            joined: 10,
            received: 10,
            left: 10,
            last_received,
            ..Report::default()
        }
    }

    #[test]
    fn unmet_requirements_are_named() {
        assert!(good().failures().is_empty());
        assert!(good().to_string().contains("within 1.234 s"), "{}", good());
        let late = Some(Duration::from_secs(11));
        for (report, expected) in [
            (
                Report {
                    joined: 8,
                    left: 8,
                    ..good()
                },
                "2 of 10 clients did not connect",
            ),
            (
                Report {
                    lost: 3,
                    left: 7,
                    ..good()
                },
                "3 were disconnected",
            ),
            (
                Report {
                    received: 9,
                    ..good()
                },
                "did not reach 1",
            ),
            (
                Report {
                    duplicates: 2,
                    ..good()
                },
                "2 times more than once",
            ),
            (
                Report {
                    last_received: late,
                    ..good()
                },
                "took 11.000 s",
            ),
            (Report { left: 6, ..good() }, "4 did not disconnect"),
            (Report { away: 2, ..good() }, "2 did not come back"),
            (
                Report {
                    received: 7,
                    in_gap: 2,
                    ..good()
                },
                "did not reach 3; 2 of them reported a gap",
            ),
        ] {
            assert_eq!(report.failures().len(), 1, "{report:?}");
            assert!(report.failures()[0].contains(expected), "{report:?}");
            assert!(
                report.to_string().contains("FAILED") && !report.to_string().contains("ok  "),
                "{report}"
            );
        }
    }

    #[test]
    fn the_number_of_printed_causes_is_limited() {
        let causes = (0..25)
            .map(|number| (format!("cause {number}"), (2, number)))
            .collect();
        let text = Report { causes, ..good() }.to_string();
        assert!(text.contains("2 times, first user 12: cause 12"), "{text}");
        assert!(text.contains("5 other causes"), "{text}");
    }

    #[test]
    fn memory_is_divided_by_the_number_of_clients() {
        let usage = |resident_bytes| Usage {
            resident_bytes,
            processor_s: 0.0,
        };
        let growth = |clients| Growth {
            before: usage(1_000),
            after: usage(21_480),
            clients,
        };
        assert_eq!(growth(10).bytes_per_client(), 2_048);
        assert_eq!(growth(0).bytes_per_client(), 0);
    }
}
