//! The recorded UDP datagrams of photon-proto.

use photon_inspect::hex;
use serde_json::Value as Json;
use std::path::Path;

/// For each datagram: its session and number, whether the client receives it, and its bytes.
pub(crate) fn recorded() -> Vec<(String, bool, Vec<u8>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../photon-proto/tests/vectors/udp-handshake.json");
    let all: Json = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut datagrams = Vec::new();
    for session in all["sessions"].as_array().unwrap() {
        for one in session["datagrams"].as_array().unwrap() {
            let name = format!("{}-{}", session["name"].as_str().unwrap(), one["i"]);
            let bytes = hex::decode(one["hex"].as_str().unwrap().as_bytes()).unwrap();
            datagrams.push((name, one["dir"] == "server->client", bytes));
        }
    }
    datagrams
}
