//! The report as one JSON object.

use crate::arguments::{Driver, Options};
use crate::latency::Percentiles;
use crate::report::Report;
use crate::table::milliseconds;
use crate::timeline::Second;
use crate::usage::Growth;
use chat_std_io::chat_core::Protocol;
use serde_json::{Value, json};

/// The report with the options of the run. Times are in seconds or milliseconds, as their names end;
/// what is unknown is `null`.
pub(crate) fn report(options: &Options, report: &Report) -> Value {
    let failures = report.failures();
    let causes: Vec<Value> = report
        .causes
        .iter()
        .map(|(cause, (count, first))| json!({ "cause": cause, "count": count, "first_user": first }))
        .collect();
    let seconds: Vec<Value> = report.seconds.iter().map(second).collect();
    let used = &report.used;
    json!({
        "program": "photon-load",
        "version": env!("CARGO_PKG_VERSION"),
        "ok": failures.is_empty(),
        "failures": failures,
        "causes": causes,
        "options": {
            "server": options.server,
            "transport": options.scheme(),
            "driver": match options.driver {
                Driver::Loop => "loop",
                Driver::Session => "session",
            },
            "clients": options.clients,
            "channels": options.channels,
            "ramp_s": options.ramp.as_secs_f64(),
            "idle_s": options.idle.as_secs_f64(),
            "traffic_s": options.traffic.as_secs_f64(),
            "rate": options.rate,
            "message_bytes": options.bytes,
            "protocol": match options.protocol {
                Protocol::V16 => "1.6",
                _ => "1.8",
            },
            "restore": options.restore,
            "crc": options.crc,
        },
        "clients": {
            "asked": report.clients,
            "joined": report.joined,
            "lost": report.lost,
            "away": report.away,
            "disconnected": report.left,
        },
        "messages": { "published": report.published, "refused": report.refused, "unconfirmed": report.unconfirmed },
        "deliveries": {
            "expected": report.expected,
            "received": report.received,
            "lost": report.lost_deliveries(),
            "duplicates": report.duplicates,
            "repeated_in_new_life": report.repeated,
            "per_second": report.deliveries_per_second().map(rounded),
        },
        "latency_ms": percentiles(report.latency),
        "traffic_latency_ms": percentiles(report.traffic_latency),
        "publish_latency_ms": percentiles(report.publish_latency),
        "reconnects": {
            "restores": report.restored.restores,
            "attempts": report.restored.attempts,
            "gaps": report.restored.gaps,
            "missing_messages": report.restored.missing,
        },
        "udp": report.udp.map(|udp| json!({
            "connections": udp.connections,
            "resent_commands": udp.resent,
            "duplicate_commands": udp.duplicates,
            "dropped": udp.dropped,
            "unsent_datagrams": udp.unsent,
            "longest_round_trip_ms": rounded(milliseconds(udp.longest_round_trip)),
        })),
        "bytes": { "sent": report.bytes_written, "received": report.bytes_read },
        "processor_s": {
            "clients": used.clients_processor_s.map(rounded),
            "server": used.server_processor_s.map(rounded),
            "clients_traffic": used.clients_traffic_s.map(rounded),
            "server_traffic": used.server_traffic_s.map(rounded),
        },
        "memory_bytes": {
            "clients": used.clients_memory.map(growth),
            "server": used.server_memory.map(growth),
        },
        "server": report.server.map(|server| json!({
            "users": server.users,
            "messages": server.messages,
            "deliveries": server.events,
        })),
        "seconds": seconds,
    })
}

/// Three digits after the point: the others are none of the measurement.
fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

fn percentiles(percentiles: Option<Percentiles>) -> Option<Value> {
    let named = percentiles?.named();
    let fields =
        named.map(|(name, time)| (name.replace('.', "_"), json!(rounded(milliseconds(time)))));
    Some(Value::Object(fields.into_iter().collect()))
}

fn growth(growth: Growth) -> Value {
    json!({
        "resident": growth.after_bytes,
        "before": growth.before_bytes,
        "per_client": growth.bytes_per_client(),
    })
}

fn second(second: &Second) -> Value {
    json!({
        "published": second.published,
        "received": second.received,
        "latency_ms": percentiles(second.latency),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::good;

    #[test]
    fn the_object_has_all_figures() {
        let mut run = good();
        run.seconds.push(Second {
            published: 3,
            received: 30,
            latency: run.latency,
        });
        let value = report(&Options::new(), &run);
        assert_eq!(value["ok"], json!(true));
        assert_eq!(value["deliveries"]["lost"], json!(0));
        assert_eq!(value["server"]["deliveries"], json!(30));
        assert_eq!(value["latency_ms"]["highest"], json!(1_234.0));
        assert_eq!(value["latency_ms"]["p99_9"], json!(0.0));
        assert_eq!(value["seconds"][0]["received"], json!(30));
        assert_eq!(value["udp"], Value::Null);
        run.lost = 1;
        let value = report(&Options::new(), &run);
        assert_eq!(value["failures"], json!(["1 were disconnected"]));
    }
}
