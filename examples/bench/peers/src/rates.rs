//! How many events a second a client processes, by the clock: ours beside the official JavaScript SDK
//! (`whole_path.cjs`), and messages over sockets beside `rusty_enet`. Times depend on what else the
//! machine does, so both are measured in turns, and of many short batches the upper quartile counts.

use crate::{bench, enet, output};
use photon_bench::cases::{event, receive};
use photon_bench::client::{Carrier, Connected, on_the_wire};
use photon_bench::udp;
use photon_proto::Protocol;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The messages of an event, as in `whole_path.cjs` the other numbers.
pub(crate) const SIZES: [usize; 3] = [1, 10, 100];
const TIME: Duration = Duration::from_secs(3);
const BATCH_MESSAGES: usize = 2_000;
/// How often the clients take turns; the best counts.
const TURNS: usize = 2;
/// The messages over sockets.
const MESSAGES: u64 = 100_000;

/// Events a second for each of [`SIZES`], and the versions of what was measured.
#[derive(Default)]
pub(crate) struct Rates {
    pub(crate) binary: [f64; 3],
    pub(crate) json: [f64; 3],
    /// `None` without node or npm.
    pub(crate) javascript: Option<[f64; 3]>,
    pub(crate) node: String,
    /// Microseconds per message over sockets: ours, and `rusty_enet`.
    pub(crate) sockets: [f64; 2],
}

pub(crate) fn measure() -> Rates {
    let mut rates = Rates {
        sockets: [udp::over_loopback(MESSAGES), enet::over_loopback(MESSAGES)],
        ..Rates::default()
    };
    let installed = install();
    for _ in 0..TURNS {
        better(
            &mut rates.binary,
            SIZES.map(|lines| ours(Carrier::Stream, lines)),
        );
        better(
            &mut rates.json,
            SIZES.map(|lines| ours(Carrier::Json, lines)),
        );
        if let Some(node) = &installed {
            rates.node.clone_from(node);
            if let Some(javascript) = javascript() {
                better(rates.javascript.get_or_insert_default(), javascript);
            }
        }
    }
    rates
}

fn better(best: &mut [f64; 3], measured: [f64; 3]) {
    for (best, measured) in best.iter_mut().zip(measured) {
        *best = best.max(measured);
    }
}

fn ours(carrier: Carrier, lines: usize) -> f64 {
    let mut connected = Connected::new(carrier, Protocol::V18);
    let count = (BATCH_MESSAGES / lines).max(5);
    let (mut rates, mut last_id) = (Vec::new(), 1_000_000);
    let begun = Instant::now();
    while begun.elapsed() < TIME {
        let batch: Vec<Vec<u8>> = (0..count)
            .map(|_| {
                let mut message = Vec::new();
                event(&mut message, Protocol::V18, lines, last_id);
                last_id += lines as i32;
                on_the_wire(carrier, &message)
            })
            .collect();
        let begun = Instant::now();
        for bytes in &batch {
            receive(&mut connected, bytes, true);
        }
        rates.push(count as f64 / begun.elapsed().as_secs_f64());
    }
    rates.sort_unstable_by(f64::total_cmp);
    rates[rates.len() * 3 / 4]
}

/// Installs the SDK as the interop test does. Returns the version of node.
fn install() -> Option<String> {
    let node = output(Command::new("node").arg("--version")).ok()?;
    let interop = bench().join("../dev-server/interop");
    let installed = Command::new("npm")
        .args(["ci", "--prefix"])
        .arg(interop)
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    installed.then(|| node.trim().to_owned())
}

fn javascript() -> Option<[f64; 3]> {
    let text = output(
        Command::new("node")
            .arg(bench().join("peers/whole_path.cjs"))
            .args(SIZES.map(|lines| lines.to_string()))
            .env(
                "NODE_PATH",
                bench().join("../dev-server/interop/node_modules"),
            ),
    );
    let text = match text {
        Ok(text) => text,
        Err(error) => {
            eprintln!("photon-bench-peers: {error}");
            return None;
        }
    };
    let rates: Vec<f64> = text.lines().filter_map(|line| line.parse().ok()).collect();
    rates.try_into().ok()
}
