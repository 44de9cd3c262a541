//! Replays the committed corpora, and checks that the seeds in them are current.

mod seeds;

use photon_fuzz::{TARGETS, chat_script, udp_connection};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[test]
fn no_file_fails_its_target() {
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

/// A change of the test vectors or of a script type changes the bytes of seeds.
#[test]
fn seeds_in_the_corpora_are_current() {
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

/// Long fuzz runs are merged into a few files before they are committed.
#[test]
fn corpora_are_small() {
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
fn chat_seeds_reach_the_front_end_where_they_should() {
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
        "pong-before-the-init-response-ws",
        "pong-before-the-init-response-json",
    ] {
        assert!(on_front_end(name), "{name}");
    }
    for name in [
        "front-end-upgrades-to-wss",
        "broken-texts",
        "lost-datagrams",
        "broken-datagrams",
        "server-disconnects-udp",
    ] {
        assert!(on_front_end(name), "{name}");
    }
    for name in [
        "bad-keys",
        "found-input-before-the-link-is-open",
        "no-keys-in-json",
        "front-end-downgrades-to-ws",
    ] {
        assert!(!on_front_end(name), "{name}");
    }
}

#[test]
fn udp_seeds_deliver_and_forge_as_their_names_say() {
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
