//! Tells what a script of `chat_script` does, step by step and event by event:
//! `cargo run -p photon-fuzz --example explain fuzz/corpus/chat_script/seed-chat-v18`.

use std::{env, fs, io};

fn main() -> io::Result<()> {
    for path in env::args_os().skip(1) {
        photon_fuzz::chat_script::explain(&fs::read(path)?);
    }
    Ok(())
}
