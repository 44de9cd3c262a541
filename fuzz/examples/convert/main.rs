//! Rewrites corpora from the old byte grammars to what `arbitrary` reads:
//! `cargo run -p photon-fuzz --example convert udp_connection DIRECTORY`.
//!
//! The old reader makes a script of each file, which is translated step by step, encoded, and read
//! again for comparison. The tree keeps this program only in the commits that used it.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::pedantic,
    reason = "the old readers are copies that live for one commit"
)]

mod input;
mod old_chat;
mod old_udp;

use photon_fuzz::{chat_script, udp_connection};
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [target, directory] = &arguments[..] else {
        panic!("name a target and the directory of its corpus");
    };
    let (mut exact, mut nearly) = (0, 0);
    for entry in fs::read_dir(Path::new(directory))? {
        let path = entry?.path();
        let bytes = fs::read(&path)?;
        let (encoded, inexact) = match target.as_str() {
            "chat_script" => {
                let (script, inexact) = old_chat::convert(&bytes);
                let encoded = script.encode();
                assert_eq!(
                    chat_script::Script::decode(&encoded),
                    script,
                    "{}",
                    path.display()
                );
                (encoded, inexact)
            }
            "udp_connection" => {
                let (script, inexact) = old_udp::convert(&bytes);
                let encoded = script.encode();
                let again = udp_connection::Script::decode(&encoded);
                assert_eq!(again, script, "{}", path.display());
                (encoded, inexact)
            }
            other => panic!("{other} has no scripts"),
        };
        if inexact == 0 {
            exact += 1;
        } else {
            nearly += 1;
            println!("{}: {inexact} steps are not the same", path.display());
        }
        fs::write(&path, encoded)?;
    }
    println!("{exact} files converted exactly, {nearly} nearly");
    Ok(())
}
