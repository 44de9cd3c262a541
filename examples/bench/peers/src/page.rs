//! The page: tables of the measured rows.

use crate::rates::{Rates, SIZES};
use crate::{Rows, targets};
use photon_bench::baselines;
use photon_bench::cases::CHANNELS;
use photon_bench::cases::growth::GROWTH;
use photon_bench::measure::Row;
use photon_bench::udp::LOSSES;
use std::fmt::Write;
use std::process::Command;

/// What the page shows.
pub(crate) struct Input<'a> {
    /// Compiler and target.
    pub(crate) environment: &'a str,
    pub(crate) rows: &'a Rows,
    pub(crate) rates: &'a Rates,
    /// Lines with the longest calls.
    pub(crate) longest: &'a str,
    /// The functions of the whole path with their shares.
    pub(crate) profile: &'a [(String, f64)],
}

pub(crate) fn write(input: &Input<'_>) -> String {
    let mut page = head(input.environment);
    targets(&mut page, input.rows);
    whole_path(&mut page, input);
    page.push_str(include_str!("remaining.md"));
    page.push('\n');
    profile(&mut page, input.profile);
    codecs(&mut page, input.rows);
    calls(&mut page, input.rows);
    udp(&mut page, input);
    growth(&mut page, input);
    page
}

fn head(environment: &str) -> String {
    let commit = first_line("git", &["describe", "--always", "--dirty"]);
    let date = first_line("date", &["-u", "+%Y-%m-%d"]);
    let environment: Vec<&str> = environment.lines().collect();
    format!(
        "# Benchmarks

Written by `cargo run --release --locked --manifest-path examples/bench/peers/Cargo.toml`, not by hand.

- Commit {commit}, {date}
- {}
- {}

Counts are instructions, by callgrind with `GLIBC_TUNABLES={}`, and in parentheses allocations. They
are of one event, message or call, with warm caches and buffers. An event is event 0 with N texts of
100 characters for one channel, from user0 and others; a publish is a text of 100 characters. A cell
is empty where nothing was measured.

",
        environment.join("; "),
        processor(),
        photon_bench::hostile::GLIBC_TUNABLES,
    )
}

fn first_line(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let text = text.unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}

/// The machine, as Linux names it.
fn processor() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let name = name.map_or("unknown processor", |name| {
        name.trim_start_matches([' ', '\t', ':'])
    });
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{name}, {threads} processors; times depend on it, and on what else it does")
}

/// A table with rows of names and cells.
fn table(page: &mut String, heads: &[&str], lines: &[(String, Vec<String>)]) {
    let _ = writeln!(page, "| {} |", heads.join(" | "));
    let _ = writeln!(page, "|{}", " --- |".repeat(heads.len()));
    for (name, cells) in lines {
        let _ = writeln!(page, "| {name} | {} |", cells.join(" | "));
    }
    page.push('\n');
}

