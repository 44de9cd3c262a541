//! The targets, beside what was measured.

use crate::Rows;

/// A target: what it is about, the limit, and the measured value.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) limit: f64,
    pub(crate) measured: Option<f64>,
}

pub(crate) fn all(rows: &Rows) -> Vec<Target> {
    let count = |name: &str| rows.instructions(name).map(|count| count as f64);
    let bytes = |name: &str| rows.get(name).map(|row| row.bytes);
    let allocations = [1, 10, 100].map(|lines| {
        let row = rows.get(&format!("1.8 whole path, {lines}"));
        row.and_then(|row| row.allocations).unwrap_or_default()
    });
    let joined = |channels| count(&format!("1.8 whole path, {channels} channels joined"));
    let growth = joined(10_000).zip(joined(10)).map(|(many, few)| many / few);
    let udp = |loss| {
        count(&format!(
            "udp, delivered 100-byte reliable message, {loss} % loss"
        ))
    };
    let idle = count("idle service() and poll_timeout(), 10000 channels");
    let targets = [
        ("whole path, x1", 3_000.0, count("1.8 whole path, 1")),
        (
            "whole path, x100, a message",
            350.0,
            count("1.8 whole path, 100").map(|count| count / 100.0),
        ),
        (
            "allocations of an event, at most",
            2.0,
            allocations.into_iter().reduce(f64::max),
        ),
        (
            "borrowed, x1",
            800.0,
            count("1.8 decode event of 1, borrowed"),
        ),
        (
            "borrowed, x100",
            25_000.0,
            count("1.8 decode event of 100, borrowed"),
        ),
        (
            "owned values, x100",
            60_000.0,
            count("1.8 decode event of 100, owned values"),
        ),
        (
            "publish, with TCP frame",
            300.0,
            count("1.8 encode publish, with TCP frame"),
        ),
        (
            "publish through the client",
            450.0,
            count("1.8 publish through the client"),
        ),
        ("idle, 10,000 channels", 60.0, idle),
        ("JSON, x1", 8_000.0, count("JSON whole path, 1")),
        ("JSON, x100", 120_000.0, count("JSON whole path, 100")),
        (
            "bytes of an idle client, TCP",
            3_500.0,
            bytes("memory of an idle client with one channel, tcp"),
        ),
        (
            "bytes of an idle client, UDP",
            5_000.0,
            bytes("memory of an idle client with one channel, udp"),
        ),
        ("10,000 channels joined, in terms of 10", 1.05, growth),
        ("UDP, no loss", 1_800.0, udp(0)),
        ("UDP, 5 % loss", 2_300.0, udp(5)),
        ("UDP, 20 % loss", 2_800.0, udp(20)),
        ("login", 1_200_000.0, count("login")),
    ];
    targets
        .map(|(name, limit, measured)| Target {
            name,
            limit,
            measured,
        })
        .into()
}
