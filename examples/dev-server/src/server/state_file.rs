//! The file in which a server keeps its state: [`ServerOptions::state_file`](super::ServerOptions).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use photon_proto::Timestamp;

use crate::core::ServerCore;

/// The time between two writes. A server that is killed loses what happened since the last one.
const INTERVAL: Duration = Duration::from_millis(100);
/// Writing a large state may take a tenth of the time, no more.
const REST: u32 = 9;
/// The time until a write that failed is tried again. Each one is logged.
const RETRY: Duration = Duration::from_secs(1);

pub(super) struct StateFile {
    path: PathBuf,
    /// The revision of the state in the file.
    written: Option<u64>,
    next: Instant,
}

impl StateFile {
    /// Loads the state of an earlier server, if the file exists. The file is written at once, so that
    /// a file that cannot be written is an error before the first client connects.
    pub(super) fn open(path: &Path, core: &mut ServerCore) -> io::Result<Self> {
        match fs::read(path) {
            Ok(state) => core
                .load_state(Timestamp::ZERO, &state)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
                .map_err(|error| named(path, "cannot be used", &error))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(named(path, "cannot be read", &error)),
        }
        let mut file = Self {
            path: path.to_owned(),
            written: None,
            next: Instant::now(),
        };
        file.write(core)?;
        Ok(file)
    }

    /// The time of the next write; `None` if nothing has changed.
    pub(super) fn deadline(&self, core: &ServerCore) -> Option<Instant> {
        (self.written != Some(core.state_revision())).then_some(self.next)
    }

    /// Writes the state if it has changed and the last write is long enough ago.
    pub(super) fn write_if_due(&mut self, core: &ServerCore, now: Instant) {
        if self.deadline(core).is_some_and(|at| at <= now)
            && let Err(error) = self.write(core)
        {
            log::error!("{error}");
        }
    }

    /// Writes the state. A crash while writing leaves the earlier state: the new one is complete
    /// before it takes the name.
    pub(super) fn write(&mut self, core: &ServerCore) -> io::Result<()> {
        let begin = Instant::now();
        let mut name = self.path.clone().into_os_string();
        name.push(".new");
        let new = PathBuf::from(name);
        let written = create(&new)
            .and_then(|mut file| file.write_all(&core.state()))
            .and_then(|()| fs::rename(&new, &self.path));
        let end = Instant::now();
        // An error would be the same one immediately, but may be gone a little later: on Windows a file
        // that another program reads cannot be replaced.
        let pause = if written.is_ok() { INTERVAL } else { RETRY };
        self.next = end + pause.max((end - begin) * REST);
        written.map_err(|error| named(&self.path, "cannot be written", &error))?;
        self.written = Some(core.state_revision());
        Ok(())
    }
}

/// Creates a file that only this user can read: it contains the keys of tokens.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn named(path: &Path, what: &str, error: &io::Error) -> io::Error {
    let text = format!("the state file {} {what}: {error}", path.display());
    io::Error::new(error.kind(), text)
}

#[cfg(test)]
mod tests {
    use super::StateFile;
    use crate::ServerConfig;
    use crate::core::ServerCore;
    use photon_proto::Timestamp;
    use std::fs;

    #[test]
    fn a_write_that_failed_is_tried_again_though_nothing_changes() {
        let folder = format!("photon-state-file-{}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        let away = folder.with_extension("away");
        fs::create_dir(&folder).unwrap();
        let mut core = ServerCore::new(ServerConfig::new(), [3; 32]);
        let mut file = StateFile::open(&folder.join("state"), &mut core).unwrap();
        assert_eq!(file.deadline(&core), None);
        core.publish(Timestamp::ZERO, ("a", "1"), "c", "x", "one");
        fs::rename(&folder, &away).unwrap();
        file.write_if_due(&core, file.next);
        let again = file.deadline(&core).expect("it is tried again");
        assert!(!folder.exists());
        fs::rename(&away, &folder).unwrap();
        file.write_if_due(&core, again);
        assert_eq!(file.deadline(&core), None);
        let written = fs::read(folder.join("state")).unwrap();
        assert_eq!(written, core.state());
        fs::remove_dir_all(&folder).unwrap();
    }
}
