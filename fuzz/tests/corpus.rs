//! The committed corpora: every file through its target, and the seeds are what `examples/seed.rs` makes.

mod seeds;

use photon_fuzz::{TARGETS, chat_script, udp_connection};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[test]
fn every_file_keeps_what_its_target_promises() {
    let mut failed = Vec::new();
    for (target, run) in TARGETS {
        let mut files = 0;
        for entry in fs::read_dir(seeds::corpus().join(target)).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            files += 1;
            if catch_unwind(AssertUnwindSafe(|| run(&bytes))).is_err() {
                failed.push(path);
            }
        }
        println!("{target}: {files} files");
        assert!(files > 20, "{target}: {files} files");
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// A change of the vectors or of what the bytes of a script mean changes the seeds.
#[test]
fn the_seeds_are_the_newest() {
    let seeds = seeds::all();
    let hint = "run `cargo run -p photon-fuzz --example seed`";
    for ((target, name), bytes) in &seeds {
        let path = seeds::corpus()
            .join(target)
            .join(format!("{}{name}", seeds::PREFIX));
        assert_eq!(
            fs::read(&path).ok().as_ref(),
            Some(bytes),
            "{}: {hint}",
            path.display()
        );
    }
    for (target, _) in TARGETS {
        let made = seeds.keys().filter(|(of, _)| *of == target).count();
        let files = fs::read_dir(seeds::corpus().join(target)).unwrap();
        let names = files.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        assert_eq!(
            names.filter(|name| name.starts_with(seeds::PREFIX)).count(),
            made,
            "{target}: {hint}"
        );
    }
}

/// A corpus is small: what a fuzzer finds is merged, not kept as it is.
#[test]
fn the_corpora_are_small() {
    let files: Vec<u64> = TARGETS
        .iter()
        .flat_map(|(target, _)| fs::read_dir(seeds::corpus().join(target)).unwrap())
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .collect();
    let bytes = files.iter().sum::<u64>();
    assert!(
        files.len() < 1_000 && bytes < 500_000,
        "{} files, {bytes} bytes",
        files.len()
    );
}

#[test]
fn scripts_made_by_hand_get_to_where_they_should() {
    let seeds = seeds::all();
    let on_front_end = |name: &str| {
        let script = seeds.get(&("chat_script", name.to_owned())).expect(name);
        chat_script::play(&chat_script::Script::decode(script)).front_end
    };
    for name in [
        "chat-v16",
        "by-hand-v18",
        "by-hand-v18-encrypted",
        "regions",
        "no-answer",
        "vectors-v18",
    ] {
        assert!(on_front_end(name), "{name}");
    }
    for over in [
        "ws-v16",
        "ws-v18-encrypted",
        "wss-v18",
        "json",
        "json-over-ws",
        "udp-v16",
        "udp-v18-encrypted",
    ] {
        for name in ["chat", "presence", "by-hand", "pressure", "broken"] {
            assert!(on_front_end(&format!("{name}-{over}")), "{name}-{over}");
        }
    }
    for name in [
        "reconnect",
        "reconnect-wss",
        "reconnect-udp",
        "greeted-by-a-ping-ws",
        "greeted-by-a-ping-json",
    ] {
        assert!(on_front_end(name), "{name}");
    }
    for name in [
        "from-ws-to-wss",
        "broken-texts",
        "lost-datagrams",
        "broken-datagrams",
        "hung-up-datagrams",
    ] {
        assert!(on_front_end(name), "{name}");
    }
    for name in [
        "bad-keys",
        "found-bytes-before-the-link-is-open",
        "no-keys-in-json",
        "from-wss-to-ws",
    ] {
        assert!(!on_front_end(name), "{name}");
    }
}

#[test]
fn udp_scripts_made_by_hand_get_to_where_they_should() {
    let seeds = seeds::all();
    let scripts = seeds
        .iter()
        .filter(|((target, _), _)| *target == "udp_connection");
    let mut delivering = 0;
    for ((_, name), script) in scripts {
        let reached = udp_connection::play(&udp_connection::Script::decode(script));
        if name.starts_with("delivers") {
            assert!(
                reached.connected && reached.complete && !reached.forged,
                "{name}: {reached:?}"
            );
            assert!(reached.messages > 60, "{name}: {reached:?}");
            delivering += 1;
        }
        assert_eq!(
            name.starts_with("forged") || name.starts_with("fragments") || name == "raw",
            reached.forged,
            "{name}"
        );
        if name == "fragments-out-of-order" {
            assert_eq!(reached.messages, 1);
        }
    }
    assert_eq!(delivering, 10);
}
