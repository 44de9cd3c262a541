//! What a run has brought, and whether it is what was promised.

use crate::process::Usage;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

/// The message has to reach everybody within this time.
pub(crate) const PROMISED: Duration = Duration::from_secs(10);

/// What a run has brought.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) clients: usize,
    /// Who got into the channel.
    pub(crate) joined: usize,
    /// Who were in the channel and were thrown out, at any time until they left.
    pub(crate) lost: usize,
    /// Who have heard the message.
    pub(crate) heard: usize,
    /// How often it was heard again.
    pub(crate) heard_again: usize,
    /// How long it took until the last one heard it.
    pub(crate) last_heard: Option<Duration>,
    /// Who left when they were told to.
    pub(crate) left: usize,
    /// What went wrong, how often, and the first user it happened to.
    pub(crate) causes: BTreeMap<String, (usize, usize)>,
}

impl Report {
    /// What was promised and did not come true.
    pub(crate) fn broken(&self) -> Vec<String> {
        let Self {
            clients,
            joined,
            lost,
            heard,
            ..
        } = *self;
        let mut broken = Vec::new();
        if joined < clients {
            broken.push(format!(
                "{} of {clients} clients did not connect and subscribe",
                clients - joined
            ));
        }
        if lost > 0 {
            broken.push(format!("{lost} were disconnected"));
        }
        if heard < clients {
            broken.push(format!("the message did not reach {}", clients - heard));
        }
        if self.heard_again > 0 {
            broken.push(format!(
                "the message came {} times too often",
                self.heard_again
            ));
        }
        if let Some(last) = self.last_heard.filter(|last| *last > PROMISED) {
            broken.push(format!(
                "the message took {} s to reach the last one, not {}",
                Seconds(last),
                Seconds(PROMISED)
            ));
        }
        if self.left + lost < joined {
            broken.push(format!("{} did not leave", joined - lost - self.left));
        }
        broken
    }
}

impl Display for Report {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 20;
        for (cause, (count, first)) in self.causes.iter().take(SHOWN) {
            writeln!(out, "cause    {count} times, first user {first}: {cause}")?;
        }
        if self.causes.len() > SHOWN {
            writeln!(out, "cause    {} other ones", self.causes.len() - SHOWN)?;
        }
        let broken = self.broken();
        for promise in &broken {
            writeln!(out, "FAILED   {promise}")?;
        }
        if broken.is_empty() {
            let last = self.last_heard.unwrap_or_default();
            writeln!(
                out,
                "ok       {} clients connected, none was disconnected, the message reached all within {} s",
                self.clients,
                Seconds(last)
            )?;
        }
        Ok(())
    }
}

/// A time in seconds, to the millisecond.
pub(crate) struct Seconds(pub(crate) Duration);

impl Display for Seconds {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{:03}", self.0.as_secs(), self.0.subsec_millis())
    }
}

/// What a process took between two looks at it, with what that is for each of so many clients.
pub(crate) struct Growth {
    pub(crate) before: Usage,
    pub(crate) after: Usage,
    pub(crate) clients: usize,
}

impl Growth {
    /// How much resident memory came to each client, in bytes.
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
        let last_heard = Some(Duration::from_millis(1_234));
        Report {
            clients: 10,
            joined: 10,
            heard: 10,
            left: 10,
            last_heard,
            ..Report::default()
        }
    }

    #[test]
    fn promises_are_kept_or_named() {
        assert!(good().broken().is_empty());
        assert!(good().to_string().contains("within 1.234 s"), "{}", good());
        let late = Some(Duration::from_secs(11));
        for (report, words) in [
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
            (Report { heard: 9, ..good() }, "did not reach 1"),
            (
                Report {
                    heard_again: 2,
                    ..good()
                },
                "2 times too often",
            ),
            (
                Report {
                    last_heard: late,
                    ..good()
                },
                "took 11.000 s",
            ),
            (Report { left: 6, ..good() }, "4 did not leave"),
        ] {
            assert_eq!(report.broken().len(), 1, "{report:?}");
            assert!(report.broken()[0].contains(words), "{report:?}");
            assert!(
                report.to_string().contains("FAILED") && !report.to_string().contains("ok  "),
                "{report}"
            );
        }
    }

    #[test]
    fn causes_are_shown_within_bounds() {
        let causes = (0..25)
            .map(|number| (format!("cause {number}"), (2, number)))
            .collect();
        let text = Report { causes, ..good() }.to_string();
        assert!(text.contains("2 times, first user 12: cause 12"), "{text}");
        assert!(text.contains("5 other ones"), "{text}");
    }

    #[test]
    fn memory_is_shared_out() {
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
