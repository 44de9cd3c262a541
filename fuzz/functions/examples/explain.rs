//! Prints what a script of `chat_script` or `udp_connection` does, step by step and event by event.
//! The directory of the file names its target:
//! `cargo run -p photon-fuzz --example explain fuzz/corpus/chat_script/seed-chat-v18`.

use photon_fuzz::{chat_script, udp_connection};
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    for path in env::args_os().skip(1) {
        let bytes = fs::read(&path)?;
        let is_udp = Path::new(&path)
            .components()
            .any(|part| part.as_os_str() == "udp_connection");
        if is_udp {
            udp_connection::explain(&udp_connection::Script::decode(&bytes));
        } else {
            chat_script::explain(&chat_script::Script::decode(&bytes));
        }
    }
    Ok(())
}
