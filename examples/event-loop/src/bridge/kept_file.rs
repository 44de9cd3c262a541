//! [`KeptFile`]: the state of all sides, in one file.

use crate::side::Side;
use chat_std_io::Kept;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

/// A JSON file that maps the address of each side to its [`Kept`].
pub(crate) struct KeptFile {
    path: PathBuf,
}

impl KeptFile {
    /// Reads the file. There is none at the first start.
    pub(crate) fn open(path: PathBuf) -> Result<(Self, BTreeMap<String, Kept>), String> {
        let kept = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| error.to_string()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(error.to_string()),
        };
        match kept {
            Ok(kept) => Ok((Self { path }, kept)),
            Err(error) => Err(format!(
                "cannot read {}: {error}. Remove the file to start without it",
                path.display()
            )),
        }
    }

    /// Writes what the sides keep. Under another name first, because a program that ends in the middle
    /// must not leave half a file.
    pub(crate) fn write(&self, sides: &[Side]) -> io::Result<()> {
        let kept: BTreeMap<&str, Kept> = sides
            .iter()
            .map(|side| (side.address.as_str(), side.session.chat.keep()))
            .collect();
        let new = self.path.with_extension("new");
        fs::write(&new, serde_json::to_vec(&kept)?)?;
        fs::rename(new, &self.path)
    }
}