/// Instructions and allocations.
fn cell(row: Option<&Row>) -> String {
    let Some(row) = row else {
        return String::new();
    };
    let allocations = row
        .allocations
        .map_or_else(String::new, |count| format!(" ({count})"));
    match row.instructions {
        Some(count) => format!("{}{allocations}", grouped(count)),
        None => allocations,
    }
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
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

/// A line with a cell for each size.
fn by_size(rows: &Rows, label: &str, name: impl Fn(usize) -> String) -> (String, Vec<String>) {
    let cells = SIZES.iter().map(|&lines| cell(rows.get(&name(lines))));
    (label.to_owned(), cells.collect())
}

const SIZE_HEADS: [&str; 4] = ["", "x1", "x10", "x100"];

fn targets(page: &mut String, rows: &Rows) {
    page.push_str("## Targets\n\nWith 1.8 over TCP where nothing else is named.\n\n");
    let shown = |number: f64| {
        if number < 10.0 {
            format!("{number:.2}")
        } else {
            grouped(number.round() as u64)
        }
    };
    let lines: Vec<(String, Vec<String>)> = targets::all(rows)
        .into_iter()
        .map(|target| {
            let is_met = target.measured.map(|measured| measured <= target.limit);
            let cells = vec![
                shown(target.limit),
                target.measured.map(shown).unwrap_or_default(),
                is_met
                    .map_or("", |is_met| if is_met { "met" } else { "not met" })
                    .to_owned(),
            ];
            (target.name.to_owned(), cells)
        })
        .collect();
    table(page, &["", "at most", "measured", ""], &lines);
}

fn whole_path(page: &mut String, input: &Input<'_>) {
    page.push_str(
        "## The whole path\n\nBytes in, deframe, decode, state, event polled, every text read.\n\n",
    );
    let mut lines = Vec::new();
    for form in ["1.6", "1.8", "JSON"] {
        for how in ["whole path", "whole path without cache"] {
            let label = format!("{form}{}", how.trim_start_matches("whole path"));
            lines.push(by_size(input.rows, &label, |n| {
                format!("{form} {how}, {n}")
            }));
        }
    }
    table(page, &SIZE_HEADS, &lines);
    page.push_str("![Instructions against the size of the event](cost-by-size.svg)\n\n");
    let rates = input.rates;
    page.push_str("Events a second, by the clock, one thread, in the same run:\n\n");
    let speeds = |label: &str, rates: [f64; 3]| {
        let cells = rates.map(|rate| grouped(rate as u64));
        (label.to_owned(), cells.to_vec())
    };
    let mut lines = vec![speeds("1.8", rates.binary), speeds("JSON", rates.json)];
    if let Some(javascript) = rates.javascript {
        let label = format!("photon-realtime 4.4.0 (JSON) with node {}", rates.node);
        lines.push(speeds(&label, javascript));
        let ratio = [0, 1, 2].map(|index| rates.json[index] / javascript[index]);
        let cells = ratio.map(|ratio| format!("{ratio:.2}")).to_vec();
        lines.push(("JSON / photon-realtime".to_owned(), cells));
    }
    table(page, &SIZE_HEADS, &lines);
    page.push_str(
        "The official .NET client is measured outside of this program. Measured in 2026-11 on another\n\
         machine, it had 0.5 to 0.6 million, 215,000 to 231,000 and 28,000 to 33,000 events a second with 1.8; beside\n\
         it, 1.8 of this library had 1.73 million, 1.11 million and 248,000 then.\n\n",
    );
}

fn profile(page: &mut String, functions: &[(String, f64)]) {
    if functions.is_empty() {
        return;
    }
    page.push_str(
        "The functions with the most instructions of the whole path of 1.8, x1, with what is inlined into\n\
         them:\n\n",
    );
    let lines: Vec<(String, Vec<String>)> = functions
        .iter()
        .map(|(name, share)| (format!("`{name}`"), vec![format!("{share:.1} %")]))
        .collect();
    table(page, &["function", "share"], &lines);
}

fn codecs(page: &mut String, rows: &Rows) {
    page.push_str("## Codecs\n\nDecoding an event:\n\n");
    let line = |label: &str, before: &str, after: &str| {
        by_size(rows, label, |n| format!("{before} {n}{after}"))
    };
    let ours = "decode event of";
    let lines = [
        line("1.8, borrowed", &format!("1.8 {ours}"), ", borrowed"),
        line("1.6, borrowed", &format!("1.6 {ours}"), ", borrowed"),
        line(
            "rmp-serde, borrowed",
            &format!("rmp-serde {ours}"),
            ", borrowed",
        ),
        line(
            "1.8, owned values",
            &format!("1.8 {ours}"),
            ", owned values",
        ),
        line(
            "1.6, owned values",
            &format!("1.6 {ours}"),
            ", owned values",
        ),
        line(
            "1.6, photon_decode",
            &format!("photon_decode {ours}"),
            ", owned values",
        ),
        line("prost, owned", &format!("prost {ours}"), ", owned"),
        line("rmp-serde, owned", &format!("rmp-serde {ours}"), ", owned"),
        line(
            "JSON, serde_json typed",
            &format!("serde_json {ours}"),
            ", typed",
        ),
    ];
    table(page, &SIZE_HEADS, &lines);
    page.push_str("Encoding an event:\n\n");
    let ours = "encode event of";
    let lines = [
        line("1.8", &format!("1.8 {ours}"), ""),
        line("1.6", &format!("1.6 {ours}"), ""),
        line("prost", &format!("prost {ours}"), ""),
    ];
    table(page, &SIZE_HEADS, &lines);
    page.push_str("Encoding a publish:\n\n");
    let names = [
        "1.8 encode publish",
        "1.8 encode publish, with TCP frame",
        "1.8 publish through the client",
        "1.8 publish through the client, and transmit",
        "1.6 encode publish",
        "1.6 encode publish, with TCP frame",
        "1.6 publish through the client",
        "JSON publish through the client",
        "prost encode publish",
        "rmp-serde encode publish",
    ];
    named(page, rows, &names);
}

/// A table of rows under their own names.
fn named<N: AsRef<str>>(page: &mut String, rows: &Rows, names: &[N]) {
    let lines: Vec<(String, Vec<String>)> = names
        .iter()
        .map(|name| {
            (
                name.as_ref().to_owned(),
                vec![cell(rows.get(name.as_ref()))],
            )
        })
        .collect();
    table(page, &["", "instructions (allocations)"], &lines);
}

fn calls(page: &mut String, rows: &Rows) {
    page.push_str(
        "## Calls, channels and memory\n\nWith channels joined, ten of them have messages. Where each of\n\
         them has, the cache for all channels is full.\n\n",
    );
    let mut names: Vec<String> = [1, 10, 10_000]
        .map(|channels| format!("idle service() and poll_timeout(), {channels} channels"))
        .into();
    names.extend(CHANNELS.map(|n| format!("1.8 whole path, {n} channels joined")));
    names.extend(CHANNELS.map(|n| format!("1.8 whole path, to each of {n} channels")));
    names.extend([1, 4_000].map(|n| format!("subscribe, response, outcome; {n} open")));
    names.extend(["login", "login without encryption"].map(str::to_owned));
    named(page, rows, &names);
    page.push_str("![Instructions against the number of channels](cost-by-channels.svg)\n\n");
    page.push_str("The memory of an idle client with one channel, in bytes:\n\n");
    let prefix = "memory of an idle client with one channel, ";
    let lines: Vec<(String, Vec<String>)> = rows
        .0
        .iter()
        .filter_map(|row| Some((row.name.strip_prefix(prefix)?, row.bytes)))
        .map(|(name, bytes)| (name.to_owned(), vec![grouped(bytes as u64)]))
        .collect();
    table(page, &["", "bytes"], &lines);
}

fn udp(page: &mut String, input: &Input<'_>) {
    page.push_str(
        "## Reliable UDP\n\nA delivered message of 100 bytes, both ends, 50 in flight, the same lost datagrams; the\n\
         simulated network is part of the counts.\n\n",
    );
    let line = |label: &str, library: &str| {
        let cells = LOSSES.map(|loss| {
            let name = format!("udp, delivered 100-byte reliable message, {loss} % loss{library}");
            cell(input.rows.get(&name))
        });
        (label.to_owned(), cells.to_vec())
    };
    let lines = [line("this library", ""), line("rusty_enet", ", rusty_enet")];
    table(page, &["loss", "0 %", "5 %", "20 %"], &lines);
    let [ours, enet] = input.rates.sockets;
    let _ = writeln!(
        page,
        "Over sockets of this machine, one thread, without loss: {ours:.2} us a message, rusty_enet {enet:.2} us.\n"
    );
}

fn growth(page: &mut String, input: &Input<'_>) {
    page.push_str(
        "## Growth\n\nThe instructions of an item among few and among many, and of the longest call with many:\n\n",
    );
    let (_, longest) = baselines::parse(input.longest);
    let lines: Vec<(String, Vec<String>)> = GROWTH
        .iter()
        .map(|growth| {
            let few = input.rows.instructions(&growth.row_name(growth.few));
            let many_name = growth.row_name(growth.many);
            let many = input.rows.instructions(&many_name);
            let ratio = few.zip(many).map(|(few, many)| many as f64 / few as f64);
            let longest = longest.lines().find_map(|line| {
                let count = line.strip_prefix(&many_name)?.strip_prefix(": ")?;
                count.split(' ').next()?.parse().ok()
            });
            let shown = |count: Option<u64>| count.map(grouped).unwrap_or_default();
            let cells = vec![
                format!("{}: {}", grouped(growth.few as u64), shown(few)),
                format!("{}: {}", grouped(growth.many as u64), shown(many)),
                ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
                shown(longest),
            ];
            (growth.name.to_owned(), cells)
        })
        .collect();
    table(
        page,
        &["item", "few", "many", "ratio", "longest call"],
        &lines,
    );
}
