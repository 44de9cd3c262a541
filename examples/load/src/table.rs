//! The table at the end of a run.

use crate::latency::Percentiles;
use crate::report::{Report, Seconds};
use crate::usage::Growth;
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

/// The most causes that are shown.
const MAX_CAUSES: usize = 20;

impl Display for Report {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out)?;
        self.figures(out)?;
        self.latencies(out)?;
        if let Some(udp) = &self.udp {
            writeln!(
                out,
                "On {} UDP connections {} commands were resent, {} were received twice, {} were dropped; this \
                 system did not send {} datagrams; the longest round trip was {} ms.\n",
                udp.connections,
                grouped(udp.resent),
                grouped(udp.duplicates),
                grouped(udp.dropped),
                grouped(udp.unsent),
                udp.longest_round_trip.as_millis(),
            )?;
        }
        for (cause, (count, first)) in self.causes.iter().take(MAX_CAUSES) {
            writeln!(out, "cause    {count} times, first user {first}: {cause}")?;
        }
        if self.causes.len() > MAX_CAUSES {
            let others = self.causes.len() - MAX_CAUSES;
            writeln!(out, "cause    {others} other causes")?;
        }
        let failures = self.failures();
        for failure in &failures {
            writeln!(out, "FAILED   {failure}")?;
        }
        if failures.is_empty() {
            let last = self.publish_latency.unwrap_or_default().highest;
            let for_good = match self.restored.restores {
                0 => "",
                _ => " for good",
            };
            writeln!(
                out,
                "ok       {} clients connected, none was disconnected{for_good}, every message reached every \
                 client of its channel, the last ones within {} s",
                self.clients,
                Seconds(last)
            )?;
        }
        Ok(())
    }
}

impl Report {
    /// The figures of clients and server, side by side.
    fn figures(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let row =
            |out: &mut Formatter<'_>, name: &str, clients: String, server: String, note: &str| {
                let line = format!("{name:22}{clients:>14}{server:>14}   {note}");
                writeln!(out, "{}", line.trim_end())
            };
        let counted = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), grouped);
        let seconds =
            |time: Option<f64>| time.map_or_else(|| "-".to_owned(), |s| format!("{s:.2} s"));
        let memory = |growth: Option<Growth>| {
            growth.map_or_else(|| "-".to_owned(), |it| mebibytes(it.after_bytes))
        };
        row(out, "", "clients".into(), "server".into(), "")?;
        row(
            out,
            "users connected",
            grouped(self.joined.saturating_sub(self.lost + self.away) as u64),
            counted(self.server.map(|it| it.users)),
            &format!("of {}", grouped(self.clients as u64)),
        )?;
        row(
            out,
            "messages published",
            grouped(self.published),
            counted(self.server.map(|it| it.messages)),
            &match self.unconfirmed {
                0 => String::new(),
                count => format!(
                    "{} lost on the way to the server, or unknown",
                    grouped(count)
                ),
            },
        )?;
        let rate = self
            .deliveries_per_second()
            .map_or_else(String::new, |rate| {
                format!(", {} a second", grouped(rate.round() as u64))
            });
        row(
            out,
            "deliveries",
            grouped(self.received),
            counted(self.server.map(|it| it.events)),
            &format!("of {}{rate}", grouped(self.expected)),
        )?;
        row(
            out,
            "  lost",
            grouped(self.lost_deliveries()),
            String::new(),
            "",
        )?;
        row(
            out,
            "  more than once",
            grouped(self.duplicates),
            String::new(),
            &match self.repeated {
                0 => String::new(),
                count => format!("{} more in new lives of channels", grouped(count)),
            },
        )?;
        row(
            out,
            "reconnects",
            grouped(self.restored.restores),
            String::new(),
            &format!(
                "in {} attempts; {} gaps, at least {} messages missing",
                self.restored.attempts, self.restored.gaps, self.restored.missing
            ),
        )?;
        row(
            out,
            "bytes sent",
            mebibytes(self.bytes_written),
            String::new(),
            "",
        )?;
        row(
            out,
            "bytes received",
            mebibytes(self.bytes_read),
            String::new(),
            "",
        )?;
        row(
            out,
            "processor time",
            seconds(self.used.clients_processor_s),
            seconds(self.used.server_processor_s),
            "",
        )?;
        if !self.traffic.is_zero() {
            row(
                out,
                "  of the traffic",
                seconds(self.used.clients_traffic_s),
                seconds(self.used.server_traffic_s),
                &format!("in {} s", Seconds(self.traffic)),
            )?;
        }
        row(
            out,
            "memory",
            memory(self.used.clients_memory),
            memory(self.used.server_memory),
            if self.server.is_some() {
                "both in one process"
            } else {
                ""
            },
        )?;
        writeln!(out)
    }

    /// The latencies in milliseconds, one row for each kind.
    fn latencies(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let rows = [
            ("all deliveries", self.latency),
            ("of step traffic", self.traffic_latency),
            ("of step publish", self.publish_latency),
        ];
        if self.latency.is_none() {
            return Ok(());
        }
        write!(out, "{:22}", "latency in ms")?;
        for (name, _) in Percentiles::default().named() {
            write!(out, "{name:>10}")?;
        }
        writeln!(out)?;
        for (name, percentiles) in rows {
            let Some(percentiles) = percentiles else {
                continue;
            };
            write!(out, "{name:22}")?;
            for (_, time) in percentiles.named() {
                write!(out, "{:>10.3}", milliseconds(time))?;
            }
            writeln!(out)?;
        }
        writeln!(out)
    }
}

/// A time in milliseconds.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / (1_024.0 * 1_024.0))
}

/// A number with commas between groups of three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::good;

    #[test]
    fn the_table_shows_both_sides() {
        let text = good().to_string();
        let row = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(row("users connected"), "users connected 10 10 of 10");
        assert_eq!(row("messages"), "messages published 3 3");
        assert_eq!(row("deliveries"), "deliveries 30 30 of 30");
        assert!(row("all deliveries").ends_with("1234.000"), "{text}");
        assert!(
            text.contains("ok       10 clients") && text.contains("1.234 s"),
            "{text}"
        );
        assert!(text.lines().all(|line| line == line.trim_end()), "{text}");
    }

    #[test]
    fn a_failed_run_is_not_ok() {
        let text = Report { lost: 1, ..good() }.to_string();
        assert!(text.contains("FAILED   1 were"), "{text}");
        assert!(!text.contains("ok  "), "{text}");
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
    fn digits_are_grouped() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (300_000, "300,000"),
        ] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
