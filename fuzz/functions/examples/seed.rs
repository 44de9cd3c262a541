//! Writes the seeds into `fuzz/corpus`: `cargo run -p photon-fuzz --example seed`. Other files stay.

#[path = "../tests/seeds/mod.rs"]
mod seeds;

use std::{fs, io};

fn main() -> io::Result<()> {
    let (corpus, seeds) = (seeds::corpus(), seeds::all());
    for (target, _) in photon_fuzz::TARGETS {
        fs::create_dir_all(corpus.join(target))?;
        for entry in fs::read_dir(corpus.join(target))? {
            let entry = entry?;
            if entry
                .file_name()
                .to_string_lossy()
                .starts_with(seeds::PREFIX)
            {
                fs::remove_file(entry.path())?;
            }
        }
    }
    for ((target, name), bytes) in &seeds {
        fs::write(
            corpus.join(target).join(format!("{}{name}", seeds::PREFIX)),
            bytes,
        )?;
    }
    println!(
        "{} seeds, {} bytes",
        seeds.len(),
        seeds.values().map(Vec::len).sum::<usize>()
    );
    Ok(())
}
